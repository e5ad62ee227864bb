"""One Black Week of the tour desk, event by event: `played(world, plan, future)`.

What it assumes stands on a page that the lesson links to. It knows a week, a plan and a number that
stands for a future, and it optimises nothing. The same three give the same week, always.

Two plans meet the same orders, the same errors and the same outages in one future: what differs
between them is then the plan (common random numbers).
"""

from __future__ import annotations

import copy
import math
from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import numpy as np

World = dict[str, Any]
Plan = dict[str, Any]
HOUR, DAY, WEEK = 3600.0, 86400.0, 7 * 86400.0
TRIES = 5  # calls of one order at most
ZONES = 3
SAVED = 10.0  # a budget of retries cannot save up more than so many
REGIONS, STAGES = ("north", "south"), ("intake", "solve")
RESOURCES = ("intake", "roads", "solve")
WINDOWS = ("night", "day", "evening", "campaign")
INTAKE, SOLVE = 0, 1
ALARM = 300.0  # seconds between two looks of the autoscaler
SAMPLE = 900.0  # seconds between two points of a series
TICK, BOOTED, DONE, CALLED, AGAIN, OUTAGE, DROUGHT, PLANNED, TAKEN, SEEN = range(10)


# ---------------------------------------------------------------- the calendar


def window(world: World, hour: int) -> str:
    """The name of the window an hour of the week lies in; night, day, evening or campaign."""
    campaign = world["campaign"]
    if 0 <= hour - campaign["starts"] < campaign["hours"]:
        return "campaign"
    of_day = hour % 24
    return "day" if 6 <= of_day < 16 else "evening" if 16 <= of_day < 22 else "night"


def rate(world: World, hour: int) -> float:
    """Orders per hour that the forecast expects in an hour of the week."""
    name = window(world, hour)
    if name == "campaign":
        return float(world["orders"] * world["shape"]["evening"] * world["campaign"]["times"])
    return float(world["orders"] * world["shape"][name])


def changed(world: World, change: dict[str, Any]) -> World:
    """The world after a change.

    `arrivals`, `service`, `intake`, `roads`, `solve`, `slots`, `campaign`: times what it was
    (`service`: all three stages). `zone`: a region that lacks a zone all week. `brownout`: minutes
    for which the road service hangs, from one hour into the campaign on.
    """
    new = copy.deepcopy(world)
    new["orders"] *= change.get("arrivals", 1)
    for name in new["seconds"]:
        new["seconds"][name] *= change.get(name, 1) * change.get("service", 1)
    new["slots"] *= change.get("slots", 1)
    new["campaign"]["times"] *= change.get("campaign", 1)
    if "zone" in change:
        new["outages"] = {"always": change["zone"]}
    if "brownout" in change:
        new["brownouts"]["sure"] = change["brownout"]
    return new


# ---------------------------------------------------------------- what a plan may say

POOL = {
    "region": REGIONS, "stage": STAGES, "type": None, "market": ("on-demand", "spot"),
    "always": (0, 64), "day": (0, 64), "evening": (0, 64), "campaign": (0, 64), "burst": (0, 64),
    "burst_at": (0.1, 1000.0), "batch": (1, 64),
}  # fmt: skip
ROADS = {
    "seats": (1, 64), "timeout": (1.0, 3600.0), "tries": (1, TRIES), "pause": (0.0, 3600.0),
    "budget": (0.0, 1.0),
}  # fmt: skip
WHOLE = {"order": ("tours first", "fifo"), "slots_limit": (0, 100000), "spill": (0.0, 1000.0)}


def faults(world: World, plan: Any) -> list[str]:
    """Why a plan cannot be carried out in this world; nothing if it can."""
    keys = {"quotas", "pools", "roads", *WHOLE}
    if not isinstance(plan, dict) or set(plan) != keys:
        return [f"a plan has the keys {sorted(keys)} and no others"]
    found = _misfits("plan", {key: plan[key] for key in WHOLE}, WHOLE)
    found += _misfits("roads", plan["roads"], ROADS)
    pools, quotas = plan["pools"], plan["quotas"]
    if not isinstance(pools, dict) or not 4 <= len(pools) <= 8:
        return [*found, "pools: a table of four to eight pools"]
    for name, pool in pools.items():
        found += _misfits(name, pool, POOL | {"type": tuple(world["types"])})
    if not isinstance(quotas, dict) or not set(quotas) <= set(world["quotas"]):
        return [*found, "quotas: a table with keys of world.json's quotas"]
    known = world["quotas"]
    found += _misfits("quotas", quotas, {key: (0, known[key]["most"]) for key in quotas})
    return found or _overdrawn(world, plan)


