"""Parcels, one row each, with what is known at acceptance and what only the following days bring.

Parcels travel in consignments: what one customer ordered at once rides in one cage and is late
together, or not at all. Consignments do not interact: the load of a depot is drawn first, and they
fall into the days in proportion to it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from .draw import pick, stream, words
from .places import DEPOT_KIND, DEPOT_REGION, DEPOT_SHARE, DEPOTS, KINDS, REGIONS, ROUTES_PER_DEPOT
from .skies import DATES, DAY, DAYS, MONTH, WEEKDAY, grid
from .truth import WORKS, WORKS_REGIONS, WORKS_STRIKE, lateness

SERVICES, _SERVICE_WEIGHTS = ("standard", "express", "pharmacy"), (70, 22, 8)
HOUSINGS = ("house", "flat", "locker", "farm")
_HOUSING_WEIGHTS = {False: (50, 16, 16, 18), True: (14, 58, 26, 2)}  # in a city or not
_SIZES = np.array([1, 2, 3, 4, 6, 8])  # parcels in a consignment
_SIZE_WEIGHTS = (580, 150, 90, 80, 60, 40)
_HOURS = (0, 0, 0, 0, 0, 0, 2, 5, 8, 10, 11, 11, 10, 10, 11, 13, 15, 13, 10, 5, 2, 0, 0, 0)
_SEASON = np.array([98, 92, 94, 95, 97, 93, 86, 88, 96, 99, 108, 113])  # load, percent, by month
_WEEK = np.array([112, 106, 102, 104, 114, 52, 22])  # load, percent, from Monday
_WAIT_DAYS = {"standard": 2, "express": 1, "pharmacy": 1}
_DUE_HOUR = {"standard": 18, "express": 12, "pharmacy": 18}

KNOWN = (
    "parcel",
    "consignment",
    "accepted",
    "depot",
    "region",
    "route",
    "service",
    "customer",
    "weight_kg",
    "distance_km",
    "housing",
    "load_pct",
    "temp_c",
    "wind_ms",
    "rain_mm",
    "snow_cm",
)
AFTERWARDS = ("eta_shift_min", "scans", "attempts", "delivered", "claim", "late")


@lru_cache(maxsize=8)
def loads(seed: int) -> np.ndarray:
    """Return days x depots: booked volume in percent of what the depot can sort in a day."""
    noise = stream(seed, "loads").integers(-18, 19, (DAYS, len(DEPOTS)))
    table = (_SEASON[MONTH] * _WEEK[WEEKDAY] // 100)[:, None] + noise
    table = np.maximum(table, 5)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=8)
def roadworks(seed: int) -> np.ndarray:
    """Return days x regions: True where there are road works, a half month at a time."""
    half = 2 * (DATES.astype("datetime64[M]") - DATES[0].astype("datetime64[M]")).astype(
        np.int64
    ) + (DAY > 15)
    rng = stream(seed, "roadworks")
    chosen = np.array([rng.permutation(len(REGIONS)) < WORKS_REGIONS for _ in range(half[-1] + 1)])
    table = chosen[half]
    table.setflags(write=False)
    return table


def parcels(seed: int, n: int = 24_000, start: str = "2025-01", months: int = 12) -> pd.DataFrame:
    """Return `n` parcels accepted in `months` whole months from `start`, oldest first.

    Columns of `KNOWN` are known at acceptance; those of `AFTERWARDS` are written later. Units are
    in the names; `load_pct` is percent of the depot's daily capacity. The same arguments give the
    same bytes on any machine.
    """
    first, last = _span(start, months)
    rng = stream(seed, "parcels", n, start, months)
    shipment = _consignments(rng, n)
    day, minute, depot = _handed_over(rng, loads(seed)[first:last], shipment[-1] + 1 if n else 0)
    table = _known(rng, seed, first + day, minute, depot, shipment)
    return _with_outcome(
        rng, table, roadworks(seed)[(first + day)[shipment], DEPOT_REGION[depot[shipment]]]
    )


def _span(start: str, months: int) -> tuple[int, int]:
    month = np.datetime64(start, "M")
    edges = np.array([month, month + months]).astype("datetime64[D]")
    first, last = (int(edge) for edge in (edges - DATES[0]).astype(np.int64))
    if months < 1 or first < 0 or last > DAYS:
        raise ValueError(f"{months} months from {start} are not all in 2025-01 to 2027-12")
    return first, last


def _consignments(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return for each of `n` parcels the number of its consignment, from 0 upwards."""
    sizes = _SIZES[pick(rng, _SIZE_WEIGHTS, n)]
    return np.repeat(np.arange(n), sizes)[:n]


