"""How one grade came about, from the gradebook's rows to what counts. Changes nothing.

The account is plain data for programs; `told` puts it into lines for a person.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from autograder.policy import Cohort
from autograder.standing import Attempt, Grade, Mark, Record, collapsed, grades
from autograder.verdict import CheckResult, LabResult


class Book(Protocol):
    """What is asked of a gradebook."""

    def records(self, alias: Any = None, lab: str = "", learner: str = "") -> Iterator[Record]:
        """Yield the records of learners."""

    def labs(self) -> list[str]:
        """Return the labs of the class."""

    def rows(self, lab: str, learner: str = "") -> Iterator[Any]:
        """Yield the rows of a learner for a lab."""

    def result(self, row: Any) -> LabResult:
        """Return the whole result of a row."""

    def marks(self, learner: str, lab: str) -> list[Mark]:
        """Return the marks of a learner for a lab."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One result of one attempt. `held`: it would lower the grade, and waits."""

    learner: str
    submission: str
    version: str
    engine: int
    epoch: str
    mode: str
    layers: tuple[str, ...]
    points: float
    possible: float
    graded: float
    held: bool
    ungraded: bool
    counts: bool
    checks: tuple[CheckResult, ...]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a grade rests on. Times are seconds since the epoch."""

    lab: str
    learner: str
    due: float
    rules: dict[str, Any]
    grade: Grade
    attempts: list[Attempt]
    results: list[Judged]
    marks: list[Mark]


def account(book: Book, rules: Cohort, learner: str, lab: str) -> Account | None:
    """Return the account of a learner's grade for a lab; None when there is nothing."""
    record = next(book.records(rules.alias, "", learner), None)
    if record is None:
        return None
    found = next((g for g in grades(rules, record, book.labs()) if g.lab == lab), None)
    if found is None:
        return None
    names = [learner, *(old for old, new in rules.alias.items() if new == learner)]
    counts = found.chosen.key if found.chosen else ()
    rows = [row for name in names for row in book.rows(lab, name)]
    return Account(
        lab=lab, learner=learner, due=rules.deadline(lab), grade=found,
        rules={"late_days": rules.late_days, "penalty": rules.penalty, "drops": rules.drops,
               "counts": rules.attempts.counts, "most": rules.attempts.most},
        attempts=collapsed(record.attempts.get(lab, [])),
        results=[_judged(book, row, counts) for row in sorted(rows, key=lambda r: r.graded)],
        marks=[mark for name in names for mark in book.marks(name, lab)],
    )  # fmt: skip


def _judged(book: Book, row: Any, counts: tuple[object, ...]) -> Judged:
    result = book.result(row)
    same = {key: getattr(result, key) for key in ("learner", "submission", "version", "engine")}
    return Judged(
        **same, epoch=result.epoch, mode=result.mode, layers=result.layers, points=result.points,
        possible=result.possible, graded=row.graded, held=row.held, ungraded=row.ungraded,
        counts=tuple(result.key.values()) == counts, checks=result.checks,
    )  # fmt: skip


def told(found: Account) -> list[str]:
    """Return the account in lines."""
    grade = found.grade
    lines = [f"{found.learner}, {found.lab}: {_final(grade)}", ""]
    lines += _attempts(found)
    for one in found.results:
        lines += ["", *_result(one)]
    return [*lines, "", *_lateness(found), "", *_by_hand(found.marks)]


def _final(grade: Grade) -> str:
    if grade.final is None:
        return "not graded yet"
    dropped = ", dropped from the total" if grade.dropped else ""
    return f"{grade.final:g} of {grade.possible:g} points{dropped}"


def _attempts(found: Account) -> list[str]:
    rule = f"the {found.rules['counts']} counts"
    most = f", of the first {found.rules['most']}" if found.rules["most"] else ""
    lines = [f"Attempts: {len(found.attempts)} ({rule}{most})"]
    for number, one in enumerate(found.attempts, 1):
        sign = "->" if number == found.grade.attempt else "  "
        state = "ungraded" if one.ungraded else f"{one.points:g}/{one.possible:g}"
        lines.append(f" {sign} {number}  {moment(one.submitted)}  {one.submission[:12]}  {state}")
    return lines


def _result(one: Judged) -> list[str]:
    state = (
        "counts" if one.counts else "on hold: it would be lower" if one.held else "does not count"
    )
    layers = ", ".join(one.layers) or "none"
    lines = [
        f"Graded {moment(one.graded)}, {one.points:g} of {one.possible:g} points ({state})",
        f"  submission {one.submission}",
        f"  lab {one.version}, engine {one.engine}, seed epoch {one.epoch}",
        f"  sandbox mode {one.mode}, layers that held: {layers}",
    ]
    for check in one.checks:
        seeds = " ".join(check.seeds) or "not run"
        why = f"  {check.message}" if check.message else ""
        lines.append(
            f"  {check.verdict:<9} {check.earned:g}/{check.points:g}  {check.name}"
            f"  (seeds: {seeds}){why}"
        )
    return lines


def _lateness(found: Account) -> list[str]:
    """Return how points earned became points that count."""
    grade = found.grade
    if not found.due:
        return ["Lateness: no time is set in cohort.toml."]
    when = f"due {moment(found.due)}"
    when += f", extended by {grade.extension:g} days" if grade.extension else ""
    lines = [f"Lateness: {when}; {grade.late} days late, {grade.forgiven} of them free."]
    if grade.raw is not None:
        costs, share = grade.late - grade.forgiven, found.rules["penalty"]
        lines.append(
            f"  {grade.raw:g} - {costs} x {share:g} x {grade.raw:g} = {grade.raw:g} - "
            f"{grade.lost:g} = {grade.final:g}"
        )
    return lines


def _by_hand(marks: list[Mark]) -> list[str]:
    if not marks:
        return ["By hand: nothing was changed."]
    lines = ["By hand:"]
    for one in marks:
        what = "withdrawn" if one.points is None else f"{one.points:g} points"
        lines.append(f"  {moment(one.at)}  {one.by}: {what}, because {one.because}")
    return lines


def moment(when: float) -> str:
    """Return a time, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(when)) if when else "at no known time"