def _misfits(where: str, found: Any, wanted: dict[str, Any]) -> list[str]:
    """Values of a table that are missing, unknown, of the wrong kind or out of range."""
    if not isinstance(found, dict) or set(found) != set(wanted):
        return [f"{where}: has the keys {sorted(wanted)} and no others"]
    wrong = []
    for key, ends in wanted.items():
        value = found[key]
        if isinstance(ends[0], str):
            fits = isinstance(value, str) and value in ends
        else:
            kinds = int if isinstance(ends[0], int) else (int, float)
            fits = isinstance(value, kinds) and not isinstance(value, bool)
            fits = fits and ends[0] <= value <= ends[1]
        if not fits:
            wrong.append(f"{where}: {key} is one of {ends}" if isinstance(ends[0], str)
                         else f"{where}: {key} lies between {ends[0]} and {ends[1]}")  # fmt: skip
    return wrong


def _overdrawn(world: World, plan: Plan) -> list[str]:
    """Pools that want more than was asked for, or do what their type cannot."""
    wrong, wanted = [], dict.fromkeys(world["quotas"], 0)
    for name, pool in plan["pools"].items():
        wanted[f"{pool['region']} {pool['type']}"] += most(pool)
        if pool["batch"] > world["types"][pool["type"]]["batch"]:
            wrong.append(f"{name}: a {pool['type']} cannot take a batch of {pool['batch']}")
        if (pool["type"] == "cpu") != (pool["stage"] == "intake"):
            wrong.append(f"{name}: intake runs on cpu, solve on a gpu")
    for key, number in wanted.items():
        has = plan["quotas"].get(key, world["quotas"][key]["today"])
        if number > has:
            wrong.append(f"{key}: pools of up to {number} machines, and a quota of {has}")
    for region in REGIONS:
        for stage in STAGES:
            pools = plan["pools"].values()
            some = [p for p in pools if (p["region"], p["stage"]) == (region, stage)]
            if not sum(max(p[name] for name in ("always", "day")) for p in some):
                wrong.append(f"{region}: nobody does {stage} there by day")
    return wrong


def leaves(document: Any, path: str = "") -> dict[str, Any]:
    """The lines of a plan: each value by its path, whatever the file looks like."""
    if not isinstance(document, dict):
        return {path: document}
    found = {}
    for key, value in document.items():
        found |= leaves(value, f"{path}.{key}" if path else key)
    return found


def changes(old: Plan, new: Plan) -> list[str]:
    """The lines that differ: changed, added or taken away."""
    one, other = leaves(old), leaves(new)
    none = object()
    return sorted(k for k in {*one, *other} if one.get(k, none) != other.get(k, none))


# ---------------------------------------------------------------- one future


def _sizes(rng: np.random.Generator, law: str, spread: float, n: int) -> np.ndarray:
    """Sizes with mean 1; rounded, so that the last bit of a logarithm decides nothing."""
    if law == "exponential":
        return np.round(rng.exponential(1.0, n), 6)
    sigma = math.sqrt(math.log1p(spread * spread))
    return np.round(np.exp(sigma * rng.standard_normal(n) - sigma * sigma / 2), 6)


def _between(ends: list[float], share: float) -> float:
    return ends[0] + float(share) * (ends[1] - ends[0])


