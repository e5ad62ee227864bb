"""What services.toml says is what is installed, and what the door serves."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import infra.cloud
from infra.cloud import accounts, dispatch, kms, managed, registry, routes, s3, secrets, sts

FILE = Path(infra.cloud.__file__).parent / "services.toml"
TABLE = tomllib.loads(FILE.read_text())


def test_engines_are_pinned_to_what_is_installed() -> None:
    assert TABLE["engines"]["moto"] == version("moto")
    assert {row["engine"] for row in TABLE["services"].values()} <= set(TABLE["engines"])


def test_the_door_serves_what_is_listed() -> None:
    assert set(TABLE["services"]) == set(registry.SERVICES) | {"imds"}
    engine = {name for name, row in TABLE["services"].items() if row["engine"] == "moto"}
    assert engine == set(dispatch.SERVICES)


def test_what_is_supported_exists() -> None:
    for service, supported in (
        ("s3", s3.SUPPORTED), ("iam", accounts.SUPPORTED), ("sts", sts.SUPPORTED),
        ("kms", kms.SUPPORTED), ("secretsmanager", secrets.SUPPORTED),
    ):  # fmt: skip
        assert supported <= set(routes.model(service).operation_names), service


def test_every_s3_request_has_one_meaning() -> None:
    """No two routes of one method and level may ask for the same things."""
    for (method, level), found in routes.s3_routes().items():
        asked = [(r.literals, r.required, r.copy) for r in found if r.name in s3.SUPPORTED]
        plain = [a for a in asked if a == (frozenset(), frozenset(), False)]
        assert len(asked) == len(set(asked)), (method, level)
        assert len(plain) <= 1, (method, level)


def test_policies_of_aws_come_when_they_are_named() -> None:
    arn = managed.PREFIX + "ReadOnlyAccess"
    managed.know([arn, 3, "arn:aws:iam::aws:policy/NoSuchPolicy"])
    assert arn in dispatch.backend("iam").managed_policies
