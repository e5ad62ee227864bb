"""What late-parcels hands out and judges with: Larkmoor's parcels, depots behind masks.

Labels of the month that is scored are dropped here and never reach the learner's side.
"""

from __future__ import annotations

from typing import NamedTuple

import larkmoor
import numpy as np
import pandas as pd

from autograder import fixture, given

KNOWN, AFTERWARDS = list(larkmoor.KNOWN), list(larkmoor.AFTERWARDS)
WEATHER = ["temp_c", "wind_ms", "rain_mm", "snow_cm"]
Costs = dict[str, float]


class Month(NamedTuple):
    """A month to be scored: what is known at acceptance, and the true P(late), which stays here."""

    parcels: pd.DataFrame
    chance: np.ndarray

    def cost(self, moved: np.ndarray, costs: Costs) -> float:
        """Return the expected cost of decisions in euros a parcel: no luck in it, no labels."""
        on_time, late = 1 - self.chance, self.chance
        keep = on_time * costs["keep_ontime"] + late * costs["keep_late"]
        move = on_time * costs["move_ontime"] + late * costs["move_late"]
        return float(np.where(moved, move, keep).mean())

    def best(self, costs: Costs) -> float:
        """Return the least possible cost: the decisions of somebody who knows the chances."""
        everything = np.ones(len(self.chance), bool)
        return min(self.cost(everything, costs), self.cost(self._worth_moving(costs), costs))

    def _worth_moving(self, costs: Costs) -> np.ndarray:
        wasted = costs["move_ontime"] - costs["keep_ontime"]
        saved = costs["keep_late"] - costs["move_late"]
        return self.chance * saved > (1 - self.chance) * wasted


def masked(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Replace depots by this seed's masks, so that no group can be known by heart."""
    return table.assign(depot=table["depot"].map(larkmoor.masks(seed)))


@given("parcels.csv")
@fixture
def export(seed: int) -> pd.DataFrame:
    """The depots' export of 2025 as it comes, 48,000 parcels and some of them twice."""
    return larkmoor.export(masked(larkmoor.parcels(seed, 48_000), seed), seed).raw


@given("morning.csv")
@fixture
def morning(seed: int) -> pd.DataFrame:
    """400 parcels of 2 January 2026 as a depot's screen shows them when they are accepted."""
    month = larkmoor.parcels(seed, 20_000, "2026-01", 1)
    day = masked(month[month["accepted"].dt.day == 2].head(400), seed)
    screen = day.assign(eta_shift_min=0, scans=1, attempts=0, delivered="", claim=False)
    screen["accepted"] = day["accepted"].dt.strftime("%Y-%m-%d %H:%M")
    return screen.drop(columns="late")


@fixture
def shipped(seed: int, rng: np.random.Generator) -> larkmoor.Export:
    """Another export, and what a perfect cleaner makes of it."""
    start = f"2026-{rng.integers(1, 10):02d}"
    return larkmoor.export(masked(larkmoor.parcels(seed, 6_000, start, 3), seed), seed)


@fixture
def months(seed: int, rng: np.random.Generator) -> pd.DataFrame:
    """Clean parcels of five months across a new year, in no order."""
    start = f"2025-{rng.integers(9, 13):02d}"
    table = masked(larkmoor.parcels(seed, 4_000, start, 5), seed)
    return table.iloc[rng.permutation(len(table))].reset_index(drop=True)


@fixture
def past(seed: int) -> pd.DataFrame:
    """The clean parcels of 2025 of a world the learner has not seen."""
    return masked(larkmoor.parcels(seed, 48_000), seed)


@fixture
def month(seed: int) -> Month:
    """January 2026 of that world: 10,000 parcels."""
    table = larkmoor.parcels(seed, 10_000, "2026-01", 1)
    return Month(masked(table[KNOWN], seed), larkmoor.lateness(table))


@fixture
def costs() -> Costs:
    """The cost matrix of the brief, in euros a parcel."""
    return {"keep_ontime": 0.0, "keep_late": 6.0, "move_ontime": 1.2, "move_late": 2.4}


@fixture
def other_costs(rng: np.random.Generator) -> list[Costs]:
    """Three other matrices: late is dear; the early van hardly helps; vans are scarce."""
    scale = rng.integers(8, 13, 3) / 10
    plain = (
        {"keep_ontime": 1.0, "keep_late": 14.0, "move_ontime": 1.8, "move_late": 4.0},
        {"keep_ontime": 0.0, "keep_late": 36.0, "move_ontime": 4.5, "move_late": 27.0},
        {"keep_ontime": 0.0, "keep_late": 6.0, "move_ontime": 3.0, "move_late": 4.0},
    )
    return [
        {k: round(v * float(by), 2) for k, v in one.items()}
        for one, by in zip(plain, scale, strict=True)
    ]


@fixture
def disguises(month: Month, past: pd.DataFrame, rng: np.random.Generator) -> list[pd.DataFrame]:
    """The month, odd rows and all, in seven dresses that tell the same about every parcel.

    Three carry columns of later days, as the screen shows them and borrowed from strangers twice;
    one has them under other names, one only what is known. The last two hold a part of it: the
    3,000 accepted under the greatest load, and those in silence and in storm.
    """
    bare = month.parcels.copy()
    bare.loc[rng.permutation(len(bare))[:300], "depot"] = "Z0Z"
    silent = (bare["region"] == bare["region"].iloc[0]) & (bare["accepted"].dt.day <= 9)
    bare[WEATHER] = bare[WEATHER].astype(float).mask(silent)
    screen = bare.assign(eta_shift_min=0, scans=1, attempts=0, delivered=pd.NaT, claim=False)
    borrowed = [_borrow(bare, past, rng), _borrow(bare, past, rng)]
    renamed = borrowed[0].rename(columns={name: f"after_{name}" for name in AFTERWARDS})
    parts = [
        bare.sort_values(name, ascending=False, na_position="first", kind="stable")[:3000]
        for name in ("load_pct", "wind_ms")
    ]
    return [screen, *borrowed, renamed, bare, *parts]


def _borrow(bare: pd.DataFrame, past: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = rng.integers(0, len(past), len(bare))
    return bare.assign(**{name: past[name].to_numpy()[rows] for name in AFTERWARDS})


@fixture
def savings(seed: int) -> pd.DataFrame:
    """Parcels a year that each measure would bring on time, truly: depots x measures."""
    table = larkmoor.parcels(seed, 48_000)
    chance, depot = larkmoor.lateness(table), masked(table, seed)["depot"]
    saved = {
        measure: chance - larkmoor.lateness(table, without=cause)
        for measure, cause in larkmoor.MEASURES.items()
    }
    return pd.DataFrame(saved).groupby(depot).sum()