class Draws:
    """All that chance decides in one future, before any plan is known.

    More orders are drawn than come, and each carries a number that says from which rate on it
    exists. So twenty percent more orders are the same orders and some others.
    """

    def __init__(self, world: World, future: int) -> None:
        rng = np.random.Generator(np.random.PCG64DXSM(future))
        sure = world.get("sure", False)
        noise = rng.standard_normal(16) * (not sure)
        mood = np.exp(world["doubt"]["week"] * noise[0] + world["doubt"]["day"] * noise[1:8])
        rush = math.exp(world["doubt"]["campaign"] * noise[8])
        rush_hours = [window(world, h) == "campaign" for h in range(168)]
        self.rates = np.array([rate(world, h) for h in range(168)])
        self.rates *= np.repeat(mood, 24) * np.where(rush_hours, rush, 1.0)
        caps = np.array([world["cap"]["rush" if r else "usual"] for r in rush_hours], dtype=float)
        hours = np.repeat(np.arange(168), rng.poisson(caps))
        n = len(hours)
        times = (np.sort(rng.random(n) + hours)) * HOUR
        kept = rng.random(n) * caps[hours] < self.rates[hours]
        lots = rng.random((2, n))
        spread, law = world["spread"], world.get("law", "lognormal")
        size = [_sizes(rng, law, spread[name], n)[kept] for name in ("intake", "roads", "solve")]
        self.times = np.round(times[kept], 3).tolist()
        self.region = (lots[0][kept] >= world["north"]).astype(int).tolist()
        self.slot = (lots[1][kept] < world["slots"]).tolist()
        self.intake = (size[0] * world["seconds"]["intake"]).tolist()
        self.roads = (size[1] * world["seconds"]["roads"]).tolist()
        self.solve = (size[2] * world["seconds"]["solve"]).tolist()
        more = np.random.Generator(np.random.PCG64DXSM([future, 1]))
        self.luck = more.random((n, TRIES))[kept].tolist()
        self._troubles(world, np.random.Generator(np.random.PCG64DXSM([future, 2])))
        self.spot = np.random.Generator(np.random.PCG64DXSM([future, 3]))

    def _troubles(self, world: World, rng: np.random.Generator) -> None:
        """Zones that are lost, hours without spot, and hours in which the road service hangs."""
        outages, brownouts, spot = world["outages"], world["brownouts"], world["spot"]
        lots = rng.random(8)
        self.outages: list[tuple[float, float, int, int]] = []
        if "always" in outages:
            self.outages = [(0.0, WEEK, REGIONS.index(outages["always"]), 0)]
        elif lots[0] < outages["chance"]:
            start = lots[1] * (WEEK - 4 * HOUR)
            span = HOUR * _between(outages["hours"], lots[2])
            self.outages = [(start, start + span, int(lots[3] >= world["north"]), int(lots[4] * 3))]
        self.droughts: list[tuple[float, float]] = []
        if lots[5] < spot["drought"]["chance"]:  # everybody's campaign is on that evening
            start = (world["campaign"]["starts"] + 2 * lots[6]) * HOUR
            stop = start + HOUR * spot["drought"]["hours"]
            self.droughts = [(start, stop)]
        self.brownouts: list[tuple[float, float, float]] = []  # start, end if left alone, badness
        for _ in range(brownouts["most"]):
            day, hour, long, bad, happens = rng.random(5)
            start = int(day * 7) * DAY + 8 * HOUR + hour * 15 * HOUR
            span = 60 * _between(brownouts["minutes"], long)
            if happens < brownouts["chance"]:
                self.brownouts.append((start, start + span, _between(brownouts["hang"], bad)))
        if "sure" in brownouts:
            start = (world["campaign"]["starts"] + 1) * HOUR
            self.brownouts = [(start, start + 60 * brownouts["sure"], brownouts["hang"][1])]
        self.brownouts.sort()


# ---------------------------------------------------------------- what comes out


@dataclass
class Outcome:
    """What became of one week. Seconds are from order to answer; an order given up has none."""

    tours: int = 0
    slots: int = 0
    tour_seconds: list[float] = field(default_factory=list)
    slot_seconds: list[float] = field(default_factory=list)
    given_up: int = 0
    turned_away: int = 0
    retries: int = 0
    cost: float = 0.0
    waits: dict[str, list[float]] = field(default_factory=dict)
    series: list[tuple[float, int, float]] = field(default_factory=list)
    answered: list[tuple[float, float]] = field(default_factory=list)

    def stuck(self) -> dict[str, float]:
        """Mean seconds in which orders of the campaign's hours waited for each resource."""
        return {name: sum(some) / max(1, len(some)) for name, some in self.waits.items()}

    @property
    def p99(self) -> float:
        """The time within which 99 of 100 answered tours had their answer, in seconds."""
        ranked = sorted(self.tour_seconds)
        return ranked[math.ceil(0.99 * len(ranked)) - 1] if ranked else math.inf

    def slots_within(self, seconds: float) -> float:
        """The share of slots answered within so many seconds; those without an answer are not."""
        return sum(s <= seconds for s in self.slot_seconds) / max(1, self.slots)

    @property
    def lost(self) -> float:
        """The share of orders that got no answer."""
        return (self.given_up + self.turned_away) / max(1, self.tours + self.slots)


