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
    ### BEGIN SOLUTION: orders of the busiest hour times seconds, for each resource
    busiest = max(week.rate(world, hour) for hour in range(168)) / week.HOUR
    work = {name: busiest * seconds for name, seconds in world["seconds"].items()}
    north, south = world["north"], 1 - world["north"]
    return {
        "north intake": north * work["intake"],
        "south intake": south * work["intake"],
        "roads": work["roads"],
        "north solve": north * work["solve"],
        "south solve": south * work["solve"],
    }
    ### END SOLUTION


def p_wait(servers: int, load: float) -> float:
    """Return the chance that an order finds all servers busy (Erlang's C); 1 when they never
    catch up."""
    ### BEGIN SOLUTION: Erlang's C, for one server and for four hundred
    if load >= servers:
        return 1.0
    blocked = 1.0  # Erlang's B: what a system without a queue would refuse
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return servers * blocked / (servers - load * (1 - blocked))
    ### END SOLUTION


def table(world: World, plan: Plan, futures: list[int]) -> dict[str, dict[str, float]]:
    """Return for each row of ROWS what becomes of p99, lost and cost in these futures together."""
    ### BEGIN SOLUTION: play every row in the same futures
    found = {}
    for name, (change, roads) in ROWS.items():
        other = plan | {"roads": plan["roads"] | roads}
        weeks = [week.played(week.changed(world, change), other, one) for one in futures]
        ranked = sorted(seconds for one in weeks for seconds in one.tour_seconds)
        orders = sum(one.tours + one.slots for one in weeks)
        found[name] = {
            "p99": ranked[math.ceil(0.99 * len(ranked)) - 1],
            "lost": sum(one.given_up + one.turned_away for one in weeks) / orders,
            "cost": sum(one.cost for one in weeks) / len(weeks),
        }
    return found
    ### END SOLUTION


def first_to_queue(world: World, plan: Plan, change: dict[str, Any], future: int) -> str:
    """Return where the orders of the campaign's hours wait longest under a change: "intake",
    "roads" or "solve"."""
    ### BEGIN SOLUTION: the resource that fills first
    stuck = week.played(week.changed(world, change), plan, future).stuck()
    return max(stuck, key=lambda name: stuck[name])
    ### END SOLUTION
