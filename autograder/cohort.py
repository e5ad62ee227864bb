"""Judges the submissions of a class, as many at a time as there are cores, and streams outcomes.

Prints nothing, writes nothing, and keeps nothing of what it has handed over.
"""

from __future__ import annotations

import hashlib
import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from autograder.channel import Found
from autograder.court import Court, Job
from autograder.errors import GraderError, LadderError, SubmissionError, UsageError
from autograder.manifest import Course, Lab
from autograder.sandbox import Launcher, Slot, cores, own_slot
from autograder.seeds import desk_seed, epoch, grading_seeds
from autograder.submission import Submission
from autograder.verdict import ENGINE, LabResult

# Workers of one judge and zygote. For each submission these spend 4 and 5 CPU-ms that no other can
# use; the smallest lab takes 50 in all, so eight keep them busy at most 80 %, of a real lab 5 %.
PER_ZYGOTE = 8


@dataclass(frozen=True)
class Plan:
    """How a class is graded. Without a secret it is a self-check, not a grade."""

    secret: bytes
    mode: str
    layers: tuple[str, ...] = ()
    workers: int = 0
    binds: tuple[Path, ...] = ()


Outcome = tuple[Found, LabResult | LadderError]


def key(plan: Plan, version: str, submission: Submission) -> dict[str, Any]:
    """Return the key that the result of a submission would have (DESIGN 8)."""
    return {
        "lab": submission.lab, "learner": submission.learner, "submission": submission.hash,
        "version": version, "engine": ENGINE, "epoch": epoch(plan.secret), "tier": "cpu",
        "mode": plan.mode, "layers": "+".join(plan.layers),
    }  # fmt: skip


def unjudged(
    found: Iterable[Found],
    plan: Plan,
    judged: Callable[[Mapping[str, Any]], bool],
    tell: Callable[[Found, Mapping[str, Any]], None] = lambda *_: None,
) -> list[Found]:
    """Return the submissions whose key is not `judged` yet, and those that cannot be read.

    One is read at a time. `tell` hears of the others and their keys.
    """
    todo = []
    versions: dict[str, str] = {}
    for one in found:
        if one.lab.id not in versions:  # three files are read to tell it
            versions[one.lab.id] = one.lab.version
        version = versions[one.lab.id]
        mine = _key_or_none(plan, version, one)
        if mine is not None and judged(mine):
            tell(one, mine)
        else:
            todo.append(one)
    return todo


def _key_or_none(plan: Plan, version: str, one: Found) -> dict[str, Any] | None:
    with suppress(Exception):  # whoever judges it will say what is wrong
        return key(plan, version, one.read())
    return None


def shard(found: Iterable[Found], number: int, of: int) -> list[Found]:
    """Return shard `number`, from 1, of `of`: all attempts of a learner at a lab fall into one.

    Raises UsageError when there is no such shard.
    """
    if not 1 <= number <= of:
        raise UsageError(f"there is no shard {number} of {of}", "--shard", f"1/{of} to {of}/{of}")
    return [f for f in found if _place(f) % of == number - 1]


def _place(one: Found) -> int:
    text = f"{one.lab.id}\0{one.learner}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def judge_all(course: Course, found: Sequence[Found], plan: Plan) -> Iterator[Outcome]:
    """Judge submissions, several at a time; yield each outcome as soon as it is there.

    What ends by a fault of ours is judged once more, alone, when the rest of its lab is done.
    """
    for _, group in groupby(sorted(found, key=lambda f: f.lab.id), key=lambda f: f.lab.id):
        yield from _judge_lab(course, list(group), plan)


def _judge_lab(course: Course, found: Sequence[Found], plan: Plan) -> Iterator[Outcome]:
    again: list[Found] = []
    try:
        for one, end in _round(course, found, plan, plan.workers or cores()):
            if _ours(end):
                again.append(one)
            else:
                yield one, end
    except Unstarted as error:  # no reason to leave the other labs ungraded
        yield from ((one, error) for one in found)
        return
    for one in again:
        try:
            yield from _round(course, [one], plan, 1)
        except Unstarted as error:
            yield one, error


class Unstarted(GraderError):
    """Judge and zygote of a lab cannot be started; nothing has been judged yet."""


def _ours(end: LabResult | LadderError) -> bool:
    if isinstance(end, LabResult):
        return end.ungraded
    return not isinstance(end, SubmissionError)


