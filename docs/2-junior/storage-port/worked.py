"""The lesson's two miniatures: two writers in every order, and what retries do to a store."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations


# --8<-- [start:world]
@dataclass
class World:
    """One name in a store: whose bytes lie there, if anybody's."""

    owner: str = ""

    def create(self, me: str) -> bool:
        """Write only where there is nothing: one step, decided by the store."""
        if self.owner:
            return False
        self.owner = me
        return True


# --8<-- [end:world]


Writer = Callable[[World, str, bool], Iterator[bool | None]]


# --8<-- [start:writers]
def looks_first(world: World, me: str, lost: bool) -> Iterator[bool | None]:
    """Look, then write. Each `yield` is a moment at which the other may move."""
    taken = bool(world.owner)
    yield None
    if not taken:
        world.owner = me
    yield not taken


def asks_the_store(world: World, me: str, lost: bool) -> Iterator[bool | None]:
    """One conditional write; when its answer is lost, the same again."""
    won = world.create(me)
    yield None
    if lost:
        won = world.create(me)
    yield won


def knows_its_mark(world: World, me: str, lost: bool) -> Iterator[bool | None]:
    """The same, and whoever is refused the second time looks whose mark lies there."""
    won = world.create(me)
    yield None
    if lost:
        won = world.create(me) or world.owner == me
    yield won


# --8<-- [end:writers]

WAYS: dict[str, Writer] = {
    "look, then write": looks_first,
    "conditional write": asks_the_store,
    "with a mark": knows_its_mark,
}


def outcomes(way: Writer, lost: bool) -> Counter[str]:
    """How many of the six orders of two writers' steps end with one winner, both, or none.

    lost: the first writer's first answer never arrives.
    """
    found: Counter[str] = Counter()
    for order in sorted(set(permutations("AABB"))):
        world = World()
        writers = {"A": way(world, "A", lost), "B": way(world, "B", False)}
        told: dict[str, bool | None] = {}
        for who in order:
            told[who] = next(writers[who])
        winners = sum(bool(won) for won in told.values())
        found[("none", "one", "both")[winners]] += 1
    return found


# --8<-- [start:storm]
POLICIES: dict[str, Callable[[int], float]] = {
    "after 100 ms, always": lambda n: 0.1,
    "doubling": lambda n: 0.1 * 2**n,
    "doubling, half by chance": lambda n: random.uniform(0.05, 0.1) * 2**n,
}


def storm(pause: Callable[[int], float], clients: int = 400) -> list[int]:
    """How many requests arrive in each 20 ms after all clients failed at once.

    The store answers 20 in 20 ms and throttles the rest; who has been throttled three times more
    gives up.
    """
    random.seed(5)
    waiting = [(pause(0), 0) for _ in range(clients)]
    arrivals: list[int] = []
    while waiting:
        end = 0.02 * (len(arrivals) + 1)
        now = [one for one in waiting if one[0] < end - 1e-9]
        waiting = [one for one in waiting if one[0] >= end - 1e-9]
        arrivals.append(len(now))
        random.shuffle(now)
        waiting += [(at + pause(n + 1), n + 1) for at, n in now[20:] if n < 2]
    return arrivals


# --8<-- [end:storm]


def served(arrivals: list[int]) -> int:
    """How many of them were answered."""
    return sum(min(20, count) for count in arrivals)
