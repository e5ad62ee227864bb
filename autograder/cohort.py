"""Judges the submissions of a class, several at a time. Prints nothing, writes nothing."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.channel import Found
from autograder.court import Court, Job
from autograder.errors import GraderError, LadderError
from autograder.manifest import Course, Lab
from autograder.sandbox import Launcher
from autograder.seeds import desk_seed, epoch, grading_seeds
from autograder.submission import Submission
from autograder.verdict import LabResult


@dataclass(frozen=True)
class Plan:
    """How a class is graded. Without a secret it is a self-check, not a grade."""

    secret: bytes
    mode: str
    layers: tuple[str, ...] = ()
    workers: int = 0
    binds: tuple[Path, ...] = ()


Outcome = tuple[Found, LabResult | LadderError]


def judge_all(course: Course, found: Sequence[Found], plan: Plan) -> Iterator[Outcome]:
    """Judge submissions, several at a time; yield each result as soon as it is there."""
    for lab in {f.lab.id: f.lab for f in found}.values():
        yield from _judge_lab(course, lab, [f for f in found if f.lab is lab], plan)


def _judge_lab(course: Course, lab: Lab, found: list[Found], plan: Plan) -> Iterator[Outcome]:
    todo: queue.SimpleQueue[Found] = queue.SimpleQueue()
    done: queue.SimpleQueue[Outcome | BaseException | None] = queue.SimpleQueue()
    for one in found:
        todo.put(one)
    count = min(plan.workers or os.cpu_count() or 1, len(found))
    with Court(lab, plan.mode) as court, open_launcher(lab, plan) as launcher:
        threads = [
            threading.Thread(
                target=_work,
                args=(course, court, plan, Slot(launcher, slot), todo, done),
                daemon=True,
            )
            for slot in range(count)
        ]
        for thread in threads:
            thread.start()
        yield from _drain(done, count)
        for thread in threads:
            thread.join()


def _drain(done: queue.SimpleQueue[Any], count: int) -> Iterator[Outcome]:
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
    court: Court,
    plan: Plan,
    boxes: Slot,
    todo: queue.SimpleQueue[Found],
    done: queue.SimpleQueue[Any],
) -> None:
    """Judge until nothing is left."""
    try:
        while True:
            try:
                one = todo.get_nowait()
            except queue.Empty:
                return
            done.put((one, _outcome(course, court, plan, one, boxes)))
    except BaseException as error:
        done.put(error)
    finally:
        done.put(None)


def open_launcher(lab: Lab, plan: Plan) -> Launcher:
    """Return a launcher for the learner's side of a lab."""
    kind: Any = lab.launcher
    return Launcher(kind, lab.preloaded(), plan.mode, binds=plan.binds)


class Slot:
    """The boxes of one thread: those of several threads run side by side, each as another user."""

    def __init__(self, launcher: Launcher, slot: int) -> None:
        self.launcher, self.slot = launcher, slot

    def open(self, files: Any, limits: Any) -> Any:
        """Open a sandbox in this slot."""
        return self.launcher.open(files, limits, slot=self.slot)


def _outcome(
    course: Course, court: Court, plan: Plan, one: Found, boxes: Slot
) -> LabResult | LadderError:
    try:
        job = make_job(course, court, plan, one.read(), boxes.slot)
        result = court.judge(job, boxes)
        return court.judge(job, boxes) if result.ungraded else result  # our fault: once more, alone
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
