"""The emulated clouds that `ladder bench --cloud` compares: started, called, weighed, ended.

Limit: Linux, whose /proc tells what a process shares; each cloud as it ships, on loopback.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import peers
import psutil
from measure import QUIET, Failed

from infra.cloud import sigv4
from infra.cloud.desk import Folder
from infra.cloud.localstack import ENVIRONMENT, server
from infra.cloud.locked import EnvironmentFault, python

REGION = "eu-central-1"
PLAIN = ("test", "test")  # engines that look at no key
PATIENCE = 900.0  # seconds: a machine that proves labs beside it starts nothing quickly
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ask:
    """One request, and what its answer has to contain."""

    service: str
    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    wanted: bytes = b""


class Wire:
    """One connection to a cloud; requests are signed ahead, so that no clock counts that."""

    def __init__(self, port: int, keys: tuple[str, str]) -> None:
        self.host, self.keys = f"127.0.0.1:{port}", keys
        self.open = http.client.HTTPConnection(self.host, timeout=60)

    def sign(self, ask: Ask) -> tuple[str, str, bytes, dict[str, str], bytes]:
        """Return a request that can be sent."""
        headers = {"host": self.host, **ask.headers}
        message = sigv4.Message(ask.method, ask.path, list(ask.query), headers, ask.body)
        signed = sigv4.sign(message, *self.keys, REGION, ask.service, time.time())
        query = "&".join(f"{name}={value}" for name, value in ask.query)
        target = f"{ask.path}?{query}" if query else ask.path
        return ask.method, target, ask.body, signed, ask.wanted

    def send(self, request: tuple[str, str, bytes, dict[str, str], bytes]) -> None:
        """Send it and read the answer. Raises Failed unless that is what it has to be."""
        *sent, wanted = request
        self.open.request(*sent)
        answer = self.open.getresponse()
        said = answer.read()
        if answer.status != 200 or wanted not in said:
            raise Failed(f"{self.host} {sent[0]} {sent[1]}: {answer.status} {said[:300]!r}")

    def wait(self, running: Callable[[], bool]) -> None:
        """Ask for the buckets until a call is answered. Raises Failed when the cloud ends."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and running():
            try:
                return self.send(self.sign(Ask("s3", "GET", "/")))
            except (OSError, http.client.HTTPException, Failed):
                self.open.close()
                time.sleep(0.005)
        raise Failed(f"{self.host} has not answered")


@dataclass
class Up:
    """A running cloud: its process and all that it started."""

    pid: int
    wire: Wire | None = None

    def family(self) -> list[int]:
        """Return the processes of it."""
        first = psutil.Process(self.pid)
        return [self.pid, *(one.pid for one in first.children(recursive=True))]

    def cpu(self) -> float:
        """Return the CPU seconds of them so far, to the nanosecond."""
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.family())

    def memory(self) -> float:
        """Return MiB: what each process has alone, and its share of what several have."""
        lines = [
            line.split()
            for pid in self.family()
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        ]
        return sum(int(words[1]) for words in lines if words[0] == "Pss:") / 1024


Start = Callable[[Path], contextlib.AbstractContextManager[Up]]


@dataclass(frozen=True)
class Engine:
    """One cloud that takes part: its name and how it is started in an empty folder."""

    name: str
    what: str
    start: Start


def free_port() -> int:
    """Return a port of loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], port: int, keys: tuple[str, str] = PLAIN,
    env: Mapping[str, str] | None = None, cwd: Path = ROOT,
) -> Iterator[Up]:
    """Run a server until the block ends, from when it answers."""
    process = subprocess.Popen(
        [str(word) for word in command], cwd=cwd, env=dict(env or {**os.environ, **QUIET}),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wire = Wire(port, keys)
        with contextlib.closing(wire.open):
            wire.wait(lambda: process.poll() is None)
            yield Up(process.pid, wire)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server and what it started: asked first, then made to."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.kill()
    process.wait()


def desk(place: Path) -> contextlib.AbstractContextManager[Up]:
    """The embedded cloud as `ladder cloud up` starts it."""
    keys, port = Folder(place).credentials(), free_port()
    command = [sys.executable, "-m", "infra.cloud.desk", place, str(port)]
    return started(command, port, (keys["key_id"], keys["secret"]))


def moto(place: Path) -> contextlib.AbstractContextManager[Up]:
    """The server that moto ships; it looks at no signature and no policy."""
    port = free_port()
    return started([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port)


def ministack(place: Path) -> contextlib.AbstractContextManager[Up]:
    """MiniStack as it ships, in an environment of its own; it looks at no policy either."""
    venv, port = ministack_environment(), free_port()
    env = {**os.environ, **QUIET, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}
    return started([venv / "bin" / "ministack"], port, env={**env, "HOME": str(place)}, cwd=place)


def ministack_environment() -> Path:
    """Return MiniStack's virtual environment, made where it is not there."""
    folder = peers.STATE / "ministack"
    folder.mkdir(parents=True, exist_ok=True)
    return peers.environment(folder, Path(__file__).with_name("ministack.txt"), "90 MB")


def localstack(place: Path) -> contextlib.AbstractContextManager[Up]:
    """localstack-core in host mode, with the variables that `ladder cloud up --on` gives it."""
    folder, port = Folder(place), free_port()
    home = place.resolve() / "localstack"
    home.mkdir(parents=True)
    command = [python(localstack_environment()), "-P", server.LAUNCHER]
    return started(command, port, env=server.variables(folder, port), cwd=home)


def localstack_environment() -> Path:
    """Return LocalStack's virtual environment, made where it is not there."""
    from infra.cli.localstack import venv

    try:
        ENVIRONMENT.install(venv(), print)
    except EnvironmentFault as fault:
        raise Failed(str(fault)) from None
    return venv()


@contextlib.contextmanager
def forked(place: Path) -> Iterator[Up]:
    """A cloud of a check: forked from a process that has loaded it."""
    from infra.cloud.fixtures import allow, loopback, private_cloud

    with loopback() as listener, private_cloud(listener) as cloud:
        who = cloud.identity("bench", [allow(["*"])])
        wire = Wire(listener.getsockname()[1], (who.key_id, who.secret))
        with contextlib.closing(wire.open):
            wire.wait(cloud.alive)
            yield Up(cloud._child.pid, wire)


@contextlib.contextmanager
def azure(place: Path) -> Iterator[Up]:
    """Azurite behind our forwarder."""
    from infra.cloud.azure import private_azure
    from infra.cloud.fixtures import loopback

    with loopback() as blob, private_azure(blob) as storage:
        yield Up(storage._child.pid)


@contextlib.contextmanager
def gcp(place: Path) -> Iterator[Up]:
    """The emulated Cloud Storage."""
    from infra.cloud.fixtures import loopback
    from infra.cloud.gcs import private_gcs

    with loopback() as listener, private_gcs(listener) as storage:
        yield Up(storage._child.pid)
