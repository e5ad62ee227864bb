"""Depots, regions and routes: Larkmoor's map, the same in every world; seeds move no depot."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .draw import stream, words

REGIONS = ("Northshore", "Eastwold", "Southmere", "Westfell", "Midlark", "Outer Sound")
KINDS = ("ferry", "hills", "city", "branch")

# One depot of each kind in every region, so that neither weather nor region gives the kind away.
_NAMES = (
    ("Gullness", "Hartfell", "Northgate", "Dunmere"),
    ("Sandrey", "Stonehowe", "Brickfield", "Applewick"),
    ("Tidewick", "Lindhowe", "Canal Street", "Fenmarsh"),
    ("Ostrey", "Ravenscar", "Millbank", "Thornby"),
    ("Loch End", "Bramfell", "Larkmoor City", "Wold End"),
    ("Skarholm", "Kestrel Pass", "Eastquay", "Oxley"),
)
_SHARES = (
    (30, 34, 52, 36),
    (28, 32, 50, 38),
    (32, 30, 54, 34),
    (26, 36, 48, 32),
    (30, 34, 60, 40),
    (34, 30, 46, 36),
)

ROUTES_PER_DEPOT = 8
DEPOTS = tuple(name for region in _NAMES for name in region)
DEPOT_REGION = np.repeat(np.arange(len(REGIONS)), len(KINDS))
DEPOT_KIND = np.tile(np.arange(len(KINDS)), len(REGIONS))
DEPOT_SHARE = np.array(_SHARES, dtype=np.int64).ravel()


def depots() -> pd.DataFrame:
    """Return the 24 depots: name, region, kind, share of all parcels (per mille).

    `kind` says what makes parcels late there (`larkmoor.lateness`). Labs that ask for it hide it.
    """
    share = np.round(DEPOT_SHARE * 1000 / DEPOT_SHARE.sum(), 1)
    return pd.DataFrame(
        {
            "depot": list(DEPOTS),
            "region": words(REGIONS, DEPOT_REGION),
            "kind": words(KINDS, DEPOT_KIND),
            "share": share,
        }
    )


def routes() -> pd.DataFrame:
    """Return the rounds driven from each depot: route number (1-8), length in km, planned stops."""
    rng = stream(0, "routes")
    count = len(DEPOTS) * ROUTES_PER_DEPOT
    depot = np.repeat(np.arange(len(DEPOTS)), ROUTES_PER_DEPOT)
    city = DEPOT_KIND[depot] == KINDS.index("city")
    return pd.DataFrame(
        {
            "depot": words(DEPOTS, depot),
            "route": np.tile(np.arange(1, ROUTES_PER_DEPOT + 1), len(DEPOTS)),
            "length_km": np.where(city, rng.integers(18, 45, count), rng.integers(60, 160, count)),
            "stops": np.where(city, rng.integers(90, 150, count), rng.integers(45, 95, count)),
        }
    )


def masks(seed: int) -> dict[str, str]:
    """Return a code such as `K7Q` for every depot, drawn anew for each seed; it means nothing."""
    rng = stream(seed, "masks")
    letters, digits = "BCDFGHJKLMNPQRSTVWX", "23456789"
    size = len(letters) * len(digits) * len(letters)
    numbers = rng.permutation(size)[: len(DEPOTS)]
    tens, last = np.divmod(numbers, len(letters))
    first, middle = np.divmod(tens, len(digits))
    codes = (
        letters[a] + digits[b] + letters[c] for a, b, c in zip(first, middle, last, strict=True)
    )
    return dict(zip(DEPOTS, codes, strict=True))