def promised(world: World, outcome: Outcome) -> bool:
    """Did the week keep what was promised?"""
    promise = world["promise"]
    return (
        outcome.p99 <= promise["tour_seconds"]
        and outcome.slots_within(promise["slot_seconds"]) >= promise["slots"]
        and outcome.lost <= promise["lost"]
    )


# ---------------------------------------------------------------- machines


class Machine:
    """One machine's place in a pool. `life` grows when it goes, so that old events know."""

    __slots__ = ("began", "bill", "jobs", "life", "number", "pool", "stopping", "up")

    def __init__(self, pool: Pool, number: int) -> None:
        self.pool, self.number = pool, number
        self.up, self.stopping, self.life = False, False, 0
        self.jobs: list[int] = []
        self.began = -1.0  # when it was switched on; below 0: it is off


class Pool:
    """Machines of one type for one stage in one region."""

    def __init__(self, world: World, name: str, plan: dict[str, Any]) -> None:
        kind = world["types"][plan["type"]]
        self.name, self.plan = name, plan
        self.region = REGIONS.index(plan["region"])
        self.stage = STAGES.index(plan["stage"])
        self.batch, self.speed, self.share = plan["batch"], kind["speed"], kind["share"]
        self.boot, self.spot = kind["boot"], plan["market"] == "spot"
        self.price = kind["price"] * (world["spot"]["price"] if self.spot else 1.0)
        self.fixed = 0 if self.spot else plan["always"]  # these are paid by the week
        self.standing = kind["price"] * world["committed"] * self.fixed * WEEK / HOUR
        self.burst, self.burst_at, self.extra = plan["burst"], plan["burst_at"], 0
        self.wanted = {name: max(plan["always"], plan.get(name, 0)) for name in WINDOWS}
        self.machines = [Machine(self, number) for number in range(most(plan))]
        self.hours, self.up = 0.0, 0


def most(plan: dict[str, Any]) -> int:
    """The most machines that a pool can have at one time."""
    return max(plan["always"], *(plan[name] for name in WINDOWS[1:])) + plan["burst"]


# ---------------------------------------------------------------- the week


def played(world: World, plan: Plan, future: int, *, series: bool = False) -> Outcome:
    """Play one future of a week under a plan."""
    return Run(world, plan, Draws(world, future), series).outcome()


