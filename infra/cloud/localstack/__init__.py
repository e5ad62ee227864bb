"""LocalStack in host mode: localstack-core, without Docker and without an account.

Limit: what it lacks is said in capabilities.toml; nothing is added to it here.
"""

VERSION = "4.9.2"
REGION = "eu-central-1"
KEYS = ("test", "test")  # LocalStack looks at no key; a real one must never be sent to it
