"""What capabilities.toml says is what a real call finds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.cli import cloud as commands
from infra.cloud import capabilities
from infra.cloud.clients import client
from infra.cloud.desk import Folder, Running
from infra.cloud.fixtures import Cloud, loopback, private_cloud

TABLE = capabilities.table()
TARGETS = {"embedded", "localstack", "aws"}


@pytest.fixture(scope="module")
def whole() -> Iterator[Cloud]:
    """A cloud that also runs programs, as the desk's does."""
    with loopback() as listener, private_cloud(listener, run="here") as made:
        yield made


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
def test_the_embedded_cloud_has_what_it_says(name: str, whole: Cloud) -> None:
    assert capabilities.probe(name, reach(whole)) == ""


def test_a_probe_that_fails_says_why() -> None:
    def refused(service: str, key_id: str = "", secret: str = "") -> Any:
        raise PermissionError(f"no {service} for you")

    assert capabilities.probe("aws:sqs", refused) == "PermissionError: no sqs for you"


def test_what_is_missing_is_named() -> None:
    wanted = ["aws:s3", "aws:iam-enforced"]
    assert capabilities.missing(wanted, "localstack") == ["aws:iam-enforced"]
    assert capabilities.missing(wanted, "embedded") == []
    with pytest.raises(ValueError, match="aws:teleport"):
        capabilities.missing(["aws:teleport"], "aws")


# ---------------------------------------------------------------- what a lab is told


def told(path: Path, *names: str) -> Result:
    """Ask as `ladder start` and `ladder check` do."""
    return CliRunner().invoke(commands, ["--state", str(path), "lacks", *names])


@pytest.fixture
def localstack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A desk on which LocalStack is up, as far as its folder says; its address."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    folder, url = Folder(tmp_path / "localstack"), "http://127.0.0.1:4599"
    state = Running(os.getpid(), url, "", "", "eu-central-1", 0, 0.0)
    folder.write("state.json", json.dumps(asdict(state)))
    monkeypatch.setattr(Folder, "holder", lambda self: os.getpid() * (self.path == folder.path))
    return url


def test_a_desk_on_localstack_is_told_what_is_missing(tmp_path: Path, localstack: str) -> None:
    result = told(tmp_path, "aws:s3", "aws:iam-enforced", "aws:imds")
    assert result.exit_code == 0
    assert "LocalStack in host mode" in result.output
    assert "aws:iam-enforced, aws:imds" in result.output
    assert "ladder cloud up" in result.output
    assert told(tmp_path, "aws:s3", "aws:kms").output == ""


def test_a_shell_led_elsewhere_is_not_on_localstack(
    tmp_path: Path, localstack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", localstack)
    assert "LocalStack" in told(tmp_path, "aws:iam-enforced").output
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert told(tmp_path, "aws:iam-enforced").output == ""
    monkeypatch.setenv("AWS_PROFILE", "cloud-ai-ladder")
    assert "a real account" in told(tmp_path, "aws:imds").output


def test_a_desk_without_a_cloud_is_told_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, *TABLE).output.count("does not have") <= 1
    assert told(tmp_path, "aws:iam-enforced").output == ""


def test_a_capability_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    result = told(tmp_path, "aws:teleport")
    assert result.exit_code == 2
    assert "aws:teleport" in result.output
