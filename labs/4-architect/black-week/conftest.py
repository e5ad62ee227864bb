"""The tour desk of one learner: its week, its futures, and what a plan costs in them.

Nothing of the learner's runs where plans are judged: two documents are read and played in the
judge's own copy of the simulator. What defence.py answers is compared with what that copy says.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import math
import sys
import zlib
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from larkmoor import stream

from autograder import fixture, given

FUTURES, KEPT, DEARER = 50, 47, 1.15
PRICED = 8  # futures in which the reference's cost is recomputed
LINES = 5
Json = dict[str, Any]


def _simulator() -> ModuleType:
    """The simulator that learners are handed, from the course's own folder.

    Before the first `ladder sync` it lies with the solution only.
    """
    here = Path(__file__).resolve()
    source = here.parents[3].joinpath("solutions", *here.parts[-3:-1], "week.py")
    path = here.with_name("week.py") if here.with_name("week.py").is_file() else source
    spec = importlib.util.spec_from_file_location("ladder_black_week_simulator", path)
    if spec is None or spec.loader is None:
        raise RuntimeError("the simulator is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


week = _simulator()

# --- the world -------------------------------------------------------------------------------

WORLD: Json = {
    "orders": 30,
    "shape": {"night": 0.35, "day": 1.0, "evening": 1.5},
    "campaign": {"hours": 6, "times": 1.6},
    "cap": {"usual": 75, "rush": 300},
    "slots": 0.35,
    "seconds": {"intake": 120, "roads": 90, "solve": 800},
    "spread": {"intake": 0.5, "roads": 0.4, "solve": 0.5},
    "doubt": {"week": 0.06, "day": 0.05, "campaign": 0.1},
    "outages": {"chance": 0.6, "hours": [1, 4]},
    "brownouts": {"most": 3, "chance": 0.6, "minutes": [15, 40], "hang": [0.5, 0.7]},
    "stirs": 45,
    "types": {
        "cpu": {"price": 0.2, "speed": 1.0, "share": 1.0, "boot": 120, "batch": 1},
        "gpu-s": {"price": 1.0, "speed": 1.0, "share": 0.6, "boot": 480, "batch": 4},
        "gpu-l": {"price": 1.9, "speed": 1.8, "share": 0.6, "boot": 480, "batch": 8},
    },
    "committed": 0.8,
    "spot": {"price": 0.7, "hours": 20, "drought": {"chance": 0.5, "hours": 3}},
    "seat": 30.0,
    "hop": 15,
    "quotas": {
        "north cpu": {"today": 16, "most": 32},
        "south cpu": {"today": 16, "most": 32},
        "north gpu-s": {"today": 8, "most": 16},
        "south gpu-s": {"today": 8, "most": 16},
        "north gpu-l": {"today": 4, "most": 8},
        "south gpu-l": {"today": 4, "most": 8},
    },
    "promise": {"tour_seconds": 3600, "slots": 0.95, "slot_seconds": 21600, "lost": 0.02},
}


def desk(seed: int) -> Json:
    """The week as it is expected when the plan is first written; each learner has their own."""
    rng = stream(seed, "black week")
    world: Json = json.loads(json.dumps(WORLD))
    world["campaign"]["starts"] = 24 * int(rng.integers(1, 6)) + 17
    world["north"] = 0.58 + 0.02 * int(rng.integers(3))
    world["errors"] = 0.018 + 0.002 * int(rng.integers(3))
    rate = float(rng.choice([0.9, 1.0, 1.1, 7.46]))  # euros by contract, or crowns
    world["currency"] = "DKK" if rate > 2 else "EUR"
    for kind in world["types"].values():
        kind["price"] = round(kind["price"] * rate, 4)
    world["seat"] = round(world["seat"] * rate, 2)
    return world


def after_news(world: Json) -> Json:
    """The same week ten days before it begins: no more GPUs in the north, twice the discount."""
    new: Json = json.loads(json.dumps(world))
    new["campaign"]["times"] = 2.6
    for kind in ("north gpu-s", "north gpu-l"):
        new["quotas"][kind]["most"] = new["quotas"][kind]["today"]
    return new


def futures_of(seed: int, count: int = FUTURES) -> list[int]:
    """The numbers of so many futures."""
    return [int(n) for n in stream(seed, "futures").integers(1, 2**48, count)]


# --- what a learner is given -----------------------------------------------------------------


@given("world.json")
@fixture
def world(desk_seed: int) -> Json:
    """The learner's week, the same on the desk and in grading."""
    return desk(desk_seed)


