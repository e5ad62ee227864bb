"""What services.toml says of a service: its engine, how it speaks, what its resources are called.

Limit: data only; what a service does is in its module, which `registry` names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).parent / "services.toml"


@dataclass(frozen=True)
class Entry:
    """One service, by the name that its signatures carry.

    `protocol`: json, query, rest-json or rest-xml (s3); `model`: botocore's name of it;
    `prefix`: of its IAM actions; `denied`: its own error code for what IAM refuses, if it has one;
    `resources`: parameter -> ARN with {region}, {account} and {name}; the first one given counts.
    """

    name: str
    engine: str
    protocol: str = "json"
    model: str = ""
    prefix: str = ""
    denied: str = ""
    resources: Mapping[str, str] = field(default_factory=dict)


def load() -> dict[str, Entry]:
    """Return the table. TypeError names a key that is none."""
    rows = tomllib.loads(FILE.read_text())["services"]
    return {
        name: Entry(**{"name": name, "model": name, "prefix": name} | row)
        for name, row in rows.items()
    }


ENTRIES = load()


def protocol(service: str) -> str:
    """Return how a service speaks; what is no service is answered as S3 would."""
    return ENTRIES[service].protocol if service in ENTRIES else "rest-xml"
