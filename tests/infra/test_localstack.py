"""`ladder cloud … --on localstack`: really installed and started, and what can go wrong.

Not run, with the reason, where LocalStack's environment is not there and cannot be made.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

from infra.cli import cloud
from infra.cli import localstack as commands
from infra.cloud import capabilities
from infra.cloud.desk import DeskError, Folder, Running
from infra.cloud.localstack import environment, image, server

ON = ("--on", "localstack")


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


@pytest.fixture(scope="module")
def venv() -> Path:
    """Return LocalStack's environment, installed if need be; or say why nothing is run."""
    where = commands.venv()
    try:
        environment.install(where, print)
    except environment.EnvironmentFault as fault:
        pytest.skip(f"not run: {fault}")
    return where


@pytest.fixture
def desk(tmp_path: Path, venv: Path) -> Iterator[Desk]:
    """A desk whose LocalStack is down at the end, however the test went."""
    made = Desk(tmp_path)
    yield made
    made.run("down")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, venv: Path) -> Iterator[Desk]:
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


def test_what_its_children_leave_is_swept(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "localstack")
    left = subprocess.Popen(["sleep", "600"], env=server.variables(folder, 1))
    other = subprocess.Popen(["sleep", "600"], env=server.variables(Folder(tmp_path / "other"), 1))
    server.sweep(folder)
    assert left.wait(10) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_start_that_fails_says_where_to_look(tmp_path: Path) -> None:
    """An environment whose Python ends at once."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/bin/false")
    folder = Folder(tmp_path / "localstack")
    words = [str(folder.path), str(venv), str(free_port())]
    with pytest.raises(DeskError, match=r"see .*log"):
        commands.background.start(folder, "infra.cloud.localstack.server", words, "")
    assert folder.holder() == 0


# ---------------------------------------------------------------- installing


def test_an_environment_elsewhere_or_of_another_lock_is_none(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    assert not environment.ready(venv)
    venv.mkdir()
    (venv / "locked").write_text("another lock\n")
    assert not environment.ready(venv)


def test_pip_is_told_hashes_and_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip's own settings are the user's; a package of another hash is refused by pip."""
    asked: list[list[str]] = []
    monkeypatch.setattr(environment, "_run", lambda command, words, log: asked.append(command))
    venv = tmp_path / "venv"
    venv.mkdir()
    said: list[str] = []
    monkeypatch.setattr(environment.shutil, "rmtree", lambda *a, **k: None)
    environment.install(venv, said.append)
    assert f"{environment.MB} MB" in said[0]
    assert [c[-1].rpartition("/")[2] for c in asked[1:]] == list(environment.LOCKS)
    assert all("--require-hashes" in c for c in asked[1:])
    assert not any("index" in word for c in asked for word in c)
    assert environment.ready(venv)


def test_without_an_index_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_ISOLATED"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setattr(commands, "venv", lambda: tmp_path / "venv")
    result = Desk(tmp_path).run("up")
    assert result.exit_code == 3
    assert "could not be installed" in result.output
    assert "ladder cloud up" in result.output
    assert not environment.ready(tmp_path / "venv")


def test_another_python_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PYTHON", (3, 2))
    with pytest.raises(environment.EnvironmentFault, match=r"Python 3\.2 only"):
        environment.find_python()


def test_every_package_of_the_lock_has_a_hash() -> None:
    text = (environment.HERE / "requirements.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert any(line.startswith("localstack-core==4.9.2 ") for line in lines)
    assert all("--hash=sha256:" in line for line in lines)


# ---------------------------------------------------------------- the image


def command(folder: Path, name: str, script: str) -> None:
    """Put a command on a PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_image_is_found_and_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    nothing = image.report()
    assert all(wanting for _, _, wanting in nothing)
    assert "token" in image.advice(nothing)
    command(tmp_path, "docker", "exit 1")
    command(tmp_path, "localstack", "echo 'LocalStack CLI 2026.8.2'")
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "ls-secret")
    half: list[tuple[str, str, str]] = image.report()
    assert [bool(wanting) for _, _, wanting in half] == [True, False, False]
    command(tmp_path, "docker", "echo 28.2.2")
    whole: Any = image.report()
    assert "localstack start -d" in image.advice(whole)
    assert "ls-secret" not in repr(whole)
