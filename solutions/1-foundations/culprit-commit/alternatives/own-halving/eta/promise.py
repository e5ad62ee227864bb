"""When will it be there? One walk over the days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Required, TypedDict

Parcel = TypedDict(
    "Parcel",
    {
        "accepted": Required[str], "service": Required[str], "weight_kg": float, "from": str,
        "to": str, "housing": str, "number": str,
    },
    total=False,
)  # fmt: skip
Shift = tuple[datetime, datetime]


def shifts(first: date, service: str) -> Iterator[Shift]:
    """Yield the working hours of a service, day by day."""
    day = first
    while True:
        if day.isoweekday() <= (5 if service == "standard" else 6):
            yield datetime.combine(day, time(8)), datetime.combine(day, time(18))
        day += timedelta(days=1)


def needed(parcel: Parcel, roads: Mapping[str, Mapping[str, int]]) -> timedelta:
    """Return the working time that a parcel takes."""
    road = roads[parcel["from"]][parcel["to"]]
    minutes = {"standard": 180, "express": 60}.get(parcel["service"], 30) + road
    if parcel["housing"] == "farm":
        minutes += (road + 3) // 4
    if parcel["service"] != "pharmacy" and parcel["weight_kg"] > 20:
        minutes += 45
    return timedelta(minutes=minutes)


def promise(parcel: Parcel, roads: Mapping[str, Mapping[str, int]]) -> datetime:
    """Return the promised time."""
    accepted = datetime.fromisoformat(parcel["accepted"])
    too_late = accepted.time() >= time(12 if accepted.isoweekday() == 6 else 16)
    first = accepted.date() + timedelta(days=1 if too_late else 0)
    left = needed(parcel, roads)
    for opening, closing in shifts(first, parcel["service"]):
        start = opening if too_late else max(opening, accepted)
        if start + left <= closing:
            break
        left -= closing - start
        too_late = True
    half = timedelta(minutes=30)
    midnight = datetime.combine(opening.date(), time())
    return midnight - (midnight - start - left) // half * half
