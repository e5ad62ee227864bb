"""The trusted side: sessions with the learner's process, and what a check gets as `work`.

Believes nothing that comes back beyond its being data; one call is outstanding at a time, and
anything unexpected closes the session. Which process serves it, the sandbox decides.
"""

from __future__ import annotations

import array
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from autograder import lines
from autograder.errors import KINDS, LearnerError, WireError
from autograder.rooms import Boxes, Rooms
from autograder.sandbox import Box, Limits
from autograder.timeline import Timeline
from autograder.values import MAX_DECODED, decode, encode
from autograder.wire import Handle, receive, send


class Session:
    """One conversation with one learner's process: ask, then read exactly one answer.

    budget: decoded bytes left, shared by all sessions of a submission. wall: seconds after which
    an answer is no longer waited for; a backstop, far above what the CPU limit allows.
    """

    def __init__(
        self, sock: socket.socket, budget: list[int] | None = None, wall: float = 600
    ) -> None:
        self.sock: socket.socket | None = sock
        self.budget = [MAX_DECODED] if budget is None else budget
        self.wall, self.asked = wall, 0

    def ask(self, op: str, value: Any = None, **header: Any) -> Any:
        """Ask one thing and return the answer. Raises LearnerError."""
        self.asked += 1
        node, buffers = encode(value)
        header |= {"op": op, "id": self.asked}
        try:
            self._silent()
            send(self._open(), {**header, "args": node}, buffers)
            reply = receive(self._open(), time.monotonic() + self.wall)
        except (BrokenPipeError, ConnectionError):
            raise self._end("Stopped", "its process ended") from None
        except TimeoutError:
            raise self._end("Stopped", "it did not answer in time") from None
        except WireError as error:
            raise self._end("Answer", error.what) from None
        except MemoryError:
            raise self._end("Answer", "the answer is too large") from None
        if reply is None:
            raise self._end("Stopped", "its process ended before it answered")
        return self._read(*reply)

    def _read(self, header: dict[str, Any], buffers: list[memoryview]) -> Any:
        if header.get("id") != self.asked or type(header.get("id")) is not int:
            raise self._end("Answer", "a reply to something that was not asked")
        if header.get("reply") == "error":
            raise _learner_error(header)
        if header.get("reply") != "value":
            raise self._end("Answer", "a reply of no known kind")
        try:
            return decode(header.get("value"), buffers, self._handle, self.budget)
        except WireError as error:
            raise self._end("Answer", error.what) from None

    def _handle(self, target: int) -> Handle:
        return Handle(self, target)

    def _silent(self) -> None:
        """Refuse a process that speaks before it is asked."""
        ready, _, _ = select.select([self._open()], [], [], 0)
        if ready and self._open().recv(1, socket.MSG_PEEK):
            raise WireError("it spoke without being asked")

    def _open(self) -> socket.socket:
        if self.sock is None:
            raise LearnerError("Stopped", "its session is closed")
        return self.sock

    def _end(self, kind: str, text: str) -> LearnerError:
        self.close()
        return LearnerError(kind, text)

    def method(self, target: int, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call a method of the object behind a handle."""
        return self.ask("method", (tuple(args), kwargs), target=target, name=name)

    def items(self, target: int, count: int) -> list[Any]:
        """Return the first `count` items of the object behind a handle."""
        items = self.ask("take", target=target, count=count)
        if type(items) is not list or len(items) > count:
            raise self._end("Answer", "not the items that were asked for")
        return items

    def fork(self, cpu: float, sealed: bool) -> Session:
        """Return a session with a fork of the process, which may use `cpu` seconds."""
        ours, theirs = socket.socketpair()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))]
        try:
            send(self._open(), {"op": "fork", "cpu": max(1, round(cpu)), "sealed": sealed})
            self._open().sendmsg([b"f"], rights)
        except OSError:
            ours.close()
            raise self._end("Stopped", "its process ended") from None
        finally:
            theirs.close()
        return Session(ours, self.budget, self.wall)

    def close(self) -> None:
        """End the session; the process on the other side sees a clean end."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def _learner_error(header: dict[str, Any]) -> LearnerError:
    kind, text, where = (header.get(key) for key in ("kind", "text", "where"))
    texts = [v if isinstance(v, str) else "" for v in (text, where)]
    known = kind if kind in (*KINDS, "Answer") else "Exception"
    return LearnerError(str(known), texts[0][:4000], texts[1][:200])


class Name:
    """A name of the learner's module: call it."""

    __slots__ = ("_module", "_name", "_work")

    def __init__(self, work: Work, module: str, name: str) -> None:
        self._work, self._module, self._name = work, module, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._work.call(self._name, *args, _module=self._module, **kwargs)

    def __repr__(self) -> str:
        return f"<{self._name} of the learner's>"


class Module:
    """Another module of the lab folder."""

    def __init__(self, work: Work, name: str) -> None:
        self._work, self._name = work, name

    def __getattr__(self, name: str) -> Name:
        if name.startswith("__"):
            raise AttributeError(name)
        return Name(self._work, self._name, name)

    def get(self, name: str) -> Any:
        """Return the value of a name of this module."""
        return self._work.get(name, self._name)


class Program:
    """A program started in the sandbox; signals are sent by the supervisor, not by the learner."""

    def __init__(self, box: Box, pid: int, timeline: Timeline, file: str) -> None:
        self.box, self.pid, self.timeline = box, pid, timeline
        self.number = timeline.started(file)
        self.exit: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float = 600) -> int:
        """Wait for the end and return the exit status. Raises LearnerError after the backstop."""
        if (status := self._ended(timeout)) is None:
            raise LearnerError("Stopped", "the program did not end")
        return status

    def _ended(self, timeout: float) -> int | None:
        if self.exit is None:
            self.exit = self.box.wait(self.pid, timeout)
            if self.exit is not None:
                self.timeline.ended(self.number, self.exit)
        return self.exit

    def kill(self, sig: int = signal.SIGKILL) -> int | None:
        """Send a signal, unless it has ended; after SIGKILL, wait for the end."""
        with suppress(ProcessLookupError):
            self.box.signal(self.pid, sig)
            self.timeline.signalled(self.number, sig)
        return self.wait() if sig == signal.SIGKILL else self.poll()

    def output(self) -> bytes:
        """Return what it printed, capped. For desk data; sealed in graded runs."""
        return self.box.output(self.pid)


