"""LocalStack in host mode: really installed, started, asked, killed. Needs Python 3.11, 490 MB.

Run by its own part of `./ladder test`; nothing here is collected by a plain `pytest`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from infra.cli import cloud
from infra.cli import localstack as commands
from infra.cloud import capabilities
from infra.cloud.desk import Folder, Running
from infra.cloud.localstack import ENVIRONMENT
from infra.cloud.locked import EnvironmentFault

ON = ("--on", "localstack")
NOT_RUN = 77
ROOT = Path(__file__).resolve().parents[2]


class Desk:
    """A LocalStack in a folder of its own, driven by the command."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = Folder(path / "localstack")

    def run(self, *words: str) -> Result:
        """Run one command."""
        return CliRunner().invoke(cloud, ["--state", str(self.path), *words, *ON])

    def well(self, *words: str) -> str:
        """Run one command that must succeed; return what it prints."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.output

    @property
    def running(self) -> Running:
        """The running LocalStack."""
        found = self.folder.running()
        assert found is not None
        return found

    def everybody(self) -> list[psutil.Process]:
        """Return our process, LocalStack and whatever that has started."""
        parent = psutil.Process(self.running.pid)
        return [parent, *parent.children(recursive=True)]


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose LocalStack is down at the end, however the test went."""
    made = Desk(tmp_path)
    yield made
    made.run("down")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One LocalStack for the tests that only look."""
    made = Desk(tmp_path_factory.mktemp("localstack"))
    made.well("up", "--port", str(free_port()))
    yield made
    made.run("down")


def gone(processes: list[psutil.Process]) -> bool:
    """Wait until all have ended; tell whether they have."""
    _, alive = psutil.wait_procs(processes, timeout=30)
    return not alive


def test_a_day_at_the_desk(desk: Desk) -> None:
    assert desk.run("status").exit_code == 1
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = desk.well("up", "--port", str(port))
    assert f"Port {port} is taken" in said
    assert "aws:iam-enforced" in said
    assert "already up" in desk.well("up")
    everybody, before = desk.everybody(), desk.well("env")
    s3 = commands.clients(desk.running)("s3")
    s3.create_bucket(
        Bucket="kept", CreateBucketConfiguration={"LocationConstraint": desk.running.region}
    )
    desk.well("reset")
    assert s3.list_buckets()["Buckets"] == []
    assert desk.well("env") == before
    assert "identity" in desk.well("status")
    everybody += desk.everybody()
    assert "is down" in desk.well("down")
    assert gone(everybody)
    assert sorted(p.name for p in desk.folder.path.iterdir()) == ["lock", "log"]
    assert "No LocalStack is up" in desk.well("down")
    assert desk.run("env").exit_code == 1


def test_an_sdk_finds_it_and_it_talks_to_nobody_else(shared: Desk) -> None:
    found = json.loads(shared.well("env", "--json"))
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PATH": "/bin", **found},
    )
    assert run.stdout.strip() == "000000000000"
    addresses = {
        end.ip for process in shared.everybody() for c in process.net_connections()
        for end in (c.laddr, c.raddr) if end
    }  # fmt: skip
    assert addresses == {"127.0.0.1"}
    assert shared.run("env", "--https").exit_code == 2


@pytest.mark.parametrize("name", list(capabilities.PROBES))
def test_what_is_said_of_it_is_so(shared: Desk, name: str) -> None:
    """Both ways: what it has works, and what it lacks does not, or does not answer."""
    has = "localstack" in capabilities.table()[name]
    reach = commands.clients(shared.running, patience=60 if has else 8)
    wrong = capabilities.probe(name, reach)
    assert (wrong == "") == has, wrong


def test_nothing_can_be_fetched(shared: Desk) -> None:
    """LocalStack fetches Java when it is asked for JSONata; here it must not get it."""
    capabilities.probe("aws:stepfunctions-jsonata", commands.clients(shared.running))
    assert "Installation of java" in (shared.folder.path / "log").read_text()


def test_the_doctor_looks_at_it_and_at_the_image(shared: Desk) -> None:
    said = shared.well("doctor")
    has = [n for n, targets in capabilities.table().items() if "localstack" in targets]
    assert said.count("ok ") == len(has)
    assert "image docker" in said
    assert "token" in said


@pytest.mark.parametrize("whom", ["the desk", "LocalStack"])
def test_whatever_is_killed_is_mended(desk: Desk, whom: str) -> None:
    desk.well("up", "--port", str(free_port()))
    before, everybody = desk.running, desk.everybody()
    if whom == "the desk":
        everybody[0].kill()
        assert gone(everybody), "LocalStack outlives its owner"
        assert desk.run("status").exit_code == 1
        desk.well("up", "--port", before.http.rpartition(":")[2])
        assert desk.running.http == before.http
    else:
        everybody[1].kill()
        assert commands.background.until(lambda: desk.folder.running() != before, 60)
        desk.well("status")
        assert desk.running.generation == 1


if __name__ == "__main__":
    try:
        ENVIRONMENT.install(commands.venv(), print)
    except EnvironmentFault as fault:
        print(str(fault).partition("\n")[0])
        sys.exit(NOT_RUN)
    contract = str(ROOT / "tests" / "infra" / "contract" / "on_localstack.py")
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__, contract]))
