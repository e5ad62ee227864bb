"""Hold the simulator of black-week to closed forms, and draw the pictures of its lesson.

python docs/figures/black_week.py

A run of the simulator long enough for 3 % at a load of 0.95 would take minutes. So the wait is
estimated with a control variate: the recursion of worked.py, on the very arrivals and services that
the simulator met, and on a hundred times as many. The estimate is the simulator's mean wait, minus
the recursion's in the same orders, plus the recursion's in all; its interval is that of the last.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import math
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/4-architect/black-week"
LAB = ROOT / "labs/4-architect/black-week"
SOLUTION = ROOT / "solutions/4-architect/black-week"
INK, BAD, GOOD, PALE = "#33312c", "#b5472f", "#1f6f9f", "#b9b2a2"
STYLE = {
    "svg.hashsalt": "black-week",
    "svg.fonttype": "none",
    "font.size": 11,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
}


def module(path: Path, name: str) -> ModuleType:
    """Return a file of ours as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


worked = module(LESSON / "worked.py", "worked_black_week")
lab = module(LAB / "conftest.py", "black_week_of_figures")
week = lab.week


# ---------------------------------------------------------------- against closed forms


@dataclass(frozen=True)
class Case:
    """One queue: its law, its servers, how busy they are, and the runs that it needs."""

    law: str
    servers: int
    rho: float
    runs: int
    orders: int

    @property
    def name(self) -> str:
        """As textbooks call it."""
        return f"M/M/{self.servers}" if self.law == "exponential" else "M/G/1"

    @property
    def closed(self) -> float:
        """The mean wait by the formula, in units of the mean service."""
        if self.law == "exponential":
            return float(worked.mean_wait(self.servers, self.rho * self.servers, 1.0))
        return float(worked.mean_wait_one(self.rho, 1.0, SPREAD))


SPREAD = 0.5  # deviation over mean of the general services, as in the lab's world
RATE = 200.0  # orders an hour in the simulator's runs
CASES = [
    Case(law, servers, rho, runs, orders)
    for law, servers in (("exponential", 4), ("lognormal", 1))
    for rho, runs, orders in ((0.5, 100, 20_000), (0.8, 60, 40_000), (0.95, 120, 80_000))
]


