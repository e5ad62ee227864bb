"""The grader's end of one box. Trusts the supervisor, believes nothing of the learner's."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.errors import GraderError, LearnerError
from autograder.sandbox.limits import Usage
from autograder.sandbox.message import Channel, Message

READ = 64 << 20


class Box:
    """A client of one supervisor. Closing it ends everything in the box.

    `Box(box.share())` may be used by another process, such as the judge. When that process goes
    away without a word, nothing ends; files, output and usage stay until the launcher's own box
    is closed or its process gone.
    """

    def __init__(self, control: socket.socket, cleanup: contextlib.ExitStack | None = None) -> None:
        self.channel, self.lock = Channel(control), threading.Lock()
        self.cleanup = cleanup or contextlib.ExitStack()
        self.worker: int | None = None
        self.last = Usage(0.0, 0)
        self._conn: socket.socket | None = None

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, body: bytes = b"", **head: Any) -> Message:
        """Send a request and wait for its reply; system errors are raised as they were."""
        try:
            with self.lock:
                self.channel.send({"do": do, **head}, body)
                reply = self.channel.receive()
        except OSError as error:
            raise GraderError(
                "the sandbox's supervisor is gone", "sandbox", "grade again"
            ) from error
        if "errno" in reply.head:
            raise self.refused(reply.head["errno"], reply.head["text"])
        return reply

    def refused(self, number: int, text: str) -> Exception:
        return OSError(number, text) if number else LearnerError("Stopped", text)

    def ready(self) -> None:
        """Wait until the supervisor is there."""
        try:
            hello = self.channel.receive().head
        except OSError as error:
            raise GraderError("the sandbox did not start", "sandbox") from error
        if "error" in hello:
            raise GraderError(f"the sandbox did not start: {hello['error']}", "sandbox")

    @property
    def conn(self) -> socket.socket:
        """The socket to the worker, started when first asked for."""
        if self._conn is None:
            self.load()
        assert self._conn is not None
        return self._conn

    def load(self, env: Mapping[str, str] = {}) -> socket.socket:
        """Start a worker, a new one at each call; return the socket to it."""
        reply = self.ask("load", env=dict(env))
        self.worker = reply.head["pid"]
        self._conn = socket.socket(fileno=reply.fds[0])
        return self._conn

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] = {},
        stdin: bytes = b"",
        cwd: str = ".",
        python: Sequence[str] = (),
    ) -> int:
        """Start a program in the box's folder; return its pid. Exit 127: it could not start.

        With `python`, an interpreter's command, argv begins with a Python file: a forking box runs
        it in a fork that has its imports already, any other box with that interpreter.
        """
        head = {"argv": list(argv), "env": dict(env), "cwd": cwd, "python": list(python)}
        return int(self.ask("run", stdin, **head).head["pid"])

    def wait(self, pid: int, timeout: float | None = None) -> int | None:
        """Return the exit code, negative for a signal; None when the timeout came first."""
        code: int | None = self.ask("wait", pid=pid, timeout=timeout).head["exit"]
        return code

    def signal(self, pid: int, number: int, group: bool = False) -> None:
        """Send a signal; ProcessLookupError when the program has ended."""
        self.ask("signal", pid=pid, number=int(number), group=group)

    def output(self, pid: int) -> bytes:
        """Return the first bytes of what the program wrote to stdout and stderr."""
        return self.ask("output", pid=pid).body

    def read(self, path: str, limit: int = READ) -> bytes:
        """Return a plain file of the box's folder; OSError (EFBIG) when longer than `limit`."""
        return self.ask("read", path=path, limit=limit).body

    def write(self, path: str, body: bytes) -> None:
        self.put({path: body})

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write several files at once."""
        sizes = [(path, len(body)) for path, body in files.items()]
        self.ask("write", b"".join(files.values()), files=sizes)

    def renew(self, files: Mapping[str, bytes]) -> None:
        """Kill every program and what it left running, and leave no file but these.

        Workers, ports and listening sockets stay.
        """
        sizes = [(path, len(body)) for path, body in files.items()]
        self.ask("renew", b"".join(files.values()), files=sizes)

    def remove(self, path: str) -> None:
        self.ask("remove", path=path)

    def glob(self, pattern: str) -> list[str]:
        """Return matching files, sorted; `**` crosses folders."""
        return list(self.ask("glob", pattern=pattern).head["found"])

    def listen(self, port: int) -> socket.socket:
        """Return a socket that listens on 127.0.0.1:port inside the box's network."""
        return socket.socket(fileno=self.ask("listen", port=port).fds[0])

    def connect(self, port: int) -> socket.socket:
        """Return a socket connected to 127.0.0.1:port inside; ConnectionRefusedError if none."""
        return socket.socket(fileno=self.ask("connect", port=port).fds[0])

    def share(self) -> socket.socket:
        """Return a second control socket, to be handed to another process."""
        return socket.socket(fileno=self.ask("share").fds[0])

    def usage(self) -> Usage:
        """Return what the tree has used until now."""
        self.last = Usage(**self.ask("usage").head_of("cpu", "peak", "killed"))
        return self.last

    def spent(self) -> float:
        """Return the CPU seconds until now, or until the last one heard of a box that is gone."""
        with contextlib.suppress(GraderError):
            self.usage()
        return self.last.cpu

    @property
    def closed(self) -> bool:
        """Whether it was closed here."""
        return self.channel.sock.fileno() < 0

    def close(self) -> Usage:
        """Kill everything in the box and return what it used. May be called twice."""
        if not self.closed:
            with contextlib.suppress(GraderError):
                self.last = Usage(**self.ask("close").head_of("cpu", "peak", "killed"))
            self.channel.close()
        if self._conn is not None:
            self._conn.close()
        self.cleanup.close()
        return self.last


def gather(source: Mapping[str, bytes] | Path) -> dict[str, bytes]:
    """Return the plain files of a folder by their path; a mapping as it is."""
    if isinstance(source, Mapping):
        return dict(source)
    return {
        os.path.relpath(path, source): path.read_bytes()
        for path in sorted(source.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
