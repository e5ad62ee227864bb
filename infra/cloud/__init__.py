"""An AWS-like cloud on loopback: engines, a front door that enforces IAM, fixtures.

Limit: what a service does not list in `services.toml` is refused, not imitated.
"""
