"""When to ask again, how often, and after which pause: one rule for all three clouds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeVar

from clock import pause
from port import Busy, Changed

TRIES = 4
T = TypeVar("T")


def pauses() -> Iterator[float]:
    """Give the seconds before the second, third ... and last try: longer each time, never alike."""
    # TODO: three pauses that double from 50 ms, each with a random part
    raise NotImplementedError


def patiently(do: Callable[[], T], mine: Callable[[], T | None] = lambda: None) -> T:
    """Do something that may be Busy, up to TRIES times.

    A write whose answer was lost has been done, and finds itself in its own way when it is tried
    again: `mine` then says what it would have returned, or None if it was somebody else's.
    """
    waits: Iterator[float] | None = None
    while True:
        try:
            return do()
        except Changed:
            found = mine() if waits is not None else None
            if found is None:
                raise
            return found
        except Busy:
            waits = waits or pauses()
            seconds = next(waits, None)
            if seconds is None:
                raise
            pause(seconds)
