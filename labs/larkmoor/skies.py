"""Daily weather per region, 2025-01-01 to 2027-12-31: the morning's forecast, always right.

Plausible for a northern coast, not a climate model: seasons are tables, storms are draws.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from .draw import stream, words
from .places import REGIONS

FIRST_DAY = np.datetime64("2025-01-01", "D")
DAYS = 1095  # three whole years
DATES = FIRST_DAY + np.arange(DAYS)
MONTH = (DATES.astype("datetime64[M]").astype(np.int64) % 12).astype(np.int64)  # 0 is January
DAY = (DATES - DATES.astype("datetime64[M]")).astype(np.int64) + 1  # of the month
WEEKDAY = (DATES.astype(np.int64) + 3) % 7  # 0 is Monday

# By month, in tenths of a degree, of a metre per second; storms and wet days per thousand.
_TEMP = np.array([8, 10, 32, 72, 118, 158, 180, 174, 136, 90, 46, 16])
_WIND = np.array([34, 32, 28, 22, 16, 12, 10, 12, 20, 28, 32, 36])
_STORM = np.array([110, 100, 80, 50, 30, 20, 20, 25, 60, 90, 100, 110])
_WET = np.array([520, 480, 450, 420, 400, 400, 420, 440, 470, 520, 540, 540])
_REGION_TEMP = np.array([-12, 4, 12, -8, 0, -4])


def _persistent(rng: np.random.Generator, low: int, high: int) -> np.ndarray:
    """Sum of three neighbouring days' draws: today resembles yesterday."""
    raw = rng.integers(low, high + 1, (DAYS + 2, len(REGIONS)))
    return raw[2:] + raw[1:-1] + raw[:-2]


def _snow(temp: np.ndarray, wet: np.ndarray) -> np.ndarray:
    """Snow depth in cm: frost keeps what falls, ploughs and warmth take some away."""
    depth = np.zeros(len(REGIONS), dtype=np.int64)
    out = np.empty_like(temp)
    for day in range(DAYS):
        fallen = np.where(temp[day] < 6, np.minimum(wet[day] // 8, 14), 0)
        melted = 2 + np.maximum(temp[day], 0) // 6
        depth = np.clip(depth + fallen - melted, 0, 45)
        out[day] = depth
    return out


@lru_cache(maxsize=8)
def grid(seed: int) -> dict[str, np.ndarray]:
    """Return days x regions arrays of whole numbers: temp, wind, rain in tenths, snow in cm."""
    rng = stream(seed, "weather")
    month = MONTH[:, None]
    temp = _TEMP[month] + _REGION_TEMP + _persistent(rng, -32, 32)
    storm = rng.integers(0, 1000, temp.shape) < _STORM[month]
    lasting = storm | np.vstack([storm[:1], storm[:-1]])
    wind = _WIND[month] + _persistent(rng, 2, 22) + lasting * rng.integers(55, 130, temp.shape)
    wet = (rng.integers(0, 1000, temp.shape) < _WET[month]) * rng.integers(1, 160, temp.shape)
    snow = _snow(temp, wet)
    for array in (temp, wind, wet, snow):
        array.setflags(write=False)
    return {"temp": temp, "wind": wind, "rain": wet, "snow": snow}


def weather(seed: int) -> pd.DataFrame:
    """Return a row per day and region: `temp_c`, `wind_ms` (m/s), `rain_mm`, `snow_cm` (depth)."""
    tables = grid(seed)
    region = np.tile(np.arange(len(REGIONS)), DAYS)
    return pd.DataFrame(
        {
            "date": np.repeat(DATES, len(REGIONS)).astype("datetime64[ns]"),
            "region": words(REGIONS, region),
            "temp_c": tables["temp"].ravel() / 10,
            "wind_ms": tables["wind"].ravel() / 10,
            "rain_mm": tables["rain"].ravel() / 10,
            "snow_cm": tables["snow"].ravel(),
        }
    )
