"""Reduces results to the few figures that reports need, one result at a time. Knows no HTML.

A result may hold megabytes of outputs and a class ten thousand of them: nothing is kept but a
byte and a number for each check, and how often each message was said.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from autograder.measures import point_biserial
from autograder.verdict import CheckResult, LabResult, Verdict

VERDICTS = tuple(Verdict)
ABSENT = len(VERDICTS)  # this version of the lab had no such check
MAX_MESSAGES, MAX_SAID = 40, 200  # distinct ones kept for a check; characters of one

Final = Mapping[tuple[str, str], float]
AS_GRADED: Final = {}


@dataclass(frozen=True)
class Column:
    """One check of a lab, as the first result that had it said."""

    name: str
    claim: str
    points: float
    must: bool
    after: tuple[str, ...]
    said: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Row:
    """One learner. marks: a byte for each column, an index into `VERDICTS`; cpu: seconds."""

    learner: str
    marks: bytearray
    cpu: array[float]
    points: float
    final: float
    passed: bool
    killed: str

    def verdict(self, column: int) -> Verdict | None:
        """Return the verdict of a column; None when the lab had no such check then."""
        code = self.marks[column] if column < len(self.marks) else ABSENT
        return None if code == ABSENT else VERDICTS[code]

    @property
    def ungraded(self) -> bool:
        """Whether the grader failed on any check."""
        return VERDICTS.index(Verdict.UNGRADED) in self.marks

    @property
    def seconds(self) -> float:
        """CPU-seconds of all checks."""
        return sum(self.cpu)


@dataclass
class Tally:
    """All learners of one lab. possible: points of the newest result; desk: only a self-check."""

    lab: str
    possible: float = 0.0
    desk: bool = False
    columns: list[Column] = field(default_factory=list)
    learners: dict[str, Row] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, result: LabResult, final: Final) -> None:
        """Count one result in; a later one of the same learner takes its place."""
        self.possible = result.possible
        self.desk |= result.epoch == "desk"
        marks, cpu = bytearray(), array("f")
        for check in result.checks:
            place = self._place(check)
            marks.extend([ABSENT] * (place + 1 - len(marks)))
            cpu.extend([0.0] * (place + 1 - len(cpu)))
            marks[place], cpu[place] = VERDICTS.index(check.verdict), check.cpu
            _count(self.columns[place].said, check)
        points = final.get((result.lab, result.learner), result.points)
        self.learners[result.learner] = Row(
            result.learner, marks, cpu, result.points, points, result.passed, result.killed
        )

    def _place(self, check: CheckResult) -> int:
        if check.name not in self.places:
            self.places[check.name] = len(self.columns)
            self.columns.append(
                Column(check.name, check.claim, check.points, check.must, check.after)
            )
        return self.places[check.name]

    def rows(self) -> list[Row]:
        """Return the learners, most points first, then by name."""
        return sorted(self.learners.values(), key=lambda r: (-r.points, r.learner))

    def verdicts(self, column: int) -> Counter[Verdict]:
        """Count how the learners' checks of one column ended."""
        found = (row.verdict(column) for row in self.learners.values())
        return Counter(v for v in found if v is not None)

    def discrimination(self, column: int) -> float | None:
        """Return the point-biserial of a check with all other points; None where undefined."""
        scored = list(self.scored(column))
        return point_biserial([p for p, _ in scored], [r for _, r in scored])

    def scored(self, column: int) -> Iterator[tuple[bool, float]]:
        """Yield for each learner with a score: passed this check, and the points without it."""
        own = self.columns[column].points
        for row in self.learners.values():
            verdict = row.verdict(column)
            if verdict is not None and not row.ungraded:
                passed = verdict is Verdict.PASSED
                yield passed, row.points - own * passed


def _count(said: Counter[str], check: CheckResult) -> None:
    message = check.message[:MAX_SAID]
    known = message in said or len(said) < MAX_MESSAGES
    if message and known and check.verdict not in (Verdict.PASSED, Verdict.BLOCKED):
        said[message] += 1


def tallies(results: Iterable[LabResult], final: Final = AS_GRADED) -> list[Tally]:
    """Read results once and return the tally of each lab, by lab.

    final: points after policy and changes by hand, of (lab, learner), where there are such.
    """
    found: dict[str, Tally] = {}
    for result in results:
        found.setdefault(result.lab, Tally(result.lab)).add(result, final)
    return [found[lab] for lab in sorted(found)]