class Run:
    """One week while it is being played."""

    def __init__(self, world: World, plan: Plan, draws: Draws, series: bool) -> None:
        self.world, self.plan, self.draws, self.series = world, plan, draws, series
        self.events: list[tuple[float, int, int, Any, int]] = []
        self.count = 0
        self.pools = [Pool(world, name, one) for name, one in plan["pools"].items()]
        self.at = [[[p for p in self.pools if (p.region, p.stage) == (r, s)] for s in (0, 1)]
                   for r in (0, 1)]  # fmt: skip
        # Queues: [region][stage] -> (first, second); with "fifo" nobody stands in the second.
        self.queues: list[list[tuple[deque[int], deque[int]]]] = [
            [(deque(), deque()) for _ in STAGES] for _ in (0, 1)
        ]
        self.free: list[list[list[Machine]]] = [[[], []], [[], []]]
        self.calls: tuple[deque[int], deque[int]] = (deque(), deque())
        self.seats, self.tokens = plan["roads"]["seats"], SAVED
        self.tours_first = plan["order"] == "tours first"
        n = len(draws.times)
        self.tries, self.home, self.hop = [0] * n, list(draws.region), [0.0] * n
        self.troubles = list(draws.brownouts)
        self.answers, self.queued = [-1.0] * n, [0.0] * n
        first = self.world["campaign"]["starts"] * HOUR
        self.rush = (first, first + self.world["campaign"]["hours"] * HOUR)
        self.waits: dict[str, list[float]] = {name: [] for name in RESOURCES}
        self.out = Outcome(slots=sum(draws.slot), tours=n - sum(draws.slot))
        self.dark = [[False] * ZONES for _ in (0, 1)]
        self.dry = False

    def push(self, when: float, kind: int, what: Any = None, life: int = 0) -> None:
        """Plan an event; equal moments come in the order in which they were planned."""
        self.count += 1
        heappush(self.events, (when, self.count, kind, what, life))

    # --- the loop

    def outcome(self) -> Outcome:
        """Play the week to its end and until the last order is answered or given up."""
        times, events, draws = self.draws.times, self.events, self.draws
        self._prepare()
        n, i, end = len(times), 0, WEEK
        while True:
            if i < n and (not events or times[i] <= events[0][0]):
                self._order(i, times[i])
                i += 1
                continue
            if not events:
                break
            now, _, kind, what, life = heappop(events)
            if kind == DONE:
                if what.life == life:
                    self._done(what, now)
            elif kind == CALLED:
                self._called(what, now, life)
            elif kind == AGAIN:
                self._queue_call(what, now)
            elif kind == BOOTED:
                if what.life == life:
                    self._start(what, now)
            elif kind == TICK:
                self._alarm(now)
                if now + ALARM < end:
                    self.push(now + ALARM, TICK)
            elif kind == PLANNED:
                self._follow(what, now)
            elif kind == OUTAGE:
                self._outage(*what, now)
            elif kind == DROUGHT:
                self._drought(what, now)
            elif kind == SEEN:
                self._sample(now)
            elif kind == TAKEN and what.life == life:
                self._taken(what, now)
            if now > end + 2 * DAY:
                break
        return self._close(end, draws)

    def _prepare(self) -> None:
        """Machines that are on at the beginning, and everything that is known beforehand."""
        for start, stop, region, zone in self.draws.outages:
            self.push(start, OUTAGE, (region, zone, True))
            self.push(stop, OUTAGE, (region, zone, False))
        for start, stop in self.draws.droughts:
            self.push(start, DROUGHT, True)
            self.push(stop, DROUGHT, False)
        for pool in self.pools:
            before = self._wanted(pool, 0.0)
            for machine in pool.machines[:before]:
                machine.began = 0.0
                self._start(machine, 0.0)
            for hour in range(1, 168):
                moment = hour * HOUR
                if window(self.world, hour) != window(self.world, hour - 1):
                    self.push(moment - pool.boot, PLANNED, pool)
                    self.push(moment, PLANNED, pool)
        if any(pool.burst for pool in self.pools):
            self.push(ALARM, TICK)
        if self.series:
            self.push(0.0, SEEN)

    def _close(self, end: float, draws: Draws) -> Outcome:
        out, slot = self.out, draws.slot
        for i, answer in enumerate(self.answers):
            if answer >= 0:
                took = answer - draws.times[i]
                (out.slot_seconds if slot[i] else out.tour_seconds).append(took)
                if self.series and not slot[i]:
                    out.answered.append((draws.times[i], took))
        for pool in self.pools:
            for machine in pool.machines:
                if machine.began >= 0:
                    self._bill(machine, end)
            out.cost += pool.standing + pool.hours * pool.price
        out.cost += self.plan["roads"]["seats"] * self.world["seat"]
        out.waits = self.waits
        return out

    # --- orders

    def _order(self, i: int, now: float) -> None:
        region, slot = self.home[i], self.draws.slot[i]
        if slot and self._waiting(region) >= self.plan["slots_limit"]:
            self.out.turned_away += 1
            return
        mine = self._pressure(region)
        if mine > self.plan["spill"] and self._pressure(1 - region) < mine / 2:
            self.home[i], self.hop[i] = 1 - region, self.world["hop"]
            region = 1 - region
        self._enqueue(i, region, INTAKE, now)

    def _waiting(self, region: int) -> int:
        (a, b), (c, d) = self.queues[region]
        return len(a) + len(b) + len(c) + len(d)

    def _pressure(self, region: int) -> float:
        """Orders waiting in a region for each machine that solves there."""
        up = 0
        for pool in self.at[region][SOLVE]:
            up += pool.up
        return self._waiting(region) / up if up else math.inf

    def _waited(self, name: str, since: float, now: float) -> None:
        if self.rush[0] <= since < self.rush[1]:
            self.waits[name].append(now - since)

    def _enqueue(self, i: int, region: int, stage: int, now: float) -> None:
        self.queued[i] = now
        self.queues[region][stage][self.tours_first and self.draws.slot[i]].append(i)
        if self.free[region][stage]:
            self._serve(region, stage, now)

    def _serve(self, region: int, stage: int, now: float) -> None:
        """Give what waits to machines that are free, the newest machine first."""
        first, second = self.queues[region][stage]
        free = self.free[region][stage]
        size = self.draws.solve if stage else self.draws.intake
        while free and (first or second):
            machine = free.pop()
            pool = machine.pool
            share = -(-(len(first) + len(second)) // (len(free) + 1))
            jobs = []
            for _ in range(min(pool.batch, share)):
                i = (first or second).popleft()
                jobs.append(i)
            machine.jobs = jobs
            k = len(jobs)
            if k == 1:
                span = size[jobs[0]]
            else:
                span = sum([size[i] for i in jobs]) / k * (1 + pool.share * (k - 1))
            for i in jobs:
                self._waited(STAGES[stage], self.queued[i], now)
            span /= pool.speed
            self.push(now + span, DONE, machine, machine.life)

    def _done(self, machine: Machine, now: float) -> None:
        pool, jobs = machine.pool, machine.jobs
        machine.jobs = []
        if pool.stage:
            for i in jobs:
                self.answers[i] = now + self.hop[i]
        else:
            for i in jobs:
                self.tokens = min(SAVED, self.tokens + (self.plan["roads"]["budget"] or 0))
                self._queue_call(i, now)
        if machine.stopping:
            self._stop(machine, now)
            return
        self.free[pool.region][pool.stage].append(machine)
        self._serve(pool.region, pool.stage, now)
        if pool.extra and not any(self.queues[pool.region][pool.stage]):
            self._shrink(pool, now)

    # --- the road service

    def _queue_call(self, i: int, now: float) -> None:
        self.queued[i] = now
        if self.seats:
            self._call(i, now)
        else:
            self.calls[self.tours_first and self.draws.slot[i]].append(i)

    def _call(self, i: int, now: float) -> None:
        self.seats -= 1
        self._waited("roads", self.queued[i], now)
        attempt = self.tries[i]
        timeout, span = self.plan["roads"]["timeout"], self.draws.roads[i]
        luck = self.draws.luck[i][attempt]
        if luck < self._hangs(now, attempt):
            failed, span = 1, timeout
        elif luck > 1 - self.world["errors"]:
            failed = 1
        else:
            failed = int(span > timeout)
        self.tries[i] = attempt + 1
        self.push(now + min(span, timeout), CALLED, i, failed)

    def _hangs(self, now: float, attempt: int) -> float:
        """The share of calls that hang now. A retry keeps a service down that is down."""
        for number, (start, stop, bad) in enumerate(self.troubles):
            if start <= now < stop:
                if attempt:
                    self.troubles[number] = (start, stop + self.world["stirs"], bad)
                return bad
        return 0.0

    def _called(self, i: int, now: float, failed: int) -> None:
        self.seats += 1
        first, second = self.calls
        if first or second:
            self._call((first or second).popleft(), now)
        if not failed:
            self._enqueue(i, self.home[i], SOLVE, now)
            return
        roads, tries = self.plan["roads"], self.tries[i]
        if tries >= roads["tries"] or (roads["budget"] is not None and self.tokens < 1):
            self.out.given_up += 1
            return
        if roads["budget"] is not None:
            self.tokens -= 1
        self.out.retries += 1
        pause = roads["pause"] * 2 ** (tries - 1) * (0.5 + self.draws.luck[i][tries])
        self.push(now + pause, AGAIN, i)

    # --- machines come and go

    def _wanted(self, pool: Pool, now: float) -> int:
        """Machines that the schedule asks for now, or will once a machine has booted."""
        hours = [min(167, int(moment / HOUR)) for moment in (now, now + pool.boot)]
        return max(pool.wanted[window(self.world, hour)] for hour in hours) + pool.extra

    def _follow(self, pool: Pool, now: float) -> None:
        """Switch machines on and off until as many are on as are wanted."""
        wanted = self._wanted(pool, now)
        if pool.spot and self.dry:
            return
        for machine in pool.machines:
            if machine.number < wanted:
                machine.stopping = False
                if machine.began < 0 and not self.dark[pool.region][machine.number % ZONES]:
                    machine.began = now
                    self.push(now + pool.boot, BOOTED, machine, machine.life)
            elif machine.began >= 0:
                if machine.jobs:
                    machine.stopping = True
                else:
                    self._stop(machine, now)

    def _start(self, machine: Machine, now: float) -> None:
        pool = machine.pool
        machine.up = True
        pool.up += 1
        if pool.spot:
            life = float(self.draws.spot.exponential(self.world["spot"]["hours"] * HOUR))
            self.push(now + life, TAKEN, machine, machine.life)
        self.free[pool.region][pool.stage].append(machine)
        self._serve(pool.region, pool.stage, now)

    def _stop(self, machine: Machine, now: float) -> None:
        pool = machine.pool
        if machine.up:
            pool.up -= 1
            free = self.free[pool.region][pool.stage]
            if machine in free:
                free.remove(machine)
        self._bill(machine, now)
        machine.up, machine.stopping, machine.began = False, False, -1.0
        machine.life += 1

    def _bill(self, machine: Machine, now: float) -> None:
        if machine.number >= machine.pool.fixed:
            machine.pool.hours += max(0.0, now - machine.began) / HOUR

    def _kill(self, machine: Machine, now: float) -> None:
        """A machine is gone; what it was doing begins again, ahead of what waits."""
        pool, jobs = machine.pool, machine.jobs
        machine.jobs = []
        self._stop(machine, now)
        queues = self.queues[pool.region][pool.stage]
        for i in reversed(jobs):
            queues[self.tours_first and self.draws.slot[i]].appendleft(i)
        if jobs:
            self._serve(pool.region, pool.stage, now)

    def _taken(self, machine: Machine, now: float) -> None:
        """The spot market takes a machine back; the pool asks for another at once."""
        self._kill(machine, now)
        self._follow(machine.pool, now)

    def _outage(self, region: int, zone: int, dark: bool, now: float) -> None:
        """A zone goes, or comes back. The other zones have no machines to spare meanwhile."""
        self.dark[region][zone] = dark
        for stage in (INTAKE, SOLVE):
            for pool in self.at[region][stage]:
                if dark:
                    for machine in pool.machines[zone::ZONES]:
                        if machine.began >= 0:
                            self._kill(machine, now)
                else:
                    self._follow(pool, now)

    def _drought(self, dry: bool, now: float) -> None:
        """The spot market has nothing left, or something again."""
        self.dry = dry
        for pool in self.pools:
            if pool.spot and dry:
                for machine in pool.machines:
                    if machine.began >= 0:
                        self._kill(machine, now)
            elif pool.spot:
                self._follow(pool, now)

    def _alarm(self, now: float) -> None:
        """Every five minutes: a pool whose queue is long gets one machine more."""
        for pool in self.pools:
            if pool.extra < pool.burst:
                first, second = self.queues[pool.region][pool.stage]
                if len(first) + len(second) > pool.burst_at * max(1, pool.up):
                    pool.extra += 1
                    self._follow(pool, now)

    def _shrink(self, pool: Pool, now: float) -> None:
        """Nobody waits: one machine that the alarm called goes home."""
        pool.extra -= 1
        self._follow(pool, now)

    def _sample(self, now: float) -> None:
        """One point of the series: orders waiting, and what the hour costs."""
        spend = self.plan["roads"]["seats"] * self.world["seat"] * HOUR / WEEK
        for pool in self.pools:
            on = sum(m.began >= 0 for m in pool.machines if m.number >= pool.fixed)
            spend += pool.standing * HOUR / WEEK + on * pool.price
        waiting = self._waiting(0) + self._waiting(1) + sum(map(len, self.calls))
        self.out.series.append((now, waiting, spend))
        if now + SAMPLE < WEEK:
            self.push(now + SAMPLE, SEEN)
