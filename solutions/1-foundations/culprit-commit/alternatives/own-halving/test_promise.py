"""The contract written a second time, slowly, and compared on a thousand parcels."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta

from eta.promise import promise


def lasting(parcel, roads):
    """Return the working minutes a parcel takes."""
    service = parcel["service"]
    minutes = {"standard": 180, "express": 60, "pharmacy": 30}[service]
    minutes += 45 * (parcel["weight_kg"] > 20 and service != "pharmacy")
    road = roads[parcel["from"]][parcel["to"]]
    return minutes + (-(-road * 5 // 4) if parcel["housing"] == "farm" else road)


def slow(parcel, roads):
    """Walk minute by minute."""
    service, left = parcel["service"], lasting(parcel, roads)
    now = datetime.fromisoformat(parcel["accepted"])
    days = 5 if service == "standard" else 6
    if now.weekday() >= days or now.hour >= (12 if now.weekday() == 5 else 16):
        now = now.replace(hour=0, minute=0) + timedelta(days=1)
    while left:
        if now.weekday() < days and 8 <= now.hour < 18:
            left -= 1
            now += timedelta(minutes=1)
        else:
            now = now.replace(minute=0) + timedelta(hours=1)
    while now.minute % 30:
        now += timedelta(minutes=1)
    return now


def test_promises():
    draw = random.Random(1)
    minutes = [479, 480, 715, 719, 720, 955, 959, 960, 965]
    for service, housing, weight in itertools.product(
        ["standard", "express", "pharmacy"], ["flat", "house", "farm"], [19.9, 20.0, 20.1]
    ):
        for _ in range(40):
            road = draw.choice([28, 30, 60, 61, 62, 119, 240])
            table = {"A": {"B": road, "A": 5}, "B": {"A": road + 41, "B": 5}}
            parcel = {
                "number": "LM1", "service": service, "weight_kg": weight, "from": "A", "to": "B",
                "housing": housing,
            }
            sharp = 600 - lasting(parcel, table) % 30
            minute = draw.choice(
                [*minutes, draw.randrange(300, 1400), 1080 - road - 60, sharp, sharp + 1]
            )
            moment = datetime(2026, 3, 2) + timedelta(days=draw.randrange(7), minutes=minute)
            parcel["accepted"] = moment.isoformat()
            assert promise(parcel, table) == slow(parcel, table), parcel
