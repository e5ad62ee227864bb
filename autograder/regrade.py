"""Finds what a changed check or a new engine makes worth judging again, and compares the outcome.

Judges nothing and writes nothing: new results wait in a ledger until somebody has seen them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from autograder.channel import Found
from autograder.errors import LadderError
from autograder.ledger import Ledger, Sheet
from autograder.verdict import LabResult, Verdict

Key = Mapping[str, Any]


class Book(Protocol):
    """What is asked of a gradebook."""

    def rows(self, lab: str, learner: str = "") -> Iterator[Any]:
        """Yield the rows of a learner for a lab."""

    def result(self, row: Any) -> LabResult:
        """Return the whole result of a row."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A submission whose grade comes from another version of its lab or of the engine.

    `before`: points that stand now. `held`: judged already, and waiting in the gradebook.
    """

    found: Found
    key: Key
    before: float
    held: bool = False


@dataclass
class Search:
    """What was found in a class: to be judged again, up to date, never graded, passed over."""

    touched: list[Touched] = field(default_factory=list)
    current: int = 0
    new: int = 0
    passed_over: int = 0
    unread: list[LadderError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shift:
    """What judging again found for one piece of work."""

    touched: Touched
    after: float

    @property
    def by(self) -> float:
        """By how many points the grade would change."""
        return round(self.after - self.touched.before, 6)


def search(
    found: Iterable[Found],
    book: Book,
    key: Callable[[Found], Key],
    standing: Callable[[list[Any]], Any],
    check: str = "",
) -> Search:
    """Look which submissions are worth judging again. One is read at a time.

    check: only those whose grade does not have this check passed.
    """
    out = Search()
    for one in found:
        try:
            mine = key(one)
        except LadderError as error:
            out.unread.append(error)
            continue
        _sort(out, one, mine, _graded(book, one, mine), book, standing, check)
    return out


def _graded(book: Book, one: Found, mine: Key) -> list[Any]:
    """Return the rows with a grade for this very work, under present and former ids."""
    names = (one.learner, *one.formerly)
    rows = (row for name in names for row in book.rows(one.lab.id, name))
    return [
        row
        for row in rows
        if row.submission == mine["submission"] and not row.ungraded and row.epoch != "desk"
    ]


def _sort(
    out: Search, one: Found, mine: Key, rows: list[Any], book: Book, standing: Any, check: str
) -> None:
    stands = standing(rows)
    fresh = [r for r in rows if (r.version, r.engine) == (mine["version"], mine["engine"])]
    if stands is None:
        out.new += 1
    elif stands in fresh or any(not row.held for row in fresh):
        out.current += 1
    elif check and _passed(book.result(stands), check):
        out.passed_over += 1
    elif fresh:
        held = {name: getattr(fresh[-1], name) for name in mine}
        out.touched.append(Touched(one, held, stands.points, held=True))
    else:
        out.touched.append(Touched(one, mine, stands.points))


def _passed(result: LabResult, check: str) -> bool:
    return any(c.name == check and c.verdict is Verdict.PASSED for c in result.checks)


def shifts(touched: Iterable[Touched], ledger: Ledger, book: Book) -> Iterator[Shift]:
    """Yield what judging again found, one result at a time; what has no grade yet is left out."""
    for one in touched:
        if one.held:
            yield Shift(one, book.result(one.key).points)
        elif (sheet := ledger.read(one.key)) is not None:
            yield Shift(one, sheet.result.points)


def sheets(touched: Iterable[Touched], ledger: Ledger) -> Iterator[tuple[Touched, Sheet]]:
    """Yield the sheets of what was judged again, one at a time."""
    for one in touched:
        if not one.held and (sheet := ledger.read(one.key)) is not None:
            yield one, sheet
