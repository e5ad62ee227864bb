"""The judge's own process: exec'ed once for a lab, forked and confined for each submission.

The grader's process, which knows secrets and the gradebook, hands in a job and a socket; the judge
asks for sandboxes over that socket, because a confined process cannot open any, and sends back a
result. It is never told the secret, only the seeds that were made from it.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from autograder.chambers import Chambers
from autograder.errors import GraderError, SubmissionError
from autograder.lent import Lent
from autograder.manifest import Lab, load_course
from autograder.plain import Stream
from autograder.rooms import Boxes
from autograder.sandbox import Box, Limits, confine, linux
from autograder.sandbox.limits import GATHERED, QUIET
from autograder.sandbox.message import Channel
from autograder.sandbox.root import visible
from autograder.submission import Submission
from autograder.verdict import CheckResult, LabResult, Verdict

CPU, GRACE = 60, 30  # seconds of a judge beyond twice its lab's own, and until it is killed
MEMORY = 4 << 30  # bytes of a judge beyond what it has imported
BOOT = "import sys; sys.path.append({root!r}); from autograder.court import main; main({fd})"


@dataclass(frozen=True)
class Job:
    """One submission to be judged. `seeds` has the seeds of each check."""

    submission: Submission
    seeds: Mapping[str, Sequence[int]]
    desk_seed: int
    sealed: bool = True
    epoch: str = "desk"
    mode: str = "D"
    layers: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    slot: int = 0


class Court:
    """A judge for one lab, in a process of its own. Safe to use from several threads."""

    def __init__(self, lab: Lab, mode: str | None = None) -> None:
        self.lab, self.mode = lab, mode or "D"
        self.lock = threading.Lock()

    def __enter__(self) -> Court:
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[1])
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-c", BOOT.format(root=root, fd=theirs.fileno())],
                env={
                    **QUIET, **GATHERED, "PATH": os.environ.get("PATH", os.defpath),
                    "TMPDIR": tempfile.gettempdir(),
                },
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self.channel = Channel(ours)
        self.checks = self._open()
        return self

    def _open(self) -> dict[str, CheckResult]:
        self.channel.send(
            {"root": str(self.lab.course.root), "lab": self.lab.id, "mode": self.mode}
        )
        try:
            reply = self.channel.receive()
        except ConnectionError:
            raise GraderError("the judge did not start", self.lab.id) from None
        if "error" in reply.head:
            raise GraderError(f"the judge did not start: {reply.head['error']}", self.lab.id)
        return msgspec.json.decode(reply.body, type=dict[str, CheckResult])

    def __exit__(self, *_: object) -> None:
        self.channel.sock.close()
        self.process.wait()

    def judge(
        self, job: Job, boxes: Boxes, tell: Callable[[CheckResult], None] = lambda _: None
    ) -> LabResult:
        """Judge one submission. Raises SubmissionError; a judge that dies gives `ungraded`."""
        ours, theirs = socket.socketpair()
        channel = Channel(ours)
        try:
            with theirs, self.lock:
                self.channel.send(*packed(job), [theirs.fileno()])
            return self._preside(channel, boxes, tell)
        except (OSError, GraderError) as error:
            return self.ungraded(job, f"the judge ended: {error}")
        finally:
            channel.sock.close()

    def _preside(
        self, channel: Channel, boxes: Boxes, tell: Callable[[CheckResult], None]
    ) -> LabResult:
        """Serve one judge: open sandboxes for it, pass on verdicts, until its result is here."""
        lent: dict[int, Box] = {}
        try:
            while True:
                message = channel.receive()
                match message.head["say"]:
                    case "box":
                        self._lend(channel, boxes, message.head, message.body, lent)
                    case "closed":
                        if (box := lent.pop(message.head["box"], None)) is not None:
                            box.close()
                    case "check":
                        tell(msgspec.json.decode(message.body, type=CheckResult))
                    case "refused":
                        raise SubmissionError(*message.head["why"])
                    case "homeless":
                        raise GraderError(f"no temporary folder: {message.head['why']}")
                    case "result":
                        return LabResult.from_json(message.body)
        finally:
            with contextlib.ExitStack() as stack:
                for left in lent.values():
                    stack.callback(left.close)

    def _lend(
        self, channel: Channel, boxes: Boxes, head: Mapping[str, Any], body: bytes,
        lent: dict[int, Box],
    ) -> None:  # fmt: skip
        try:
            box = boxes.open(unpacked(head["files"], body), Limits(**head["limits"]))
        except (OSError, GraderError) as error:
            channel.send({"failed": str(error)})
            return
        lent[head["box"]] = box
        with box.share() as shared:
            channel.send({"lent": True}, b"", [shared.fileno()])

    def ungraded(self, job: Job, why: str) -> LabResult:
        """Return a result in which nothing is graded: the fault is the grader's."""
        checks = tuple(
            msgspec.structs.replace(c, verdict=Verdict.UNGRADED, message=why)
            for c in self.checks.values()
        )
        return LabResult(
            lab=self.lab.id, version=self.lab.version, learner=job.submission.learner,
            submission=job.submission.hash, epoch=job.epoch, mode=job.mode, layers=job.layers,
            checks=checks,
        )  # fmt: skip


