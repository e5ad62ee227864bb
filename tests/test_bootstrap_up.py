"""`ladder up`: real requests, taken ports, and that nothing is left however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.cli.services import House, Service, free_port
from autograder.cli.up import _get
from autograder.errors import LadderError
from tests.conftest import ROOT

LADDER = Path(sys.executable).parent / "ladder"


def until(true: Callable[[], object]) -> None:
    """Wait for something another process does."""
    while not true():
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def pages(folder: Path, port: int) -> Service:
    """Return a service that hands out a folder."""
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-I", "-m", "http.server", str(port), "--bind", "127.0.0.1"]

    def probe() -> str:
        return "" if _get(address)[0] == 200 else "no page"

    return Service("pages", address, command, probe, folder)


def test_a_service_answers_and_then_its_port_is_free(tmp_path: Path) -> None:
    port = free_port(18000, set())
    with House(tmp_path / "logs") as house:
        service = pages(tmp_path, port)
        house.start(service)
        assert house.wait(service) == ""
        process = house.running["pages"].pid
    assert not alive(process)
    assert free_port(port, set()) == port


def test_a_taken_port_is_left_to_its_owner(taken: int) -> None:
    used: set[int] = set()
    first = free_port(taken, used)
    assert first > taken
    assert free_port(taken, used) > first


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.cli.services._is_free", lambda port: False)
    with pytest.raises(LadderError, match="ports 65000 to 65099 are all taken"):
        free_port(65000, set())


def test_a_service_that_ends_is_quoted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such database')"]
    service = Service("broken", "", command, lambda: "not yet", tmp_path)
    with House(tmp_path / "logs") as house:
        house.start(service)
        said = house.wait(service)
    assert "exit code 1" in said
    assert "no such database" in said


def test_a_deaf_service_is_killed(tmp_path: Path) -> None:
    command = ["sh", "-c", "trap '' TERM; echo on; while :; do sleep 1; done"]
    service = Service("deaf", "", command, lambda: "", tmp_path)
    with House(tmp_path, patience=0.2) as house:
        house.start(service)
        until(lambda: house.log("deaf").read_text())
        process = house.running["deaf"].pid
    assert not alive(process)


def test_when_the_owner_is_killed_its_services_end(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, signal, sys, time
            from pathlib import Path
            from autograder.cli.services import House, Service
            here = Path({str(tmp_path)!r})
            child = ["sh", "-c", "sleep 999 & echo $! $$ > family; wait"]
            with House(here / "logs") as house:
                house.start(Service("family", "", child, lambda: "", here))
                while not ((here / "family").exists() and (here / "family").read_text()):
                    time.sleep(0.02)
                os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    killed = subprocess.run([sys.executable, script], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    family = [int(word) for word in (tmp_path / "family").read_text().split()]
    until(lambda: not any(map(alive, family)))


# ---------------------------------------------------------------- the command itself


def descendants(process: int) -> set[int]:
    """Return the processes below one, at this moment."""
    below: set[int] = set()
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            below |= {child} | descendants(child)
    return below


@pytest.fixture
def serving(taken: int) -> Iterator[subprocess.Popen[str]]:
    """Return `ladder up` as a terminal starts it, all its ports taken; it ends with the test."""
    ports = [f"--{name}-port={taken}" for name in ("site", "lab", "cloud")]
    with subprocess.Popen(
        [LADDER, "up", "--no-browser", *ports], cwd=ROOT, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        yield process
        if process.poll() is None:
            process.terminate()


def test_up_serves_three_things_and_ctrl_c_leaves_nothing(
    serving: subprocess.Popen[str], taken: int
) -> None:
    assert serving.stdout is not None
    text = ""
    while "Ctrl-C stops everything" not in text and serving.poll() is None:
        text += serving.stdout.readline()
    assert text.count(f"Port {taken} is taken") == 3, text
    assert "does not work" not in text
    family = descendants(serving.pid)
    assert len(family) >= 4  # three and the guard
    second = subprocess.run([LADDER, "up"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "running here already" in second.stderr
    os.killpg(serving.pid, signal.SIGINT)
    assert "nothing is left running" in serving.stdout.read()
    assert serving.wait() == 0
    assert not [pid for pid in family if alive(pid)]


def test_check_asks_each_as_a_client_would(taken: int) -> None:
    ports = [f"--{name}-port={taken}" for name in ("site", "lab", "cloud")]
    done = subprocess.run(
        [LADDER, "up", "--check", *ports], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in ("site", "lab", "cloud"):
        assert f"  {name:6} http://127.0.0.1:" in done.stdout
