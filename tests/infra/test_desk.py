"""`ladder cloud`: up, down and everything that can go wrong in between."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from infra.cli import cloud
from infra.cloud import rounds
from infra.cloud.desk import REGION, DeskError, Folder, Running, environment, listen
from infra.cloud.fixtures import Identity, client
from infra.cloud.registry import SERVICES

ROOT = Path(__file__).resolve().parents[2]


class Desk:
    """A cloud in a folder of its own, driven by the command."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = Folder(path)

    def run(self, *words: str) -> Result:
        """Run one command."""
        return CliRunner().invoke(cloud, ["--state", str(self.path), *words])

    def well(self, *words: str) -> str:
        """Run one command that must succeed; return what it prints."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.output

    @property
    def running(self) -> Running:
        """The running cloud."""
        found = self.folder.running()
        assert found is not None
        return found

    def s3(self) -> object:
        """Return an S3 client with the desk's keys."""
        who = Identity("", **self.folder.credentials())
        return client("s3", self.running.http, who, self.running.region)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose cloud is down at the end, however the test went."""
    made = Desk(tmp_path / "state")
    yield made
    made.run("down")


def family(pid: int) -> list[psutil.Process]:
    """Return a process with its children."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def wait_for_end(processes: list[psutil.Process]) -> None:
    """Wait until all have ended."""
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive


def test_a_day_at_the_desk(desk: Desk) -> None:
    port = free_port()
    assert desk.run("status").exit_code == 1
    assert f"127.0.0.1:{port}" in desk.well("up", "--port", str(port))
    assert "already up" in desk.well("up", "--port", str(port))
    assert "identity" in desk.well("status")
    asked = [service for service, _, _ in rounds.CALLS if rounds.signed(service) in SERVICES]
    assert desk.well("doctor").count("ok ") == 9 + len(asked)
    everybody = family(desk.running.pid)
    listening = {c.laddr for p in everybody for c in p.net_connections() if c.status == "LISTEN"}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    before = desk.well("env")
    s3 = desk.s3()
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
    desk.well("reset")
    assert desk.well("env") == before
    assert s3.list_buckets()["Buckets"] == []
    assert "down" in desk.well("down")
    wait_for_end(everybody)
    assert "No cloud is up" in desk.well("down")
    assert desk.run("env").exit_code == 1
    assert desk.run("reset").exit_code == 1


def test_the_variables_lead_an_sdk_there(desk: Desk) -> None:
    desk.well("up", "--port", str(free_port()))
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    run = subprocess.run(
        ["sh", "-c", desk.well("env") + 'exec "$0" -c "$1"', sys.executable, program],
        capture_output=True, text=True, check=True, env={"AWS_CA_BUNDLE": "/none", "PATH": "/bin"},
    )
    assert run.stdout.strip() == "arn:aws:iam::123456789012:user/desk"
    found = json.loads(desk.well("env", "--json", "--https"))
    run = subprocess.run(
        [sys.executable, "-c", "import boto3; print(boto3.client('s3').list_buckets()['Buckets'])"],
        capture_output=True, text=True, check=True, env={"PATH": "/bin", **found},
    )
    assert run.stdout.strip() == "[]"


def test_a_taken_port(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = desk.run("up", "--foreground", "--port", str(port))
        assert refused.exit_code == 2
        assert "ladder cloud up --port" in refused.output
        said = desk.well("up", "--port", str(port))
        assert f"Port {port} is taken" in said
    assert desk.run("up", "--foreground", "--port", str(free_port())).exit_code == 2


@pytest.mark.parametrize("whom", ["the desk", "the engine", "the state"])
def test_whatever_is_killed_is_mended(desk: Desk, whom: str) -> None:
    desk.well("up", "--port", str(free_port()))
    before = desk.well("env")
    parent, child = family(desk.running.pid)
    if whom == "the engine":
        child.kill()
        deadline = time.monotonic() + 30
        while desk.running.generation == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        desk.well("status")
        return
    if whom == "the state":
        (desk.path / "state.json").write_text('{"pid": ')
        assert desk.run("status").exit_code == 1
        assert "ladder cloud down" in desk.run("up").output
        desk.well("down")
    else:
        parent.kill()
    wait_for_end([parent, child])
    assert desk.run("status").exit_code == 1
    port = before.partition("ENDPOINT_URL=http://127.0.0.1:")[2].split()[0]
    desk.well("up", "--port", port)
    assert desk.well("env") == before


def test_in_the_foreground_until_it_is_told(desk: Desk) -> None:
    command = [sys.executable, "-c", "from infra.cli import cloud; cloud()", "--state",
               str(desk.path), "up", "--foreground", "--port", str(free_port())]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("cloud ")
    everybody = family(process.pid)
    desk.well("status")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    process.stdout.close()
    wait_for_end(everybody[1:])
    assert not (desk.path / "state.json").exists()


def test_keys_are_random_and_private(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "1"), Folder(tmp_path / "2")
    assert one.credentials() == one.credentials()
    assert one.credentials()["secret"] != two.credentials()["secret"]
    mode = stat.S_IMODE((tmp_path / "1" / "credentials.json").stat().st_mode)
    assert mode == 0o600


def test_a_draft_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("state.json", "{}")
    (tmp_path / f".other.{os.getpid()}").write_text("half")
    assert folder.read("state.json") == {}
    assert folder.read("none.json") is None
    assert folder.running() is None


def test_the_plain_variables_name_no_ca(tmp_path: Path) -> None:
    running = Running(1, "http://a", "https://a", "http://m", "eu-west-1", 0, 0.0)
    assert "AWS_CA_BUNDLE" not in environment(Folder(tmp_path), running)
    assert environment(Folder(tmp_path), running, https=True)["AWS_ENDPOINT_URL"] == "https://a"


def test_the_next_free_port() -> None:
    with listen(free_port()) as first:
        port = first.getsockname()[1]
        with listen(port) as second:
            assert second.getsockname()[1] > port
        with pytest.raises(DeskError, match="is taken"):
            listen(port, exact=True)


def test_the_command_imports_little() -> None:
    heavy = "{'moto', 'boto3', 'botocore', 'cryptography', 'h11'}"
    code = f"import sys, infra.cli, infra.cloud.desk; print({heavy} & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"
