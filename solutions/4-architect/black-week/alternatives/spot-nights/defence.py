"""Your defence of the plan: what a pencil says of it, and what the simulator says of changes.

The judge calls these functions with weeks, plans, futures and changes of its own choosing.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import week

World = dict[str, Any]
Plan = dict[str, Any]
CHANGES: dict[str, dict[str, Any]] = {
    "arrivals +20%": {"arrivals": 1.2}, "arrivals -20%": {"arrivals": 0.8},
    "service +20%": {"service": 1.2}, "service -20%": {"service": 0.8},
    "north without a zone": {"zone": "north"}, "as planned": {}, "no retries": {},
}  # fmt: skip


def offered_load(world: World) -> dict[str, float]:
    """Return what the busiest hour keeps busy: the campaign's, or a usual one that is busier."""
    shape = world["shape"]
    rush = shape["evening"] * world["campaign"]["times"]
    orders = world["orders"] * max(rush, *shape.values())
    erlangs = {stage: orders * world["seconds"][stage] / 3600 for stage in world["seconds"]}
    found = {"roads": erlangs.pop("roads")}
    for stage, load in erlangs.items():
        found |= {f"north {stage}": load * world["north"]}
        found |= {f"south {stage}": load * (1 - world["north"])}
    return found


def p_wait(servers: int, load: float) -> float:
    """Return Erlang's C from the probabilities of how many are busy, in logarithms."""
    if load >= servers:
        return 1.0
    steps = np.log(load) - np.log(np.arange(1, servers + 1))
    weight = np.concatenate([[0.0], np.cumsum(steps)])
    weight = np.exp(weight - weight.max())
    queue = weight[-1] / (1 - load / servers)
    return float(queue / (weight[:-1].sum() + queue))


def table(world: World, plan: Plan, futures: list[int]) -> dict[str, dict[str, float]]:
    """Return the table, future by future."""
    found = {}
    for name, change in CHANGES.items():
        other = copy.deepcopy(plan)
        if name == "no retries":
            other["roads"]["tries"] = 1
        took, lost, orders, cost = [], 0, 0, []
        for future in futures:
            one = week.played(week.changed(world, change), other, future)
            took += one.tour_seconds
            orders += one.tours + one.slots
            lost += one.tours + one.slots - len(one.tour_seconds) - len(one.slot_seconds)
            cost.append(one.cost)
        p99 = float(np.quantile(took, 0.99))
        found[name] = {"p99": p99, "lost": lost / orders, "cost": float(np.mean(cost))}
    return found


def first_to_queue(world: World, plan: Plan, change: dict[str, Any], future: int) -> str:
    """Return the resource before which an order of the campaign stood longest, on average."""
    waits = week.played(week.changed(world, change), plan, future).waits
    means = {float(np.mean(seconds or [0.0])): name for name, seconds in waits.items()}
    return means[max(means)]
