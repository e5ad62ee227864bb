"""Why parcels are late: the true probabilities, for judges and for those who have finished the lab.

Six causes act independently. A parcel is on time when none of them strikes:
`P(late) = 1 - (1 - doorstep)(1 - load)(1 - wind)(1 - snow)(1 - linehaul)(1 - roadworks)`.
Everything needed is known when the parcel is accepted, except where the *road works* are: at any
time one of the six regions has them, permits run from the 1st to the 15th or from the 16th to the
end of a month, and no table lists them. The past says nothing about the next permits, so a perfect
forecaster uses the average of the six regions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .places import DEPOT_KIND, DEPOTS, KINDS

CAUSES = ("doorstep", "load", "wind", "snow", "linehaul", "roadworks")
MEASURES = {
    "ferry slots": "wind",
    "winter kit": "snow",
    "extra shift": "load",
    "early truck": "linehaul",
}

WORKS_REGIONS = 1  # of 6, at any time
WORKS_STRIKE = 0.30  # of the parcels of a region with road works
WORKS = WORKS_STRIKE * WORKS_REGIONS / 6

_SERVICE = {"standard": 0.012, "express": 0.030, "pharmacy": 0.018}
_HOUSING = {"house": 0.000, "flat": 0.022, "locker": 0.000, "farm": 0.018}
# A cause strikes with full force in depots of its kind and at a tenth in the others.
_OWN = {"load": "city", "wind": "ferry", "snow": "hills", "linehaul": "branch"}
_ELSEWHERE = 0.06
_LOAD_EDGES, _LOAD = (108, 116, 126), (0.00, 0.14, 0.40, 0.62)  # percent of capacity
_WIND_EDGES, _WIND = (9.0, 11.0, 14.0), (0.00, 0.24, 0.52, 0.76)  # m/s
_SNOW_EDGES, _SNOW = (3, 10, 20), (0.00, 0.16, 0.40, 0.62)  # cm
_HOUR_EDGES, _HOUR = (16, 17, 18), (0.00, 0.06, 0.32, 0.60)  # hour of acceptance


def _step(values: np.ndarray, edges: tuple[float, ...], heights: tuple[float, ...]) -> np.ndarray:
    return np.array(heights)[np.searchsorted(np.array(edges), values, side="right")]


def causes(parcels: pd.DataFrame) -> pd.DataFrame:
    """Return the chance (0-1) that each cause makes each parcel late; weather must not be missing.

    `parcels` is a table of `larkmoor.parcels` with depots by name, not masked.
    """
    kind_of = dict(zip(DEPOTS, DEPOT_KIND, strict=True))
    kind = parcels["depot"].map(kind_of).to_numpy()
    full = {
        "load": _step(parcels["load_pct"].to_numpy(), _LOAD_EDGES, _LOAD),
        "wind": _step(parcels["wind_ms"].to_numpy(), _WIND_EDGES, _WIND),
        "snow": _step(parcels["snow_cm"].to_numpy(), _SNOW_EDGES, _SNOW),
        "linehaul": _step(parcels["accepted"].dt.hour.to_numpy(), _HOUR_EDGES, _HOUR),
    }
    chances = {"doorstep": _doorstep(parcels)}
    for cause, height in full.items():
        chances[cause] = height * np.where(kind == KINDS.index(_OWN[cause]), 1.0, _ELSEWHERE)
    chances["roadworks"] = np.full(len(parcels), WORKS)
    return pd.DataFrame(chances, index=parcels.index)


def _doorstep(parcels: pd.DataFrame) -> np.ndarray:
    far = _step(parcels["distance_km"].to_numpy(), (12.0, 25.0), (0.0, 0.010, 0.030))
    heavy = np.where(parcels["weight_kg"].to_numpy() > 20, 0.025, 0.0)
    service = parcels["service"].map(_SERVICE).to_numpy()
    return service + parcels["housing"].map(_HOUSING).to_numpy() + far + heavy


def lateness(parcels: pd.DataFrame, without: str | None = None) -> np.ndarray:
    """Return the true P(late) of each parcel, as if the cause `without` had been bought off."""
    on_time = np.ones(len(parcels))
    for cause, chance in causes(parcels).items():
        if cause != without:
            on_time = on_time * (1 - chance.to_numpy())
    return np.round(1 - on_time, 6)
