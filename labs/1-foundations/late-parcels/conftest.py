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
    """Another export, and what a perfect cleaner makes of it.

    Its lightest parcel was sent in grams, its heaviest in kilograms: 100 and 30.
    """
    start = f"2026-{rng.integers(1, 10):02d}"
    made = larkmoor.export(masked(larkmoor.parcels(seed, 6_000, start, 3), seed), seed)
    for number, sent, kilograms in zip(rng.permutation(6_000), (100, 30), (0.1, 30), strict=False):
        parcel = made.clean["parcel"].iloc[number]
        made.raw.loc[made.raw["parcel"] == parcel, "weight_kg"] = sent
        made.clean.loc[made.clean["parcel"] == parcel, "weight_kg"] = kilograms
    return made


@fixture
def months(seed: int, rng: np.random.Generator) -> pd.DataFrame:
    """Clean parcels of five months across a new year, in no order."""
    start = f"2025-{rng.integers(9, 13):02d}"
    table = masked(larkmoor.parcels(seed, 4_000, start, 5), seed)
    return table.iloc[rng.permutation(len(table))].reset_index(drop=True)


@fixture
def past(seed: int) -> pd.DataFrame:
    """2025 of a world the learner has not seen, clean: scales and stations were silent at times."""
    return larkmoor.export(masked(larkmoor.parcels(seed, 48_000), seed), seed).clean


@fixture
def pasts(past: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A quarter of that year and a sixth of it, whole consignments, none of them in both."""
    number = past["consignment"] % 12
    return past[number < 3], past[number > 9]


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
    """Five other matrices, each number drawn.

    Late is dear; the early van hardly helps; vans are scarce; moving pays for no parcel, for all.
    """
    return [
        _matrix(rng, (1.5, 2.5), (14, 18), (0.8, 1.4), (7, 10)),
        _matrix(rng, (0, 1), (28, 40), (3, 6), (7, 12)),
        _matrix(rng, (0, 1), (5, 8), (2, 3.5), (1.5, 3)),
        _matrix(rng, (0, 1), (5, 8), (1, 2), (-4, -2.5)),
        _matrix(rng, (2, 3), (5, 8), (-1.5, -0.8), (1, 2)),
    ]


def _matrix(rng: np.random.Generator, *ranges: tuple[float, float]) -> Costs:
    """Draw what keeping costs, on time and late, what moving wastes, and what it saves."""
    ontime, late, wasted, saved = (float(rng.uniform(*one)) for one in ranges)
    costs = {"keep_ontime": ontime, "keep_late": late}
    costs |= {"move_ontime": ontime + wasted, "move_late": late - saved}
    return {name: round(euros, 2) for name, euros in costs.items()}


class Disguises(NamedTuple):
    """The month, odd rows and all, as the morning's screen shows it, in other dresses, in parts.

    `opened`: the parcels of two depots that nobody has heard of; `silent`: those of silent
    stations, five days in each region.
    """

    screen: pd.DataFrame
    dresses: list[pd.DataFrame]
    parts: list[pd.DataFrame]
    opened: np.ndarray
    silent: np.ndarray


@fixture
def disguises(month: Month, past: pd.DataFrame, rng: np.random.Generator) -> Disguises:
    """The month in dresses and parts that tell the same about every parcel.

    Two dresses carry columns of later days, borrowed from strangers; one has them under other
    names, one only what is known; each is worn by 2,000 parcels in an order of its own. The parts
    are 1,000 accepted under the greatest load, 1,000 in silence, a depot, ten parcels, and two
    that come alone, one from a new depot.
    """
    bare, family = month.parcels.copy(), month.parcels["consignment"].to_numpy()
    opened = np.isin(family, rng.permutation(np.unique(family))[::16])
    bare.loc[opened, "depot"] = np.where(family[opened] % 2 == 0, "A0A", "L0L")
    silent = _silent(bare, rng)
    bare[WEATHER] = bare[WEATHER].astype(float).mask(pd.Series(silent))
    bare.loc[rng.random(len(bare)) < 0.02, "weight_kg"] = np.nan
    screen = bare.assign(eta_shift_min=0, scans=1, attempts=0, delivered=pd.NaT, claim=False)
    worn = [bare.iloc[rng.permutation(len(bare))[:2000]] for _ in range(4)]
    dresses = [_borrow(one, past, rng) for one in worn[:3]] + worn[3:]
    dresses[2] = dresses[2].rename(columns={name: f"after_{name}" for name in AFTERWARDS})
    return Disguises(screen, dresses, _parts(screen, opened, rng), opened, silent)


def _silent(parcels: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Tell which parcels had a silent station: five days in each region."""
    day, regions = parcels["accepted"].dt.day, sorted(parcels["region"].unique())
    first = parcels["region"].map({name: int(rng.integers(1, 28)) for name in regions})
    return ((day >= first) & (day < first + 5)).to_numpy()


def _parts(screen: pd.DataFrame, opened: np.ndarray, rng: np.random.Generator) -> list:
    """Cut the month: 1,000 parcels twice, one known depot, ten parcels, two alone."""
    parts = [
        screen.sort_values(name, ascending=False, na_position="first", kind="stable")[:1000]
        for name in ("load_pct", "wind_ms")
    ]
    depot = rng.choice(screen["depot"][~opened].unique())
    some = rng.permutation(len(screen))[:10]
    rows = [some, some[:1], np.flatnonzero(opened)[:1]]
    return [*parts, screen[screen["depot"] == depot], *(screen.iloc[one] for one in rows)]


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
