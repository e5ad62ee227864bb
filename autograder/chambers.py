"""The judges forked for one lab, and the temporary folder of each: given, watched, removed.

A judge with a root of its own has its folder in memory, bounded by the kernel, and it ends with the
judge. Any other gets one of this machine's: looked at every LOOK seconds, removed when the judge
has ended in whichever way. Limit: a look sees what has a name.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import tempfile
import time
from dataclasses import dataclass
from typing import NoReturn

from autograder.errors import LearnerError
from autograder.sandbox import files
from autograder.sandbox.confine import judge_uid
from autograder.sandbox.limits import ENTRIES, ROOM
from autograder.sandbox.message import Channel, Message

PREFIX = "ladder-judge-"
LOOK = 0.2  # seconds between two looks
PATIENCE = 50  # so many looks a judge may be over its bound until it is killed
TOLD = signal.SIGXFSZ  # how a judge hears of it


@dataclass
class Chamber:
    """The folder of one judge, "" for one that has its own."""

    folder: str
    over: int = 0


class Chambers:
    """Judges under way. A signal of the kernel's wakes `wait`, so that none stays unnoticed."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.judges: dict[int, Chamber] = {}
        self.wake, self.signalled = os.pipe()
        for end in (self.wake, self.signalled):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.signalled, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def folder(self, slot: int) -> str:
        """Make the folder of the next judge; "" where it will have its own. Raises OSError."""
        if self.mode in "AB":
            return ""
        path = tempfile.mkdtemp(prefix=PREFIX)
        uid = judge_uid(self.mode, slot)
        if uid is not None:
            os.chown(path, uid, uid)
        return path

    def leave(self) -> None:
        """Be a judge, in its fork: hear when its folder is over the bound, nothing else of ours."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(TOLD, _stop)
        os.close(self.wake)
        os.close(self.signalled)

    def begin(self, pid: int, folder: str) -> None:
        """Watch over a judge from now on."""
        self.judges[pid] = Chamber(folder)

    def wait(self, channel: Channel) -> Message:
        """Return the next message. Raises ConnectionError when there will be none."""
        poll = select.poll()
        for fd in (self.wake, channel.sock.fileno()):
            poll.register(fd, select.POLLIN)
        while (message := channel.take()) is None:
            watched = any(one.folder for one in self.judges.values())
            ready = dict(poll.poll(LOOK * 1000 if watched else None))
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake, 4096)
            self.look()
            if channel.sock.fileno() in ready and not channel.fill():
                raise ConnectionError("the other side closed")
        return message

    def look(self) -> None:
        """Reap, remove what ended judges leave, and tell those that are over their bound."""
        for pid, one in list(self.judges.items()):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                self.end(pid)
            elif one.folder:
                size, count = files.size(one.folder)
                one.over = one.over + 1 if size > ROOM or count > ENTRIES else 0
                if one.over:
                    os.kill(pid, TOLD if one.over < PATIENCE else signal.SIGKILL)

    def end(self, pid: int) -> None:
        """Remove the folder of a judge; its clouds, killed with it, may write for a moment yet."""
        folder = self.judges.pop(pid).folder
        for _ in range(100):
            if not folder or not os.path.exists(folder):
                return
            files.erase(folder)
            time.sleep(0.01)

    def close(self) -> None:
        """Wait for every judge, so that what it used is counted."""
        for pid in list(self.judges):
            os.waitpid(pid, 0)
            self.end(pid)


def _stop(*_: object) -> NoReturn:
    raise LearnerError("Stopped", f"more than {ROOM >> 20} MB were to be kept for it")