@contextmanager
def _folder(path: str) -> Iterator[None]:
    """Turn what the system says of the learner's folder, in which all is theirs, into LearnerError.

    That the sandbox itself is gone comes as a GraderError and stays one.
    """
    try:
        yield
    except FileNotFoundError:
        raise LearnerError("FileNotFoundError", f"no file {path!r} was written") from None
    except OSError as error:
        raise LearnerError("OSError", f"{path!r}: {error.strerror}") from None


class Work:
    """The learner's work, as a check sees it. Starts at first use, in a process of its own."""

    def __init__(
        self,
        boxes: Boxes,
        files: Mapping[str, bytes],
        limits: Limits,
        main: str,
        python: Sequence[str],
        close: Callable[[Box], None] | None,
        box: Box | None = None,
        session: Session | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        self._boxes, self._files, self._limits = boxes, files, limits
        self._main, self._python, self._close = main, list(python), close
        self._box, self._session = box, session
        self._timeline = timeline or Timeline()
        self._rooms = Rooms(boxes, limits)
        self.env: dict[str, str] = {}

    def __getattr__(self, name: str) -> Name:
        if name.startswith("_"):
            raise AttributeError(name)
        return Name(self, "", name)

    def module(self, name: str) -> Module:
        """Return another module of the lab folder."""
        return Module(self, name)

    def call(self, name: str, *args: Any, _module: str = "", **kwargs: Any) -> Any:
        """Call a name of the main module; for names that this object has itself."""
        return self.session().ask("call", (args, kwargs), name=name, module=_module)

    def get(self, name: str, module: str = "") -> Any:
        """Return the value of a name."""
        return self.session().ask("get", name=name, module=module)

    def box(self) -> Box:
        """Return the sandbox, opening it at first use."""
        if self._box is None:
            self._box = self._boxes.open(self._files, self._limits)
        return self._box

    def session(self) -> Session:
        """Return the session with the learner's process, starting it at first use."""
        if self._session is None:
            self._session = Session(self.box().load(dict(self.env)))
            self._session.ask("load", module=self._main.removesuffix(".py"))
        return self._session

    def run(
        self, file: str, *args: str, env: Mapping[str, str] = {}, stdin: bytes = b""
    ) -> Program:
        """Start a program of the lab folder: a Python file, or an executable by its name."""
        python = self._python if file.endswith(".py") else []
        pid = self.box().run([file, *args], {**self.env, **env}, stdin, python=python)
        return Program(self.box(), pid, self._timeline, file)

    def room(self, cpu: float, memory_mb: int) -> Box:
        """Return an empty sandbox for what a service of the check's runs. Raises GraderError.

        cpu: seconds; both at most what the lab allows.
        """
        return self._rooms.open(cpu, memory_mb)

    def reboot(self) -> None:
        """Be a new machine: whatever was started is killed, the files are as at the start.

        Listening sockets stay, and so does the loaded process behind `work.NAME`.
        """
        self.box().renew(self._files)
        self._timeline.replaced()

    def serve(self, file: str, port: int, *args: str, env: Mapping[str, str] = {}) -> Program:
        """Start a program and wait until its port accepts. Raises LearnerError if it never does."""
        program = self.run(file, *args, env=env)
        until = time.monotonic() + self._limits.wall
        while program.poll() is None and time.monotonic() < until:
            try:
                self.connect(port).close()
            except OSError:
                time.sleep(0.02)
            else:
                return program
        raise LearnerError("Stopped", f"the program never answered on port {port}")

    def listen(self, port: int) -> socket.socket:
        """Return a listening socket on the sandbox's own loopback. Raises LearnerError."""
        return lines.listen(self.box().listen, port)

    def connect(self, port: int) -> socket.socket:
        """Return a socket connected to a port inside the sandbox. Raises LearnerError."""
        return lines.connect(self.box().connect, port)

    def read(self, path: str, limit: int = 64 << 20) -> bytes:
        """Return the bytes of a file in the work folder. Raises LearnerError when there is none."""
        with _folder(path):
            return self.box().read(path, limit)

    def write(self, path: str, data: bytes) -> None:
        """Write a file into the work folder."""
        with _folder(path):
            self.box().write(path, data)

    def remove(self, path: str) -> None:
        """Remove a file of the work folder."""
        with _folder(path):
            self.box().remove(path)

    def files(self, pattern: str = "*") -> list[str]:
        """Return the paths in the work folder that match."""
        with _folder(pattern):
            return self.box().glob(pattern)

    def usage(self) -> Any:
        """Return CPU seconds and peak memory of everything in the sandbox."""
        return self.box().usage()

    def close(self) -> None:
        """End the rooms; the session and the sandbox too, if they are this check's own."""
        self._rooms.close(self._close or Box.close)
        if self._close is None:
            return
        if self._session is not None:
            self._session.close()
        if self._box is not None:
            self._close(self._box)
