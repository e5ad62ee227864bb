"""Reads a gradebook as streams: figures first, the JSON of a result only when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from autograder.gradebook.tables import Tables
from autograder.standing import Attempt, Mark, Record
from autograder.verdict import KEY

AT_ONCE = 200  # rows that are fetched at a time
Row = Any
"""A row of the table `result` without its JSON."""


def light(known: Tables) -> Any:
    """Select what there is of results apart from their JSON."""
    import sqlalchemy as sa

    return sa.select(*(column for column in known.result.c if column.name != "json"))


def standing(rows: Sequence[Row]) -> Row | None:
    """Return the row that stands for one piece of work: the newest grade that is not on hold.

    A self-check on public data stands only where nothing was graded, and what is ungraded where
    there is nothing else.
    """
    free = [row for row in rows if not row.held]
    return max(
        free,
        key=lambda row: (not row.ungraded, row.epoch != "desk", row.graded, *map(str, row[:9])),
        default=None,
    )


def rows_of(engine: Any, known: Tables, lab: str, learner: str = "") -> Iterator[Row]:
    """Yield a lab's rows by learner, submission and time."""
    table = known.result.c
    asked = light(known).where(table.lab == lab)
    if learner:
        asked = asked.where(table.learner == learner)
    order = asked.order_by(table.learner, table.submission, table.graded)
    with engine.connect().execution_options(yield_per=AT_ONCE) as connection:
        yield from connection.execute(order)


def records(
    engine: Any, known: Tables, alias: Mapping[str, str], lab: str, learner: str
) -> Iterator[Record]:
    """Yield one record a learner, by name. What stands under a former id joins the present one."""
    former: dict[str, list[str]] = {}
    for old, new in alias.items():
        former.setdefault(new, []).append(old)
    todo = {learner} & set(former) if learner else set(former)
    for name, found in _by_learner(engine, known, lab, learner):
        if name in alias and not learner:
            continue
        yield _joined(engine, known, lab, name, found, former.get(name, []))
        todo.discard(name)
    for name in sorted(todo):
        record = _joined(engine, known, lab, name, Record(name), former[name])
        if record.attempts or record.marks:
            yield record


def _joined(
    engine: Any, known: Tables, lab: str, name: str, found: Record, former: Sequence[str]
) -> Record:
    """Return a record with what there is under former ids."""
    for old in former:
        for _, other in _by_learner(engine, known, lab, old):
            for key, attempts in other.attempts.items():
                found.attempts.setdefault(key, []).extend(attempts)
            for key, mark in other.marks.items():
                if key not in found.marks or found.marks[key].at < mark.at:
                    found.marks[key] = mark
    return found


def _by_learner(engine: Any, known: Tables, lab: str, learner: str) -> Iterator[tuple[str, Record]]:
    """Yield each learner's record as the rows tell it, in one pass over three sorted streams."""
    streams = [
        _Stream(_asked(engine, table, columns, lab, learner))
        for table, columns in (
            (known.result, light(known)),
            (known.attempt, known.attempt.select()),
            (known.mark, known.mark.select()),
        )
    ]
    try:
        while names := [stream.name for stream in streams if stream.name is not None]:
            name = min(names)
            rows, attempts, marks = (stream.take(name) for stream in streams)
            yield name, _record(name, rows, attempts, marks)
    finally:
        for stream in streams:
            stream.rows.close()


def _asked(engine: Any, table: Any, columns: Any, lab: str, learner: str) -> Iterator[Row]:
    where = [table.c.lab == lab] if lab else []
    where += [table.c.learner == learner] if learner else []
    binary = "BINARY" if engine.dialect.name == "sqlite" else "C"  # as Python sorts text
    order = columns.where(*where).order_by(table.c.learner.collate(binary), *table.primary_key)
    with engine.connect().execution_options(yield_per=AT_ONCE) as connection:
        yield from connection.execute(order)


class _Stream:
    """Rows sorted by learner, taken one learner at a time."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self.rows: Any = rows
        self.groups = groupby(rows, key=lambda row: row.learner)
        self.next()

    def next(self) -> None:
        """Go on to the next learner."""
        found: tuple[str | None, Iterator[Row]] = next(self.groups, (None, iter(())))
        self.name, self.group = found

    def take(self, name: str) -> list[Row]:
        """Return the rows of a learner, when it is their turn."""
        if self.name != name:
            return []
        found = list(self.group)
        self.next()
        return found


def _record(
    name: str, rows: Sequence[Row], attempts: Sequence[Row], marks: Sequence[Row]
) -> Record:
    record = Record(name)
    times: dict[tuple[str, str], list[float]] = {}
    for one in attempts:
        times.setdefault((one.lab, one.submission), []).append(one.submitted)
    works = sorted(rows, key=lambda row: (row.lab, row.submission))
    for (lab, work), group in groupby(works, key=lambda row: (row.lab, row.submission)):
        best = standing(list(group))
        if best is not None:
            for when in times.get((lab, work), [0.0]):
                record.attempts.setdefault(lab, []).append(_attempt(best, when))
    for one in marks:  # by number: the last one holds
        record.marks[one.lab] = Mark(one.lab, name, one.points, one.by, one.because, one.at)
    return record


def _attempt(row: Row, when: float) -> Attempt:
    return Attempt(
        row.submission, when, row.points, row.possible, row.passed, row.ungraded,
        tuple(getattr(row, name) for name in KEY), row.mode, row.epoch,
    )  # fmt: skip
