"""Imports an allow-list once, rehearses, and forks a supervisor for each box.

Runs alone in its process, with one thread and an environment of our own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from autograder.sandbox import linux
from autograder.sandbox.cgroup import Group
from autograder.sandbox.confinement import close_in, enter_zygote
from autograder.sandbox.files import erase
from autograder.sandbox.message import Channel, Message
from autograder.sandbox.order import Order
from autograder.sandbox.supervisor import Supervisor


def main(fd: int) -> None:
    """Serve the launcher on `fd` until it goes away."""
    with socket.socket(fileno=fd) as sock:
        sock.set_inheritable(False)
        Zygote(Channel(sock)).serve()


class Zygote:
    """The process whose forks are supervisors."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.group: Group | None = None
        self.groups: dict[int, str] = {}
        wake, signalled = os.pipe()
        for end in (wake, signalled):
            os.set_blocking(end, False)
        self.wake, self.ends = wake, (wake, signalled)
        signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's to act on

    def serve(self) -> None:
        try:
            self.prepare(self.channel.receive().head)
        except ConnectionError:
            return
        except Exception:
            self.channel.send({"error": traceback.format_exc(limit=-2)})
            return
        self.channel.send({"ok": True, "threads": threads()})
        while self.next():
            pass
        self.reap(0)
        clear(*self.home)
        if self.group is not None:
            self.group.remove(self.group.name)

    def prepare(self, head: dict[str, Any]) -> None:
        """Make importable what was named, import it, and freeze it for sharing."""
        os.umask(0o022)
        self.group = Group.make(head["grader"]) if sys.platform == "linux" else None
        enter_zygote(head["mode"], head["shown"])
        self.home = head["mode"], head["home"]
        os.environ.update(HOME=head["home"], TMPDIR=head["home"])
        if head["mode"] in "AB":
            self.pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        sys.path.extend(head["path"])
        gc.disable()  # nothing that an import leaves is garbage worth looking for each time
        load(head["imports"])
        if head["fork"]:
            with contextlib.suppress(ModuleNotFoundError):
                worker = importlib.import_module(head["worker"].partition(":")[0])
                getattr(worker, "rehearse", int)()
        gc.collect()
        gc.freeze()
        gc.enable()
        if head["fork"] and sys.platform == "linux":
            linux.huge_pages()

    def next(self) -> bool:
        """Handle what came: an order, the end of a box, the end of the launcher."""
        for fd, _ in self.events():
            if fd == self.wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(fd, 4096)
            elif not self.orders():
                return False
        self.reap(os.WNOHANG)
        return True

    def reap(self, how: int) -> None:
        """Wait for boxes that have ended, so that what they used is counted."""
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, how)[0]:
                if self.group is not None and pid in self.groups:
                    self.group.remove(self.groups.pop(pid))

    def events(self) -> list[tuple[int, int]]:
        poll = select.poll()
        for fd in (self.wake, self.channel.sock.fileno()):
            poll.register(fd, select.POLLIN)
        return poll.poll()

    def orders(self) -> bool:
        try:
            more = self.channel.fill()
        except OSError:
            return False
        while (message := self.channel.take()) is not None:
            self.open(message)
        return more

    def open(self, message: Message) -> None:
        """Fork a supervisor that owns the socket which came with the order."""
        fd, order = message.fds[0], Order.from_dict(message.head)
        group = self.group.next() if self.group is not None else ""
        try:
            if order.own_pids:
                linux.unshare(linux.NEWPID)  # the next child will be its pid 1
            pid = os.fork()
            if not pid:
                self.become(order, fd, group)
            self.groups[pid] = group
        finally:
            os.close(fd)
            if order.own_pids:
                linux.setns(self.pids, linux.NEWPID)
        self.channel.send({"ok": True, "pid": pid})

    def become(self, order: Order, fd: int, group: str) -> NoReturn:
        """Be the supervisor of one box, and nothing after it."""
        status = 1
        try:
            self.channel.close()
            signal.set_wakeup_fd(-1)
            for end in self.ends:
                os.close(end)
            figures = self.group.join(group) if self.group is not None else None
            supervise(order, socket.socket(fileno=os.dup(fd)), figures)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)


def supervise(order: Order, sock: socket.socket, figures: int | None) -> None:
    try:
        close_in(order)
    except Exception as error:
        Channel(sock).send({"error": f"{type(error).__name__}: {error}"})
        return
    try:
        Supervisor(order, sock, figures).serve()
    finally:
        clear(order.mode, order.tmp)


def clear(mode: str, tmp: str) -> None:
    """Remove folders made on the host: the grader, whose they are, may have been killed."""
    if mode in "CD":
        erase(os.path.dirname(tmp))


def load(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)


def threads() -> int:
    """Return how many threads this process has; forks of more than one may hang."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1