def _round(course: Course, found: Sequence[Found], plan: Plan, workers: int) -> Iterator[Outcome]:
    """Judge submissions of one lab, `workers` at a time."""
    count = min(workers, len(found))
    todo = deque(found)
    # bounded: when results cannot be written as fast as they come, workers wait
    done: queue.Queue[Outcome | BaseException | None] = queue.Queue(2 * count)
    stations = [Station(found[0].lab, plan) for _ in range(math.ceil(count / PER_ZYGOTE))]
    threads = [
        threading.Thread(
            target=_work,
            args=(course, plan, stations[number // PER_ZYGOTE], todo, done),
            daemon=True,
        )
        for number in range(count)
    ]
    whole = False
    try:
        for station in stations:
            _start(station)
        for thread in threads:
            thread.start()
        yield from _drain(done, count)
        whole = True
    finally:
        todo.clear()
        for station in stations:
            station.close(kill=not whole)
        _let_go(threads, done)


def _let_go(threads: Sequence[threading.Thread], done: queue.Queue[Any]) -> None:
    """Wait until no thread works any more; what they still had to say is not asked for."""
    for thread in threads:
        while thread.is_alive():
            with suppress(queue.Empty):
                done.get(timeout=0.05)


def _start(station: Station) -> None:
    try:
        station.open()
    except LadderError as error:
        raise Unstarted(error.what, error.where, error.next) from error


def _drain(done: queue.Queue[Any], count: int) -> Iterator[Outcome]:
    while count:
        outcome = done.get()
        if outcome is None:
            count -= 1
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            yield outcome


def _work(
    course: Course,
    plan: Plan,
    station: Station,
    todo: deque[Found],
    done: queue.Queue[Any],
) -> None:
    """Judge until nothing is left."""
    try:
        with own_slot() as slot:
            while True:
                try:
                    one = todo.popleft()
                except IndexError:
                    return
                done.put((one, _outcome(course, plan, station, one, slot)))
    except BaseException as error:
        done.put(error)
    finally:
        done.put(None)


class Station:
    """A judge and a zygote of one lab for some workers; what has died is started anew."""

    def __init__(self, lab: Lab, plan: Plan) -> None:
        self.lab, self.plan, self.lock = lab, plan, threading.Lock()
        self.court: Court | None = None
        self.launcher: Launcher | None = None
        self.closed = False

    def open(self) -> tuple[Court, Launcher]:
        """Return judge and zygote, both alive. Raises GraderError when they cannot be started."""
        with self.lock:
            if self.closed:
                raise GraderError("grading was stopped", self.lab.id)
            if not _lives(self.court):
                self.court = Court(self.lab, self.plan.mode).__enter__()
            if not _lives(self.launcher):
                self.launcher = open_launcher(self.lab, self.plan).__enter__()
            assert self.court is not None
            assert self.launcher is not None
            return self.court, self.launcher

    def close(self, kill: bool = False) -> None:
        """End both for good; `kill`: do not wait for what is under way."""
        with self.lock:
            self.closed = True
            for one in (self.court, self.launcher):
                if one is not None and kill:
                    one.process.kill()
                if one is not None:
                    one.__exit__(None, None, None)


def _lives(one: Court | Launcher | None) -> bool:
    """Tell whether a judge or zygote runs; what is left of one that died is cleared away."""
    if one is not None and one.process.poll() is not None:
        one.__exit__(None, None, None)
        return False
    return one is not None


def open_launcher(lab: Lab, plan: Plan) -> Launcher:
    """Return a launcher for the learner's side of a lab."""
    kind: Any = lab.launcher
    return Launcher(kind, lab.preloaded(), plan.mode, binds=[*plan.binds, *lab.shown()])


def _outcome(
    course: Course, plan: Plan, station: Station, one: Found, slot: int
) -> LabResult | LadderError:
    try:
        court, launcher = station.open()
        job = make_job(course, court, plan, one.read(), slot)
        return court.judge(job, Slot(launcher, slot))
    except LadderError as error:
        return error
    except Exception as error:  # one submission must not keep the others from being graded
        return GraderError(f"{type(error).__name__}: {error}", str(one.path))


def make_job(
    course: Course, court: Court, plan: Plan, submission: Submission, slot: int = 0
) -> Job:
    """Return the job of one submission: its seeds are made here, the secret goes no further."""
    lab = court.lab
    desk = desk_seed(course.file.title, lab.id, submission.learner)
    seeds = (
        grading_seeds(plan.secret, lab.id, lab.version, submission.learner, list(court.checks))
        if plan.secret
        else {name: [desk] for name in court.checks}
    )
    return Job(
        submission, seeds, desk, sealed=bool(plan.secret), epoch=epoch(plan.secret), mode=plan.mode,
        layers=plan.layers, slot=slot,
    )  # fmt: skip
