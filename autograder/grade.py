"""grade(lab, submission, seeds) -> LabResult. Pure: no printing, no database, no secret.

Runs each check on each of its seeds, in order, in a plain loop without pytest, and turns whatever
happens into a verdict.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder import plain
from autograder.check import Check, checks_of, fixtures_of, given_of, parameters
from autograder.errors import (
    GraderError,
    LadderError,
    LearnerError,
    ManifestError,
    NotHere,
    suggest,
)
from autograder.fixtures import BUILT_IN, desk_files, fixtures, handed
from autograder.judge import Session, Work
from autograder.manifest import Lab
from autograder.rooms import Boxes
from autograder.sandbox import Box, Limits
from autograder.submission import Submission, code, refuse_unplaceable
from autograder.timeline import Timeline
from autograder.values import MAX_DECODED
from autograder.verdict import CheckResult, LabResult, Verdict, worst

MAX_MESSAGE = 600
HUNG = 60  # seconds for each further sandbox of work that did not end in one: others wait too
SHAPE = "the answer does not have the expected form"


@dataclass(frozen=True)
class LoadedLab:
    """A lab with its checks and fixtures imported."""

    lab: Lab
    checks: dict[str, Check]
    fixtures: dict[str, Callable[..., Any]]
    given: dict[str, str]

    @property
    def limits(self) -> Limits:
        """What one submission may use."""
        file = self.lab.file.limits
        return Limits(file.cpu, file.memory_mb << 20, file.processes, file.disk_mb << 20)


def load_lab(lab: Lab) -> LoadedLab:
    """Import a lab's checks and fixtures from the course's own files, never from a submission."""
    conftest = _import(lab.folder / "conftest.py", f"ladder_{lab.id}_conftest")
    checks = checks_of(_import(lab.folder / "checks.py", f"ladder_{lab.id}_checks"))
    loaded = LoadedLab(lab, checks, fixtures_of(conftest), given_of(conftest))
    known = {*loaded.fixtures, *BUILT_IN}
    for owner, names in [
        *((c.name, c.needs) for c in checks.values()),
        *((n, parameters(f)) for n, f in loaded.fixtures.items()),
    ]:
        for name in names:
            if name not in known:
                raise ManifestError(f"there is no fixture {name!r}.{suggest(name, known)}", owner)
    return loaded


def _import(path: Path, name: str) -> ModuleType:
    name = name.replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ManifestError("the file is missing", str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError, NameError) as error:
        raise ManifestError(f"cannot be imported: {error}", str(path)) from error
    return module


@dataclass
class Bench:
    """Everything that stays the same while one submission is judged."""

    loaded: LoadedLab
    submission: Submission
    boxes: Boxes
    sealed: bool
    desk_seed: int
    python: Sequence[str] = (sys.executable,)
    budget: list[int] = field(default_factory=lambda: [MAX_DECODED])
    desk: dict[str, bytes] = field(default_factory=dict)
    box: Box | None = None
    base: Session | None = None
    forked: Session | None = None
    threaded: bool = False  # forks of a process with threads may hang: each check loads its own
    base_error: LearnerError | None = None
    last: bool = False  # nothing comes after this check: it needs no fork of its own
    outputs: list[list[dict[str, Any]]] = field(default_factory=list)
    clock: Callable[[], float] = time.process_time  # CPU seconds of the judge's own
    cpu: float = 0.0
    told: float = 0.0  # of this, and of what the open sandbox used, `spent` has told so much
    peak: int = 0
    killed: str = ""
    hung: bool = False
    timeline: Timeline = field(default_factory=Timeline)  # of the check on the seed under way

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What lies in the work folder: the course's files, the desk's data, what was handed in."""
        return {**handed(self.loaded.lab), **self.desk, **self.submission.files}

    def work(self) -> Work:
        """Return a `work`: the check's fork of the loaded process, or a fresh sandbox."""
        lab, limits = self.loaded.lab, self.loaded.limits
        if lab.launcher == "exec":
            return self.opened(self.files)
        if self.base_error is not None:
            raise self.base_error
        assert self.base is not None
        if self.forked is None and self.threaded:
            self.forked, _ = self.started()
            self.forked.ask("part", cpu=max(1, round(limits.cpu / 4)), sealed=self.sealed)
        elif self.forked is None and self.last:
            self.forked = self.base
            self.forked.ask("part", cpu=max(1, round(limits.cpu / 4)), sealed=self.sealed)
        elif self.forked is None:
            self.forked = self.base.fork(limits.cpu / 4, self.sealed)
        session = self.forked
        return Work(
            self.boxes, self.files, limits, lab.file.main, self.python, None, self.box, session,
            self.timeline,
        )  # fmt: skip

    def opened(self, files: Mapping[str, bytes]) -> Work:
        """Return a `work` on `files` in a sandbox of its own."""
        limits, main = self.loaded.limits, self.loaded.lab.file.main
        if self.hung:
            limits = replace(limits, wall=HUNG)
        return Work(
            self.boxes, files, limits, main, self.python, self.count, timeline=self.timeline
        )

    def load(self) -> None:
        """Open the sandbox of a forking lab and run the learner's code once, on desk data."""
        self.box = self.boxes.open(self.files, self.loaded.limits)
        try:
            self.base, loaded = self.started()
            self.outputs = plain.outputs(loaded.get("outputs"))
            threads = loaded.get("threads")
            self.threaded = type(threads) is not int or threads != 1
        except LearnerError as error:
            self.base_error = error
        self.spent()  # by no check

    def started(self) -> tuple[Session, dict[str, Any]]:
        """Load the learner's code in a new process; return the session and what it told."""
        assert self.box is not None
        lab = self.loaded.lab
        main = lab.file.main
        session = Session(self.box.load({}), self.budget)
        cells = code(self.submission.cells(main)) if lab.notebook else None
        given = {"cells": cells} if lab.notebook else {"module": main.removesuffix(".py")}
        told = session.ask("load", **given)
        return session, told if isinstance(told, dict) else {}

    def part(self) -> None:
        """End the fork of a check, so that no state passes to the next one."""
        if self.forked is not None:
            self.forked.close()
            self.forked = None

    def close(self) -> None:
        """End the sandbox and take its figures."""
        if self.base is not None:
            self.base.close()
        if self.box is not None:
            self.count(self.box)

    def spent(self) -> float:
        """Return the CPU seconds that sandboxes have used since this was asked last."""
        before, self.told = self.told, self.cpu + (self.box.spent() if self.box else 0.0)
        return self.told - before

    def count(self, box: Box) -> None:
        """Close a sandbox and add up what it used."""
        usage = box.close()
        self.cpu += usage.cpu
        self.peak = max(self.peak, usage.peak)
        self.killed = self.killed or usage.killed or ""
        self.hung = self.hung or usage.killed == "wall"


