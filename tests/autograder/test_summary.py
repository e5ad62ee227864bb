"""What a run says of itself while it goes and at its end."""

from __future__ import annotations

import msgspec
from test_gradebook import F, P, U, result

from autograder.errors import GraderError, SubmissionError
from autograder.summary import Summary


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_how_much_is_left_is_told_from_what_was_judged():
    clock = Clock()
    one = Summary(110, known=10, clock=clock)
    clock.now = 50.0
    one.add(result(P))
    assert one.left == 0
    for _ in range(9):
        clock.now += 3.0
        one.add(result(P))
    assert one.left == 270, "starting and looking up what is known is no judging"
    assert one.wall == 77


def test_the_slowest_checks_are_named_by_their_mean():
    one = Summary(2)
    for cost in (1.0, 3.0):
        made = result(P, F, P, P, cpu=9.0)
        checks = tuple(msgspec.structs.replace(c, cpu=cost * n) for n, c in enumerate(made.checks))
        one.add(msgspec.structs.replace(made, checks=checks))
    assert one.slowest() == [("probe", "c3", 6.0), ("probe", "c2", 4.0), ("probe", "c1", 2.0)]
    assert "9 CPU-s a submission" in one.lines()[1]
    assert "slowest: probe c3 6, probe c2 4, probe c1 2" in one.lines()[1]


def test_every_end_is_counted_and_the_exit_code_says_who_has_to_act():
    one = Summary(9, known=4)
    one.add(result(P))
    assert one.code == 0
    one.add(SubmissionError("no notebook"))
    assert one.code == 1
    one.add(result(U))
    one.add(GraderError("no judge"))
    assert one.code == 3
    one.held = 1
    first, _, last = one.lines()
    assert first == "1 graded, 1 refused, 2 ungraded, 4 known already"
    assert "1 would be lower" in last
