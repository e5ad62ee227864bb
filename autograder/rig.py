"""Judges many submissions of one lab on the graded path, a few at a time. Decides nothing.

The seeds come from a fixed secret, so that a proof can be repeated anywhere.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from autograder.court import Court, Job
from autograder.lies import RECORDED
from autograder.manifest import Lab
from autograder.sandbox import Box, Launcher, Limits, Slot, cores, own_slot
from autograder.seeds import desk_seed, epoch, grading_seeds
from autograder.submission import Submission
from autograder.verdict import CheckResult, LabResult, Verdict

SECRET = b"ladder prove"
LEARNER = "prover"
MOST = 8  # submissions at a time, or as many as cores: each has a process with the lab's imports
WAITING = 6  # of those that mostly wait, on however few cores
MAX_RECORD = 4 << 20


@dataclass(frozen=True)
class Task:
    """One submission to be judged. `learner` decides data and seeds."""

    name: str
    files: Mapping[str, bytes]
    learner: str = LEARNER
    seeds: int = 2
    skip: int = 0
    only: tuple[str, ...] = ()
    until_failure: bool = False
    graded: bool = True
    cpu: float = 0.0


class Enough(Exception):
    """One check has failed: the rest of this submission need not be judged."""


class Rig:
    """A judge and some launchers for one lab; use it as a context manager."""

    def __init__(self, lab: Lab, mode: str, layers: Sequence[str] = (), binds: Sequence[Path] = ()):
        self.lab, self.mode, self.layers, self.binds = lab, mode, tuple(layers), list(binds)
        self.stack = contextlib.ExitStack()
        self.local = threading.local()
        self.lock = threading.Lock()
        self.cpu = 0.0
        self.took: dict[str, float] = {}
        self.whole = 0.0

    def __enter__(self) -> Self:
        self.court = self.stack.enter_context(Court(self.lab, self.mode))
        count = min(cores(), MOST)
        self.workers = ThreadPoolExecutor(count)
        self.waiting = ThreadPoolExecutor(max(count, WAITING))
        return self

    def __exit__(self, *_: object) -> None:
        for pool in (self.workers, self.waiting):
            pool.shutdown(cancel_futures=True)
        self.stack.close()

    @property
    def checks(self) -> Mapping[str, CheckResult]:
        """The lab's checks as the judge declared them."""
        return self.court.checks

    def judge(self, tasks: Sequence[Task]) -> list[LabResult]:
        """Judge submissions, some at a time; results in order. What is ungraded is tried again."""
        return list(self.workers.map(self._judge, tasks))

    def judge_wrong(self, tasks: Sequence[Task]) -> list[LabResult]:
        """Judge what is to earn nothing, more at a time: most of it keeps its checks waiting."""
        return list(self.waiting.map(self._judge, tasks))

    def judge_one(self, task: Task) -> LabResult:
        """Judge one submission in the calling thread, which is one of `each`."""
        return self._judge(task)

    def each(self, things: Sequence[Any], work: Callable[[Any], Any]) -> Iterator[Any]:
        """Do something for each of many things, some at a time."""
        return self.workers.map(work, things)

    def record(self, files: Mapping[str, bytes], learner: str) -> dict[str, bytes]:
        """Judge files on a learner's desk and return what they left in the recorder's folder."""
        return self.workers.submit(self._record, files, learner).result()

    def _record(self, files: Mapping[str, bytes], learner: str) -> dict[str, bytes]:
        boxes = Recording(self._boxes())
        self._run(Task("recorder", files, learner, graded=False), boxes)
        return boxes.found

    def _judge(self, task: Task) -> LabResult:
        result = self._run(task)
        return self._run(task) if result.ungraded else result

    def _run(self, task: Task, boxes: Any = None) -> LabResult:
        seen: list[CheckResult] = []

        def tell(one: CheckResult) -> None:
            seen.append(one)
            if task.until_failure and one.verdict not in (Verdict.PASSED, Verdict.UNGRADED):
                raise Enough

        try:
            result = self.court.judge(
                self._job(task), boxes or Tight(self._boxes(), task.cpu), tell
            )
        except Enough:
            result = self.court.ungraded(self._job(task), "")
            result = _with(result, tuple(seen))
        self._note(result)
        return result

    def _note(self, result: LabResult) -> None:
        """Remember what CPU checks that passed took at least, and a seed of right work at most.

        The first orders checks, the second bounds mutants.
        """
        with self.lock:
            self.cpu += result.cpu or sum(c.cpu for c in result.checks)
            for one in result.checks:
                if one.verdict is Verdict.PASSED:
                    self.took[one.name] = min(one.cpu, self.took.get(one.name, one.cpu))
            if all(c.verdict in (Verdict.PASSED, Verdict.SKIPPED) for c in result.checks):
                seeds = max(len(c.seeds) for c in result.checks)
                self.whole = max(self.whole, result.cpu / max(1, seeds))

    def _job(self, task: Task) -> Job:
        lab, names = self.lab, list(self.checks)
        desk = desk_seed(lab.course.file.title, lab.id, task.learner)
        count = task.skip + task.seeds
        made = grading_seeds(SECRET, lab.id, "prove", task.learner, names, count)
        seeds = {name: made[name][task.skip :] if task.graded else [desk] for name in names}
        return Job(
            Submission(lab.id, task.learner, task.files), seeds, desk, sealed=task.graded,
            epoch=epoch(SECRET), mode=self.mode, layers=self.layers, only=task.only,
        )  # fmt: skip

    def _boxes(self) -> Slot:
        """Return this thread's own launcher."""
        if not hasattr(self.local, "slot"):
            kind: Any = self.lab.launcher
            shown = [*self.binds, *self.lab.shown()]
            launcher = Launcher(kind, self.lab.preloaded(), self.mode, shown)
            with self.lock:
                number = self.stack.enter_context(own_slot())
                self.stack.enter_context(launcher)
            self.local.slot = Slot(launcher, number)
        slot: Slot = self.local.slot
        return slot


def _with(result: LabResult, checks: tuple[CheckResult, ...]) -> LabResult:
    return LabResult(
        **{f: getattr(result, f) for f in result.__struct_fields__ if f != "checks"}, checks=checks
    )


@dataclass
class Tight:
    """Boxes with less CPU than the lab allows, so that an endless loop ends soon."""

    slot: Slot
    cpu: float

    def open(self, files: Mapping[str, bytes], limits: Limits) -> Box:
        """Open a sandbox with lowered limits."""
        cpu = min(limits.cpu, self.cpu) if self.cpu else limits.cpu
        wall = 20 + 10 * cpu if self.cpu else limits.wall
        return self.slot.open(files, replace(limits, cpu=cpu, wall=min(wall, limits.wall)))


class Recording:
    """Boxes whose recorder's folder is read before they are closed."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.found: dict[str, bytes] = {}

    def open(self, files: Mapping[str, bytes], limits: Limits) -> Any:
        """Open a sandbox."""
        box = self.slot.open(files, limits)
        close = box.close

        def read_and_close() -> Any:
            self._read(box)
            return close()

        box.close = read_and_close  # type: ignore[method-assign]
        return box

    def _read(self, box: Box) -> None:
        with contextlib.suppress(Exception):
            for path in box.glob(f"{RECORDED}/*"):
                data = box.read(path, MAX_RECORD)
                self.found.setdefault(path.rpartition("/")[2], data)
