"""The one place that knows what a parcel is and how likely it is to be late. Standard library only.

    scorer = Scorer(model)                           # the document that neighbours.model() returns
    answer = scorer.answer(read(fields), load)       # load: (depot, day) -> percent

Knows no HTTP, no queue, no file and no cloud: those are the shells'.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

SERVICES = ("standard", "express", "pharmacy")
HOUSINGS = ("house", "flat", "locker", "farm")
DEPOT = re.compile(r"[0-9A-Z]{2,4}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NEEDED = ("parcel", "depot", "service", "housing", "weight_kg", "distance_km", "day", "hour")

Load = Callable[[str, str], int]


class Refused(ValueError):
    """These fields describe no parcel; `field` is the first that does not fit."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} does not fit")
        self.field = field


@dataclass(frozen=True)
class Parcel:
    """One parcel, as it is known when it is handed over."""

    parcel: int
    depot: str
    service: str
    housing: str
    weight_kg: float
    distance_km: float
    day: str
    hour: int
    load_pct: int | None = None


def read(fields: Any) -> Parcel:
    """Return the parcel that these fields describe. Raises Refused.

    parcel 1-9999999999 · depot two to four capital letters or digits · service and housing as
    above · weight_kg 0.1-30 · distance_km 0.5-120 · day YYYY-MM-DD, a day that exists · hour 0-23 ·
    load_pct 0-400, or null, or absent. Numbers are numbers; nothing else may be there.
    """
    if not isinstance(fields, Mapping):
        raise Refused("parcel")
    for name in fields:
        if name not in NEEDED and name != "load_pct":
            raise Refused(str(name))
    load = fields.get("load_pct")
    return Parcel(
        parcel=_whole(fields, "parcel", 1, 9_999_999_999),
        depot=_matching(fields, "depot", DEPOT),
        service=_one_of(fields, "service", SERVICES),
        housing=_one_of(fields, "housing", HOUSINGS),
        weight_kg=_number(fields, "weight_kg", 0.1, 30),
        distance_km=_number(fields, "distance_km", 0.5, 120),
        day=_day(fields, "day"),
        hour=_whole(fields, "hour", 0, 23),
        load_pct=None if load is None else _whole(fields, "load_pct", 0, 400),
    )


class Scorer:
    """A model, ready to answer."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self.version: str = model["version"]
        self.weights: Mapping[str, float] = model["weights"]
        self.depots: Mapping[str, float] = model["depots"]
        self.threshold: float = model["threshold"]

    def answer(self, parcel: Parcel, load: Load) -> dict[str, Any]:
        """Return the answer for one parcel; `load` is asked only when the parcel does not say."""
        booked = parcel.load_pct
        if booked is None:
            booked = load(parcel.depot, parcel.day)
        risk = self._risk(parcel, booked)
        move = risk >= self.threshold
        return {"parcel": parcel.parcel, "risk": risk, "move": move, "model": self.version}

    def _risk(self, parcel: Parcel, load_pct: int) -> float:
        """Add up in this order, or the last bits differ."""
        weights = self.weights
        odds = weights["intercept"] + self.depots.get(parcel.depot, 0.0)
        odds += weights[parcel.service] + weights[parcel.housing]
        odds += weights["weight"] * parcel.weight_kg / 10
        odds += weights["distance"] * parcel.distance_km / 100
        odds += weights["load"] * load_pct / 100
        odds += weights["hour"] * (parcel.hour - 12) / 12
        odds += weights["weekend"] * (date.fromisoformat(parcel.day).weekday() >= 5)
        return 1 / (1 + math.exp(-odds))


def _number(fields: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Refused(name)
    return float(value)


def _whole(fields: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = _number(fields, name, least, most)
    if value != int(value):
        raise Refused(name)
    return int(value)


def _one_of(fields: Mapping[str, Any], name: str, options: tuple[str, ...]) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or value not in options:
        raise Refused(name)
    return value


def _matching(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Refused(name)
    return value


def _day(fields: Mapping[str, Any], name: str) -> str:
    value = _matching(fields, name, DAY)
    try:
        date.fromisoformat(value)
    except ValueError:
        raise Refused(name) from None
    return value
