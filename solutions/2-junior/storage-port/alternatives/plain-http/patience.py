"""When to ask again: full jitter, counted down."""

from __future__ import annotations

from collections.abc import Callable
from random import random
from typing import TypeVar

from clock import pause
from port import Busy, Changed

T = TypeVar("T")


def patiently(
    do: Callable[[], T], mine: Callable[[], T | None] = lambda: None, tries: int = 4
) -> T:
    """Do something that may be Busy, up to so many times."""
    for left in reversed(range(tries)):
        try:
            return do()
        except Changed:
            found = mine() if left < tries - 1 else None
            if found is None:
                raise
            return found
        except Busy:
            if not left:
                raise
            pause(0.1 * 2 ** (tries - left) * random())
    raise AssertionError("a loop without a last try")
