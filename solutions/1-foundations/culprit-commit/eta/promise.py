"""When will it be there? The rules are in CONTRACT.md."""

from __future__ import annotations

### BEGIN SOLUTION: copy eta/promise.py from the newest commit of your repository, mend it, type it
import math
from datetime import datetime, timedelta
from typing import Literal, TypedDict

Service = Literal["standard", "express", "pharmacy"]
Roads = dict[str, dict[str, int]]
Parcel = TypedDict(
    "Parcel",
    {
        "number": str, "accepted": str, "service": Service, "weight_kg": float,
        "from": str, "to": str, "housing": Literal["flat", "house", "farm"],
    },
)  # fmt: skip

OPEN, CLOSE = 8, 18
HANDLING: dict[Service, int] = {"standard": 180, "express": 60, "pharmacy": 30}
SATURDAY = 5


def works(day: datetime, service: Service) -> bool:
    """Return whether depots work for a service on a day."""
    return day.weekday() < (SATURDAY if service == "standard" else SATURDAY + 1)


def closing(day: datetime) -> int:
    """Return the hour from which a parcel is too late for the day."""
    return 12 if day.weekday() == SATURDAY else 16


def at(day: datetime, hour: int) -> datetime:
    """Return a full hour of a day."""
    return day.replace(hour=hour, minute=0)


def morning(day: datetime, service: Service) -> datetime:
    """Return the opening of the next working day."""
    day += timedelta(days=1)
    while not works(day, service):
        day += timedelta(days=1)
    return at(day, OPEN)


def begin(accepted: datetime, service: Service) -> datetime:
    """Return when the clock starts."""
    if works(accepted, service) and accepted.hour < closing(accepted):
        return max(accepted, at(accepted, OPEN))
    return morning(accepted, service)


def minutes_of(parcel: Parcel, roads: Roads) -> int:
    """Return the working minutes that a parcel takes."""
    service, road = parcel["service"], roads[parcel["from"]][parcel["to"]]
    heavy = parcel["weight_kg"] > 20 and service != "pharmacy"
    far = math.ceil(road * 1.25) if parcel["housing"] == "farm" else road
    return HANDLING[service] + (45 if heavy else 0) + far


def spend(moment: datetime, minutes: int, service: Service) -> datetime:
    """Return when so many working minutes are over."""
    room = (at(moment, CLOSE) - moment) // timedelta(minutes=1)
    if minutes <= room:
        return moment + timedelta(minutes=minutes)
    return spend(morning(moment, service), minutes - room, service)


def promise(parcel: Parcel, roads: Roads) -> datetime:
    """Return the time that is promised for a parcel; `roads` are minutes from depot to depot."""
    service = parcel["service"]
    start = begin(datetime.fromisoformat(parcel["accepted"]), service)
    end = spend(start, minutes_of(parcel, roads), service)
    return end + timedelta(minutes=-end.minute % 30)
### END SOLUTION
