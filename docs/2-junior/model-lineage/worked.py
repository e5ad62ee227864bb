"""The night of 3 August in miniature: four ways to write down a release, one of which dies.

    python docs/2-junior/model-lineage/worked.py

No cloud: a list of moves is the alias, another is the record. And what a clock on the wall means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
NIGHT = datetime(2026, 8, 3, 21, 30, tzinfo=UTC)
MINUTES = 180


# --8<-- [start:world]
@dataclass
class World:
    """What survives a release: the alias, every move it made (nobody keeps those), the record."""

    alias: int = 4
    moves: list[tuple[datetime, int]] = field(default_factory=lambda: [(NIGHT, 4)])
    record: list[dict[str, object]] = field(default_factory=list)

    def move(self, now: datetime, version: int) -> None:
        self.alias = version
        self.moves.append((now, version))


Release = Callable[[World, datetime, int], Iterator[None]]  # each yield is the end of one call


# --8<-- [end:world]
# --8<-- [start:ways]
def note_after(world: World, now: datetime, version: int) -> Iterator[None]:
    world.move(now, version)
    yield
    world.record.append({"at": now, "version": version})
    yield


def note_before(world: World, now: datetime, version: int) -> Iterator[None]:
    world.record.append({"at": now, "version": version})
    yield
    world.move(now, version)
    yield


def note_wall_clock(world: World, now: datetime, version: int) -> Iterator[None]:
    world.move(now, version)
    yield
    here = now.astimezone(COPENHAGEN).replace(tzinfo=UTC)  # "23:47", and nobody says whose
    world.record.append({"at": here, "version": version})
    yield


def intent_and_outcome(world: World, now: datetime, version: int) -> Iterator[None]:
    last = world.record[-1] if world.record else {}
    if last and "came true" not in last:  # somebody died: what did they manage to do?
        last["came true"] = world.alias == last["version"]
    world.record.append({"at": now, "version": version})
    yield
    world.move(now, version)
    yield
    world.record[-1]["came true"] = True
    yield


# --8<-- [end:ways]
WAYS: dict[str, Release] = {
    "note after moving": note_after,
    "note before moving": note_before,
    "note the wall clock": note_wall_clock,
    "intent and outcome": intent_and_outcome,
}
RELEASES = [(17, 5), (35, 6), (57, 5), (140, 4)]  # minutes into the night, version; the 2nd dies
DEATHS = (None, 1, 2)


# --8<-- [start:night]
def night(way: Release, calls: int | None) -> World:
    """Live through the night; the second release dies after so many calls. None: it does not."""
    world = World()
    for number, (minute, version) in enumerate(RELEASES):
        now = NIGHT + timedelta(minutes=minute)
        for done, _ in enumerate(way(world, now, version), start=1):
            if number == 1 and done == calls:
                break  # nobody ever resumes it
    return world


def wrong_minutes(world: World) -> int:
    """Return in how many minutes of the night the record tells another version than was live."""
    told = [(one["at"], one["version"]) for one in world.record if one.get("came true", True)]
    return sum(
        newest(world.moves, minute) != newest([(NIGHT, 4), *told], minute)
        for minute in (NIGHT + timedelta(minutes=n) for n in range(MINUTES))
    )


# --8<-- [end:night]
def newest(moves: list[tuple[datetime, int]], now: datetime) -> int:
    """Return the version of the newest move up to a moment; moves of one moment in their order."""
    return max((at, number, version) for number, (at, version) in enumerate(moves) if at <= now)[2]


def table() -> str:
    """The result as the lesson shows it."""
    heads = ("nobody dies", "dies after 1 call", "dies after 2 calls")
    lines = ["| way | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for name, way in WAYS.items():
        counts = [wrong_minutes(night(way, calls)) for calls in DEATHS]
        lines.append(f"| {name} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines) + "\n"


# --8<-- [start:turns]
def turns(wall: str, zone: str, walk: Iterable[datetime]) -> list[datetime]:
    """Walk through instants, minute by minute; keep those at which a clock in a zone shows this."""
    return [one for one in walk if f"{one.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}" == wall]


# --8<-- [end:turns]
def minutes_about(wall: str) -> list[datetime]:
    """Return every minute from the day before a wall time to the day after, in UTC."""
    first = datetime.fromisoformat(wall).replace(hour=0, minute=0, tzinfo=UTC) - timedelta(days=1)
    return [first + timedelta(minutes=n) for n in range(3 * 24 * 60)]


# --8<-- [start:elapsed]
def elapsed(begin: str, end: str, zone: str) -> tuple[timedelta, timedelta]:
    """Return the time between two wall times, as Python subtracts them and as it passed."""
    a, b = (datetime.fromisoformat(one).replace(tzinfo=ZoneInfo(zone)) for one in (begin, end))
    return b - a, b.astimezone(UTC) - a.astimezone(UTC)


# --8<-- [end:elapsed]
if __name__ == "__main__":
    print(table())
    for wall in ("2026-08-03T23:50", "2026-10-25T02:30", "2026-03-29T02:30"):
        shown = turns(wall, "Europe/Copenhagen", minutes_about(wall))
        print(wall, [f"{one:%H:%M} UTC" for one in shown])
    print(*elapsed("2026-10-24T22:00", "2026-10-25T06:00", "Europe/Copenhagen"))
