"""Where a step loses its time: reads a trace of torch.profiler. Knows one card only.

A stall has one of these causes: loader, transfer, float32, copies, tiny-kernels, item, norms,
optimizer, logging.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

Event = dict[str, Any]
FASTER = 8  # times, this card's bfloat16
NONE = 2.0  # microseconds: a shorter hole is none


def five(events: list[Event]) -> list[dict[str, Any]]:
    """Return the five largest stalls of the last step, in any order.

    Each as {"cause": one of the nine, "from": microseconds, "to": microseconds}: the place in the
    step where this cause cost most.
    """
    # TODO: gaps between kernels, and kernels that need not be
    raise NotImplementedError


def moments(events: list[Event]) -> list[tuple[str, float, float, float]]:
    """Return cause, from, to and microseconds lost of each piece of the last step's card."""
    # TODO: the last step only; what does the card do, and what does it wait for?
    raise NotImplementedError


def begin(one: Event) -> float:
    """Return when an event begins."""
    return one["ts"]


def end(one: Event) -> float:
    """Return when an event ends."""
    return one["ts"] + one["dur"]


def why(one: Event, launch: Event, host: list[Event]) -> str:
    """Return the cause that a piece of the card's work belongs to."""
    # TODO: its name says some; for small kernels, look around their launch
    raise NotImplementedError


def waited_for(one: Event, free: float, host: list[Event]) -> str:
    """Return what the host did while the card had nothing to do, if that has a name."""
    # TODO: what lies above the hole?
    raise NotImplementedError
