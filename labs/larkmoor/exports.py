"""The depots' nightly export of a parcel table: real dirt, but only the kinds listed here.

| dirt | share of rows | what it looks like |
|---|---|---|
| sent twice | 2 % | the network was lost: the same `parcel` again, perhaps spelt otherwise |
| untidy words | 6 % | `depot` or `service` in lower case or with blanks around it |
| grams | 4 % | `weight_kg` in grams; no parcel is lighter than 0.1 kg or heavier than 30 kg |
| not weighed | 2 % | `weight_kg` is 0 |
| other clock | 5 % | `accepted` as `04.03.2025 17.22` instead of `2025-03-04 17:22` |
| silent station | 2 % of region-days | temperature, wind, rain and snow are -999 |

Nothing else is changed; labels are never wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from .draw import stream

WEATHER = ("temp_c", "wind_ms", "rain_mm", "snow_cm")
SILENT = -999


class Export(NamedTuple):
    """A dirty table and the best anybody can make of it: missing where dirt destroyed a value."""

    raw: pd.DataFrame
    clean: pd.DataFrame


def export(parcels: pd.DataFrame, seed: int) -> Export:
    """Return `parcels` as the depots export it, and what a perfect cleaner would recover."""
    rng = stream(seed, "export", len(parcels))
    raw, clean = parcels.copy(), parcels.copy()
    clean["snow_cm"] = clean["snow_cm"].astype(float)
    _silence(rng, raw, clean)
    _misweigh(rng, raw, clean)
    raw = _resend(rng, raw)
    raw["accepted"] = _clocks(rng, raw["accepted"])
    raw["delivered"] = _text(raw["delivered"])
    for name in ("depot", "service"):
        raw[name] = _untidy(rng, raw[name].to_numpy(), 0.03)
    return Export(raw, clean)


def _silence(rng: np.random.Generator, raw: pd.DataFrame, clean: pd.DataFrame) -> None:
    day = (raw["accepted"].to_numpy().astype("datetime64[D]")).astype(np.int64)
    cell = day * 64 + pd.factorize(raw["region"], sort=True)[0]
    cells, where = np.unique(cell, return_inverse=True)
    silent = (rng.random(len(cells)) < 0.02)[where]
    for name in WEATHER:
        raw.loc[silent, name] = SILENT
        clean.loc[silent, name] = np.nan


def _misweigh(rng: np.random.Generator, raw: pd.DataFrame, clean: pd.DataFrame) -> None:
    fate, weight = rng.random(len(raw)), raw["weight_kg"].to_numpy()
    grams, unweighed = fate < 0.04, fate >= 0.98
    raw["weight_kg"] = np.where(grams, np.rint(weight * 1000), np.where(unweighed, 0.0, weight))
    clean.loc[unweighed, "weight_kg"] = np.nan


def _clocks(rng: np.random.Generator, moments: pd.Series) -> np.ndarray:
    usual = _text(moments)
    other = np.flatnonzero(rng.random(len(usual)) < 0.05)
    usual[other] = moments.iloc[other].dt.strftime("%d.%m.%Y %H.%M").to_numpy()
    return usual


def _text(moments: pd.Series) -> np.ndarray:
    written = np.datetime_as_string(moments.to_numpy().astype("datetime64[m]"))
    return np.char.replace(written, "T", " ").astype(object)


def _untidy(rng: np.random.Generator, names: np.ndarray, share: float) -> np.ndarray:
    out, fate = names.copy(), rng.random(len(names))
    for spoil, low in ((str.lower, 0.0), (lambda word: f" {word} ", share / 2)):
        where = np.flatnonzero((fate >= low) & (fate < low + share / 2))
        out[where] = [spoil(word) for word in names[where]]
    return out


def _resend(rng: np.random.Generator, raw: pd.DataFrame) -> pd.DataFrame:
    """Repeat some rows up to 200 rows further down."""
    again = np.flatnonzero(rng.random(len(raw)) < 0.02)
    key = np.concatenate([np.arange(len(raw)), again + rng.integers(1, 200, len(again))])
    rows = np.concatenate([np.arange(len(raw)), again])[np.argsort(key, kind="stable")]
    return raw.iloc[rows].reset_index(drop=True)
