"""A worker's side of grading over Dask: judges one job, keeps judge and zygote for the next one.

Runs in whatever process imports it, thread-safe; a job is two pieces of bytes, so is the answer.
Holds no secret and no gradebook: it gets the seeds of one submission and sends back one result.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from autograder.court import Court, Job, unpacked
from autograder.errors import GraderError, LadderError, SubmissionError
from autograder.manifest import Lab, load_course
from autograder.sandbox import Launcher, Layers, Slot, detect, own_slot
from autograder.sandbox.confinement import packages
from autograder.sandbox.layers import STATE
from autograder.submission import Submission
from autograder.verdict import ENGINE, MAX_RESULT, LabResult

KEPT = 2  # labs whose judge and zygote wait for more; a class comes lab by lab
MAX_SAID = 2_000  # characters of a refusal
MAX_ANSWER = MAX_RESULT + (64 << 10)


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker is told: whose work it is, which lab, the seeds; the files follow as a body.

    files: names and sizes. sandboxed: whether the worker must have walls that hold.
    """

    lab: str
    version: str
    engine: int
    learner: str
    files: tuple[tuple[str, int], ...]
    seeds: dict[str, tuple[int, ...]]
    desk_seed: int
    sealed: bool
    epoch: str
    sandboxed: bool
    time: float = 0.0
    path: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker says: a result, that the work is refused, or that it could not judge."""

    say: Literal["result", "refused", "failed"]
    result: msgspec.Raw = msgspec.Raw(b"null")
    why: tuple[str, str, str] = ("", "", "")


def written(job: Job, lab: Lab, sandboxed: bool) -> tuple[bytes, bytes]:
    """Return a job as the two arguments of `judge`."""
    files = job.submission.files
    order = Order(
        lab=lab.id, version=lab.version, engine=ENGINE, learner=job.submission.learner,
        files=tuple((name, len(data)) for name, data in files.items()),
        seeds={name: tuple(seeds) for name, seeds in job.seeds.items()},
        desk_seed=job.desk_seed, sealed=job.sealed, epoch=job.epoch, sandboxed=sandboxed,
        time=job.submission.time, path=job.submission.path,
    )  # fmt: skip
    return msgspec.json.encode(order), b"".join(files.values())


def judge(head: bytes, body: bytes) -> bytes:
    """Judge one job and return an `Answer` as JSON, whatever happens. Runs on a worker."""
    return _answered(lambda: _judged(msgspec.json.decode(head, type=Order), body).to_json())


def walls() -> bytes:
    """Return, as an `Answer`, sandbox mode and layers of this machine. Runs on a worker."""
    return _answered(lambda: msgspec.json.encode(_standing(_walls())))


def _standing(layers: Layers | None) -> tuple[str, tuple[str, ...]]:
    """Return mode and names of the layers that hold; mode D when none was asked for."""
    if layers is None:
        return "D", ()
    return layers.mode, tuple(name for name, holds in layers.have.items() if holds)


def _answered(work: Callable[[], bytes]) -> bytes:
    try:
        answer = Answer(say="result", result=msgspec.Raw(work()))
    except SubmissionError as error:
        answer = Answer(say="refused", why=_said(error))
    except LadderError as error:
        answer = Answer(say="failed", why=_said(error))
    except Exception as error:
        answer = Answer(say="failed", why=_said(GraderError(f"{type(error).__name__}: {error}")))
    return msgspec.json.encode(answer)


def _said(error: LadderError) -> tuple[str, str, str]:
    return error.what[:MAX_SAID], error.where[:MAX_SAID], error.next[:MAX_SAID]


def _judged(order: Order, body: bytes) -> LabResult:
    if order.engine != ENGINE:
        raise _stale(f"this course program is engine {ENGINE}, engine {order.engine} was asked for")
    mode, layers = _standing(_walls() if order.sandboxed else None)
    result = _once(order, body, mode, layers)
    if result.ungraded:  # our fault, or a judge that has died since the last job: afresh, once
        KEEPER.forget(order.lab)
        result = _once(order, body, mode, layers)
    return result


def _once(order: Order, body: bytes, mode: str, layers: tuple[str, ...]) -> LabResult:
    with KEEPER.hall(order.lab, order.version, mode) as hall, own_slot() as slot:
        files = unpacked(order.files, body)
        job = Job(
            Submission(order.lab, order.learner, files, order.time, order.path), order.seeds,
            order.desk_seed, order.sealed, order.epoch, mode, layers, slot=slot,
        )  # fmt: skip
        return hall.court.judge(job, Slot(hall.launcher, slot))


def _walls() -> Layers:
    """Return this machine's walls. Raises GraderError when they cannot hold others' work."""
    with _one_at_a_time():
        layers = detect()
    if layers.grades_others:
        return layers
    why = "; ".join(f"{m.layer}: {m.why} ({m.remedy})" for m in layers.missing)
    raise GraderError(f"this worker cannot confine others' code: {why}", socket.gethostname())


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one worker of a machine find out about its walls; the others read what it found."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            STATE.mkdir(parents=True, exist_ok=True)
            fcntl.flock(stack.enter_context(open(STATE / "layers.lock", "w")), fcntl.LOCK_EX)
        yield


class Hall:
    """Judge and zygote of one lab in one version, and how many jobs are in it."""

    def __init__(self, lab: Lab, version: str, mode: str) -> None:
        self.lab, self.made_for, self.guests = lab, (version, mode), 0
        kind: Any = lab.launcher
        with contextlib.ExitStack() as stack:
            self.court = stack.enter_context(Court(lab, mode))
            self.launcher = stack.enter_context(
                Launcher(
                    kind, lab.preloaded(), mode, binds=[*packages(["larkmoor"]), *lab.shown()]
                )
            )
            self.stack = stack.pop_all()

    def fits(self, version: str, mode: str) -> bool:
        """Tell whether it is of this version, and the files that a judge reads still are."""
        return self.made_for == (version, mode) and self.lab.version == version


class Keeper:
    """The halls of this worker: opened at the first job, kept for the next ones, `KEPT` at most."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.halls: dict[str, Hall] = {}

    @contextlib.contextmanager
    def hall(self, name: str, version: str, mode: str) -> Iterator[Hall]:
        """Give the hall of a lab. Raises GraderError when this worker's lab is another version."""
        with self.lock:
            hall = self._enter(name, version, mode)
            hall.guests += 1
        try:
            yield hall
        finally:
            with self.lock:
                hall.guests -= 1
                if self.halls.get(name) is not hall:
                    self._close(hall)

    def _enter(self, name: str, version: str, mode: str) -> Hall:
        hall = self.halls.get(name)
        if hall is None or not hall.fits(version, mode):
            lab = load_course().lab(name)
            if lab.version != version:
                raise _stale(f"{name} is version {lab.version} here, {version} was asked for")
            self._drop(name)
            hall = Hall(lab, version, mode)
        self.halls.pop(name, None)
        self.halls[name] = hall  # the last one is the latest
        for old in list(self.halls)[:-KEPT]:
            self._drop(old)
        return hall

    def forget(self, name: str) -> None:
        """Have a new hall opened for the next job of this lab."""
        with self.lock:
            self._drop(name)

    def _drop(self, name: str) -> None:
        hall = self.halls.pop(name, None)
        if hall is not None:
            self._close(hall)

    def _close(self, hall: Hall) -> None:
        """Close a hall that nobody will be shown into, when nobody is left in it."""
        if not hall.guests:
            hall.stack.close()


def _stale(what: str) -> GraderError:
    return GraderError(
        what, f"worker on {socket.gethostname()}", "bring its course up to date and start it again"
    )


KEEPER = Keeper()