@given("news.json")
@fixture
def news(world: Json) -> Json:
    """The learner's week after the news."""
    return after_news(world)


@given("futures.json")
@fixture
def futures(seed: int) -> list[int]:
    """Fifty futures: the desk's are public."""
    return futures_of(seed)


# --- the two plans ---------------------------------------------------------------------------

# What the reference plans say. Packed, so that nobody reads them by accident; they are no secret.
PACKED = {
    "plan": (
        "c-pO#-EPAm4255%@->-~G@GWpOyvbeQ3+;1Iz?69eTG!6w12I;^RbQnaY#<^GEu?^{Rtd}wBKkyRTlaO"
        "0g<Mweq022B75zuj7xY>SqG&JIq25{@X>^tD{yWRkY=Ct;3pO%hJ#8h$yHK~=p-l6zT(W&8vzn$=vx8m"
        "sGM=S!~>2Vjpij=0Z&tiskD}8hiOe?8upxC&g`ENmcsuKHeV68zad;bjAW1BTex;y_}1sR)x+*5!tUbX"
        "N5c0O-a^>?`IWnc5d)ztUu0C6IJjpDGb#q;ab3+S7!}KXJx-DFnmUh@I+N9REzh7JRbb3Syk+xj@>0H>"
        "r4)D8j3$q&`Be1A@{h1x-T-H12VD"
    ),
    "replan": (
        "c-pO!+fKtU42EB2@^y>aQ3UGCOr{B0v@{8cGgM7|cbs(UBp7f}?tF^<`FAexo*ZF>{sPtoI_{KDwSm5?"
        "Ai8w(U*-zDbLLiAYfE^N*$+}_XQ5vbz)uMkXW&{=0Zl&pgHP;?7*3Mdb+#6AL@PLm<^w10-c}%Rf_`6t"
        "JWH#sD)xY*N3D3sV+F4%L@K4lIv_1!q~XZn`O1Eeuq6J6u-!zsXc(P2|1RNDvGOhF*s5W-5;pe<yH&&Q"
        "gkL4xLinSG&wpvy&5Rfvit;0)L}KHKDfB2AklS^<8wD+6+1F!=jMtWhh00{j!=8J%AY@=nay(`Crt?r<"
        "&Nzw(qeq=vHT)`iZA`x1CuBnhT>"
    ),
}


@cache
def reference(name: str) -> Json:
    """The plan against whose cost others are measured."""
    found: Json = json.loads(zlib.decompress(base64.b85decode(PACKED[name])))
    return found


@fixture
def plans(papers: Any, world: Json, news: Json, futures: list[int], graded: bool) -> Plans:
    """The two documents that were handed in, to be played."""
    return Plans(
        {name: papers.json(f"{name}.json") for name in ("plan", "replan")},
        {"plan": world, "replan": news}, futures, graded,
    )  # fmt: skip


class Plans:
    """plan.json in the first world, replan.json in the second."""

    def __init__(
        self, documents: dict[str, Any], worlds: dict[str, Json], futures: list[int], graded: bool
    ) -> None:
        self.documents, self.worlds, self.futures = documents, worlds, futures
        self.graded = graded

    def can_be_carried_out(self, name: str) -> bool:
        """Is the document a plan for its world? On the desk, which is public, say what is not."""
        wrong = week.faults(self.worlds[name], self.documents[name])
        assert self.graded or not wrong, f"{name}.json: {wrong[0]}"
        return not wrong

    def changed_lines(self) -> int:
        """How many lines of the parsed documents differ."""
        return len(week.changes(self.documents["plan"], self.documents["replan"]))

    def cost(self, plan: Json, world: Json) -> float:
        """What a plan costs in a week, on average over some of the futures."""
        some = self.futures[:PRICED]
        return sum(week.played(world, plan, one).cost for one in some) / PRICED

    def dearer(self, name: str) -> float:
        """The plan's cost as a multiple of the reference's in the same futures."""
        world = self.worlds[name]
        ratio = self.cost(self.documents[name], world) / self.cost(reference(name), world)
        assert self.graded or ratio <= DEARER, (
            f"{name}.json costs {ratio:.2f} times what the reference costs"
        )
        return ratio

    def holds(self, name: str) -> bool:
        """Is the promise kept in enough futures? Stops as soon as it cannot be any more."""
        broken: list[int] = []
        for number, future in enumerate(self.futures):
            outcome = week.played(self.worlds[name], self.documents[name], future)
            if not week.promised(self.worlds[name], outcome):
                broken.append(number)
            if len(broken) > FUTURES - KEPT:
                assert self.graded, (
                    f"{name}.json breaks its promise in more than {FUTURES - KEPT} futures; "
                    f"play.py shows them all, the first are {', '.join(map(str, broken))}"
                )
                return False
        return True

    # --- retries

    def in_a_brownout(self) -> bool:
        """Do tours keep their hour when the road service hangs, in the campaign?"""
        bad = week.changed(self.worlds["replan"], {"brownout": 45})
        slow = [week.played(bad, self.documents["replan"], one).p99 for one in self.futures[:4]]
        return sum(one <= bad["promise"]["tour_seconds"] for one in slow) >= 3

    def fewer_lost_than_without(self) -> bool:
        """Do retries save at least half of what would be lost without them?"""
        plan, usual = self.documents["replan"], self.worlds["replan"]
        none = plan | {"roads": plan["roads"] | {"tries": 1}}
        pairs = [(week.played(usual, plan, one).lost, week.played(usual, none, one).lost)
                 for one in self.futures[:4]]  # fmt: skip
        return sum(a for a, _ in pairs) <= 0.6 * sum(b for _, b in pairs)


