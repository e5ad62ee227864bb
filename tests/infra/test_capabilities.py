"""What capabilities.toml says is what a real call finds."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cloud import capabilities
from infra.cloud.clients import client
from infra.cloud.fixtures import Cloud

TABLE = capabilities.table()
TARGETS = {"embedded", "localstack", "aws"}


def reach(cloud: Cloud) -> capabilities.Clients:
    """Return a maker of clients of a private cloud, as its root."""

    def make(service: str, key_id: str = "", secret: str = "") -> Any:
        keys = (key_id or cloud.root.key_id, secret or cloud.root.secret, "")
        return client(service, f"http://127.0.0.1:{cloud.address[1]}", *keys, cloud.region)

    return make


def test_each_name_has_targets_and_a_probe() -> None:
    assert set(TABLE) == set(capabilities.PROBES) | {"aws:imds"}  # a process has it, no client
    assert all(found and set(found) <= TARGETS for found in TABLE.values())


@pytest.mark.parametrize(
    "name", [n for n, found in TABLE.items() if "embedded" in found and n != "aws:imds"]
)
def test_the_embedded_cloud_has_what_it_says(name: str, cloud: Cloud) -> None:
    assert capabilities.probe(name, reach(cloud)) == ""


def test_a_probe_that_fails_says_why(cloud: Cloud) -> None:
    def refused(service: str, key_id: str = "", secret: str = "") -> Any:
        raise PermissionError(f"no {service} for you")

    assert capabilities.probe("aws:sqs", refused) == "PermissionError: no sqs for you"


def test_what_is_missing_is_named() -> None:
    wanted = ["aws:s3", "aws:iam-enforced"]
    assert capabilities.missing(wanted, "localstack") == ["aws:iam-enforced"]
    assert capabilities.missing(wanted, "embedded") == []
    with pytest.raises(ValueError, match="aws:teleport"):
        capabilities.missing(["aws:teleport"], "aws")
