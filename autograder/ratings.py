"""Levels that people gave to written answers: a CSV in, typed records out. Gives none itself.

Columns: lab, learner, question, grader, level, comment. Two graders may have read one answer.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UsageError
from autograder.measures import weighted_kappa

COLUMNS = ("lab", "learner", "question", "grader", "level", "comment")
MAX_FILE = 64 << 20


@dataclass(frozen=True)
class Rating:
    """What one grader gave one answer. level: of the question's rubric."""

    lab: str
    learner: str
    question: str
    grader: str
    level: int
    comment: str = ""


def read_ratings(path: Path) -> list[Rating]:
    """Read a CSV of ratings. Raises UsageError with the line that is wrong."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise UsageError(f"larger than {MAX_FILE >> 20} MB", str(path))
        body = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read as text: {error}", str(path)) from None
    reader = csv.DictReader(io.StringIO(body, newline=""))
    lacking = [c for c in COLUMNS[:-1] if c not in (reader.fieldnames or ())]
    if lacking:
        raise UsageError(
            f"the columns {', '.join(lacking)} are missing", str(path), f"begin with {COLUMNS}"
        )
    return [_rating(row, f"{path}, line {number}") for number, row in enumerate(reader, 2)]


def _rating(row: dict[str, str | None], where: str) -> Rating:
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        level = int(values.pop("level"))
    except ValueError:
        raise UsageError("the level is no whole number", where) from None
    return Rating(level=level, **values)


@dataclass(frozen=True)
class Agreement:
    """Two graders on one question. counts: how often (first's level, second's level)."""

    lab: str
    question: str
    graders: tuple[str, str]
    counts: Counter[tuple[int, int]]

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa with quadratic weights; None where it is undefined."""
        both = list(self.counts.elements())
        return weighted_kappa([a for a, _ in both], [b for _, b in both])

    @property
    def same(self) -> float:
        """The share of answers that got the same level from both."""
        return sum(n for (a, b), n in self.counts.items() if a == b) / self.counts.total()

    @property
    def levels(self) -> list[int]:
        """The levels that were given, and those between them."""
        given = [level for pair in self.counts for level in pair]
        return list(range(min(given), max(given) + 1)) if max(given) - min(given) < 20 else []


def agreements(ratings: Iterable[Rating]) -> list[Agreement]:
    """Return the agreement of each two graders who read the same answers to a question."""
    by_answer: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for one in ratings:
        by_answer[one.lab, one.question, one.learner][one.grader] = one.level
    counts: dict[tuple[str, str, str, str], Counter[tuple[int, int]]] = defaultdict(Counter)
    for (lab, question, _), given in by_answer.items():
        names = sorted(given)
        for number, first in enumerate(names):
            for second in names[number + 1 :]:
                counts[lab, question, first, second][given[first], given[second]] += 1
    return [Agreement(lab, q, (a, b), found) for (lab, q, a, b), found in sorted(counts.items())]


def by_learner(ratings: Iterable[Rating]) -> dict[tuple[str, str], list[Rating]]:
    """Return the ratings of each (lab, learner)."""
    found: dict[tuple[str, str], list[Rating]] = defaultdict(list)
    for one in ratings:
        found[one.lab, one.learner].append(one)
    return dict(found)