def packed(job: Job) -> tuple[dict[str, Any], bytes]:
    """Return a job as the head and the body of a message."""
    files = job.submission.files
    head = {
        "files": [[name, len(data)] for name, data in files.items()],
        "job": {k: v for k, v in vars(job).items() if k != "submission"},
        "from": {k: getattr(job.submission, k) for k in ("lab", "learner", "time", "path")},
    }
    return head, b"".join(files.values())


def unpacked(files: Sequence[Sequence[Any]], body: bytes) -> dict[str, bytes]:
    """Return the files of a message's body."""
    out, at = {}, 0
    for name, size in files:
        out[name] = body[at : at + size]
        at += size
    return out


def main(fd: int) -> NoReturn:
    """Serve the grader's process on `fd`: load the lab once, fork for each job."""
    from autograder.grade import load_lab

    channel = Channel(socket.socket(fileno=fd))
    order = channel.receive().head
    try:
        lab = load_course(Path(order["root"])).lab(order["lab"])
        loaded = load_lab(lab)
        _warm(lab)
        shown = _visible(lab)  # afterwards: an import may have installed what is to be read
        channel.send({"ready": True}, msgspec.json.encode(_unjudged(loaded.checks)))
    except Exception as error:
        channel.send({"error": str(error)})
        raise SystemExit(3) from error
    chambers = Chambers(order["mode"])
    with contextlib.suppress(ConnectionError):
        while True:
            message = chambers.wait(channel)
            sock = socket.socket(fileno=message.fds[0])
            try:
                tmp = chambers.folder(message.head["job"]["slot"])
            except OSError as error:
                with sock, contextlib.suppress(OSError):
                    Channel(sock).send({"say": "homeless", "why": str(error)})
                continue
            pid = os.fork()
            if not pid:
                channel.sock.close()
                chambers.leave()
                closed = partial(confine, shown, mode=order["mode"], network=False, tmp=tmp)
                _sit(loaded, closed, order["mode"], Channel(sock), message.head, message.body)
            chambers.begin(pid, tmp)
            sock.close()
    chambers.close()
    raise SystemExit(0)


def _warm(lab: Lab) -> None:
    """Import what every judge of this lab will need, so that forks share it."""
    import gc
    import importlib

    from autograder.rehearsal import rehearse

    for module in ("numpy", "pandas", *(m for n in lab.needs() for m in n.judge_imports)):
        importlib.import_module(module)
    rehearse()
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        linux.huge_pages()


def _unjudged(checks: Mapping[str, Any]) -> dict[str, CheckResult]:
    return {
        c.name: CheckResult(
            name=c.name, claim=c.claim, points=c.points, observes=c.observes, must=c.must,
            after=c.after, verdict=Verdict.UNGRADED,
        )
        for c in checks.values()
    }  # fmt: skip


def _sit(
    loaded: Any,
    close_in: Callable[..., None],
    mode: str,
    channel: Channel,
    head: dict[str, Any],
    body: bytes,
) -> NoReturn:
    """Judge one submission in this fork, and end."""
    status = 1
    sys.stderr = Stream(sys.stderr)  # a lab may tell what a learner's program said
    try:
        _bound(loaded.limits.cpu)
        close_in(slot=head["job"]["slot"])
        result = _judged(loaded, mode, channel, head, unpacked(head["files"], body))
        channel.send({"say": "result"}, result.to_json())
        status = 0
    except SubmissionError as error:
        channel.send({"say": "refused", "why": [error.what, error.where, error.next]})
    except ConnectionError:  # whoever asked has seen enough
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _bound(cpu: float) -> None:
    """Bound what answers can make this process spend: keys that collide, shapes that broadcast.

    The check that is over the bound ends by an exception; `GRACE` seconds later, in a library that
    hears no signal, the whole judge ends.
    """
    most = math.ceil(CPU + 2 * cpu)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + GRACE))
    signal.signal(signal.SIGXCPU, _stop)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[5])
        bytes_ = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (bytes_, bytes_))


def _stop(*_: object) -> NoReturn:
    raise MemoryError("the answers cost more to read than they may")


def _visible(lab: Lab) -> list[str]:
    """Return what a judge sees of the host: the course, because it reads what strangers answer."""
    root = lab.course.root
    packages = [Path(__file__).parent, Path(__file__).parents[1] / "infra"]
    more = [root / folder for need in lab.needs() for folder in need.judge_reads]
    folders = [*packages, root / "labs", lab.solution, *more, *lab.shown()]
    return visible(path.absolute() for path in folders if path.is_dir())


def _judged(
    loaded: Any, mode: str, channel: Channel, head: dict[str, Any], files: dict[str, bytes]
) -> LabResult:
    from autograder.grade import Bench, grade

    job = head["job"]
    bench = Bench(
        loaded,
        Submission(files=files, **head["from"]),
        Lent(channel),
        job["sealed"],
        job["desk_seed"],
        clock=_clock,
    )
    result = grade(
        bench, job["seeds"], epoch=job["epoch"], mode=job["mode"], layers=tuple(job["layers"]),
        only=job["only"], tell=lambda c: channel.send({"say": "check"}, msgspec.json.encode(c)),
    )  # fmt: skip
    return msgspec.structs.replace(result, cpu=round(result.cpu + _clock(), 4))


def _clock() -> float:
    """Return the CPU seconds of this fork and of the clouds that it started and has seen end."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime
