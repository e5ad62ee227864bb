"""The learner's own cloud: one background process on loopback, found again by its state folder.

A lock that the process holds says whether it runs, so a killed one leaves nothing to mend.
Limit: objects, users and keys live in memory and end with it; its credentials and its CA stay.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.cloud.fixtures import Cloud
    from infra.cloud.neighbours import Neighbours

REGION = "eu-central-1"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
TRIES = 50
ENOUGH = 1 << 50  # a learner's own memory is the limit here
SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1}
LEDGER = "ledger.json"


class DeskError(Exception):
    """What happened, and what to type next; `code` is the exit code."""

    def __init__(self, what: str, then: str = "", code: int = 3) -> None:
        super().__init__(what)
        self.then = then
        self.code = code


@dataclass(frozen=True)
class Running:
    """Where a running cloud answers; `beside` has other clouds' addresses, by service."""

    pid: int
    http: str
    https: str
    metadata: str
    region: str
    generation: int
    started: float
    beside: dict[str, dict[str, str]] = field(default_factory=dict)


class Folder:
    """The cloud's files: written whole or not at all, secrets readable by their owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def ca(self) -> Path:
        """The course CA's certificate."""
        return self.path / "ca.pem"

    def write(self, name: str, text: str, mode: int = 0o600) -> None:
        """Write a file in one step."""
        self.path.mkdir(parents=True, exist_ok=True)
        draft = self.path / f".{name}.{os.getpid()}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path / name)

    def read(self, name: str) -> Any:
        """Return a file's data; None when it is missing or was cut off."""
        try:
            return json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            return None

    def credentials(self) -> dict[str, str]:
        """Return the desk's keys; random, made once, kept over restarts."""
        found = self.read("credentials.json")
        if not isinstance(found, dict) or not {"key_id", "secret"} <= found.keys():
            found = {
                "key_id": "AKIA" + "".join(
                    secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16)
                ),
                "secret": secrets.token_urlsafe(30),
            }
            self.write("credentials.json", json.dumps(found))
        return {"key_id": str(found["key_id"]), "secret": str(found["secret"])}

    def running(self) -> Running | None:
        """Return the running cloud, or None; whether it answers is another question."""
        if not self.holder():
            return None
        try:
            return Running(**self.read("state.json"))
        except TypeError:
            return None

    def holder(self) -> int:
        """Return the process that holds the lock; 0 when nobody does."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR)
        except OSError:
            return 0
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(handle, 20) or 0)
        finally:
            os.close(handle)
        return 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock while the block runs; the kernel lets go of it whatever happens."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(handle):
            os.close(handle)
            raise DeskError(
                "a cloud of this folder is already up or starting", "./ladder cloud down", code=2
            )
        try:
            os.truncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
            yield
        finally:
            os.close(handle)


def _lock(handle: int) -> bool:
    """Take a lock; somebody who only looks holds it for a moment, so try more than once."""
    for _ in range(10):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def listen(port: int, *, exact: bool = False) -> socket.socket:
    """Return a listener on this port of loopback, or on the next free one unless `exact`."""
    for number in range(port, port + (1 if exact else TRIES)):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(("127.0.0.1", number))
        except OSError:
            made.close()
            continue
        made.listen(128)
        return made
    kind = f"port {port} is taken" if exact else f"no free port from {port} to {port + TRIES}"
    raise DeskError(kind, f"./ladder cloud up --port {port + TRIES}", code=2)


def serve(
    folder: Folder, port: int, *, exact: bool, ready: Callable[[Running], None],
    beside: Sequence[str] = (),
) -> None:
    """Run the cloud, others beside it, until a signal ends it; SIGHUP starts all afresh, empty."""
    from infra.cloud.neighbours import neighbours

    with folder.hold(), ExitStack() as stack:
        http = stack.enter_context(listen(port, exact=exact))
        following = http.getsockname()[1] + 1
        https = stack.enter_context(listen(following))
        metadata = stack.enter_context(listen(https.getsockname()[1] + 1))
        others = stack.enter_context(neighbours(folder, beside))
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        generation = 0
        while _one_life(folder, (http, https, metadata), generation, ready, others):
            others.stop()
            generation += 1
        (folder.path / "state.json").unlink(missing_ok=True)


def _one_life(
    folder: Folder, sockets: tuple[socket.socket, socket.socket, socket.socket], generation: int,
    ready: Callable[[Running], None], others: Neighbours,
) -> bool:
    """Run one cloud; return whether another one shall follow."""
    from infra.cloud import keeping, tls
    from infra.cloud.fixtures import private_cloud

    http, https, metadata = sockets
    with private_cloud(
        http, https_listener=https, metadata_listener=metadata, region=REGION,
        authority=tls.kept(folder), run="here",
    ) as cloud:
        cloud.quota(ENOUGH)
        cloud.tell("sagemaker", "images_file", path=str(folder.path / "images.json"))
        folder.write("ca.pem", cloud.ca.decode(), 0o644)
        cloud.identity("desk", managed=[ADMINISTRATOR], keys=folder.credentials())
        keeping.follow(folder, cloud)
        start(others)
        state = Running(
            os.getpid(), cloud.url, cloud.https_url, cloud.metadata.url, REGION, generation,
            time.time(), others.urls,
        )
        folder.write("state.json", json.dumps(asdict(state)))
        ready(state)
        return _wait(cloud, others, folder)


def start(others: Neighbours) -> None:
    """Start the clouds beside ours that do not run."""
    from infra.cloud.process import CloudError

    try:
        others.start()
    except CloudError as error:
        raise DeskError(str(error), "./ladder cloud doctor") from None


def _wait(cloud: Cloud, others: Neighbours, folder: Folder) -> bool:
    """Wait for the end; True when the cloud shall be started again. SIGUSR1 asks for the ledger."""
    from infra.cloud import keeping

    while True:
        number = signal.sigwait(SIGNALS)
        if number in {signal.SIGTERM, signal.SIGINT}:
            keeping.finish(folder, cloud)
            return False
        if number == signal.SIGHUP:
            keeping.forget(folder)
        if number == signal.SIGHUP or not cloud.alive():
            return True
        if number == signal.SIGUSR1:
            _tell(cloud, folder)
            continue
        try:
            start(others)
        except DeskError as error:  # the rest lives on; `status` tells who does not answer
            print(error, file=sys.stderr)


def _tell(cloud: Cloud, folder: Folder) -> None:
    """Write the ledger, or why there is none."""
    from infra.cloud.process import CloudError

    try:
        told = cloud.ledger()
    except CloudError as error:
        told = {"error": str(error)}
    folder.write(LEDGER, json.dumps(told))


def ledger(folder: Folder, running: Running, patience: float = 30.0) -> dict[str, Any]:
    """Return what a bill is made from: held, calls, used. Raises DeskError."""
    (folder.path / LEDGER).unlink(missing_ok=True)
    os.kill(running.pid, signal.SIGUSR1)
    end = time.monotonic() + patience
    while time.monotonic() < end and folder.holder() == running.pid:
        found = folder.read(LEDGER)
        if isinstance(found, dict) and "error" in found:
            raise DeskError(found["error"], "./ladder cloud reset")
        if isinstance(found, dict):
            return found
        time.sleep(0.05)
    raise DeskError("the cloud does not tell what it holds", "./ladder cloud status")


def environment(folder: Folder, running: Running, *, https: bool = False) -> dict[str, str]:
    """Return the standard variables that lead SDKs to the cloud, and to those beside it."""
    from infra.cloud import neighbours

    keys = folder.credentials()
    found = {
        "AWS_ENDPOINT_URL": running.https if https else running.http,
        "AWS_ACCESS_KEY_ID": keys["key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret"],
        "AWS_REGION": running.region,
        "AWS_DEFAULT_REGION": running.region,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": running.metadata,
    }
    found |= {"AWS_CA_BUNDLE": str(folder.ca)} if https else {}
    return found | neighbours.environment(folder, running.beside)


def works(folder: Folder, running: Running) -> None:
    """Make a real call to each cloud with the desk's keys, or raise: an open port is not enough."""
    import http.client

    from infra.cloud import neighbours, sigv4

    keys = folder.credentials()
    host = running.http.removeprefix("http://")
    message = sigv4.Message("GET", "/", [], {"host": host}, b"")
    headers = sigv4.sign(
        message, keys["key_id"], keys["secret"], running.region, "s3", time.time()
    )
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    except OSError as error:
        raise DeskError(
            f"the cloud at {running.http} does not answer: {error}", "./ladder cloud down"
        ) from None
    finally:
        connection.close()
    if answer.status != 200 or b"ListAllMyBucketsResult" not in body:
        raise DeskError(
            f"the cloud at {running.http} answered {answer.status} to a real call",
            "./ladder cloud reset",
        )
    neighbours.works(folder, running.beside)


def main() -> None:
    """Serve in the background: one line of JSON on standard output, then silence."""
    path, port, beside = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]

    def ready(state: Running) -> None:
        if state.generation == 0:
            print(json.dumps(asdict(state)), flush=True)
            with open(os.devnull, "w") as nothing:
                os.dup2(nothing.fileno(), 1)

    try:
        serve(Folder(path), port, exact=False, ready=ready, beside=beside)
    except DeskError as error:
        print(json.dumps({"error": str(error), "then": error.then, "code": error.code}))
        raise SystemExit(error.code) from None


if __name__ == "__main__":
    main()
