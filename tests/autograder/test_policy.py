"""cohort.toml and what it makes of a learner's attempts: which counts, how late, what is left."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import UsageError
from autograder.policy import RULES, Attempts, Cohort, aliases, make_cohort, read_cohort
from autograder.standing import DAY, Attempt, Mark, Record, collapsed, grades, totals

DUE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
ON_TIME = DUE.timestamp()


def attempt(points: float, days: float = 0.0, work: str = "", **more: object) -> Attempt:
    """Return an attempt so many days after the deadline."""
    when = ON_TIME + days * DAY
    given = {"possible": 10.0, "passed": points >= 8, "ungraded": False, **more}
    return Attempt(work or f"{points}-{days}", when, points, **given)


def one(rules: Cohort, *attempts: Attempt, mark: Mark | None = None):
    record = Record("ann", {"sum-up": list(attempts)}, {"sum-up": mark} if mark else {})
    (grade,) = grades(rules, record)
    return grade


def rules(**more: object) -> Cohort:
    return Cohort(secret="", due={"sum-up": DUE}, **more)


def test_without_rules_the_last_attempt_counts_whole():
    grade = one(RULES, attempt(9, -1), attempt(6, 3))
    assert (grade.raw, grade.final, grade.late, grade.attempt, grade.attempts) == (6, 6, 0, 2, 2)


@pytest.mark.parametrize(
    ("days", "late"), [(-1, 0), (0, 0), (0.001, 1), (1, 1), (1.001, 2), (6.5, 7)]
)
def test_a_day_that_has_begun_is_a_day(days, late):
    grade = one(rules(penalty=0.1), attempt(10, days))
    assert grade.late == late
    assert grade.final == pytest.approx(10 * (1 - 0.1 * late))


def test_a_penalty_takes_no_more_than_there_is():
    assert one(rules(penalty=0.3), attempt(10, 40)).final == 0


def test_an_extension_moves_the_deadline_of_one():
    given = rules(penalty=0.5, extension={"ann": {"sum-up": 2}})
    assert one(given, attempt(10, 2)).final == 10
    assert one(given, attempt(10, 2.5)).final == 5


def test_free_days_go_to_the_lab_that_was_due_first():
    later = datetime(2026, 12, 4, tzinfo=UTC)
    given = Cohort(secret="", penalty=0.1, late_days=3, due={"a-later": later, "sum-up": DUE})
    second = Attempt("w", later.timestamp() + 2 * DAY, 10.0, 10.0, True, False)
    record = Record("ann", {"a-later": [second], "sum-up": [attempt(10, 2)]})
    found = {g.lab: g for g in grades(given, record)}
    assert (found["sum-up"].forgiven, found["sum-up"].final) == (2, 10)
    assert (found["a-later"].forgiven, found["a-later"].final) == (1, 9)


@pytest.mark.parametrize(
    ("counts", "most", "raw"), [("last", 0, 4), ("best", 0, 9), ("last", 2, 9), ("best", 1, 5)]
)
def test_which_attempt_counts(counts, most, raw):
    given = Cohort(secret="", attempts=Attempts(counts=counts, most=most))
    assert one(given, attempt(4, 3), attempt(5, 1), attempt(9, 2)).raw == raw


def test_the_same_work_again_is_no_new_attempt_and_not_later():
    first, again = attempt(9, 0, "same"), attempt(9, 5, "same")
    assert one(rules(penalty=0.1), first, again).final == 9
    back = [first, attempt(2, 1, "worse"), again]
    assert [a.submission for a in collapsed(back)] == ["same", "worse", "same"]


def test_what_is_not_graded_yet_hides_no_grade():
    grade = one(RULES, attempt(7, 0), attempt(0, 1, ungraded=True))
    assert (grade.raw, grade.attempt, grade.waiting) == (7, 1, True)
    grade = one(RULES, attempt(0, 1, ungraded=True))
    assert (grade.raw, grade.final) == (None, None)


def test_a_mark_by_hand_stands_for_the_points_and_lateness_still_applies():
    mark = Mark("sum-up", "ann", 8.0, "kim", "reread", 1.0)
    grade = one(rules(penalty=0.5), attempt(2, 1), mark=mark)
    assert (grade.raw, grade.final, grade.passed) == (8, 4, True)
    gone = Mark("sum-up", "ann", None, "kim", "was right before", 2.0)
    assert one(RULES, attempt(2), mark=gone).raw == 2


def test_the_lowest_labs_are_dropped_and_a_missing_one_is_lower():
    record = Record("ann", {n: [attempt(p)] for n, p in (("a", 9), ("b", 3), ("c", 6))})
    given = Cohort(secret="", drops=1)
    assert [g.lab for g in grades(given, record) if g.dropped] == ["b"]
    assert totals(grades(given, record)) == {"final": 15, "possible": 20}
    assert not any(g.dropped for g in grades(given, record, ["a", "b", "c", "d"]))


@given(
    st.lists(st.tuples(st.integers(0, 10), st.floats(-5, 30)), min_size=1, max_size=6),
    st.integers(0, 5), st.floats(0, 1), st.sampled_from(["last", "best"]), st.integers(0, 4),
)  # fmt: skip
def test_policy_never_adds_points(work, free, penalty, counts, most):
    given = rules(late_days=free, penalty=penalty, attempts=Attempts(counts=counts, most=most))
    grade = one(given, *(attempt(p, d, f"{n}") for n, (p, d) in enumerate(work)))
    assert 0 <= grade.final <= grade.raw <= max(p for p, _ in work)
    assert 0 <= grade.forgiven <= min(grade.late, free)


def written(folder, text: str):
    path = make_cohort(folder, 'A "quoted" class')
    path.write_text(path.read_text() + text)
    return path


def test_rules_are_read_and_a_time_without_zone_is_utc(tmp_path):
    cohort = read_cohort(written(tmp_path, "late_days = 2\n[due]\na = 2026-11-20T23:59:00\n"))
    assert cohort.title == 'A "quoted" class'
    assert cohort.deadline("a") == ON_TIME
    assert cohort.deadline("b") == 0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("late_day = 2\n", "late_day"),
        ("penalty = 1.5\n", "penalty"),
        ("drops = -1\n", "drops"),
        ('[attempts]\ncounts = "first"\n', "counts"),
        ("[due]\na = 'tomorrow'\n", "due"),
        ('[alias]\na = "b"\nb = "c"\n', "former id itself"),
    ],
)
def test_a_rule_that_cannot_be_is_named(tmp_path, text, what):
    with pytest.raises(UsageError, match=what):
        read_cohort(written(tmp_path, text))


def test_renamings_are_typed_as_old_and_new(tmp_path):
    cohort = Cohort(secret="", alias={"a": "b"})
    assert aliases(("c=d", "a=e"), cohort) == {"a": "e", "c": "d"}
    for wrong in ("c", "=d", "c=", "c=c"):
        with pytest.raises(UsageError, match="no renaming"):
            aliases((wrong,), cohort)
    with pytest.raises(UsageError, match="former id itself"):
        aliases(("b=c",), cohort)


def test_a_cohort_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_cohort(tmp_path / "cohort.toml")
