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
    ### BEGIN SOLUTION: gaps between kernels, and kernels that need not be
    lost: dict[str, float] = {}
    places: dict[str, tuple[float, float, float]] = {}
    for cause, group in groupby(moments(events), key=lambda one: one[0]):
        pieces = list(group)
        cost = sum(piece[3] for piece in pieces)
        lost[cause] = lost.get(cause, 0.0) + cost
        if cost > places.get(cause, (0.0, 0.0, 0.0))[0]:
            places[cause] = (cost, pieces[0][1], pieces[-1][2])
    lost.pop("", None)
    largest = sorted(lost, key=lambda cause: -lost[cause])[:5]
    return [{"cause": one, "from": places[one][1], "to": places[one][2]} for one in largest]
    ### END SOLUTION


def moments(events: list[Event]) -> list[tuple[str, float, float, float]]:
    """Return cause, from, to and microseconds lost of each piece of the last step's card."""
    ### BEGIN SOLUTION: the last step only; what does the card do, and what does it wait for?
    step = max((one for one in events if one["name"].startswith("ProfilerStep")), key=begin)
    inside = [one for one in events if begin(step) <= begin(one) < end(step)]
    card = sorted((one for one in inside if one["tid"] == 7), key=begin)
    host = [one for one in inside if one["tid"] == 1 and one is not step]
    launches = {one["args"]["correlation"]: one for one in host if "args" in one}
    made, free = [], begin(step)
    for one in card:
        cause = why(one, launches[one["args"]["correlation"]], host)
        gap = begin(one) - free
        if cause in ("float32", "transfer", "") and gap > NONE:
            made.append((waited_for(one, free, host) or cause, free, begin(one), gap))
            free, gap = begin(one), 0
        share = {"float32": 1 - 1 / FASTER, "copies": 1, "transfer": 1}.get(cause, 0)
        made.append((cause, free, end(one), max(0, gap) + share * one["dur"]))
        free = end(one)
    return [*made, ("logging", free, end(step), end(step) - free)]
    ### END SOLUTION


def begin(one: Event) -> float:
    """Return when an event begins."""
    return one["ts"]


def end(one: Event) -> float:
    """Return when an event ends."""
    return one["ts"] + one["dur"]


def why(one: Event, launch: Event, host: list[Event]) -> str:
    """Return the cause that a piece of the card's work belongs to."""
    ### BEGIN SOLUTION: its name says some; for small kernels, look around their launch
    name = one["name"]
    parts = {"HtoD": "transfer", "DtoD": "copies", "sgemm": "float32", "norm": "norms", "bf16": ""}
    for part, cause in parts.items():
        if part in name:
            return cause
    steps = [other for other in host if other["name"].startswith("Optimizer.step")]
    inside = any(begin(other) <= begin(launch) < end(other) for other in steps)
    return "optimizer" if inside else "tiny-kernels"
    ### END SOLUTION


def waited_for(one: Event, free: float, host: list[Event]) -> str:
    """Return what the host did while the card had nothing to do, if that has a name."""
    ### BEGIN SOLUTION: what lies above the hole?
    names = {other["name"] for other in host if end(other) > free and begin(other) < begin(one)}
    if "batch" in names:
        return "loader"
    return "item" if "aten::_local_scalar_dense" in names else ""
    ### END SOLUTION
