"""What we promise, rule by rule. Run by pytest; tests promises, not how they are computed."""

from __future__ import annotations

from datetime import datetime

import pytest
from eta.promise import promise

ROADS = {"Aarhus": {"Vejle": 60, "Odense": 61}, "Vejle": {"Aarhus": 90}}
PARCEL = {
    "number": "LM000001", "accepted": "2026-03-03T10:00", "service": "express", "weight_kg": 2.5,
    "from": "Aarhus", "to": "Vejle", "housing": "flat",
}  # fmt: skip


def promised(**changes: object) -> str:
    """Return the promise for an easy parcel (a Tuesday, two hours) with some changes."""
    moment = promise({**PARCEL, **changes}, ROADS)
    assert isinstance(moment, datetime)
    return moment.isoformat(timespec="minutes")


def test_an_easy_parcel() -> None:
    assert promised() == "2026-03-03T12:00"


### BEGIN SOLUTION: for each rule of the contract, a parcel on its edge and one beside it
FRIDAY, SATURDAY, SUNDAY, MONDAY = (f"2026-03-{day:02}" for day in (6, 7, 8, 9))


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({"accepted": f"{SATURDAY}T09:00"}, f"{SATURDAY}T11:00"),
        ({"accepted": f"{SATURDAY}T09:00", "service": "pharmacy"}, f"{SATURDAY}T10:30"),
        ({"accepted": f"{SATURDAY}T09:00", "service": "standard"}, f"{MONDAY}T12:00"),
        ({"accepted": f"{SUNDAY}T09:00"}, f"{MONDAY}T10:00"),
        ({"accepted": f"{FRIDAY}T17:00", "service": "standard"}, f"{MONDAY}T12:00"),
        ({"accepted": f"{FRIDAY}T17:00"}, f"{SATURDAY}T10:00"),
        ({"accepted": f"{SATURDAY}T17:00"}, f"{MONDAY}T10:00"),
        ({"accepted": f"{FRIDAY}T14:30", "service": "standard"}, f"{MONDAY}T08:30"),
    ],
)
def test_working_days(changes: dict[str, object], due: str) -> None:
    assert promised(**changes) == due


@pytest.mark.parametrize(
    ("accepted", "due"),
    [
        (f"{FRIDAY}T15:55", f"{FRIDAY}T18:00"),
        (f"{FRIDAY}T16:00", f"{SATURDAY}T10:00"),
        (f"{FRIDAY}T16:05", f"{SATURDAY}T10:00"),
        (f"{FRIDAY}T12:30", f"{FRIDAY}T14:30"),
        (f"{SATURDAY}T11:55", f"{SATURDAY}T14:00"),
        (f"{SATURDAY}T12:00", f"{MONDAY}T10:00"),
        (f"{SATURDAY}T12:30", f"{MONDAY}T10:00"),
        (f"{FRIDAY}T06:10", f"{FRIDAY}T10:00"),
    ],
)
def test_when_the_clock_starts(accepted: str, due: str) -> None:
    assert promised(accepted=accepted) == due


@pytest.mark.parametrize(
    ("service", "weight", "due"),
    [
        ("standard", 2.5, "2026-03-03T14:00"),
        ("standard", 20.1, "2026-03-03T15:00"),
        ("express", 20.0, "2026-03-03T12:00"),
        ("express", 20.1, "2026-03-03T13:00"),
        ("pharmacy", 27.0, "2026-03-03T11:30"),
    ],
)
def test_handling(service: str, weight: float, due: str) -> None:
    assert promised(service=service, weight_kg=weight) == due


@pytest.mark.parametrize(
    ("accepted", "to", "housing", "due"),
    [
        ("10:13", "Odense", "farm", "2026-03-03T12:30"),
        ("10:14", "Odense", "farm", "2026-03-03T13:00"),
        ("10:29", "Odense", "house", "2026-03-03T12:30"),
        ("10:00", "Vejle", "house", "2026-03-03T12:00"),
    ],
)
def test_roads(accepted: str, to: str, housing: str, due: str) -> None:
    assert promised(accepted=f"2026-03-03T{accepted}", to=to, housing=housing) == due


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({"accepted": "2026-03-03T14:00", "service": "standard"}, "2026-03-03T18:00"),
        ({"accepted": "2026-03-03T14:30", "service": "standard"}, "2026-03-04T08:30"),
        ({"accepted": "2026-03-03T15:50", "service": "standard"}, "2026-03-04T10:00"),
        ({"accepted": "2026-03-03T10:01"}, "2026-03-03T12:30"),
        ({"accepted": "2026-03-03T10:16"}, "2026-03-03T12:30"),
        ({"from": "Vejle", "to": "Aarhus"}, "2026-03-03T12:30"),
    ],
)
def test_days_and_half_hours(changes: dict[str, object], due: str) -> None:
    assert promised(**changes) == due
### END SOLUTION