# --- by hand ---------------------------------------------------------------------------------


@fixture
def elsewhere(seed: int, world: Json) -> list[Json]:
    """Weeks like the learner's with other numbers, on which only a rule can be right.

    In the second one no campaign is as busy as a usual day.
    """
    rng = stream(seed, "elsewhere")
    rush, calm = _elsewhere(world, rng), _elsewhere(world, rng)
    shape = calm["shape"]
    shape["day"] = round(shape["evening"] * calm["campaign"]["times"] * (1.2 + rng.random()), 2)
    return [rush, calm]


def _elsewhere(world: Json, rng: np.random.Generator) -> Json:
    new: Json = json.loads(json.dumps(world))
    new["orders"] = int(rng.integers(20, 90))
    new["north"] = round(0.3 + 0.4 * float(rng.random()), 2)
    new["campaign"]["times"] = round(1.3 + 2 * float(rng.random()), 1)
    new["campaign"]["hours"] = int(rng.integers(2, 9))
    ends = {"intake": (30, 300), "roads": (20, 200), "solve": (200, 2000)}
    for name, (low, high) in ends.items():
        new["seconds"][name] = int(rng.integers(low, high))
    return new


def offered_load(world: Json) -> dict[str, float]:
    """Machines, or seats, that the busiest hour of the forecast keeps busy, each order alone."""
    busiest = max(week.rate(world, hour) for hour in range(168))
    each = {name: busiest * seconds / 3600 for name, seconds in world["seconds"].items()}
    share = {"north": world["north"], "south": 1 - world["north"]}
    split = {f"{r} {s}": each[s] * share[r] for r in share for s in ("intake", "solve")}
    return split | {"roads": each["roads"]}


def p_wait(servers: int, load: float) -> float:
    """Erlang's C, by way of his B, which stays between 0 and 1."""
    if load >= servers:
        return 1.0
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


@fixture
def by_hand(elsewhere: list[Json], rng: np.random.Generator) -> ByHand:
    """What a pencil says of two weeks."""
    return ByHand(elsewhere, rng)


class ByHand:
    """Offered loads of weeks, and pools for which the chance of waiting is asked."""

    def __init__(self, worlds: list[Json], rng: np.random.Generator) -> None:
        self.weeks = [(world, offered_load(world)) for world in worlds]
        self.pools = [(int(n), round(float(n * (0.3 + 0.69 * rng.random())), 3))
                      for n in (*rng.integers(1, 30, 6), 180, 400)]  # fmt: skip
        self.full = [(4, 4.0), (3, 7.5)]

    def chance(self, servers: int, load: float) -> float:
        """The chance to wait in a pool."""
        return p_wait(servers, load)

    @staticmethod
    def close(found: Any, wanted: float, within: float = 0.01) -> bool:
        """Is it a number, and close?"""
        return type(found) in (int, float) and math.isclose(
            found, wanted, rel_tol=within, abs_tol=1e-9
        )


# --- the table and the questions -------------------------------------------------------------

