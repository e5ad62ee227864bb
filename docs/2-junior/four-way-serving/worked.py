"""A queue in miniature: four workers, killed after each of their calls; and what four forms cost.

    python docs/2-junior/four-way-serving/worked.py

No cloud: a list is the queue, two numbers are the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# --8<-- [start:world]
PLACES = 20  # that one order keeps in a van


@dataclass
class World:
    """What survives a worker: the queue, the orders that are known, the tally of the van."""

    queue: list[str] = field(default_factory=lambda: [f"O-{n}" for n in range(12)] + ["O-3"] * 3)
    known: set[str] = field(default_factory=set)
    tally: int = 0


Worker = Callable[[World], Iterator[None]]  # each yield is the end of one call


# --8<-- [end:world]
# --8<-- [start:workers]
def delete_then_count(world: World) -> Iterator[None]:
    while world.queue:
        world.queue.pop(0)
        yield
        world.tally += PLACES
        yield


def count_then_delete(world: World) -> Iterator[None]:
    while world.queue:
        world.tally += PLACES
        yield
        world.queue.pop(0)
        yield


def note_count_delete(world: World) -> Iterator[None]:
    while world.queue:
        if (order := world.queue[0]) not in world.known:
            world.known.add(order)
            yield
            world.tally += PLACES
            yield
        world.queue.pop(0)
        yield


def both_at_once(world: World) -> Iterator[None]:
    while world.queue:
        if (order := world.queue[0]) not in world.known:
            world.known.add(order)
            world.tally += PLACES
            yield
        world.queue.pop(0)
        yield


# --8<-- [end:workers]
WAYS: dict[str, Worker] = {
    "delete, then count": delete_then_count,
    "count, then delete": count_then_delete,
    "note, count, delete": note_count_delete,
    "note and count in one": both_at_once,
}


# --8<-- [start:killed]
def killed(worker: Worker, calls: int | None) -> int:
    """Return the van's tally when each of four workers dies after so many calls, and a fifth
    finishes. None: nobody dies.
    """
    world = World()
    for _ in range(4 if calls else 0):
        for done, _ in enumerate(worker(world), start=1):
            if done == calls:
                break  # nobody ever resumes it
    for _ in worker(world):
        pass
    return world.tally


# --8<-- [end:killed]
DUE = 12 * PLACES
DEATHS = (None, 1, 2, 3, 4)


def table() -> str:
    """The result as the lesson shows it."""
    heads = ["nobody dies", *(f"after {n} call{'s' * (n > 1)}" for n in range(1, 5))]
    lines = ["| worker | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for name, worker in WAYS.items():
        tallies = [killed(worker, calls) for calls in DEATHS]
        lines.append(f"| {name} | " + " | ".join(map(str, tallies)) + " |")
    return "\n".join(lines) + "\n"


# --8<-- [start:forms]
MACHINE = 0.204 * 730  # ml.c5.xlarge, us-east-1, a month
CALL = 0.20 / 1e6 + 0.100 * 2048 / 1024 * 0.0000166667  # 100 ms at 2 GB


def service(volume: float, peak: float) -> float:
    """A month of machines for a peak of so many times the mean; 24 requests a second each."""
    wanted = volume / (730 * 3600) * peak
    return max(2, math.ceil(wanted / (4 * 0.6 / 0.100))) * MACHINE


def function(volume: float) -> float:
    """A month of calls."""
    return volume * CALL


# --8<-- [end:forms]
def worker(volume: float) -> float:
    """A month of a queue that is worked off in four bursts a day."""
    hours = volume * 0.100 / 3600 / 2.4 + 4 * 365 / 12 * 480 / 3600
    return hours * 0.204 + 3 * volume * 0.40 / 1e6


def batch(volume: float) -> float:
    """A month of nights."""
    hours = volume * 0.100 / 3600 / 2.4 + 365 / 12 * 240 / 3600
    return hours * 0.204 + volume / 1000 * 0.0054 / 1000


def full_machine(peak: float) -> float:
    """What a machine costs that is as full as its peak allows, in calls of the function."""
    carries = 24 * 730 * 3600 / peak
    return MACHINE / (carries * CALL)


if __name__ == "__main__":
    print(table())
    for peak in (1.3, 6):
        print(peak, round(full_machine(peak), 2), round(2 * MACHINE / CALL / 1e6, 1))
    for volume in (1e6, 1e7, 1e8, 1e9):
        print(volume, [round(one) for one in (service(volume, 1.3), service(volume, 6),
              function(volume), worker(volume), batch(volume))])  # fmt: skip
