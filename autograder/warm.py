"""Keeps a judge and a zygote of each lab in use, so that `ladder check` need not import again.

    python -m autograder.warm     serve on work/.state/warm.sock until killed; `ladder up` runs it

Only a time-saver: whoever finds it gone, stale or of another lab version judges by themselves. The
socket is the learner's own (mode 0600), and what runs here is what they would run without it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from autograder.court import Court, Job, packed, unpacked
from autograder.errors import SubmissionError
from autograder.manifest import Lab, load_course
from autograder.sandbox import Launcher
from autograder.sandbox.message import Channel
from autograder.submission import Submission
from autograder.verdict import CheckResult, LabResult

KEPT = 3  # labs at a time: a zygote with torch holds a few hundred megabytes


def place(root: Path) -> Path:
    """Return where the socket of a course is."""
    return root / "work" / ".state" / "warm.sock"


def judge(lab: Lab, job: Job, tell: Callable[[CheckResult], None]) -> LabResult | None:
    """Have a job judged by the warm judge; None when there is none. Raises SubmissionError."""
    sock = socket.socket(socket.AF_UNIX)
    channel = Channel(sock)
    try:
        sock.connect(str(place(lab.course.root)))
        head, body = packed(job)
        channel.send({**head, "lab": lab.id, "version": lab.version}, body)
        while True:
            message = channel.receive()
            match message.head["say"]:
                case "check":
                    tell(msgspec.json.decode(message.body, type=CheckResult))
                case "result":
                    return LabResult.from_json(message.body)
                case "refused":
                    raise SubmissionError(*message.head["why"])
                case _:
                    return None
    except (OSError, ConnectionError):
        return None
    finally:
        sock.close()


class Warm:
    """The serving side: one request at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.open: dict[str, tuple[str, contextlib.ExitStack, Court, Launcher]] = {}

    def serve(self) -> None:
        """Listen until killed."""
        path = place(self.root)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        old = os.umask(0o177)
        listener.bind(str(path))
        os.umask(old)
        listener.listen()
        while True:
            sock, _ = listener.accept()
            with contextlib.suppress(OSError, ConnectionError), sock:
                self.answer(Channel(sock))

    def answer(self, channel: Channel) -> None:
        """Judge one job for one client."""
        message = channel.receive()
        head = message.head
        try:
            court, launcher = self.of(head["lab"], head["version"])
            submission = Submission(files=unpacked(head["files"], message.body), **head["from"])
            job = Job(submission, **head["job"])
            result = court.judge(job, launcher, lambda c: _check(channel, c))
        except SubmissionError as error:
            channel.send({"say": "refused", "why": [error.what, error.where, error.next]})
        except Exception as error:  # whoever asked judges by themselves
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            self.forget(head["lab"])
            channel.send({"say": "cold"})
        else:
            channel.send({"say": "result"}, result.to_json())

    def of(self, name: str, version: str) -> tuple[Court, Launcher]:
        """Return judge and zygote of a lab, of just this version."""
        if name in self.open and self.open[name][0] != version:
            self.forget(name)
        if name not in self.open:
            while len(self.open) >= KEPT:
                self.forget(next(iter(self.open)))
            lab = load_course(self.root).lab(name)
            kind: Any = lab.launcher
            stack = contextlib.ExitStack()
            court = stack.enter_context(Court(lab, "D"))
            launcher = stack.enter_context(Launcher(kind, lab.preloaded(), "D"))
            self.open[name] = (version, stack, court, launcher)
        _, _, court, launcher = self.open[name]
        return court, launcher

    def forget(self, name: str) -> None:
        """End judge and zygote of a lab."""
        if name in self.open:
            self.open.pop(name)[1].close()


def _check(channel: Channel, result: CheckResult) -> None:
    channel.send({"say": "check"}, msgspec.json.encode(result))


if __name__ == "__main__":
    Warm(load_course().root).serve()
