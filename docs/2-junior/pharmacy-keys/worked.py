"""A rotation in miniature: three ways to change a password, killed after each step.

    python docs/2-junior/pharmacy-keys/worked.py

One reader, one database, no cloud.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


# --8<-- [start:world]
@dataclass
class World:
    """What a rotation can change: the passwords that the database accepts, newest first, and the
    label that readers follow."""

    accepted: list[str] = field(default_factory=lambda: ["old"])
    current: str = "old"

    def read(self) -> bool:
        """A reader tries what it remembers, is refused, asks for the current one, tries again."""
        return self.current in self.accepted


def change(world: World) -> None:  # RETAIN CURRENT PASSWORD: two are remembered, never three
    world.accepted = ["new", world.accepted[0]]


def change_in_place(world: World) -> None:
    world.accepted = ["new"]


def change_if_needed(world: World) -> None:
    if "new" not in world.accepted:
        change(world)


def promote(world: World) -> None:
    world.current = "new"


def forget_old(world: World) -> None:
    world.accepted = world.accepted[:1]


# --8<-- [end:world]
def nothing(world: World) -> None:
    """createSecret and testSecret change nothing that a reader could notice."""


def finish(world: World) -> None:
    """The label moves, and then the old password goes."""
    promote(world)
    forget_old(world)


Step = Callable[[World], None]
# --8<-- [start:ways]
WAYS: dict[str, list[Step]] = {
    "one password, replaced": [nothing, change_in_place, nothing, promote],
    "two passwords, steps repeated": [nothing, change, nothing, finish],
    "two passwords, steps that ask first": [nothing, change_if_needed, nothing, finish],
}
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]


def refusals(steps: list[Step], reads: int = 250) -> dict[str, int]:
    """Kill the rotation after each step in turn, start it again each time, read in between."""
    world, refused = World(), {}
    for last, name in enumerate(STEPS, start=1):
        for step in steps[:last]:  # from the beginning: nobody remembers how far it came
            step(world)
        refused[name] = sum(not world.read() for _ in range(reads))
    return refused


# --8<-- [end:ways]
def table() -> str:
    """The result as the lesson shows it."""
    lines = ["| killed after | " + " | ".join(WAYS) + " |", "|---|" + "---:|" * len(WAYS)]
    counts = [refusals(steps) for steps in WAYS.values()]
    lines += [f"| {step} | " + " | ".join(str(c[step]) for c in counts) + " |" for step in STEPS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table())
