"""The learner's side: loads the work, answers calls, forks for each check. Judges nothing.

    python -m autograder.worker FD        serve on an inherited socket, in a fresh interpreter

Whatever runs here may be rewritten by the learner's code; the judge believes none of it.
"""

from __future__ import annotations

import array
import gc
import importlib
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from autograder.errors import WireError
from autograder.rehearsal import rehearse
from autograder.values import Decoder, Encoder
from autograder.wire import receive, send

__all__ = ["rehearse", "serve"]

MAX_TEXT = 4000
MAX_HANDLES = 100_000


class Worker:
    """One process that holds the learner's names and the objects behind handles."""

    def __init__(self, conn: socket.socket) -> None:
        self.conn = conn
        self.names: dict[str, Any] = {}
        self.errors: list[str] = []
        self.kept: list[Any] = []
        self.children: list[int] = []

    def serve(self) -> None:
        """Answer until the judge closes the session."""
        while True:
            message = receive(self.conn)
            if message is None:
                return
            header, buffers = message
            if header.get("op") == "fork":
                self._fork(header["cpu"], bool(header.get("sealed")))
            else:
                self._answer(header, buffers)

    def _answer(self, header: dict[str, Any], buffers: list[memoryview]) -> None:
        encoder = Encoder(self._keep)
        try:
            value = OPERATIONS[header["op"]](self, header, buffers)
            reply = {"reply": "value", "value": encoder.node(value)}
        except BaseException as error:  # the learner's code may raise anything, SystemExit too
            encoder.buffers.clear()
            reply = _error(error)
        try:
            send(self.conn, {**reply, "id": header.get("id")}, encoder.buffers)
        except (WireError, ValueError) as error:
            send(self.conn, {**_error(error), "id": header.get("id")})

    def _fork(self, cpu: int, sealed: bool) -> None:
        """Fork a child that serves the socket that came with the message, for `cpu` seconds."""
        sock = _take_socket(self.conn)
        self._reap()
        pid = os.fork()
        if pid:
            self.children.append(pid)
            sock.close()
            return
        self.conn.close()
        self.conn, self.children = sock, []
        _part(cpu, sealed)

    def _reap(self) -> None:
        self.children = [pid for pid in self.children if os.waitpid(pid, os.WNOHANG) == (0, 0)]

    def _keep(self, value: object) -> int:
        if len(self.kept) >= MAX_HANDLES:
            raise WireError("too many answers that cannot cross")
        self.kept.append(value)
        return len(self.kept) - 1

    def value(self, node: Any, buffers: list[memoryview]) -> Any:
        """Decode what the judge sent; handles become the objects they stand for."""
        return Decoder(buffers, self.kept.__getitem__).value(node)

    def load(self, header: dict[str, Any], _: list[memoryview]) -> Any:
        """Run the notebook's cells or import the main module."""
        if "cells" in header:
            from autograder.cells import run_cells

            self.names, outputs, self.errors = run_cells(header["cells"])
            gc.freeze()  # so that no fork looks through it again
            return {"outputs": outputs, "threads": threading.active_count()}
        self.names = vars(_module(header["module"]))
        return {"outputs": [], "threads": threading.active_count()}

    def part(self, header: dict[str, Any], _: list[memoryview]) -> None:
        """Begin a check's part in a process that serves this check only."""
        _part(header["cpu"], header["sealed"])

    def find(self, header: dict[str, Any]) -> Any:
        """Return what a name of the notebook or of a module stands for."""
        names = vars(_module(header["module"])) if header.get("module") else self.names
        if header["name"] in names:
            return names[header["name"]]
        if "NotImplementedError" in self.errors:
            raise NotImplementedError("a cell before this name is still open")
        raise NameError(f"there is no {header['name']!r} here")

    def call(self, header: dict[str, Any], buffers: list[memoryview]) -> Any:
        """Call a name."""
        return self._apply(self.find(header), header, buffers)

    def method(self, header: dict[str, Any], buffers: list[memoryview]) -> Any:
        """Call a method of a kept object."""
        function = getattr(self.kept[header["target"]], header["name"])
        return self._apply(function, header, buffers)

    def _apply(self, function: Callable[..., Any], header: dict[str, Any], buffers: Any) -> Any:
        args, kwargs = self.value(header["args"], buffers)
        return function(*args, **kwargs)

    def take(self, header: dict[str, Any], _: list[memoryview]) -> list[Any]:
        """Return the first items of a kept object."""
        items = []
        for item in self.kept[header["target"]]:
            items.append(item)
            if len(items) >= header["count"]:
                break
        return items

    def get(self, header: dict[str, Any], _: list[memoryview]) -> Any:
        """Return the value of a name."""
        return self.find(header)


OPERATIONS: dict[str, Callable[[Worker, dict[str, Any], list[memoryview]], Any]] = {
    "load": Worker.load,
    "part": Worker.part,
    "call": Worker.call,
    "method": Worker.method,
    "take": Worker.take,
    "get": Worker.get,
}


def _part(cpu: int, sealed: bool) -> None:
    """Begin one check's part: `cpu` seconds more, and when sealed, print from now on to nowhere.

    A box may allow less in all. The inputs that are to come are not for the learner to see.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = cpu + int(used.ru_utime + used.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard - 1)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
    if not sealed:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _module(name: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module(name)


def _error(error: BaseException) -> dict[str, Any]:
    """Describe an exception: its kind, what it said and the learner's own lines."""
    kind = next((k.__name__ for k in type(error).__mro__ if k.__module__ == "builtins"), "")
    kind = "Answer" if isinstance(error, WireError) else kind
    walk = traceback.walk_tb(error.__traceback__)  # reading no source: pandas' alone has 400 kB
    every = traceback.StackSummary.extract(walk, lookup_lines=False)
    frames = [f for f in every if _theirs(f.filename)]
    where = _place(frames[-1]) if frames else ""
    try:
        text = error.what if isinstance(error, WireError) else f"{type(error).__name__}: {error}"
    except BaseException:  # a learner's __str__ may raise
        text = ""
    return {"reply": "error", "kind": kind, "text": str(text)[:MAX_TEXT], "where": where[:200]}


def _place(frame: traceback.FrameSummary) -> str:
    return f"{os.path.basename(frame.filename).strip('<>')}, line {frame.lineno}:"


def _theirs(filename: str) -> bool:
    return filename.startswith((os.getcwd(), "<cell "))


def _take_socket(conn: socket.socket) -> socket.socket:
    """Receive the socket that follows a fork message."""
    fds = array.array("i")
    _, ancillary, _, _ = conn.recvmsg(1, socket.CMSG_LEN(fds.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: fds.itemsize])
    return socket.socket(fileno=fds[0])


def serve(fd: int) -> None:
    """Serve one session on an inherited socket, then end the process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = 1
    try:
        Worker(socket.socket(fileno=fd)).serve()
        code = 0
    finally:
        os._exit(code)  # no exit handler of the learner's runs after the last answer


if __name__ == "__main__":
    serve(int(sys.argv[1]))
