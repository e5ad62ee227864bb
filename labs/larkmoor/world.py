"""All tables of one world at once, to look around in. Labs take the tables they need."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from .freight import parcels
from .people import customers, prescriptions
from .places import depots, routes
from .scanning import scans
from .skies import weather


@dataclass(frozen=True)
class World:
    """The tables of one seed; keys are `depot`, `region`, `parcel`, `customer`."""

    depots: pd.DataFrame
    routes: pd.DataFrame
    weather: pd.DataFrame
    parcels: pd.DataFrame
    scans: pd.DataFrame
    customers: pd.DataFrame
    prescriptions: pd.DataFrame


def world(seed: int, n: int = 24_000, start: str = "2025-01", months: int = 12) -> World:
    """Return the world of `seed` with `n` parcels accepted in `months` months from `start`."""
    moved = parcels(seed, n, start, months)
    return World(
        depots(),
        routes(),
        weather(seed),
        moved,
        scans(moved, seed),
        customers(seed),
        prescriptions(moved, seed),
    )
