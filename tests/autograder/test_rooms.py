"""Rooms: what all of one check's may use together."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from autograder.errors import GraderError
from autograder.rooms import OPEN, ROOMS, Rooms
from autograder.sandbox import Limits, Usage


class Box:
    """A stand-in for a sandbox."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.last, self.closed = limits, Usage(0.0, 0), False

    def close(self, cpu: float = 0.0) -> Usage:
        """End it, having used so much."""
        if not self.closed:
            self.last, self.closed = Usage(cpu, 1), True
        return self.last


class Boxes:
    """Where they come from."""

    def open(self, files: Mapping[str, bytes], limits: Limits) -> Box:
        """Open one."""
        assert not files
        return Box(limits)


@pytest.fixture
def rooms() -> Rooms:
    """Rooms of a lab that allows 10 CPU seconds and 100 MB."""
    return Rooms(Boxes(), Limits(cpu=10, memory=100 << 20))


def test_a_room_has_at_most_what_the_lab_allows(rooms: Rooms) -> None:
    asked = [(3600, 50), (2, 4000)]
    got = [rooms.open(*one).limits for one in asked]
    assert [(one.cpu, one.memory >> 20) for one in got] == [(10, 50), (2, 100)]


def test_what_closed_rooms_used_is_gone(rooms: Rooms) -> None:
    rooms.open(60, 10).close(4.0)
    second = rooms.open(60, 10)
    assert second.limits.cpu == 6
    second.close(6.5)
    with pytest.raises(GraderError, match="10 CPU seconds of all rooms are used"):
        rooms.open(1, 10)


def test_few_are_open_at_a_time_and_not_many_in_all(rooms: Rooms) -> None:
    for _ in range(OPEN):
        rooms.open(1, 10)
    with pytest.raises(GraderError, match="rooms are open"):
        rooms.open(1, 10)
    for _ in range(ROOMS - OPEN):
        next(one for one in rooms.opened if not one.closed).close()
        rooms.open(1, 10)
    next(one for one in rooms.opened if not one.closed).close()
    with pytest.raises(GraderError, match=f"{ROOMS} rooms at most"):
        rooms.open(1, 10)


def test_all_end_with_their_check_each_counted(rooms: Rooms) -> None:
    opened = [rooms.open(1, 10) for _ in range(3)]
    ended: list[object] = []
    rooms.close(ended.append)
    assert ended == opened
    assert not rooms.opened
