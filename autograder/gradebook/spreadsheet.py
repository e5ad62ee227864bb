"""Grades as CSV, a row for each learner and lab, written as a stream. Formulas are defused."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from autograder.policy import Cohort
from autograder.spreadsheet import defused
from autograder.standing import Grade, Record, grades

COLUMNS = (
    "lab", "learner", "raw", "possible", "late", "forgiven", "lost", "final", "dropped", "by_hand",
    "attempt", "attempts", "passed", "ungraded", "mode", "epoch",
)  # fmt: skip


def rows(
    records: Iterable[Record], rules: Cohort, labs: Iterable[str]
) -> Iterator[tuple[object, ...]]:
    """Yield the cells of each learner and lab, policy applied. What is not graded has no points."""
    known = list(labs)
    for record in records:
        for one in grades(rules, record, known):
            yield _row(one)


def _row(one: Grade) -> tuple[object, ...]:
    chosen = one.chosen
    return (
        one.lab, defused(one.learner), one.raw, one.possible, one.late, one.forgiven, one.lost,
        one.final, one.dropped, defused(one.mark.by) if one.mark else "", one.attempt, one.attempts,
        one.passed, one.waiting, chosen.mode if chosen else "", chosen.epoch if chosen else "",
    )  # fmt: skip


def write_csv(
    path: Path, records: Iterable[Record], rules: Cohort, labs: Iterable[str] = ()
) -> None:
    """Write all grades into a file that is there whole or not at all."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows(records, rules, labs))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
