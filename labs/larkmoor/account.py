"""Larkmoor in the cloud: the emulated cloud's only account, its regions, the depots' names."""

from .places import DEPOTS

ACCOUNT = "123456789012"
REGIONS = ("eu-west-1", "eu-central-1", "eu-north-1", "eu-west-3")
NETWORK = [name.lower().replace(" ", "-") for name in DEPOTS]