def grade(
    bench: Bench,
    seeds: Mapping[str, Sequence[int]],
    *,
    epoch: str = "desk",
    mode: str = "D",
    layers: tuple[str, ...] = (),
    only: Sequence[str] = (),
    tell: Callable[[CheckResult], None] = lambda _: None,
) -> LabResult:
    """Judge one submission. `seeds`: those of each check.

    only: checks to run, in this order, each after those it comes after; without it all.

    Raises SubmissionError for work that cannot be read; everything else becomes a verdict.
    """
    results: dict[str, CheckResult] = {}
    chosen = _chosen(bench.loaded.checks, only)
    try:
        bench.desk = desk_files(bench)
        limits, where = bench.loaded.limits, bench.submission.path or bench.submission.learner
        refuse_unplaceable(bench.files, limits.disk, limits.files, where)
        if bench.loaded.lab.launcher == "fork":
            bench.load()
        for one in chosen:
            bench.last = one is chosen[-1]
            results[one.name] = _judge(bench, one, seeds[one.name], results)
            tell(results[one.name])
    finally:
        bench.close()
    lab, submission = bench.loaded.lab, bench.submission
    return LabResult(
        lab=lab.id, version=lab.version, learner=submission.learner, submission=submission.hash,
        epoch=epoch, mode=mode, layers=layers, checks=tuple(results.values()), cpu=bench.cpu,
        peak=bench.peak, killed=bench.killed, outputs=plain.texts(bench.outputs),
    )  # fmt: skip


