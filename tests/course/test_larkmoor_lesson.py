"""The lesson late-parcels: its code runs, its numbers are the ones it prints, its claims hold."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import larkmoor
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/1-foundations/late-parcels.md"
FOLDER = LESSON.with_suffix("")


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("pictures")
    return folder, module(ROOT / "docs/figures/late_parcels.py").draw(folder)


def test_the_pictures_show_what_the_code_computes(drawn: tuple[Path, pd.DataFrame]) -> None:
    """Trees may split elsewhere on another processor, hence the cent."""
    folder, table = drawn
    kept = pd.read_csv(FOLDER / "promise.csv", index_col=0)
    pd.testing.assert_frame_equal(table, kept, atol=0.01, check_names=False)
    for picture in ("promise.svg", "lines.svg"):
        assert _words(folder / picture) == _words(FOLDER / picture)


def _words(path: Path) -> list[str]:
    return re.findall(r">([a-z][^<]+)</text>", path.read_text())


def test_the_lesson_says_the_numbers_of_the_table(drawn: tuple[Path, pd.DataFrame]) -> None:
    text, table = LESSON.read_text(), pd.read_csv(FOLDER / "promise.csv", index_col=0)
    forest, boosting = (table.loc[name] for name in table.index[:2])
    told = [forest["newest month"], boosting["newest month"], forest["January, truly"]]
    told += [boosting["January, truly"], table.loc["rule of thumb", "January, truly"]]
    for number in told:
        assert f"{number:.2f}" in text
    for part in (forest["random tenth"], table.loc["perfect knowledge", "random tenth"]):
        assert f"{100 * part:.0f} cents" in text


@pytest.mark.parametrize("seed", [8])
def test_a_random_holdout_chooses_the_wrong_model(seed: int) -> None:
    table = module(FOLDER / "worked.py").promises(seed)
    forest, boosting = (table.loc[name] for name in table.index[:2])
    assert forest["random tenth"] < boosting["random tenth"]
    assert boosting["newest month"] < forest["newest month"]
    assert boosting["January, truly"] < forest["January, truly"]
    assert forest["random tenth"] < table.loc["perfect knowledge", "random tenth"]


def test_the_morning_gives_the_leaks_away() -> None:
    year = larkmoor.parcels(7, 3000)
    morning = year.tail(200).assign(eta_shift_min=0, scans=1, attempts=0, delivered="", claim=False)
    found = module(FOLDER / "worked.py").giveaway(year, morning.drop(columns="late"))
    assert set(found) == set(larkmoor.AFTERWARDS) - {"late"}


def test_the_thresholds_of_the_text() -> None:
    code = module(FOLDER / "worked.py")
    assert code.threshold(code.COSTS) == pytest.approx(0.25)
    assert code.COSTS["move_ontime"] / code.COSTS["keep_late"] == pytest.approx(0.20)
