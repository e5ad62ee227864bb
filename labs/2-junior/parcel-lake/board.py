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
    # TODO: lines in, records out
    raise NotImplementedError


def combined(lines: Iterable[str]) -> Iterator[str]:
    """Turn records into fewer records that say the same."""
    # TODO: records in, fewer records out
    raise NotImplementedError


def reduced(lines: Iterable[str]) -> Iterator[str]:
    """Turn records into lines of the board."""
    # TODO: records in, the board out
    raise NotImplementedError


PARTS = {"map": mapped, "combine": combined, "reduce": reduced}

if __name__ == "__main__":
    for line in PARTS[sys.argv[1]](sys.stdin):
        print(line)
