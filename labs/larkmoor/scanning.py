"""Scans: what the handhelds saw of each parcel, in order. Clocks are right, no scan is lost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .draw import stream, words

EVENTS = ("accepted", "sorted", "held", "loaded", "attempt", "delivered")


def scans(parcels: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one row per scan: `parcel`, `depot`, `event` (one of `EVENTS`), `at`.

    The number of rows of a parcel is its `scans`; the last one is its delivery.
    """
    rng, n = stream(seed, "scans", len(parcels)), len(parcels)
    accepted, delivered = (_minutes(parcels[name]) for name in ("accepted", "delivered"))
    failed = parcels["attempts"].to_numpy() - 1
    held = parcels["scans"].to_numpy() - parcels["attempts"].to_numpy() - 3
    gap = rng.integers(60, 120, n)
    first = delivered - failed * gap
    tidy = accepted + rng.integers(20, 120, n)
    times = [accepted, tidy, tidy + rng.integers(10, 60, n), first - rng.integers(20, 60, n)]
    times += [first, first + gap, delivered]
    present = [
        np.ones(n, bool),
        np.ones(n, bool),
        held > 0,
        np.ones(n, bool),
        failed > 0,
        failed > 1,
    ]
    return _long(parcels, times, [*present, np.ones(n, bool)])


def _minutes(moments: pd.Series) -> np.ndarray:
    return moments.to_numpy().astype("datetime64[m]").astype(np.int64)


def _long(
    parcels: pd.DataFrame, times: list[np.ndarray], present: list[np.ndarray]
) -> pd.DataFrame:
    """Stack the columns of events into rows, parcel by parcel."""
    kept = np.stack(present, axis=1)
    row, column = np.nonzero(kept)
    at = np.stack(times, axis=1)[row, column].astype("datetime64[m]").astype("datetime64[ns]")
    event = np.array([0, 1, 2, 3, 4, 4, 5])[column]
    return pd.DataFrame(
        {
            "parcel": parcels["parcel"].to_numpy()[row],
            "depot": parcels["depot"].to_numpy()[row],
            "event": words(EVENTS, event),
            "at": at,
        }
    )
