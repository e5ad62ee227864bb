"""When to ask again: before each further try of a write, look whether it was done already."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from clock import pause
from port import Busy, Changed

T = TypeVar("T")


def patiently(do: Callable[[], T], mine: Callable[[], T | None] = lambda: None) -> T:
    """Do something that may be Busy, four times at most."""
    for wait in (0.05, 0.1, 0.2, None):
        try:
            return do()
        except Changed:  # the first try: it is so; a later one: see above, nothing was found
            raise
        except Busy:
            if wait is None:
                raise
        pause(wait * random.uniform(0.8, 1.2))
        found = mine()
        if found is not None:
            return found
    raise AssertionError("a loop without a last try")
