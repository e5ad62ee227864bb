"""Serves one box: starts the learner's processes, sums what they use, kills them all.

Never reads anything of the learner's but output, plain files and /proc.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from autograder.sandbox import files, start, tree
from autograder.sandbox.message import Channel, Message
from autograder.sandbox.meter import Meter
from autograder.sandbox.order import Order
from autograder.sandbox.ports import connect, listen

CHUNK = 1 << 16
FLOOD = 64  # so many times the kept output is drained and dropped before the box is killed


@dataclass
class Program:
    """One process that the grader asked for; `exit` is negative for a signal."""

    pid: int
    pipe: int
    output: bytearray = field(default_factory=bytearray)
    exit: int | None = None
    spared: bool = False  # a worker: it outlives a renewal


@dataclass
class Waiter:
    """A client that waits for a programme to end."""

    channel: Channel
    pid: int
    until: float


class Supervisor:
    """One box, until its first client asks it to close or goes away."""

    def __init__(self, order: Order, first: socket.socket, figures: int | None = None) -> None:
        self.order = order
        self.first = Channel(first)
        self.clients = {first.fileno(): self.first}
        self.programs: dict[int, Program] = {}
        self.pipes: dict[int, Program] = {}
        self.waiters: list[Waiter] = []
        self.flood = 0
        self.meter = Meter(order, figures)
        self.poll = select.poll()
        self.open, self.closed = True, False

    def serve(self) -> None:
        """Answer until closed, then leave no process behind."""
        self.wake = self.listen_for_children()
        self.watch(self.first.sock.fileno())
        self.first.send({"ok": True, "pid": os.getpid()})
        while self.open:
            for fd, _ in self.poll.poll(self.pause()):
                self.handle(fd)
            if self.open:
                self.look()
        self.end()

    def listen_for_children(self) -> int:
        """Wake the loop at every SIGCHLD."""
        wake, signalled = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else pipe()
        signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(wake)
        return wake

    def end(self) -> None:
        """Kill and count everything; start nothing any more."""
        self.closed = True
        self.meter.close(lambda: self.reap(0))

    def watch(self, fd: int) -> None:
        self.poll.register(fd, select.POLLIN)

    def pause(self) -> float | None:
        """Return how many milliseconds may pass until the next look."""
        seconds = self.meter.pause(idle=not self.living())
        if self.waiters:
            seconds = min(seconds, *(w.until - time.monotonic() for w in self.waiters))
        return max(0.0, seconds * 1000)

    def living(self) -> bool:
        return self.meter.count > 0 or any(p.exit is None for p in self.programs.values())

    def handle(self, fd: int) -> None:
        if fd == self.wake:
            with contextlib.suppress(BlockingIOError):
                os.read(fd, CHUNK)
        elif fd in self.pipes:
            self.drain(self.pipes[fd], once=True)
        elif fd in self.clients:
            self.listen_to(self.clients[fd])

    def look(self) -> None:
        """Reap, count, kill what is over a limit, answer those who wait."""
        self.reap()
        if self.meter.due():
            self.meter.sample(self.living())
        self.waiters = [w for w in self.waiters if not self.answered(w)]

    def reap(self, how: int = os.WNOHANG) -> None:
        """Wait for every child that has ended, adopted ones too; with how=0 for every child."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, how))[0]:
                program = self.programs.get(ended[0])
                if program is not None:
                    program.exit = os.waitstatus_to_exitcode(ended[1])
                    self.drain(program)

    def drain(self, program: Program, once: bool = False) -> None:
        """Keep a programme's first output; drop the rest; kill a flood."""
        while program.pipe >= 0:
            try:
                data = os.read(program.pipe, CHUNK)
            except BlockingIOError:
                return
            room = self.order.limits.output - len(program.output)
            program.output += data[: max(0, room)]
            self.flood += len(data)
            if not data:
                self.poll.unregister(program.pipe)
                del self.pipes[program.pipe]
                os.close(program.pipe)
                program.pipe = -1
            elif self.flood > FLOOD * self.order.limits.output:
                self.meter.kill("output")
                return
            if once:
                return

    def answered(self, waiter: Waiter) -> bool:
        program = self.programs[waiter.pid]
        if program.exit is None and time.monotonic() < waiter.until:
            return False
        with contextlib.suppress(OSError):
            waiter.channel.send({"ok": True, "exit": program.exit})
        return True

    def listen_to(self, channel: Channel) -> None:
        """Read from a client and do what it asks; the first client's end is the box's end."""
        try:
            more = channel.fill()
            while (message := channel.take()) is not None:
                self.answer(channel, message)
        except OSError:
            more = False
        if more:
            return
        if channel is self.first:
            self.open = False
        else:
            self.forget(channel)

    def forget(self, channel: Channel) -> None:
        self.waiters = [w for w in self.waiters if w.channel is not channel]
        fd = channel.sock.fileno()
        self.poll.unregister(fd)
        del self.clients[fd]
        channel.close()

    def answer(self, channel: Channel, message: Message) -> None:
        """Do one request; an error of the system goes back as its number."""
        try:
            reply = getattr(self, "do_" + message.head["do"])(channel, message)
        except OSError as error:
            reply = {"errno": error.errno or 0, "text": str(error.strerror or error)}
        except (ValueError, RecursionError) as error:  # a name or a depth of the learner's making
            reply = {"errno": errno.EINVAL, "text": f"{type(error).__name__}: {error}"}
        finally:
            for fd in message.fds:
                os.close(fd)
        if isinstance(reply, dict):
            channel.send(reply)
        elif isinstance(reply, bytes):
            channel.send({"ok": True}, reply)
        elif isinstance(reply, socket.socket):
            with reply:
                channel.send({"ok": True}, b"", [reply.fileno()])

    # Requests. Each returns its reply: a dict, bytes, a socket to hand over, or None for "later".

    def do_run(self, channel: Channel, message: Message) -> dict[str, Any]:
        head = message.head
        if head["python"]:
            act = start.python_file(self.order, head["python"], head["argv"])
        else:
            act = start.programme(head["argv"])
        return {"ok": True, "pid": self.spawn(act, head["env"], message.body, head["cwd"])}

    def do_load(self, channel: Channel, message: Message) -> None:
        """Start the worker and hand over the other end of its socket."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            act = start.worker(self.order)
            pid = self.spawn(act, message.head["env"], b"", ".", theirs.fileno())
            self.programs[pid].spared = True
            channel.send({"ok": True, "pid": pid}, b"", [ours.fileno()])

    def spawn(
        self, act: Any, env: dict[str, str], stdin: bytes, cwd: str, keep: int | None = None
    ) -> int:
        if self.meter.killed or self.closed:
            raise OSError(0, f"the box was ended: {self.meter.killed or 'closed'}")
        inside = self.standard_input(stdin)
        out, theirs = os.pipe()
        try:
            pid = start.spawn(self.order, act, (inside, theirs), env, cwd=cwd, keep=keep)
        finally:
            os.close(inside)
            os.close(theirs)
        os.set_blocking(out, False)
        self.programs[pid] = self.pipes[out] = Program(pid, out)
        self.watch(out)
        self.meter.soon()
        return pid

    def standard_input(self, body: bytes) -> int:
        """Return a descriptor to read `body` from; a pipe would block us when it is long."""
        if not body:
            return os.open(os.devnull, os.O_RDONLY)
        if hasattr(os, "memfd_create"):  # the learner may have filled the disk
            fd = os.memfd_create("stdin")
            with os.fdopen(os.dup(fd), "wb") as file:
                file.write(body)
            os.lseek(fd, 0, os.SEEK_SET)
            return fd
        path = os.path.join(self.order.tmp, f".stdin-{os.getpid()}")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(path)
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(body)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    def do_wait(self, channel: Channel, message: Message) -> None:
        timeout = message.head["timeout"]
        until = float("inf") if timeout is None else time.monotonic() + timeout
        self.program(message)
        self.waiters.append(Waiter(channel, message.head["pid"], until))

    def do_signal(self, channel: Channel, message: Message) -> dict[str, Any]:
        """Signal a programme that has not been waited for: its pid cannot be another's."""
        program, number = self.program(message), message.head["number"]
        self.reap()
        if program.exit is not None:
            raise ProcessLookupError(3, "the programme has ended")
        (os.killpg if message.head["group"] else os.kill)(program.pid, number)
        return {"ok": True}

    def do_output(self, channel: Channel, message: Message) -> bytes:
        program = self.program(message)
        self.drain(program)
        return bytes(program.output)

    def program(self, message: Message) -> Program:
        try:
            return self.programs[message.head["pid"]]
        except KeyError:
            raise ProcessLookupError(3, "no such programme") from None

    def do_read(self, channel: Channel, message: Message) -> bytes:
        return files.read(self.order.desk, message.head["path"], message.head["limit"])

    def do_write(self, channel: Channel, message: Message) -> dict[str, Any]:
        """Write several files whose bytes follow each other in the body."""
        at = 0
        for path, size in message.head["files"]:
            files.write(self.order.desk, path, message.body[at : at + size])
            at += size
        return {"ok": True}

    def do_renew(self, channel: Channel, message: Message) -> dict[str, Any]:
        """Make the box a new machine: no process but the workers', no file but these."""
        spared = {p.pid for p in self.programs.values() if p.spared and p.exit is None}
        tree.kill_below(os.getpid(), spared)
        self.reap()
        shared = ["/dev/shm"] if self.order.own_pids else []
        for folder in (self.order.desk, self.order.tmp, *shared):
            files.empty(folder)
        return self.do_write(channel, message)

    def do_remove(self, channel: Channel, message: Message) -> dict[str, Any]:
        files.remove(self.order.desk, message.head["path"])
        return {"ok": True}

    def do_glob(self, channel: Channel, message: Message) -> dict[str, Any]:
        return {"ok": True, "found": files.glob(self.order.desk, message.head["pattern"])}

    def do_listen(self, channel: Channel, message: Message) -> socket.socket:
        return listen(message.head["port"])

    def do_connect(self, channel: Channel, message: Message) -> socket.socket:
        return connect(message.head["port"])

    def do_share(self, channel: Channel, message: Message) -> socket.socket:
        """Make a second connection, for the judge."""
        ours, theirs = socket.socketpair()
        self.clients[ours.fileno()] = Channel(ours)
        self.watch(ours.fileno())
        return theirs

    def do_usage(self, channel: Channel, message: Message) -> dict[str, Any]:
        self.reap()
        self.meter.sample(self.living())
        return {"ok": True, **self.meter.usage()}

    def do_close(self, channel: Channel, message: Message) -> dict[str, Any]:
        """End all that runs; the first client's close is the box's own end too."""
        self.end()
        self.open = channel is not self.first
        return {"ok": True, **self.meter.usage()}


def pipe() -> tuple[int, int]:
    ends = os.pipe()
    for fd in ends:
        os.set_blocking(fd, False)
    return ends
