"""One cloud in one forked child: listeners outwards, a control socket to its parent.

Limit: nothing of it outlives the parent: the child dies with the control socket or by signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import http.client
import json
import logging
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from infra.cloud import sigv4
from infra.cloud.keys import RootKey
from infra.cloud.tls import Authority

_LENGTH = struct.Struct(">Q")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
HEALTHY_WITHIN = 30.0


class CloudError(Exception):
    """The private cloud did not start, or ended early: our fault, never a learner's."""


@dataclass(frozen=True)
class Sockets:
    """The listeners of a cloud; all but `judge` may lie in a learner's network."""

    learner: socket.socket
    judge: socket.socket
    https: socket.socket | None = None
    metadata: socket.socket | None = None
    judge_https: socket.socket | None = None
    judge_secure: socket.socket | None = None

    def all(self) -> list[socket.socket]:
        """Return the listeners that exist."""
        found = (self.learner, self.https, self.metadata, *self.judges())
        return [one for one in found if one is not None]

    def judges(self) -> list[socket.socket]:
        """Return the judge's listeners."""
        found = (self.judge, self.judge_https, self.judge_secure)
        return [one for one in found if one is not None]


def loopback() -> socket.socket:
    """Return a listening socket on a free port of 127.0.0.1."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(128)
    return made


class Obedient(Protocol):
    """What runs in a child and carries out its parent's orders."""

    def do(self, what: str, **arguments: Any) -> Any:
        """Carry out one order."""


class Branch:
    """The parent's handle on a forked child."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self.control = control
        self.lock = threading.Lock()

    def ask(self, what: str, **arguments: Any) -> Any:
        """Run one control operation in the child and return its result."""
        try:
            with self.lock:
                send(self.control, {"what": what, **arguments})
                reply = receive(self.control)
        except OSError as error:
            raise CloudError(f"the private cloud has gone: {error}") from None
        if reply is None:
            raise CloudError("the private cloud has gone")
        if "error" in reply:
            raise CloudError(reply["error"])
        return reply["result"]

    def alive(self) -> bool:
        """Whether the child runs."""
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        return False

    def close(self) -> None:
        """End the child and wait for it."""
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Child(Branch):
    """The parent's handle on a running cloud."""

    def __init__(self, branch: Branch, judge_port: int, root: RootKey) -> None:
        super().__init__(branch.pid, branch.control)
        self.judge_port = judge_port
        self.root = root


def fork(
    sockets: Sockets, region: str, authority: Authority | None,
    employ: Callable[[Any], None] | None = None, wires: Iterable[socket.socket] = (),
    settle: Callable[[], None] | None = None,
) -> Child:
    """Fork a cloud and return once a real signed call has worked.

    `settle` is called in the child before anything else, `employ` with its service, to give it a
    broker of programs; `wires` are the sockets that it needs for that.
    """
    root = RootKey()

    def start() -> Obedient:
        from infra.cloud.service import Service

        if settle is not None:
            settle()
        service = Service(root, region, authority)
        service.listen(sockets)
        if employ is not None:
            employ(service)
        return service

    child = Child(branch([*sockets.all(), *wires], start), sockets.judge.getsockname()[1], root)
    for judge in sockets.judges():
        judge.close()
    try:
        probe(child.judge_port, root, region)
    except BaseException:
        child.close()
        raise
    return child


def branch(keep: Iterable[socket.socket], start: Callable[[], Obedient]) -> Branch:
    """Fork a child that starts something and obeys; of our files it has these sockets only."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(parent, [*keep, theirs], theirs, start)
    theirs.close()
    ours.settimeout(60)
    return Branch(pid, ours)


def _child(
    parent: int, keep: list[socket.socket], control: socket.socket, start: Callable[[], Obedient]
) -> None:
    """Run what starts; never returns."""
    code = 1
    try:
        gc.freeze()  # what a parent's garbage closes later must not be a socket of ours
        _leave_nothing_behind(parent)
        _close_others([one.fileno() for one in keep])
        _obey(control, start())
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _leave_nothing_behind(parent: int) -> None:
    """Die with the parent, keep its Ctrl-C out, forget its handlers and its log.

    A log file of the parent's is closed here, and its number may become a socket's.
    """
    logging.disable(logging.CRITICAL)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    # The kernel's signal comes when the forking *thread* ends: right for a main thread only.
    if sys.platform == "linux" and threading.current_thread() is threading.main_thread():
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def _close_others(keep: Iterable[int]) -> None:
    """Close every inherited file but stdio and ours: a held pipe would hang somebody else."""
    below = 3
    for number in sorted(set(keep)):
        os.closerange(below, number)
        below = number + 1
    os.closerange(below, min(os.sysconf("SC_OPEN_MAX"), 65536))


def _obey(control: socket.socket, service: Obedient) -> None:
    """Answer the parent until it goes away."""
    while (order := receive(control)) is not None:
        what = order.pop("what")
        try:
            reply = {"result": service.do(what, **order)}
        except Exception as error:  # the parent shall see it, the cloud lives on
            reply = {"error": f"{what}: {type(error).__name__}: {error}"}
        send(control, reply)


def send(wire: socket.socket, message: dict[str, Any]) -> None:
    """Send one message."""
    data = json.dumps(message).encode()
    wire.sendall(_LENGTH.pack(len(data)) + data)


def receive(wire: socket.socket) -> dict[str, Any] | None:
    """Receive one message; None at the end."""
    head = _exactly(wire, _LENGTH.size)
    body = _exactly(wire, _LENGTH.unpack(head)[0]) if head is not None else None
    return json.loads(body) if body is not None else None


def _exactly(wire: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        piece = wire.recv(min(size - len(parts), 1 << 20))
        if not piece:
            return None
        parts += piece
    return bytes(parts)


def probe(port: int, root: RootKey, region: str) -> None:
    """Make one real, signed S3 call; "healthy" means that it worked."""
    host = f"127.0.0.1:{port}"
    message = sigv4.Message("GET", "/", [], {"host": host}, b"")
    headers = sigv4.sign(message, root.key_id, root.secret, region, "s3", time.time())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTHY_WITHIN)
    try:
        connection.request("GET", "/", headers=headers)
        response = connection.getresponse()
        body = response.read()
    except OSError as error:
        raise CloudError(f"the private cloud did not answer: {error}") from None
    finally:
        connection.close()
    if response.status != 200 or b"ListAllMyBucketsResult" not in body:
        raise CloudError(f"the private cloud answered {response.status} to a real call")
