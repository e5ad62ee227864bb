"""Adds up a grading run while it goes: how many ended how, what it cost, what took longest.

Keeps figures for each check and nothing of a learner, so that a run of any length fits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from autograder.errors import LadderError, SubmissionError
from autograder.verdict import LabResult

SLOWEST = 3


@dataclass
class Summary:
    """One run over `total` submissions, of which `known` had been graded before it began."""

    total: int
    known: int = 0
    graded: int = 0
    refused: int = 0
    ungraded: int = 0
    held: int = 0
    skipped: int = 0
    cpu: float = 0.0
    clock: Callable[[], float] = time.monotonic
    checks: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = self.first = self.clock()

    @property
    def done(self) -> int:
        """How many were judged or refused in this run."""
        return self.graded + self.refused + self.ungraded

    @property
    def wall(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self.start

    @property
    def left(self) -> float:
        """Seconds that the rest will take if it is like what was done; 0 before that can be told.

        Counted from the first outcome: before it, judge and zygote were started.
        """
        todo, done = self.total - self.known - self.done, self.done - 1
        return (self.clock() - self.first) / done * todo if done > 0 else 0.0

    def add(self, end: LabResult | LadderError) -> None:
        """Count one outcome in."""
        self.first = self.first if self.done else self.clock()
        if isinstance(end, LadderError):
            mine = not isinstance(end, SubmissionError)
            self.ungraded, self.refused = self.ungraded + mine, self.refused + (not mine)
            return
        self.ungraded, self.graded = self.ungraded + end.ungraded, self.graded + (not end.ungraded)
        self.cpu += end.cpu
        for one in end.checks:
            spent, count = self.checks.get((end.lab, one.name), (0.0, 0))
            self.checks[end.lab, one.name] = spent + one.cpu, count + 1

    def slowest(self) -> list[tuple[str, str, float]]:
        """Return lab, name and mean CPU-seconds of the checks that cost most."""
        means = [(lab, name, spent / n) for (lab, name), (spent, n) in self.checks.items()]
        return sorted(means, key=lambda one: -one[2])[:SLOWEST]

    def lines(self) -> list[str]:
        """Return the run in words."""
        parts = [f"{self.graded} graded", f"{self.refused} refused", f"{self.ungraded} ungraded"]
        parts += [f"{self.known} known already"] * bool(self.known)
        parts += [f"{self.skipped} skipped"] * bool(self.skipped)
        said = [", ".join(parts)]
        judged = self.graded + self.ungraded
        if judged:
            said.append(
                f"{_figure(self.cpu / judged)} CPU-s a submission, {self.wall:.0f} s in all; "
                "slowest: "
                + ", ".join(f"{lab} {name} {_figure(mean)}" for lab, name, mean in self.slowest())
            )
        if self.held:
            said.append(
                f"{self.held} would be lower than before and are on hold: ./ladder regrade --help"
            )
        return said

    @property
    def code(self) -> int:
        """The exit code: 3 for a fault of ours, 1 when somebody has to act, else 0."""
        return 3 if self.ungraded else 1 if self.refused or self.skipped else 0


def _figure(seconds: float) -> str:
    """Return seconds with the digits that say something."""
    return f"{round(seconds, 1 if seconds >= 10 else 2 if seconds >= 0.1 else 4):g}"
