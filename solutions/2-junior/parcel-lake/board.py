"""The board as three programs on standard input and output, as Hadoop's streaming runs them.

    python board.py map     < legs                      one record for each line, or fewer
    python board.py combine < records of one machine    sorted by key; runs never, once or often
    python board.py reduce  < records of some keys      sorted by key

A line of legs is DEPOT, EVENT, SECONDS, with tabs between; SECONDS is empty where a scan has no
earlier one. A record is KEY, tab, VALUE. A line of the board is DEPOT, EVENT, SCANS, LEGS, MEAN,
with tabs between; MEAN is rounded down, and empty without legs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby


def mapped(lines: Iterable[str]) -> Iterator[str]:
    """Turn lines of legs into records."""
    ### BEGIN SOLUTION: lines in, records out
    for line in lines:
        depot, event, seconds = line.rstrip("\n").split("\t")
        yield record(f"{depot}/{event}", (1, 1, int(seconds)) if seconds else (1, 0, 0))
    ### END SOLUTION


def combined(lines: Iterable[str]) -> Iterator[str]:
    """Turn records into fewer records that say the same."""
    ### BEGIN SOLUTION: records in, fewer records out
    for key, sums in added(lines):
        yield record(key, sums)
    ### END SOLUTION


def reduced(lines: Iterable[str]) -> Iterator[str]:
    """Turn records into lines of the board."""
    ### BEGIN SOLUTION: records in, the board out
    for key, (scans, legs, seconds) in added(lines):
        depot, event = key.split("/")
        mean = str(seconds // legs) if legs else ""
        yield f"{depot}\t{event}\t{scans}\t{legs}\t{mean}"


def record(key: str, sums: tuple[int, int, int]) -> str:
    """Write a record."""
    return f"{key}\t{','.join(map(str, sums))}"


def added(lines: Iterable[str]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Add up records that have the same key; they come in the order of their keys."""
    pairs = (line.rstrip("\n").split("\t") for line in lines)
    for key, group in groupby(pairs, key=lambda pair: pair[0]):
        columns = zip(*(map(int, value.split(",")) for _, value in group), strict=True)
        scans, legs, seconds = (sum(column) for column in columns)
        yield key, (scans, legs, seconds)
    ### END SOLUTION


PARTS = {"map": mapped, "combine": combined, "reduce": reduced}

if __name__ == "__main__":
    for line in PARTS[sys.argv[1]](sys.stdin):
        print(line)
