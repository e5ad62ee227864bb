"""Queues in thirty lines: a simulator, the formula that checks it, and two plans in one future.

    python docs/4-architect/black-week/worked.py

One queue and one kind of server; no batches, no retries, nothing that fails.
"""

from __future__ import annotations

import math
from heapq import heapify, heapreplace

import numpy as np


# --8<-- [start:queue]
def waits(arrivals: np.ndarray, seconds: np.ndarray, servers: int) -> np.ndarray:
    """How long each of these waits, first come first served."""
    free = [0.0] * servers  # when each server will be free
    heapify(free)
    found = []
    for arrival, span in zip(arrivals.tolist(), seconds.tolist(), strict=True):
        start = max(arrival, free[0])
        heapreplace(free, start + span)
        found.append(start - arrival)
    return np.array(found)


# --8<-- [end:queue]


# --8<-- [start:formula]
def p_wait(servers: int, load: float) -> float:
    """Erlang's C: the chance that all servers are busy."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(servers: int, load: float, seconds: float) -> float:
    """The mean wait in M/M/c."""
    return p_wait(servers, load) * seconds / (servers - load)


def mean_wait_one(load: float, seconds: float, spread: float) -> float:
    """The mean wait in M/G/1 (Pollaczek and Khinchine); spread: deviation over mean."""
    return load / (1 - load) * seconds * (1 + spread**2) / 2


# --8<-- [end:formula]


# --8<-- [start:staffing]
def machines_for(load: float, chance: float = 0.2) -> int:
    """The fewest machines with which at most this share of orders waits at all."""
    servers = math.floor(load) + 1
    while p_wait(servers, load) > chance:
        servers += 1
    return servers


# --8<-- [end:staffing]


# --8<-- [start:common]
def p99(servers: int, load: float, future: int) -> float:
    """The p99 wait of a week of 5,000 orders, in one future."""
    rng = np.random.Generator(np.random.PCG64DXSM(future))
    arrivals = np.cumsum(rng.exponential(1 / load, 5000))
    return float(np.quantile(waits(arrivals, rng.exponential(1.0, 5000), servers), 0.99))


def differences(common: bool, futures: int = 50) -> np.ndarray:
    """What an eleventh machine saves, future by future, against the same week or another."""
    other = 0 if common else 1000
    return np.array([p99(10, 8.5, n) - p99(11, 8.5, n + other) for n in range(futures)])


# --8<-- [end:common]


def staffing_table() -> str:
    """Load, machines and slack, as the lesson shows it."""
    lines = ["| load | machines | slack | slack / √load |", "|---:|---:|---:|---:|"]
    for load in (1, 4, 16, 64, 256):
        servers = machines_for(load)
        slack = servers - load
        lines.append(
            f"| {load} | {servers} | {100 * slack / load:.0f} % | {slack / load**0.5:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(staffing_table())
    for common in (True, False):
        found = differences(common)
        print("same" if common else "other", "weeks:", found.mean().round(2), found.std().round(2))
