"""What counts of a learner's attempts: which one, how late, what is left. Pure; reads no database.

Lateness, drops and attempts are policy: they are worked out when grades are read, and are never
part of a result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from autograder.policy import Cohort

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submission and the result that stands for it. `key`: the row of that result."""

    submission: str
    submitted: float
    points: float
    possible: float
    passed: bool
    ungraded: bool
    key: tuple[object, ...] = ()
    mode: str = ""
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Points that a person gave instead of the judge's. `points` None: withdrawn."""

    lab: str
    learner: str
    points: float | None
    by: str
    because: str
    at: float


@dataclass(frozen=True, slots=True)
class Grade:
    """One lab of one learner. `raw`: points earned, before lateness; None: not graded yet.

    late: days begun after the deadline and its extension; forgiven: of those, free ones.
    lost: points that the other days cost. attempt: which one counts, from 1; 0 for none.
    """

    lab: str
    learner: str
    raw: float | None
    possible: float
    chosen: Attempt | None
    attempt: int
    attempts: int
    waiting: bool = False
    mark: Mark | None = None
    extension: float = 0.0
    late: int = 0
    forgiven: int = 0
    lost: float = 0.0
    dropped: bool = False

    @property
    def final(self) -> float | None:
        """What counts."""
        return None if self.raw is None else round(max(0.0, self.raw - self.lost), 6)

    @property
    def passed(self) -> bool:
        """Whether the lab counts as passed, by what was earned."""
        if self.mark is not None and self.raw is not None:
            return self.raw >= 0.8 * self.possible
        return self.chosen is not None and self.chosen.passed


@dataclass(slots=True)
class Record:
    """What a gradebook holds of one learner: attempts by lab, in the order handed in; marks."""

    learner: str
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)


def grades(rules: Cohort, record: Record, labs: Iterable[str] = ()) -> list[Grade]:
    """Return a learner's grades by lab. `labs`: those of the class, for what counts as missing."""
    names = sorted({*record.attempts, *record.marks})
    found = [_grade(rules, record, lab) for lab in names]
    found = _late(rules, found)
    missing = len({*labs, *rules.due} - set(names))
    return _dropped(found, rules.drops - missing)


def _grade(rules: Cohort, record: Record, lab: str) -> Grade:
    attempts = collapsed(record.attempts.get(lab, []))
    number = _counts(rules, attempts)
    chosen = attempts[number - 1] if number else None
    mark = record.marks.get(lab)
    mark = mark if mark is not None and mark.points is not None else None
    raw = mark.points if mark else chosen.points if chosen and not chosen.ungraded else None
    return Grade(
        lab, record.learner, raw, chosen.possible if chosen else 0.0, chosen, number, len(attempts),
        waiting=any(a.ungraded for a in attempts), mark=mark,
        extension=rules.extension.get(record.learner, {}).get(lab, 0.0),
    )  # fmt: skip


def collapsed(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return attempts by time; the same work handed in again at once is the earlier attempt."""
    kept: list[Attempt] = []
    for one in sorted(attempts, key=lambda a: (a.submitted, a.submission)):
        if not kept or kept[-1].submission != one.submission:
            kept.append(one)
    return kept


def _counts(rules: Cohort, attempts: Sequence[Attempt]) -> int:
    """Return which attempt counts, from 1: the last or best graded one; 0 when there is none."""
    within = attempts[: rules.attempts.most or None]
    graded = [n for n, a in enumerate(within, 1) if not a.ungraded]
    if not graded:
        return len(within)
    if rules.attempts.counts == "last":
        return graded[-1]
    return max(graded, key=lambda n: (within[n - 1].points, -n))


def _late(rules: Cohort, found: Sequence[Grade]) -> list[Grade]:
    """Add what lateness costs. Free days go to the labs that were due first."""
    left, done = rules.late_days, {}
    for one in sorted(found, key=lambda g: (rules.deadline(g.lab), g.lab)):
        late = days_late(rules, one)
        forgiven = min(late, left)
        left -= forgiven
        lost = min(1.0, rules.penalty * (late - forgiven)) * (one.raw or 0.0)
        done[one.lab] = replace(one, late=late, forgiven=forgiven, lost=round(lost, 6))
    return [done[one.lab] for one in found]


def days_late(rules: Cohort, one: Grade) -> int:
    """Return the days begun between deadline plus extension and the attempt that counts."""
    deadline = rules.deadline(one.lab)
    if not deadline or one.chosen is None or not one.chosen.submitted:
        return 0
    over = one.chosen.submitted - deadline - one.extension * DAY
    return max(0, math.ceil(over / DAY))


def _dropped(found: list[Grade], count: int) -> list[Grade]:
    """Mark the lowest `count` labs, by share of their points, as dropped."""
    order = sorted((g for g in found if g.final is not None), key=_share)
    lowest = {g.lab for g in order[: max(0, count)]}
    return [replace(g, dropped=g.lab in lowest) for g in found]


def _share(one: Grade) -> tuple[float, str]:
    return (one.final or 0.0) / one.possible if one.possible else 0.0, one.lab


def totals(found: Iterable[Grade]) -> Mapping[str, float]:
    """Return final and possible points of a learner, dropped labs apart."""
    kept = [g for g in found if not g.dropped]
    return {"final": sum(g.final or 0.0 for g in kept), "possible": sum(g.possible for g in kept)}
