"""What services.toml says of a service: its engine, how it speaks, what its resources are called.

Limit: data only; what a service does is in its module, which `registry` names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "services.toml"


@dataclass(frozen=True)
class Entry:
    """One service, by the name that its signatures carry.

    `protocol`: json, query, ec2, rest-json or rest-xml (s3); `form`: older clients speak query;
    `model`: botocore's name of it; `also`: a second model whose calls are signed with this name;
    `backend`: the engine's name of it; `prefix`: of its IAM actions;
    `denied`: its own error code for what IAM refuses, if it has one;
    `actions`: operation -> IAM action, where AWS calls it otherwise;
    `resources`: parameter -> ARN with {region}, {account} and {name}; the first one given counts.
    """

    name: str
    engine: str
    protocol: str = "json"
    model: str = ""
    prefix: str = ""
    denied: str = ""
    form: bool = False
    also: str = ""
    backend: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, str] = field(default_factory=dict)


def load() -> dict[str, Entry]:
    """Return the table. TypeError names a key that is none."""
    rows = tomllib.loads(FILE.read_text())["services"]
    return {name: _entry({"name": name, "model": name} | row) for name, row in rows.items()}


def _entry(row: Mapping[str, Any]) -> Entry:
    name, model = row["name"], row["model"]
    return Entry(**{"prefix": name, "backend": model.replace("-", "")} | dict(row))


ENTRIES = load()


def protocol(service: str) -> str:
    """Return how a service speaks; what is no service is answered as S3 would."""
    return ENTRIES[service].protocol if service in ENTRIES else "rest-xml"


def is_form(service: str, headers: Mapping[str, str]) -> bool:
    """Whether a request to a service that speaks JSON came as a form all the same."""
    form = service in ENTRIES and ENTRIES[service].form
    return form and headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
