"""Larkmoor's world keeps what its page promises; sampling noise sets the tolerances."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import larkmoor
import numpy as np
import pandas as pd
import pytest

HOUSE = Path(larkmoor.__file__).parent
GOLDEN = {
    "parcels": "c1e62ecec034e6605af69e7458f35696d50b21dd6aa9cb6c0a051c19b99b7c7c",
    "scans": "2e0f4d21b4df74568e99c4c49ea7a22d085e8b900720e4c5792e1aa83be41169",
    "weather": "3bbeab9e24f09d3cc78bf81d775b3e0ef20f70231eef936c55a58c257e0ec168",
    "customers": "c507856de3b7d5d5e298e66df5fb52cf3bac4f8e77737618600b7c62ae0c760d",
    "prescriptions": "4e8c349d859b4054778c2d8f44de71af3b1f67457c1da5625579258c89353fb2",
    "routes": "8f82db9b841d07c570b8be9848785f246fc7741ea91f5045be897060c90ea583",
    "export": "49e9a857e883e380902542e50b03a1b730892d1bf4d6d164c325fddc489ac09f",
}
PRINT_DIGESTS = """
import json, larkmoor
w = larkmoor.world(11, n=5000)
NAMES = ("parcels", "scans", "weather", "customers", "prescriptions", "routes")
tables = {name: getattr(w, name) for name in NAMES}
tables["export"] = larkmoor.export(w.parcels, 11).raw
print(json.dumps({name: larkmoor.digest(table) for name, table in tables.items()}, sort_keys=True))
"""


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    table = larkmoor.parcels(3, n=240_000)
    kinds = larkmoor.depots().set_index("depot")["kind"]
    return table.assign(kind=table["depot"].map(kinds), chance=larkmoor.lateness(table))


@pytest.mark.parametrize("processor", ["Haswell", "Nehalem"])
def test_the_same_seed_gives_the_same_bytes_on_other_processors(processor: str) -> None:
    path = os.pathsep.join([str(HOUSE.parent), *sys.path])
    environment = {
        "OPENBLAS_CORETYPE": processor,
        "PYTHONPATH": path,
        "NPY_DISABLE_CPU_FEATURES": "",
    }
    if processor == "Nehalem":
        environment["NPY_DISABLE_CPU_FEATURES"] = _dispatched()
    done = subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == GOLDEN


def _dispatched() -> str:
    """Return the optional processor features that numpy uses on this machine."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))


def test_other_seeds_give_other_worlds() -> None:
    assert larkmoor.digest(larkmoor.parcels(1, 500)) != larkmoor.digest(larkmoor.parcels(2, 500))


def test_tables_are_quick_to_make() -> None:
    """CPU seconds, with room for slow machines: 20,000 parcels take about 0.03."""
    larkmoor.parcels(4, n=1000)
    before = time.process_time()
    for seed in range(5, 10):
        larkmoor.parcels(seed, n=20_000)
    assert (time.process_time() - before) / 5 < 0.15


def test_months_are_whole_and_in_order() -> None:
    january = larkmoor.parcels(6, n=3000, start="2026-01", months=1)
    assert set(january["accepted"].dt.strftime("%Y-%m")) == {"2026-01"}
    assert january["accepted"].is_monotonic_increasing
    assert january["parcel"].is_unique


@pytest.mark.parametrize(("start", "months"), [("2024-12", 1), ("2027-06", 8), ("2025-03", 0)])
def test_months_outside_the_calendar_are_refused(start: str, months: int) -> None:
    with pytest.raises(ValueError, match="2025-01 to 2027-12"):
        larkmoor.parcels(1, 10, start, months)


def test_no_parcels_is_a_table_too() -> None:
    assert list(larkmoor.parcels(1, 0).columns) == [*larkmoor.KNOWN, *larkmoor.AFTERWARDS]


def test_services_and_late_share_are_as_stated(year: pd.DataFrame) -> None:
    shares = year["service"].value_counts(normalize=True)
    assert shares["standard"] == pytest.approx(0.70, abs=0.01)
    assert shares["pharmacy"] == pytest.approx(0.08, abs=0.005)
    assert year["late"].mean() == pytest.approx(0.18, abs=0.025)


def test_every_depot_is_late_about_as_often_as_stated(year: pd.DataFrame) -> None:
    by_depot = year.groupby("depot")["late"].mean()
    assert by_depot.between(0.08, 0.28).all()
    by_kind = year.groupby("kind")["late"].mean()
    assert by_kind.max() - by_kind.min() < 0.07, "the average must not give the kind away"


def test_winter_is_late_and_summer_is_not(year: pd.DataFrame) -> None:
    by_month = year.groupby(year["accepted"].dt.month)["late"].mean()
    assert by_month.idxmax() == 12
    assert by_month[[6, 7, 8]].max() < by_month[[11, 12, 1]].min()