def _chosen(checks: Mapping[str, Check], only: Sequence[str]) -> list[Check]:
    """Return the checks asked for, in the order asked for, each after those it comes after."""
    chosen: dict[str, Check] = {}

    def choose(names: Iterable[str]) -> None:
        for name in names:
            choose(checks[name].after)
            chosen.setdefault(name, checks[name])

    choose(only or checks)
    return list(chosen.values())


def _judge(
    bench: Bench, one: Check, seeds: Sequence[int], before: Mapping[str, CheckResult]
) -> CheckResult:
    """Run one check on its seeds; stop at the first that does not pass."""
    start = bench.clock()
    lacks = [n for n in one.after if before[n].verdict is not Verdict.PASSED]
    ends = [(Verdict.BLOCKED, f"waits for {name}", "") for name in lacks[:1]]
    for seed in seeds if one.points else seeds[:1]:
        if ends and ends[-1][0] is not Verdict.PASSED:
            break
        ends.append(_once(bench, one, seed))
    bench.part()
    verdict = worst([end[0] for end in ends])
    message, detail = next((e[1], e[2]) for e in ends if e[0] is verdict)
    return CheckResult(
        name=one.name, claim=one.claim, points=one.points, observes=one.observes, must=one.must,
        after=one.after, verdict=verdict, message=plain.text(message)[:MAX_MESSAGE],
        detail="" if bench.sealed else plain.text(detail), seeds=tuple(e[0] for e in ends),
        timeline=() if lacks else bench.timeline.told(bench.sealed),
        cpu=round(bench.clock() - start + bench.spent(), 4),
    )  # fmt: skip


def _once(bench: Bench, one: Check, seed: int) -> tuple[Verdict, str, str]:
    """Run one check on one seed and return verdict, message and detail."""
    bench.timeline = Timeline()
    try:
        with fixtures(bench, seed) as make:
            _held(one, [make(name) for name in one.needs])
    except LearnerError as error:
        return _of_learner(bench, error)
    except NotHere as error:
        if one.points:
            return Verdict.UNGRADED, f"a check with points needs what is not here: {error.what}", ""
        return Verdict.SKIPPED, error.what, ""
    except AssertionError as error:
        return Verdict.FAILED, _first_line(error) or "the claim does not hold", ""
    except _Form as error:
        return Verdict.FAILED, f"{SHAPE}: {error}", ""
    except Exception as error:  # a fixture's fault is the grader's, never a score
        return Verdict.UNGRADED, f"the grader failed: {type(error).__name__}", _first_line(error)
    return Verdict.PASSED, "", ""


class _Form(Exception):
    """A check stumbled over an answer of another form than it asked for."""


def _held(one: Check, arguments: list[Any]) -> None:
    try:
        one.call(*arguments)
    except (LearnerError, AssertionError, GraderError):
        raise
    except OSError as error:
        if error.errno is not None:  # the system's word; without a number, a reader's about data
            raise
        raise _stumble(error) from error
    except LadderError as error:
        raise GraderError(error.what) from error
    except Exception as error:
        raise _stumble(error) from error


def _stumble(error: BaseException) -> Exception:
    """Return what it means that a check could not go on: the answer's form, or a lost cloud.

    A library wraps what the system said of its connection to a service of ours; connections to the
    learner's programs say LearnerError.
    """
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ConnectionError) and inner.errno is not None:
            return GraderError(f"a service of the check's is gone: {type(error).__name__}")
        inner = inner.__cause__ or inner.__context__
    return _Form(type(error).__name__)


def _of_learner(bench: Bench, error: LearnerError) -> tuple[Verdict, str, str]:
    verdict = Verdict.TODO if error.kind == "NotImplementedError" else Verdict.CRASHED
    detail = " ".join(part for part in (error.where, error.text) if part)
    if verdict is Verdict.TODO:
        return verdict, "still open", detail
    if error.kind == "Answer":  # the learner's side can word this: it may spell out the inputs
        said = "" if bench.sealed else f": {error.text}"
        return verdict, f"what came back cannot be read{said}", detail
    if error.kind == "Stopped":
        return verdict, f"your code stopped: {error.text}", detail
    text = f"your code raised {error.kind}"
    return verdict, text if bench.sealed else f"{text} ({error.text[:200]})", detail


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""
