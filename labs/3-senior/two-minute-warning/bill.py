"""What a night on spot machines cost, and what the same night would have cost on demand.

By EC2's rules for Linux. It knows nothing of storage, traffic or your own time.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from itertools import pairwise

HOUR = 3600
Changes = list[tuple[int, float]]  # (second, dollars an hour from then on), oldest first


def night_bill(prices: list[dict], stays: list[dict], calm_seconds: int, on_demand: float) -> dict:
    """Return dollars `spot` and `on_demand`, and `saved`, the share of on_demand that spot saves.

    `prices` come as describe_spot_price_history returns them, in any order, of one instance type:
    {"AvailabilityZone", "Timestamp" (ISO 8601), "SpotPrice" (text), ...}. `stays` are the machines:
    {"zone", "start", "end" (ISO 8601), "reclaimed"}, the last of which is true when the cloud took
    the machine back. `calm_seconds` is what the night takes when nobody disturbs it.
    """
    # TODO: the machines one by one, against one calm machine on demand
    raise NotImplementedError


def cost(start: int, end: int, reclaimed: bool, changes: Changes) -> float:
    """Return the dollars of one machine: the price in force, second by second, 60 at least.

    A machine that the cloud takes back within its first hour costs nothing.
    """
    # TODO: cut the stay where the price changes
    raise NotImplementedError


def by_zone(prices: list[dict]) -> dict[str, Changes]:
    """Return the price changes of each zone, oldest first."""
    history: dict[str, Changes] = {}
    for change in prices:
        moment = when(change["Timestamp"]), float(change["SpotPrice"])
        history.setdefault(change["AvailabilityZone"], []).append(moment)
    return {zone: sorted(changes) for zone, changes in history.items()}


def price_at(changes: Changes, second: int) -> float:
    """Return the price in force at `second`: that of the last change up to then."""
    return changes[bisect_right(changes, (second, float("inf"))) - 1][1]


def when(text: str) -> int:
    """Return an ISO 8601 time as seconds."""
    return int(datetime.fromisoformat(text).timestamp())
