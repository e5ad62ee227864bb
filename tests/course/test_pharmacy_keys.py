"""The lesson of pharmacy-keys: its code runs, its numbers and its picture are computed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/2-junior/pharmacy-keys"


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


def test_only_steps_that_ask_first_cost_no_read(worked: ModuleType) -> None:
    lost = {name: sum(worked.refusals(steps).values()) for name, steps in worked.WAYS.items()}
    assert list(lost.values()) == [500, 250, 0]


def test_the_second_team_fails_only_where_a_step_ran_twice(worked: ModuleType) -> None:
    refused = worked.refusals(worked.WAYS["two passwords, steps repeated"])
    assert [step for step, count in refused.items() if count] == ["testSecret"]


def test_each_way_ends_with_the_new_password_alone(worked: ModuleType) -> None:
    for steps in worked.WAYS.values():
        world = worked.World()
        for step in steps:
            step(world)
        assert world == worked.World(["new"], "new")


def test_picture_and_table_are_up_to_date(tmp_path: Path) -> None:
    for drawn in load(ROOT / "docs/figures/pharmacy_keys.py").draw(tmp_path):
        assert drawn.read_text() == (LESSON / drawn.name).read_text(), drawn.name


def test_the_bill_of_the_lesson_adds_up() -> None:
    text = (LESSON.parent / "pharmacy-keys.md").read_text()
    month = 9_400 * 52 / 12
    requests, reads = round(month * 7, -3), round(month * 6, -3)
    kms, each, cached = (requests - 20_000) * 3e-6, reads * 5e-6, reads * 5e-8
    assert f"{round(month, -2):,.0f} a month" in text
    assert f"{requests:,.0f} KMS requests: ${kms:.1f}0" in text
    assert f"{reads:,.0f} calls, ${each:.2f}" in text
    assert f"${round(1 + 0.4 + kms + cached, 1):.1f}0 a month" in text