def test_the_true_probabilities_are_true(year: pd.DataFrame) -> None:
    """In ten bands of the stated chance, as many parcels are late as stated."""
    bands = pd.cut(year["chance"], np.linspace(0, 1, 11))
    table = year.groupby(bands, observed=True).agg(
        late=("late", "mean"), chance=("chance", "mean"), n=("late", "size")
    )
    assert (table.query("n > 5000").eval("late - chance").abs() < 0.03).all()


def test_buying_off_the_own_cause_helps_a_depot_most(year: pd.DataFrame) -> None:
    own = {"ferry": "wind", "hills": "snow", "city": "load", "branch": "linehaul"}
    saved = {
        cause: year["chance"] - larkmoor.lateness(year, without=cause) for cause in own.values()
    }
    by_depot = pd.DataFrame(saved).groupby(year["depot"]).mean()
    kinds = larkmoor.depots().set_index("depot")["kind"].map(own)
    assert (by_depot.idxmax(axis=1) == kinds[by_depot.index]).all()


def test_a_consignment_shares_its_fate(year: pd.DataFrame) -> None:
    together = year.groupby("consignment")["late"].agg(["mean", "size"]).query("size > 1")
    assert len(together) > 20_000
    assert together["mean"].isin([0.0, 1.0]).mean() > 0.99


def test_late_means_delivered_after_the_promise(year: pd.DataFrame) -> None:
    assert ((year["delivered"] > larkmoor.due(year)) == year["late"]).all()
    assert year["delivered"].dt.hour.between(7, 20).all()


def test_scans_tell_the_same_story_as_parcels() -> None:
    parcels = larkmoor.parcels(8, n=3000)
    scans = larkmoor.scans(parcels, 8)
    per_parcel = scans.groupby("parcel")
    assert (per_parcel.size()[parcels["parcel"]].to_numpy() == parcels["scans"].to_numpy()).all()
    assert (
        per_parcel["at"].last()[parcels["parcel"]].to_numpy() == parcels["delivered"].to_numpy()
    ).all()
    assert not (per_parcel["at"].diff() < pd.Timedelta(0)).any()


def test_people_cannot_be_real() -> None:
    people = larkmoor.customers(1, n=2000)
    assert people["email"].str.endswith(".example").all()
    assert people["phone"].str.startswith("+00 ").all()
    assert (people["person_number"].str[2:4] == "13").all()


def test_each_pharmacy_parcel_carries_one_prescription() -> None:
    parcels = larkmoor.parcels(8, n=3000)
    scripts = larkmoor.prescriptions(parcels, 8)
    assert set(scripts["parcel"]) == set(parcels.loc[parcels["service"] == "pharmacy", "parcel"])
    assert scripts["prescription"].is_unique


def test_masks_hide_every_depot_and_change_with_the_seed() -> None:
    masks = larkmoor.masks(1)
    assert set(masks) == set(larkmoor.DEPOTS)
    assert len(set(masks.values())) == len(larkmoor.DEPOTS)
    assert masks != larkmoor.masks(2)


def test_an_export_holds_the_dirt_that_its_page_lists() -> None:
    parcels = larkmoor.parcels(9, n=20_000)
    raw, clean = larkmoor.export(parcels, 9)
    assert raw["parcel"].duplicated().mean() == pytest.approx(0.02, abs=0.005)
    assert (raw["weight_kg"] > 30).mean() == pytest.approx(0.04, abs=0.01)
    assert (raw["weight_kg"] == 0).mean() == pytest.approx(0.02, abs=0.005)
    assert raw["accepted"].str.contains(".", regex=False).mean() == pytest.approx(0.05, abs=0.01)
    assert (raw["wind_ms"] == -999).mean() == pytest.approx(0.02, abs=0.01)
    assert (~raw["depot"].isin(larkmoor.DEPOTS)).mean() == pytest.approx(0.03, abs=0.01)
    assert clean["weight_kg"].dropna().between(0.1, 30).all()
    assert clean["parcel"].equals(parcels["parcel"])


def test_the_world_needs_numpy_and_pandas_only() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "pandas"}
    for path in HOUSE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += (
                [node.module]
                if isinstance(node, ast.ImportFrom) and not node.level and node.module
                else []
            )
            assert {name.split(".")[0] for name in names} <= allowed, path.name


def test_every_public_name_is_on_the_page() -> None:
    page = (HOUSE.parents[1] / "docs/reference/larkmoor.md").read_text()
    assert [
        name for name in larkmoor.__all__ if f"`{name}" not in page and f".{name}" not in page
    ] == []