ROWS: dict[str, tuple[Json, Json]] = {
    "as planned": ({}, {}),
    "arrivals +20%": ({"arrivals": 1.2}, {}),
    "arrivals -20%": ({"arrivals": 0.8}, {}),
    "service +20%": ({"service": 1.2}, {}),
    "service -20%": ({"service": 0.8}, {}),
    "north without a zone": ({"zone": "north"}, {}),
    "no retries": ({}, {"tries": 1}),
}
ASKED = 3  # futures of one table, and questions
SEEN = 15  # futures among which those of the table are chosen
WITHIN = 0.05
MIXED = 12  # changes of two things that are tried


@fixture
def defence(plans: Plans, news: Json, seed: int) -> Defence:
    """What is asked about the learner's own second plan."""
    return Defence(plans.documents["replan"], news, futures_of(seed, FUTURES))


class Defence:
    """The table and the questions, with answers from the judge's simulator."""

    def __init__(self, plan: Json, world: Json, futures: list[int]) -> None:
        self.plan, self.world = plan, world
        self.futures = self._uneven(futures[-SEEN:])

    def _uneven(self, some: list[int]) -> list[int]:
        """The worst of these futures and the two best: their p99s together are not their mean."""
        ranked = sorted(some, key=lambda one: week.played(self.world, self.plan, one).p99)
        return [ranked[0], ranked[-1], ranked[1]]

    @cached_property
    def table(self) -> dict[str, dict[str, float]]:
        """p99 of all answered tours together, in seconds; the share lost; the cost of a week."""
        return {name: self._row(*row) for name, row in ROWS.items()}

    def _row(self, change: Json, roads: Json) -> dict[str, float]:
        world = week.changed(self.world, change)
        plan = self.plan | {"roads": self.plan["roads"] | roads}
        weeks = [week.played(world, plan, one) for one in self.futures]
        took = sorted(s for one in weeks for s in one.tour_seconds)
        lost = sum(one.given_up + one.turned_away for one in weeks)
        return {
            "p99": took[math.ceil(0.99 * len(took)) - 1],
            "lost": lost / sum(one.tours + one.slots for one in weeks),
            "cost": sum(one.cost for one in weeks) / len(weeks),
        }

    def right(self, found: Any, name: str, figure: str) -> bool:
        """Is one number of a table within five percent?"""
        cell = found[name][figure]
        return ByHand.close(cell, self.table[name][figure], WITHIN)

    @cached_property
    def questions(self) -> list[tuple[Json, int, str]]:
        """Three changes that nobody announced, a future each, and where the queue then stands.

        Asked is what has an answer: the longest wait is at least twice the second. Two are about
        another resource than the one that changes most, where the plan has such, and not all have
        the same answer.
        """
        rng = stream(self.futures[0], "questions")
        odd: list[tuple[Json, int, str]] = []
        plain: list[tuple[Json, int, str]] = []
        changes = [_mixed(rng) for _ in range(MIXED)] + _plain(rng)
        for number, change in enumerate(changes):
            if len(odd) == ASKED - 1 and len(change) > 1:
                continue
            future = self.futures[number % ASKED]
            answer = self._stuck(change, future)
            if answer:
                loudest = max(set(change) & set(week.RESOURCES), key=lambda name: change[name])
                (plain if answer == loudest else odd).append((change, future, answer))
        found, heard = odd, {answer for *_, answer in odd}
        plain.sort(key=lambda one: one[2] in heard)  # other answers first
        return [*found, *plain][:ASKED]

    def _stuck(self, change: Json, future: int) -> str:
        """Where orders wait by far the longest under a change; "" where that is not clear."""
        waits = week.played(week.changed(self.world, change), self.plan, future).stuck()
        first, second, _ = sorted(waits, key=lambda name: -waits[name])
        return first if waits[first] > max(30.0, 2 * waits[second]) else ""


def _plain(rng: np.random.Generator) -> list[Json]:
    """One change for each resource, large enough to make it wait; in any order."""
    found: list[Json] = [
        {"intake": _drawn(rng, 3.5, 4.5)}, {"roads": _drawn(rng, 3, 4)},
        {"solve": _drawn(rng, 1.4, 1.7)},
    ]  # fmt: skip
    return [found[n] for n in rng.permutation(3)]


def _mixed(rng: np.random.Generator) -> Json:
    """A change that names one resource loudly and makes others work as well."""
    loud = ("intake", "roads")[int(rng.integers(2))]
    more = ("solve", "campaign", "arrivals")[int(rng.integers(3))]
    return {loud: _drawn(rng, 1.3, 2.2), more: _drawn(rng, 1.15, 1.45)}


def _drawn(rng: np.random.Generator, low: float, high: float) -> float:
    return round(low + (high - low) * float(rng.random()), 2)