def bare(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """A world and a plan in which nothing happens but one queue."""
    seconds = case.rho * case.servers * 3600 / RATE
    world = copy.deepcopy(lab.WORLD) | {
        "orders": RATE, "shape": dict.fromkeys(("night", "day", "evening"), 1.0),
        "campaign": {"starts": 0, "hours": 168, "times": 1.0}, "cap": {"usual": RATE, "rush": RATE},
        "north": 1.0, "slots": 0.0, "seconds": {"intake": 0.0, "roads": 0.0, "solve": seconds},
        "spread": dict.fromkeys(("intake", "roads", "solve"), SPREAD), "law": case.law,
        "errors": 0.0, "sure": True, "outages": {"chance": 0.0, "hours": [1, 1]},
        "brownouts": lab.WORLD["brownouts"] | {"most": 0},
    }  # fmt: skip
    pool = {
        "region": "north", "market": "on-demand", "day": 0, "evening": 0, "campaign": 0,
        "burst": 0, "burst_at": 1.0, "batch": 1,
    }  # fmt: skip
    pools = {
        "intake": pool | {"stage": "intake", "type": "cpu", "always": 1},
        "solve": pool | {"stage": "solve", "type": "gpu-s", "always": case.servers},
    }
    roads = {"seats": 1, "timeout": 3600.0, "tries": 1, "pause": 0.0, "budget": 1.0}
    plan = {"quotas": {}, "pools": pools, "roads": roads}
    return world, plan | {"order": "fifo", "slots_limit": 10**9, "spill": 1e9}


def both(case: Case, future: int) -> tuple[np.ndarray, np.ndarray]:
    """The waits of one week by the simulator, and by the recursion in the same orders; seconds."""
    world, plan = bare(case)
    draws = week.Draws(world, future)
    played = week.Run(world, plan, draws, False).outcome()
    again = worked.waits(np.array(draws.times), np.array(draws.solve), case.servers)
    return np.array(played.waits["solve"]), again


@dataclass(frozen=True)
class Found:
    """A mean wait, half of its 95 % interval, and the largest difference order by order."""

    mean: float
    half: float
    apart: float


@cache
def validated(case: Case) -> Found:
    """The simulator's mean wait, in units of the mean service."""
    unit = case.rho * case.servers * 3600 / RATE
    one, other = both(case, 1)
    rng = np.random.Generator(np.random.PCG64DXSM(2))
    means = np.array([_run(case, rng) for _ in range(case.runs)])
    half = 1.96 * means.std(ddof=1) / math.sqrt(case.runs)
    shift = (one.mean() - other.mean()) / unit
    return Found(float(shift + means.mean()), float(half), float(np.abs(one - other).max()))


def _run(case: Case, rng: np.random.Generator) -> float:
    """The mean wait of one long run of the recursion, its first tenth cut off."""
    arrivals = np.cumsum(rng.exponential(1 / (case.rho * case.servers), case.orders))
    if case.law == "exponential":
        seconds = rng.exponential(1.0, case.orders)
    else:
        sigma = math.sqrt(math.log1p(SPREAD**2))
        seconds = np.exp(sigma * rng.standard_normal(case.orders) - sigma**2 / 2)
    one = case.servers == 1
    found = lindley(arrivals, seconds) if one else worked.waits(arrivals, seconds, case.servers)
    return float(found[case.orders // 10 :].mean())


def lindley(arrivals: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The waits at a single server, all at once: how far the work done lies above its lowest."""
    ahead = np.concatenate([[0.0], np.cumsum(seconds[:-1] - np.diff(arrivals))])
    return ahead - np.minimum.accumulate(ahead)


def validation() -> str:
    """The table of the lesson."""
    lines = [
        "| queue | busy | closed form | simulator, with its 95 % interval | off by |",
        "|---|---:|---:|---:|---:|",
    ]
    for case in CASES:
        found = validated(case)
        off = found.mean / case.closed - 1
        lines.append(
            f"| {case.name} | {case.rho} | {case.closed:.4f} |"
            f" {found.mean:.4f} ± {found.half:.4f} | {100 * off:+.1f} % |"
        )
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- the week


WORLD = lab.desk(1) | {name: lab.WORLD[name] for name in ("types", "seat")}  # in euros
NEWS = lab.after_news(WORLD)
FUTURES = lab.futures_of(1)


@cache
def plan(name: str) -> Any:
    """A plan of the solution."""
    return json.loads((SOLUTION / f"{name}.json").read_text())


def stayed() -> Any:
    """The first plan after the news, cut to the quota: what happens if nobody plans again."""
    found = copy.deepcopy(plan("plan"))
    found["quotas"]["north gpu-l"] = 4
    found["pools"]["north-solve"]["burst"] = 0
    return found


def hourly(outcome: Any) -> list[float]:
    """The p99 of the tours that came in each hour, in minutes."""
    hours: list[list[float]] = [[] for _ in range(168)]
    for since, took in outcome.answered:
        hours[min(167, int(since // 3600))].append(took / 60)
    return [float(np.quantile(some, 0.99)) if some else 0.0 for some in hours]


def week_of_plans() -> Figure:
    """Queue, latency and spend over the week after the news, with and without the five lines."""
    figure = Figure((6.4, 6.6), layout="constrained")
    queue, late, spend = figure.subplots(3, 1, sharex=True)
    for name, document, colour in (
        ("the first plan", stayed(), BAD), ("five lines later", plan("replan"), GOOD),
    ):  # fmt: skip
        one = week.played(NEWS, document, FUTURES[3], series=True)
        days = [moment / 86400 for moment, _, _ in one.series]
        queue.plot(days, [n for _, n, _ in one.series], color=colour, label=name)
        late.plot(np.arange(168) / 24, hourly(one), color=colour)
        spend.plot(days, [euros for _, _, euros in one.series], color=colour, lw=1)
    queue.set_ylabel("orders waiting")
    late.set_ylabel("p99 of the hour's\ntours, minutes")
    late.axhline(60, color=INK, lw=0.8, ls=":")
    spend.set(ylabel="spend per hour", xlabel="day of the week")
    queue.legend(frameon=False, loc="upper left")
    for axes in (queue, late, spend):
        axes.set_ylim(0)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def futures() -> Figure:
    """The p99 of fifty futures under three plans, and what they cost."""
    figure = Figure((6.4, 3.9), layout="constrained")
    axes = figure.subplots()
    for place, (name, document, colour) in enumerate((
        ("the first plan", stayed(), BAD), ("five lines later", plan("replan"), GOOD),
        ("twice the machines", doubled(), INK),
    )):  # fmt: skip
        played = [week.played(NEWS, document, one) for one in FUTURES]
        minutes = [min(150.0, one.p99 / 60) for one in played]
        cost = sum(one.cost for one in played) / len(played)
        kept = sum(week.promised(NEWS, one) for one in played)
        axes.scatter(minutes, [-place] * len(played), s=90, marker="|", color=colour)
        axes.text(25, 0.22 - place, f"{name}: kept in {kept}, {cost:.0f} a week", color=colour)
    axes.axvline(60, color=INK, lw=0.8, ls=":")
    axes.set(yticks=[], ylim=(-2.4, 0.6), xlim=(24, 152))
    axes.set_xlabel("p99 of the tours in one future, minutes")
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def doubled() -> Any:
    """The second plan with twice of everything that the quotas let it double."""
    found = copy.deepcopy(plan("replan"))
    for name, pool in found["pools"].items():
        most = 4 if name == "north-solve" else 8 if name == "south-solve" else 16
        for key in ("always", "day", "evening", "campaign"):
            pool[key] = min(most - pool["burst"], 2 * pool[key])
    found["roads"]["seats"] *= 2
    return found


def retries() -> Figure:
    """A brown-out of 45 minutes with a budget of retries and with none to speak of."""
    figure = Figure((6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    bad = week.changed(NEWS, {"brownout": 45})
    start = bad["campaign"]["starts"] + 1
    for name, roads, colour in (
        ("five tries, no bound", {"tries": 5, "budget": 1.0}, BAD),
        ("four tries, a budget of 0.2", {}, GOOD),
    ):
        document = plan("replan") | {"roads": plan("replan")["roads"] | roads}
        one = week.played(bad, document, FUTURES[0], series=True)
        points = [(m / 3600 - start, n) for m, n, _ in one.series if -2 <= m / 3600 - start <= 8]
        axes.plot(*zip(*points, strict=True), color=colour, label=name)
    axes.axvspan(0, 0.75, color=PALE, alpha=0.5, lw=0)
    axes.set(xlabel="hours since the road service began to hang", ylabel="orders waiting", ylim=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw(folder: Path) -> list[Path]:
    """Write pictures and tables into `folder` and return their paths."""
    made = []
    with mpl.rc_context(STYLE):
        for name, make in (("week", week_of_plans), ("futures", futures), ("retries", retries)):
            made.append(folder / f"{name}.svg")
            make().savefig(made[-1], metadata={"Date": None})
    for name, text in (("staffing", worked.staffing_table()), ("validation", validation())):
        made.append(folder / f"{name}.txt")
        made[-1].write_text(text, encoding="utf-8")
    return made


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else LESSON)
