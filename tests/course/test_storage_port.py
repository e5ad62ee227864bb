"""The lesson of storage-port: its code runs, its numbers, table and pictures are computed."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/2-junior/storage-port"
TEXT = LESSON.with_suffix(".md").read_text()
SOLUTION = ROOT / "solutions/2-junior/storage-port"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"course_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def worked() -> ModuleType:
    return load(LESSON / "worked.py")


def test_looking_first_lets_both_win_in_four_orders_of_six(worked: ModuleType) -> None:
    assert worked.outcomes(worked.looks_first, lost=False) == {"both": 4, "one": 2}


def test_a_conditional_write_is_right_until_an_answer_is_lost(worked: ModuleType) -> None:
    assert worked.outcomes(worked.asks_the_store, lost=False) == {"one": 6}
    assert worked.outcomes(worked.asks_the_store, lost=True) == {"one": 3, "none": 3}


def test_with_a_mark_every_order_ends_well(worked: ModuleType) -> None:
    for lost in (False, True):
        assert worked.outcomes(worked.knows_its_mark, lost=lost) == {"one": 6}


def test_chance_and_not_doubling_serves_the_crowd(worked: ModuleType) -> None:
    served = {
        name: worked.served(worked.storm(pause)) for name, pause in worked.POLICIES.items()
    }
    assert list(served.values()) == [60, 60, 385]
    assert "60 of 400 are served either way" in TEXT
    assert "it is 385" in TEXT


def test_pictures_are_up_to_date(tmp_path: Path) -> None:
    for drawn in load(ROOT / "docs/figures/storage_port.py").draw(tmp_path):
        assert drawn.read_text() == (LESSON / drawn.name).read_text(), drawn.name


def cells(row: str) -> list[str]:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| {row} |"))
    return [cell.strip(" *") for cell in line.split("|")[2:5]]


@pytest.mark.parametrize(
    ("row", "deed"),
    [
        ("removing what is not there", "remove_missing"), ("reading it", "missing_error"),
        ("metadata written as `Depot`", "metadata_name"),
    ],
)  # fmt: skip
def test_the_lesson_tells_the_leaks_that_the_checks_find(row: str, deed: str) -> None:
    truth = tomllib.loads((SOLUTION / "leaks.toml").read_text())[deed]
    for cell, cloud in zip(cells(row), ("s3", "azure", "google"), strict=True):
        assert str(truth[cloud]) in cell, (row, cloud)


OPEN = ("create_refused", "replace_removed", "full_container", "throttled")


@pytest.mark.parametrize("deed", OPEN)
def test_in_each_leak_left_to_the_learner_one_cloud_stands_alone(deed: str) -> None:
    truth = tomllib.loads((SOLUTION / "leaks.toml").read_text())[deed]
    assert len(set(truth.values())) == 2
    assert not [line for line in TEXT.splitlines() if line.startswith("|") and deed in line]


def test_the_table_of_the_brief_and_of_the_lesson_have_fourteen_lines() -> None:
    brief = (ROOT / "labs/2-junior/storage-port/README.md").read_text()
    for number in range(1, 15):
        assert f"\n| {number} |" in brief
        assert f"\n| {number} " in TEXT


def test_the_prices_of_the_lesson_add_up() -> None:
    lists = 1_000_000 / 1_000 * 0.005 / 1_000
    assert lists == pytest.approx(0.005)
    assert pytest.approx(0.50) == 1_000_000 / 10 * 0.005 / 1_000
    assert round(10 * 1024 * 0.09, -1) == 920
    assert "half a cent" in TEXT
    assert "100,000 calls and $0.50" in TEXT
    assert "about $920" in TEXT


def test_the_solution_alone_knows_no_vendor_outside_its_adapters() -> None:
    for name in ("port.py", "patience.py", "film.py", "clock.py"):
        text = (SOLUTION / name).read_text()
        assert not any(word in text for word in ("boto", "google.", "azure.")), name
