"""What a night on spot machines cost, and what the same night on demand would have cost.

By EC2's rules for Linux. It knows nothing of storage, traffic or your own time.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime

HOUR = 3600


@dataclass(frozen=True)
class Stay:
    """One machine's life: where, from when to when (seconds, UTC epoch), and who ended it."""

    zone: str
    start: int
    end: int
    reclaimed: bool  # by the cloud


def night_bill(prices: list[dict], stays: list[dict], calm_seconds: int, on_demand: float) -> dict:
    """Return dollars `spot` and `on_demand`, and `saved` as a share of on_demand.

    `prices` are changes as describe_spot_price_history returns them, in any order, one instance type:
    {"AvailabilityZone", "Timestamp" (ISO 8601), "SpotPrice" (text)}. `stays` are {"zone", "start",
    "end" (ISO 8601), "reclaimed"}. `calm_seconds` is what the night takes when nobody disturbs it.
    """
    ### BEGIN SOLUTION: each started hour at the price of its first second; what the cloud cut short
    history = by_zone(prices)
    spot = sum(cost(Stay(s["zone"], when(s["start"]), when(s["end"]), s["reclaimed"]), history) for s in stays)
    calm = calm_seconds / HOUR * on_demand
    return {"spot": spot, "on_demand": calm, "saved": 1 - spot / calm}
    ### END SOLUTION


def cost(stay: Stay, history: dict[str, list[tuple[int, float]]]) -> float:
    """Return the dollars of one stay: per second, at least 60, each hour at the price it began with.

    The cloud charges nothing for a machine that it takes back within its first hour.
    """
    ### BEGIN SOLUTION: walk through the stay hour by hour
    if stay.reclaimed and stay.end - stay.start < HOUR:
        return 0.0
    end = max(stay.end, stay.start + 60)
    return sum(
        (min(end, hour + HOUR) - hour) / HOUR * price_at(history[stay.zone], hour)
        for hour in range(stay.start, end, HOUR)
    )
    ### END SOLUTION


def by_zone(prices: list[dict]) -> dict[str, list[tuple[int, float]]]:
    """Return, for each zone, the price changes as (second, dollars an hour), oldest first."""
    history: dict[str, list[tuple[int, float]]] = {}
    for change in prices:
        moment = when(change["Timestamp"]), float(change["SpotPrice"])
        history.setdefault(change["AvailabilityZone"], []).append(moment)
    return {zone: sorted(changes) for zone, changes in history.items()}


def price_at(changes: list[tuple[int, float]], second: int) -> float:
    """Return the price in force at `second`: that of the last change before it."""
    return changes[bisect_right(changes, (second, float("inf"))) - 1][1]


def when(text: str) -> int:
    """Return an ISO 8601 time as seconds."""
    return int(datetime.fromisoformat(text).timestamp())
