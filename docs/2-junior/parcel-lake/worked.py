"""The lesson's three miniatures: what a question reads, what a death leaves, where records go."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

# --8<-- [start:layout]
SCANS, DAYS, DEPOTS, EVENTS = 54_000_000, 90, 24, 6  # a quarter at Larkmoor's size
WIDTHS = {"parcel": 8, "depot": 1, "event": 1, "at": 8, "scan": 11, "photo": 40}  # bytes, packed
LINE = 215  # bytes of the same scan as a line of JSON
CHUNK = 120  # bytes that a column of an object has whatever is in it
COUNTS = {"day": DAYS, "depot": DEPOTS, "event": EVENTS}
QUESTIONS = {  # who asks: the columns needed, and how many values of each are asked for
    "operations": ({"depot", "event", "day"}, {"depot": 1, "day": 5}),
    "claims": ({"parcel", "scan", "at", "photo", "day"}, {"day": 6}),
    "finance": ({"depot", "day"}, {}),
}


def read(cut: tuple[str, ...], needs: set[str], about: Mapping[str, int]) -> tuple[int, int]:
    """Bytes and objects that a question reads, of Parquet in folders by the columns `cut`."""
    objects = 1
    for name in cut:
        objects *= about.get(name, COUNTS[name])
    every = 1
    for name in cut:
        every *= COUNTS[name]
    rows = SCANS * objects // every
    stored = [name for name in needs if name not in cut]  # a folder's name is not in the files
    return sum(rows * WIDTHS.get(name, 4) + CHUNK * objects for name in stored), objects


def price(scanned: int, objects: int) -> float:
    """Dollars: Athena for the bytes, S3 for a GET of each object (us-east-1)."""
    return max(scanned, 10 * 2**20) * 5 / 2**40 + objects * 0.0004 / 1000


# --8<-- [end:layout]
LAYOUTS = {
    "JSON lines": None, "Parquet, not cut": (), "by depot": ("depot",), "by day": ("day",),
    "by day, depot,\nand event": ("day", "depot", "event"),
}  # fmt: skip


def asked() -> dict[str, dict[str, tuple[int, int, float]]]:
    """Bytes, objects and dollars of each question in each layout."""
    found: dict[str, dict[str, tuple[int, int, float]]] = {}
    for layout, cut in LAYOUTS.items():
        found[layout] = {}
        for who, (needs, about) in QUESTIONS.items():
            size = (SCANS * LINE, DAYS) if cut is None else read(cut, needs, about)
            found[layout][who] = (*size, price(*size))
    return found


# --8<-- [start:deaths]
Lake = dict[str, list[str]]  # scans by day
Step = Iterator[None]  # a job that yields wherever it can die


def append(lake: Lake, raw: Lake, new: Lake) -> Step:
    """Put the new scans beside those that are there."""
    for day in new:
        lake.setdefault(day, []).extend(new[day])
        yield


def merge(lake: Lake, raw: Lake, new: Lake) -> Step:
    """Read a day from the lake, add the new scans, replace the day."""
    made = {day: sorted({*lake.get(day, []), *new[day]}) for day in new}
    for day in new:
        lake.pop(day, None)
        yield
        lake[day] = made[day]
        yield


def remake(lake: Lake, raw: Lake, new: Lake) -> Step:
    """Make a day again from all that ever came, replace the day."""
    made = {day: sorted(set(raw[day])) for day in new}
    for day in new:
        lake.pop(day, None)
        yield
        lake[day] = made[day]
        yield


def deaths(job: Callable[[Lake, Lake, Lake], Step]) -> list[int]:
    """Kill a job after each of its steps and run it again; how many scans are too many or too few.

    The last number is the job that nobody killed, run a second time.
    """
    old = {"Mon": ["a", "b"], "Tue": ["c", "d", "e"]}
    new = {"Mon": ["z"], "Tue": ["y"]}
    raw = {day: [*old[day], *new[day]] for day in old}
    off = []
    for moment in range(1, 1 + sum(1 for _ in job({}, raw, new))):
        lake = {day: list(scans) for day, scans in old.items()}
        for _ in zip(range(moment), job(lake, raw, new), strict=False):
            pass  # killed: nobody resumes it
        for _ in job(lake, raw, new):
            pass
        off.append(sum(map(len, lake.values())) - sum(map(len, raw.values())))
    return off


# --8<-- [end:deaths]

# --8<-- [start:skew]
TASKS = 8


def tasks(keys: Iterable[object]) -> list[int]:
    """How many records each task reads when records go where their key's hash says."""
    counts = [0] * TASKS
    for key in keys:
        counts[zlib.crc32(repr(key).encode()) % TASKS] += 1
    return counts


# --8<-- [end:skew]


def records() -> list[tuple[int | None, int]]:
    """Scans of 4,000 parcels, four each, as (label, number); of one in three nobody read it."""
    every = enumerate(product(range(4_000), range(4)))
    return [(None if number % 3 == 0 else parcel, number) for number, (parcel, _) in every]


def shuffles() -> dict[str, list[int]]:
    """Three ways through one shuffle."""
    every = records()
    return {
        "every scan, by label": tasks(label for label, _ in every),
        "scans without a label\ngo round it": tasks(
            label for label, _ in every if label is not None
        ),
        "scans without a label\nget a key of their own": tasks(
            (label, 0 if label is not None else number % 64) for label, number in every
        ),
    }
