"""Your defence of the plan: what a pencil says of it, and what the simulator says of changes.

The judge calls these functions with weeks, plans, futures and changes of its own choosing.
"""

from __future__ import annotations

import math
from typing import Any

import week

World = dict[str, Any]
Plan = dict[str, Any]

ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # a change of the world, one of `roads`
    "as planned": ({}, {}),
    "arrivals +20%": ({"arrivals": 1.2}, {}),
    "arrivals -20%": ({"arrivals": 0.8}, {}),
    "service +20%": ({"service": 1.2}, {}),
    "service -20%": ({"service": 0.8}, {}),
    "north without a zone": ({"zone": "north"}, {}),
    "no retries": ({}, {"tries": 1}),
}


def offered_load(world: World) -> dict[str, float]:
    """Return what the busiest hour of the forecast keeps busy of each resource, in machines or
    seats, if every order is served alone, at speed 1 and once. The keys are "north intake",
    "south intake", "roads", "north solve" and "south solve"."""
    # TODO: orders of the busiest hour times seconds, for each resource
    raise NotImplementedError


def p_wait(servers: int, load: float) -> float:
    """Return the chance that an order finds all servers busy (Erlang's C); 1 when they never
    catch up."""
    # TODO: Erlang's C, for one server and for four hundred
    raise NotImplementedError


def table(world: World, plan: Plan, futures: list[int]) -> dict[str, dict[str, float]]:
    """Return for each row of ROWS what becomes of p99, lost and cost in these futures together."""
    # TODO: play every row in the same futures
    raise NotImplementedError


def first_to_queue(world: World, plan: Plan, change: dict[str, Any], future: int) -> str:
    """Return where the orders of the campaign's hours wait longest under a change: "intake",
    "roads" or "solve"."""
    # TODO: the resource that fills first
    raise NotImplementedError
