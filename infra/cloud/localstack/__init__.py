"""LocalStack in host mode: localstack-core, without Docker and without an account.

Limit: what it lacks is said in capabilities.toml; nothing is added to it here.
"""

from pathlib import Path

from infra.cloud.locked import Locked

VERSION = "4.9.2"
REGION = "eu-central-1"
KEYS = ("test", "test")  # LocalStack looks at no key; a real one must never be sent to it
ENVIRONMENT = Locked(
    f"LocalStack {VERSION}", Path(__file__).parent, 490,
    ("build.txt", "requirements.txt"),  # the first builds what the second has no wheel of
    (3, 11), "use the embedded cloud: ./ladder cloud up",
)  # fmt: skip