def _handed_over(
    rng: np.random.Generator, load: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw day, minute of the day and depot of each consignment, in order of time."""
    day, depot = np.divmod(pick(rng, (load * DEPOT_SHARE).ravel(), count), len(DEPOTS))
    minute = pick(rng, _HOURS, count) * 60 + rng.integers(0, 60, count)
    order = np.argsort(day * 1440 + minute, kind="stable")
    return day[order], minute[order], depot[order]


def _known(
    rng: np.random.Generator,
    seed: int,
    day: np.ndarray,
    minute: np.ndarray,
    depot: np.ndarray,
    shipment: np.ndarray,
) -> pd.DataFrame:
    """Draw per consignment, then hand each parcel what its consignment has; weights are its own."""
    count, n, region, sky = len(day), len(shipment), DEPOT_REGION[depot], grid(seed)
    city = DEPOT_KIND[depot] == KINDS.index("city")
    housing = [pick(rng, _HOUSING_WEIGHTS[inside], count) for inside in (False, True)]
    reach = np.where(city, 120, 420)
    base = int(day[0]) * 100_000 if n else 0
    columns = {
        "consignment": 3_000_000 + base + np.arange(count),
        "accepted": (DATES[day].astype("datetime64[m]") + minute.astype("timedelta64[m]")).astype(
            "datetime64[ns]"
        ),
        "depot": words(DEPOTS, depot),
        "region": words(REGIONS, region),
        "route": rng.integers(1, ROUTES_PER_DEPOT + 1, count),
        "service": words(SERVICES, pick(rng, _SERVICE_WEIGHTS, count)),
        "customer": rng.integers(1, 50_001, count),
        "distance_km": np.minimum(rng.integers(5, reach), rng.integers(5, reach)) / 10,
        "housing": words(HOUSINGS, np.where(city, housing[1], housing[0])),
        "load_pct": loads(seed)[day, depot],
        "temp_c": sky["temp"][day, region] / 10,
        "wind_ms": sky["wind"][day, region] / 10,
        "rain_mm": sky["rain"][day, region] / 10,
        "snow_cm": sky["snow"][day, region],
    }
    table = {name: column[shipment] for name, column in columns.items()}
    table |= {"parcel": 7_000_000 + base + np.arange(n), "weight_kg": _weights(rng, n)}
    return pd.DataFrame({name: table[name] for name in KNOWN})


def _weights(rng: np.random.Generator, n: int) -> np.ndarray:
    """Kilograms: most parcels are light, one in sixteen weighs up to 30 kg."""
    light = rng.integers(10, 600, n)
    heavy = rng.integers(600, 3000, n)
    return (
        np.where(
            rng.integers(0, 16, n) < 13,
            light,
            np.where(rng.integers(0, 3, n) < 2, heavy // 2, heavy),
        )
        / 100
    )


def _with_outcome(
    rng: np.random.Generator, table: pd.DataFrame, struck: np.ndarray
) -> pd.DataFrame:
    n = len(table)
    calm = (1 - lateness(table)) / (1 - WORKS)  # P(on time) where there are no road works
    fate = (
        rng.random(n)[table["consignment"].to_numpy() - table["consignment"].iloc[0]]
        if n
        else np.empty(0)
    )
    late = fate >= np.where(struck, calm * (1 - WORKS_STRIKE), calm)
    shift = (
        np.where(
            late, rng.integers(3, 60, n), rng.integers(0, 12, n) * (rng.integers(0, 4, n) == 0)
        )
        * 5
    )
    attempts = (
        1
        + (rng.integers(0, 100, n) < np.where(late, 44, 6))
        + (rng.integers(0, 100, n) < np.where(late, 16, 1))
    )
    claim = rng.integers(0, 1000, n) < np.where(late, 330, 8)
    return table.assign(
        eta_shift_min=shift,
        scans=3 + attempts + (rng.integers(0, 100, n) < np.where(late, 62, 4)),
        attempts=attempts,
        delivered=due(table) + _after_due(rng, late, (table["service"] == "express").to_numpy()),
        claim=claim,
        late=late,
    )


def due(table: pd.DataFrame) -> pd.Series:
    """Return the moment promised to the receiver; a parcel delivered after it is late."""
    days = pd.to_timedelta(table["service"].map(_WAIT_DAYS), unit="D")
    return (
        table["accepted"].dt.normalize()
        + days
        + pd.to_timedelta(table["service"].map(_DUE_HOUR), unit="h")
    )


def _after_due(rng: np.random.Generator, late: np.ndarray, express: np.ndarray) -> np.ndarray:
    """Minutes from the promised moment to delivery: by day, and up to two days late."""
    n = len(late)
    early = -rng.integers(0, np.where(express, 300, 600))
    days = pick(rng, (45, 40, 15), n)
    morning = days * 1440 - np.where(express, 240, 600)  # 8 o'clock of a later day
    minutes = np.where(days == 0, rng.integers(20, 180, n), morning + rng.integers(0, 660, n))
    return np.where(late, minutes, early).astype("timedelta64[m]").astype("timedelta64[ns]")
