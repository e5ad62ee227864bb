"""The tour desk's simulator agrees with closed forms, and what the lesson and the lab say holds."""

from __future__ import annotations

import copy
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
LAB = ROOT / "labs/4-architect/black-week"
SOLUTION = ROOT / "solutions/4-architect/black-week"
LESSON = ROOT / "docs/4-architect/black-week"


def module(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded  # its dataclasses look themselves up
    spec.loader.exec_module(loaded)
    return loaded


figures = module(ROOT / "docs/figures/black_week.py", "black_week_figures")
lab, worked, week = figures.lab, figures.worked, figures.week
WORLD, NEWS = lab.desk(3), lab.after_news(lab.desk(3))


def plan(name: str, folder: Path = SOLUTION) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


# --- closed forms ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", figures.CASES, ids=lambda c: f"{c.name}-{c.rho}")
def test_the_mean_wait_is_that_of_the_closed_form(case: Any) -> None:
    found, within = figures.validated(case), 0.03 if case.rho > 0.9 else 0.02
    assert found.apart < 1e-5, "a single wait differs from the recursion's"
    assert found.half <= within * case.closed, "the interval is too wide to say anything"
    assert abs(found.mean - case.closed) <= within * case.closed
    assert abs(found.mean - case.closed) <= 1.5 * found.half


def test_both_recursions_are_the_same_at_one_server() -> None:
    rng = np.random.Generator(np.random.PCG64DXSM(3))
    arrivals, seconds = np.cumsum(rng.exponential(1.2, 5000)), rng.exponential(1.0, 5000)
    both = figures.lindley(arrivals, seconds), worked.waits(arrivals, seconds, 1)
    assert np.allclose(*both)


def test_the_formulas_are_those_of_the_textbooks() -> None:
    assert worked.p_wait(1, 0.5) == pytest.approx(0.5)
    assert worked.mean_wait(1, 0.8, 1.0) == pytest.approx(4.0)
    assert worked.mean_wait_one(0.8, 1.0, 1.0) == pytest.approx(4.0)
    assert worked.mean_wait_one(0.8, 1.0, 0.0) == pytest.approx(2.0)
    for servers, load in ((3, 2.0), (10, 8.5), (25, 24.0)):
        terms = [load**n / math.factorial(n) for n in range(servers)]
        last = load**servers / math.factorial(servers) * servers / (servers - load)
        wanted = last / (sum(terms) + last)
        assert worked.p_wait(servers, load) == pytest.approx(wanted)
        assert lab.p_wait(servers, load) == pytest.approx(wanted)


# --- the simulator ---------------------------------------------------------------------------


def test_the_same_three_give_the_same_week() -> None:
    one, other = (week.played(NEWS, plan("replan"), 7) for _ in range(2))
    assert one == other
    assert one != week.played(NEWS, plan("replan"), 8)


def test_every_order_ends_once() -> None:
    for future in (1, 2):
        one = week.played(NEWS, plan("plan") | {"slots_limit": 20}, future)
        ends = len(one.tour_seconds) + len(one.slot_seconds) + one.given_up + one.turned_away
        assert ends == one.tours + one.slots
        assert one.turned_away
        assert min(one.tour_seconds) > 0


def test_chance_is_drawn_before_the_plan_and_survives_changes() -> None:
    usual, more = (week.Draws(week.changed(NEWS, {"arrivals": a}), 5) for a in (1.0, 1.2))
    assert set(usual.times) < set(more.times)
    assert len(more.times) == pytest.approx(1.2 * len(usual.times), rel=0.03)
    sizes = dict(zip(usual.times, usual.solve, strict=True))
    again = dict(zip(more.times, more.solve, strict=True))
    assert all(again[moment] == size for moment, size in sizes.items())
    slow = week.Draws(week.changed(NEWS, {"service": 1.2}), 5)
    assert np.allclose(np.array(slow.solve), 1.2 * np.array(usual.solve))


def test_orders_come_as_the_forecast_says_and_are_never_cut_off() -> None:
    counts = [len(week.Draws(NEWS, future).times) for future in range(40)]
    expected = sum(week.rate(NEWS, hour) for hour in range(168))
    assert np.mean(counts) == pytest.approx(expected, rel=0.04)
    for change in ({"arrivals": 1.4}, {"campaign": 1.5}):
        for future in range(40):
            rates = week.Draws(week.changed(NEWS, change), future).rates
            assert rates.max() <= NEWS["cap"]["rush"]


def test_money_is_machines_times_hours() -> None:
    world = copy.deepcopy(WORLD) | {"outages": {"chance": 0.0, "hours": [1, 1]}}
    document = plan("plan")
    for pool in document["pools"].values():
        pool.update(burst=0, day=0, evening=0, campaign=0, always=2)
    kinds = world["types"]
    hours = 4 * (kinds["cpu"]["price"] + kinds["gpu-l"]["price"]) * 168 * world["committed"]
    found = week.played(world, document, 1).cost
    assert found == pytest.approx(hours + 5 * world["seat"])
    document["pools"]["north-solve"]["campaign"] = 3  # one machine more, for six hours and a boot
    more = week.played(world, document, 1).cost - found
    assert more == pytest.approx(kinds["gpu-l"]["price"] * (6 + 480 / 3600), rel=0.1)


def test_a_lost_zone_takes_a_third_and_gives_it_back() -> None:
    calm = copy.deepcopy(WORLD) | {"outages": {"chance": 0.0, "hours": [1, 1]}}
    lost = week.changed(calm, {"zone": "north"})
    whole, part = (week.played(world, plan("plan"), 4) for world in (calm, lost))
    assert part.p99 > whole.p99


def test_spot_is_gone_when_everybody_wants_it() -> None:
    wet, dry = copy.deepcopy(WORLD), copy.deepcopy(WORLD)
    wet["spot"]["drought"]["chance"], dry["spot"]["drought"]["chance"] = 0.0, 1.0
    document = plan("plan")
    assert week.played(wet, document, 4) == week.played(dry, document, 4)
    for pool in document["pools"].values():
        pool["market"] = "spot"
    one, other = (week.played(world, document, 4) for world in (wet, dry))
    assert one.p99 < WORLD["promise"]["tour_seconds"] < other.p99


def test_a_brownout_is_prolonged_by_retries_and_by_nothing_else() -> None:
    bad = week.changed(NEWS, {"brownout": 30})
    ends = []
    for tries in (1, 5):
        document = plan("replan")
        document["roads"] |= {"tries": tries, "budget": 1.0}
        run = week.Run(bad, document, week.Draws(bad, 2), False)
        run.outcome()
        ends.append(run.troubles[0][1] - run.troubles[0][0])
    assert ends[0] == pytest.approx(1800)
    assert ends[1] > 2100


def test_a_future_is_cheap() -> None:
    import time

    start = time.process_time()
    week.played(NEWS, plan("replan"), 3)
    assert time.process_time() - start < 1


# --- plans -----------------------------------------------------------------------------------


def test_what_is_no_plan_is_told() -> None:
    good = plan("plan")
    assert week.faults(WORLD, good) == []
    hostile: list[Any] = [
        {}, [], None, good | {"more": 1}, good | {"pools": []}, good | {"spill": "x"},
        good | {"spill": True}, good | {"slots_limit": 1.5}, good | {"quotas": {"moon": 1}},
        good | {"quotas": {"north gpu-l": 10**9}}, good | {"order": ["fifo"]}, good | {"roads": 3},
    ]  # fmt: skip
    for key, value in (("always", 10**12), ("batch", 9), ("type", "cpu"), ("region", "west"),
                       ("campaign", -1), ("market", None), ("burst", 7)):  # fmt: skip
        hostile.append(copy.deepcopy(good))
        hostile[-1]["pools"]["north-solve"][key] = value
    for document in hostile:
        assert week.faults(WORLD, document), document


def test_lines_are_values_and_not_layout() -> None:
    one = plan("plan")
    assert week.changes(one, json.loads(json.dumps(one, sort_keys=True))) == []
    assert len(week.changes(one, plan("replan"))) == lab.LINES
    other = copy.deepcopy(one)
    other["pools"]["spare"] = dict(other["pools"]["north-solve"])
    assert len(week.changes(one, other)) == 11


def test_the_reference_is_the_solution() -> None:
    for name in ("plan", "replan"):
        assert lab.reference(name) == plan(name)


def test_nobody_can_keep_the_first_plan_after_the_news() -> None:
    assert week.faults(NEWS, plan("plan"))
    for folder in (SOLUTION, *(SOLUTION / "alternatives").iterdir()):
        assert week.faults(NEWS, plan("replan", folder)) == []


def test_questions_are_answered_by_no_glance_at_the_change() -> None:
    for seed in range(4):
        defence = lab.Defence(plan("replan"), NEWS, lab.futures_of(seed))
        assert len(defence.questions) == 3
        assert len({answer for _, _, answer in defence.questions}) >= 2
        loudest = [max(change, key=change.get) for change, _, _ in defence.questions]
        assert loudest != [answer for _, _, answer in defence.questions]


def test_weeks_differ_between_learners() -> None:
    worlds = [lab.desk(seed) for seed in range(30)]
    assert len({json.dumps(world) for world in worlds}) > 15
    assert {world["campaign"]["starts"] // 24 for world in worlds} == {1, 2, 3, 4, 5}


def test_the_player_says_what_the_judge_says(tmp_path: Path) -> None:
    for name in ("play.py", "week.py"):
        (tmp_path / name).write_bytes((SOLUTION / name).read_bytes())
    for name, data in (("world", WORLD), ("news", NEWS), ("futures", lab.futures_of(3)),
                       ("plan", plan("plan")), ("replan", plan("replan"))):  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(data))

    def run(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "play.py", *words], cwd=tmp_path, capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip

    said = run("replan.json", "--news", "--of", "2").splitlines()
    weeks = [week.played(NEWS, plan("replan"), one) for one in lab.futures_of(3)[:2]]
    assert f"{sum(one.cost for one in weeks) / 2:.0f} {NEWS['currency']} a week" in said[3]
    assert len(said) == 5 + lab.LINES
    run("plan.json", "--week", "1")
    assert (tmp_path / "week.svg").read_text().count("<polyline") == 3


# --- the lesson ------------------------------------------------------------------------------


def test_common_weeks_halve_the_spread() -> None:
    same, other = worked.differences(True), worked.differences(False)
    assert (round(float(same.std()), 2), round(float(other.std()), 2)) == (0.36, 0.72)
    assert same.mean() == pytest.approx(1, abs=0.1)
    text = LESSON.with_suffix(".md").read_text()
    assert "its spread is 0.36 with common weeks and 0.72 with different ones" in text


def test_pictures_and_tables_are_up_to_date(tmp_path: Path) -> None:
    for drawn in figures.draw(tmp_path):
        assert drawn.read_text() == (LESSON / drawn.name).read_text(), drawn.name
