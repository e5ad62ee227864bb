"""The worked example of the lesson: tests that are tried in worlds, and a review that is weighed.

`Night` keeps its promises; each class after it breaks one of them, the last breaks none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

Row = tuple[str, int]


class Night:
    """Four functions of a night, as they were promised."""

    def parse(self, line: str) -> Row:
        """Return parcel and grams; ValueError for a line that is none."""
        parcel, grams = line.split(";")
        return parcel, int(grams)

    def read(self, lines: Iterable[str], rejected: list[str]) -> Iterator[Row]:
        """Yield the rows of the lines; what is none goes to `rejected`, and reading goes on."""
        for line in lines:
            try:
                yield self.parse(line)
            except ValueError:
                rejected.append(line)

    def batches(self, rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
        """Yield the rows in lists of `size`; the last list holds what is left."""
        source = iter(rows)
        while batch := list(islice(source, size)):
            yield batch

    def mean(self, depots: Sequence[tuple[int, float]]) -> float:
        """Return the mean of a parcel; `depots` are how many parcels, and their mean."""
        return sum(n * mean for n, mean in depots) / sum(n for n, _ in depots)


# ---------------------------------------------------------------- one promise broken in each


class Kilograms(Night):
    """Rounds to whole kilograms."""

    def parse(self, line: str) -> Row:
        """Lose the grams."""
        parcel, grams = super().parse(line)
        return parcel, grams // 1000 * 1000


class Silent(Night):
    """Forgets what it cannot read."""

    def read(self, lines: Iterable[str], rejected: list[str]) -> Iterator[Row]:
        """Go on without a word."""
        return super().read(lines, [])


# --8<-- [start:broken]
class NoRest(Night):
    """Sam's batches: nobody sees the rest after the last full one."""

    def batches(self, rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
        batch = []
        for row in rows:
            batch.append(row)
            if len(batch) == size:
                yield batch
                batch = []
# --8<-- [end:broken]


class MeanOfMeans(Night):
    """Averages depots and not parcels."""

    def mean(self, depots: Sequence[tuple[int, float]]) -> float:
        """Give every depot the same weight."""
        return sum(mean for _, mean in depots) / len(depots)


class Rewritten(Night):
    """The same promises, kept in another way."""

    def parse(self, line: str) -> Row:
        """Look for the semicolon by hand."""
        parcel, found, grams = line.partition(";")
        if not found:
            raise ValueError(line)
        return parcel, int(grams)

    def batches(self, rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
        """Hold them all and slice."""
        every = list(rows)
        return (every[start : start + size] for start in range(0, len(every), size))

    def mean(self, depots: Sequence[tuple[int, float]]) -> float:
        """Go depot by depot."""
        seen, mean = 0, 0.0
        for count, of_depot in depots:
            seen += count
            mean += (of_depot - mean) * count / seen
        return mean


WORLDS: dict[str, type[Night]] = {
    "no bug": Night, "rewritten": Rewritten, "parse": Kilograms, "read": Silent,
    "batches": NoRest, "mean": MeanOfMeans,
}  # fmt: skip
Test = Callable[[Night], None]


# --8<-- [start:hasty]
def hasty_read(night: Night) -> None:
    assert list(night.read(["LM1;2500"], [])) == [("LM1", 2500)]


def hasty_batches(night: Night) -> None:
    rows = list(night.read(["LM1;2500", "LM2;900"], []))
    assert list(night.batches(rows, 2)) == [[("LM1", 2500), ("LM2", 900)]]


def hasty_mean(night: Night) -> None:
    assert night.mean([(3, 0.1), (3, 0.7)]) == sum([0.3, 2.1]) / 6
# --8<-- [end:hasty]


# --8<-- [start:careful]
def careful_read(night: Night) -> None:
    rejected: list[str] = []
    parcels = [parcel for parcel, _ in night.read(["LM1;2", "half a li", "LM2;9"], rejected)]
    assert (parcels, rejected) == (["LM1", "LM2"], ["half a li"])


def careful_batches(night: Night) -> None:
    rows = [(f"LM{n}", n) for n in range(5)]
    assert list(night.batches(rows, 2)) == [rows[:2], rows[2:4], rows[4:]]


def careful_mean(night: Night) -> None:
    assert abs(night.mean([(9, 0.0), (1, 30.0)]) - 3.0) < 1e-9
# --8<-- [end:careful]


# --8<-- [start:matrix]
def red(test: Test, world: type[Night]) -> bool:
    """Tell whether a test fails in a world."""
    try:
        test(world())
    except Exception:
        return True
    return False


def matrix(tests: Sequence[Test]) -> dict[str, list[bool]]:
    """Return, for each test, in which of the worlds it is red."""
    return {test.__name__: [red(test, world) for world in WORLDS.values()] for test in tests}
# --8<-- [end:matrix]


# --8<-- [start:score]
WEIGHT = {"blocker": 3, "major": 2, "minor": 1}


def score(hits: Sequence[str], missed: Sequence[str], alarms: Sequence[str]) -> float:
    """Return the F1 of a review, weighted by severity; a false blocker counts three times."""
    hit, lost = (sum(WEIGHT[one] for one in some) for some in (hits, missed))
    false = sum(WEIGHT[one] * (3 if one == "blocker" else 1) for one in alarms)
    return 2 * hit / (2 * hit + lost + false)
# --8<-- [end:score]


HASTY = (hasty_read, hasty_batches, hasty_mean)
CAREFUL = (careful_read, careful_batches, careful_mean)


# ---------------------------------------------------------------- five ways to review

Truth = Mapping[str, Any]


def ways(bugs: Truth, said: Sequence[str], looks: Truth, others: Truth) -> dict[str, float]:
    """Return what five reviewers score on one pull request.

    bugs, looks, others: severity by function, of what is wrong, of what the assistant is wrong
    about, and of all the rest. said: the bugs that the assistant found.
    """
    found = [bugs[key] for key in said]
    silent = [bugs[key] for key in bugs if key not in said]
    every = list(bugs.values())
    return {
        "all functions, to be safe": score(every, [], [*looks.values(), *others.values()]),
        "all remarks of the assistant": score(found, silent, list(looks.values())),
        "its right remarks alone": score(found, silent, []),
        "every bug, and what looks like one": score(every, [], list(looks.values())),
        "every bug but one blocker": score(_without(every, "blocker"), ["blocker"], []),
    }


def _without(many: Sequence[str], one: str) -> list[str]:
    rest = list(many)
    rest.remove(one)
    return rest
