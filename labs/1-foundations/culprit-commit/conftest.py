"""A winter of the ETA package in one seed: its rules, its refactorings, and the one that was none.

Each rule of the contract has several right spellings and some wrong ones. A history walks from one
right spelling to the next; one step of it is wrong. The learner's tests meet the same rules under
other names, in spellings and in a design that no history has, each package in a room of its own.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
from larkmoor import stream

from autograder import LearnerError, fixture, given

COMMITS = (250, 290)
LAST = 1_773_415_800  # the newest commit: 13 March 2026, half past four
CHRISTMAS, MENDED = (92, 108), (162, 176)  # the weeks in which the promise was wrong before
UNRELEASED = (58, 73)  # commits since the last release that kept its promises
BEFORE, AFTER = 24, 28  # so many of them at least lie before the culprit, and behind it
REWRITTEN = 17  # so many of those behind it at least change promise.py and can be imported
DEPOTS = ("Aarhus", "Billund", "Esbjerg", "Herning", "Odense", "Randers", "Vejle", "Viborg")
PEOPLE = ("Signe Bruun", "Tobias Lind", "Yasmin Farah", "Karsten Moe", "Ida Holst")

# ---------------------------------------------------------------- the contract, in our own words


def right(parcel: dict[str, Any], roads: dict[str, dict[str, int]]) -> datetime:
    """Return the promise that CONTRACT.md asks for, a day at a time."""
    service, left = parcel["service"], minutes_of(parcel, roads)
    now = datetime.fromisoformat(parcel["accepted"])
    if not open_on(now, service) or now.hour >= (12 if now.weekday() == 5 else 16):
        now = now.replace(hour=0, minute=0) + timedelta(days=1)
    while left:
        opening, end = (now.replace(hour=hour, minute=0) for hour in (8, 18))
        now = max(now, opening)
        if open_on(now, service) and now < end:
            spent = min(left, (end - now) // timedelta(minutes=1))
            now, left = now + timedelta(minutes=spent), left - spent
        else:
            now = opening + timedelta(days=1)
    while now.minute % 30:
        now += timedelta(minutes=1)
    return now


def minutes_of(parcel: dict[str, Any], roads: dict[str, dict[str, int]]) -> int:
    """Return the working minutes that a parcel takes."""
    minutes = {"standard": 180, "express": 60, "pharmacy": 30}[parcel["service"]]
    if parcel["weight_kg"] > 20 and parcel["service"] != "pharmacy":
        minutes += 45
    road = roads[parcel["from"]][parcel["to"]]
    return minutes + (math.ceil(road * 1.25) if parcel["housing"] == "farm" else road)


def open_on(day: datetime, service: str) -> bool:
    """Return whether a depot works for a service on a day."""
    return day.weekday() < (5 if service == "standard" else 6)


# ---------------------------------------------------------------- the package, rule by rule

SPELLINGS: dict[str, tuple[str, ...]] = {
    "works": (
        "def works(day, service):\n"
        '    return day.weekday() < (5 if service == "standard" else 6)\n',
        'def works(day, service):\n    last = {"standard": 4}.get(service, 5)\n'
        "    return day.weekday() <= last\n",
        "def works(day, service):\n    if day.weekday() == 6:\n        return False\n"
        '    return day.weekday() != 5 or service != "standard"\n',
    ),
    "closing": (
        "def closing(day):\n    return 12 if day.weekday() == 5 else 16\n",
        "def closing(day):\n    return {5: 12}.get(day.weekday(), 16)\n",
        "def closing(day):\n    hours = [16, 16, 16, 16, 16, 12, 0]\n"
        "    return hours[day.weekday()]\n",
    ),
    "morning": (
        "def morning(day, service):\n    day = day + timedelta(days=1)\n"
        "    while not works(day, service):\n        day = day + timedelta(days=1)\n"
        "    return day.replace(hour=8, minute=0)\n",
        "def morning(day, service):\n    days = (day + timedelta(days=n) for n in range(1, 8))\n"
        "    found = next(one for one in days if works(one, service))\n"
        "    return found.replace(hour=8, minute=0)\n",
    ),
    "begin": (
        "def begin(accepted, service):\n"
        "    if works(accepted, service) and accepted.hour < closing(accepted):\n"
        "        return max(accepted, accepted.replace(hour=8, minute=0))\n"
        "    return morning(accepted, service)\n",
        "def begin(accepted, service):\n"
        "    end = accepted.replace(hour=closing(accepted), minute=0)\n"
        "    if not works(accepted, service) or accepted >= end:\n"
        "        return morning(accepted, service)\n"
        "    if accepted.hour < 8:\n        return accepted.replace(hour=8, minute=0)\n"
        "    return accepted\n",
    ),
    "handling": (
        "def handling(service, weight):\n"
        '    minutes = {"standard": 180, "express": 60, "pharmacy": 30}[service]\n'
        '    if weight > 20 and service != "pharmacy":\n        minutes += 45\n'
        "    return minutes\n",
        'def handling(service, weight):\n    if service == "pharmacy":\n        return 30\n'
        "    heavy = 45 if weight > 20 else 0\n"
        '    return heavy + (60 if service == "express" else 180)\n',
    ),
    "road": (
        'def road(minutes, housing):\n    if housing == "farm":\n'
        "        return math.ceil(minutes * 1.25)\n    return minutes\n",
        "def road(minutes, housing):\n"
        '    extra = -(-minutes // 4) if housing == "farm" else 0\n'
        "    return minutes + extra\n",
        'def road(minutes, housing):\n    if housing != "farm":\n        return minutes\n'
        "    return (5 * minutes + 3) // 4\n",
    ),
    "spend": (
        "def spend(moment, minutes, service):\n    while True:\n"
        "        room = 18 * 60 - moment.hour * 60 - moment.minute\n"
        "        if minutes <= room:\n            return moment + timedelta(minutes=minutes)\n"
        "        minutes -= room\n        moment = morning(moment, service)\n",
        "def spend(moment, minutes, service):\n    evening = moment.replace(hour=18, minute=0)\n"
        "    end = moment + timedelta(minutes=minutes)\n"
        "    if end <= evening:\n        return end\n"
        "    rest = (end - evening) // timedelta(minutes=1)\n"
        "    return spend(morning(moment, service), rest, service)\n",
    ),
    "half_hour": (
        "def half_hour(moment):\n    return moment + timedelta(minutes=-moment.minute % 30)\n",
        "def half_hour(moment):\n    rest = moment.minute % 30\n"
        "    return moment + timedelta(minutes=30 - rest) if rest else moment\n",
        "def half_hour(moment):\n    halves = math.ceil(moment.minute / 30)\n"
        "    return moment.replace(minute=0) + timedelta(minutes=30 * halves)\n",
    ),
}
WRONG: dict[str, tuple[str, ...]] = {
    "works": (
        "def works(day, service):\n    return day.weekday() < 6\n",
        "def works(day, service):\n"
        '    return day.weekday() < (6 if service == "express" else 5)\n',
    ),
    "closing": (
        "def closing(day):\n    return 16\n",
        "def closing(day):\n    return 16 if day.weekday() < 4 else 12\n",
        "def closing(day):\n    return 12 if day.weekday() == 5 else 17\n",
    ),
    "morning": (
        "def morning(day, service):\n    day = day + timedelta(days=1)\n"
        "    if not works(day, service):\n        day = day + timedelta(days=1)\n"
        "    return day.replace(hour=8, minute=0)\n",
        "def morning(day, service):\n    day = day + timedelta(days=1)\n"
        '    while not works(day, "express"):\n        day = day + timedelta(days=1)\n'
        "    return day.replace(hour=8, minute=0)\n",
    ),
    "begin": (
        "def begin(accepted, service):\n"
        "    if works(accepted, service) and accepted.hour <= closing(accepted):\n"
        "        return max(accepted, accepted.replace(hour=8, minute=0))\n"
        "    return morning(accepted, service)\n",
        "def begin(accepted, service):\n"
        "    end = accepted.replace(hour=closing(accepted), minute=0)\n"
        "    if not works(accepted, service) or accepted > end:\n"
        "        return morning(accepted, service)\n"
        "    if accepted.hour < 8:\n        return accepted.replace(hour=8, minute=0)\n"
        "    return accepted\n",
        "def begin(accepted, service):\n"
        "    if works(accepted, service) and accepted.hour < closing(accepted):\n"
        "        return accepted\n    return morning(accepted, service)\n",
    ),
    "handling": (
        "def handling(service, weight):\n"
        '    minutes = {"standard": 180, "express": 60, "pharmacy": 30}[service]\n'
        '    if weight >= 20 and service != "pharmacy":\n        minutes += 45\n'
        "    return minutes\n",
        "def handling(service, weight):\n"
        '    minutes = {"standard": 180, "express": 60, "pharmacy": 30}[service]\n'
        "    return minutes + (45 if weight > 20 else 0)\n",
        'def handling(service, weight):\n    if service != "standard":\n'
        '        return 30 if service == "pharmacy" else 60\n'
        "    return 225 if weight > 20 else 180\n",
    ),
    "road": (
        'def road(minutes, housing):\n    if housing == "farm":\n'
        "        return round(minutes * 1.25)\n    return minutes\n",
        'def road(minutes, housing):\n    if housing == "farm":\n'
        "        return int(minutes * 1.25)\n    return minutes\n",
        'def road(minutes, housing):\n    if housing != "flat":\n'
        "        return math.ceil(minutes * 1.25)\n    return minutes\n",
    ),
    "spend": (
        "def spend(moment, minutes, service):\n    while True:\n"
        "        room = 18 * 60 - moment.hour * 60 - moment.minute\n"
        "        if minutes < room:\n            return moment + timedelta(minutes=minutes)\n"
        "        minutes -= room\n        moment = morning(moment, service)\n",
        "def spend(moment, minutes, service):\n    evening = moment.replace(hour=18, minute=0)\n"
        "    end = moment + timedelta(minutes=minutes)\n"
        "    if end <= evening:\n        return end\n"
        "    return morning(moment, service) + timedelta(minutes=minutes)\n",
        "def spend(moment, minutes, service):\n    evening = moment.replace(hour=18, minute=0)\n"
        "    end = moment + timedelta(minutes=minutes)\n"
        "    if end <= evening:\n        return end\n"
        "    return morning(moment, service) + (end - evening) % timedelta(hours=1)\n",
    ),
    "half_hour": (
        "def half_hour(moment):\n    halves = moment.minute // 30 + 1\n"
        "    return moment.replace(minute=0) + timedelta(minutes=30 * halves)\n",
        "def half_hour(moment):\n    return moment - timedelta(minutes=moment.minute % 30)\n",
        "def half_hour(moment):\n    halves = round(moment.minute / 30)\n"
        "    return moment.replace(minute=0) + timedelta(minutes=30 * halves)\n",
    ),
}
HELD: dict[str, str] = {  # right, and in no history
    "works": (
        'def works(day, service):\n    if service == "standard":\n'
        "        return day.isoweekday() < 6\n    return day.isoweekday() < 7\n"
    ),
    "closing": "def closing(day):\n    return 16 - 4 * (day.weekday() == 5)\n",
    "morning": (
        "def morning(day, service):\n    opening = day.replace(hour=8, minute=0)\n"
        "    for ahead in (1, 2, 3):\n        found = opening + timedelta(days=ahead)\n"
        "        if works(found, service):\n            return found\n"
        '    raise ValueError("no working day")\n'
    ),
    "begin": (
        "def begin(accepted, service):\n    late = accepted.hour - closing(accepted)\n"
        "    if late >= 0 or not works(accepted, service):\n"
        "        return morning(accepted, service)\n"
        "    opening = accepted.replace(hour=8, minute=0)\n"
        "    return opening if accepted < opening else accepted\n"
    ),
    "handling": (
        "def handling(service, weight):\n"
        '    light = {"standard": 180, "express": 60, "pharmacy": 30}\n'
        '    heavy = {"standard": 225, "express": 105, "pharmacy": 30}\n'
        "    return (heavy if weight > 20 else light)[service]\n"
    ),
    "road": (
        'def road(minutes, housing):\n    if housing != "farm":\n        return minutes\n'
        "    whole, rest = divmod(minutes, 4)\n    return minutes + whole + (1 if rest else 0)\n"
    ),
    "spend": (
        "def spend(moment, minutes, service):\n    end = moment + timedelta(minutes=minutes)\n"
        "    over = end - moment.replace(hour=18, minute=0)\n    while over > timedelta(0):\n"
        "        moment = morning(moment, service)\n        end = moment + over\n"
        "        over = end - moment.replace(hour=18, minute=0)\n    return end\n"
    ),
    "half_hour": (
        "def half_hour(moment):\n    while moment.minute % 30:\n"
        "        moment = moment + timedelta(minutes=1)\n    return moment\n"
    ),
}
# The same contract in one walk over the days, without helpers, and what may be wrong with that.
WALK = """
def promise(parcel, roads):
    service, road = parcel["service"], roads[parcel["from"]][parcel["to"]]
    left = {"standard": 180, "express": 60}.get(service, 30)
    if parcel["weight_kg"] > 20 and service != "pharmacy":
        left = left + 45
    left = left + (math.ceil(road * 1.25) if parcel["housing"] == "farm" else road)
    now = datetime.fromisoformat(parcel["accepted"])
    last = 4 if service == "standard" else 5
    if now.hour >= (12 if now.weekday() == 5 else 16):
        now = now.replace(hour=0, minute=0) + timedelta(days=1)
    while True:
        opening, end = now.replace(hour=8, minute=0), now.replace(hour=18, minute=0)
        now = max(now, opening)
        if now.weekday() <= last:
            room = (end - now) // timedelta(minutes=1)
            if left <= room:
                break
            left = left - max(room, 0)
        now = opening + timedelta(days=1)
    now = now + timedelta(minutes=left)
    return now + timedelta(minutes=-now.minute % 30)
"""
STUMBLES = (
    ('4 if service == "standard" else 5', "5"),
    ('4 if service == "standard" else 5', '5 if service == "express" else 4'),
    ("12 if now.weekday() == 5 else 16", "16"),
    ("else 16)", "else 17)"),
    ("now.hour >= (", "now.hour > ("),
    ("        now = max(now, opening)\n", ""),
    ('"] > 20', '"] >= 20'),
    (' and service != "pharmacy"', ""),
    ("math.ceil(", "int("),
    ('"housing"] == "farm"', '"housing"] != "flat"'),
    ("left <= room", "left < room"),
    ("            left = left - max(room, 0)\n", ""),
    ("-now.minute % 30)", "30 - now.minute % 30)"),
    ("-now.minute % 30)", "-(now.minute % 30))"),
)
HEAD = '''"""When will it be there? The rules are in CONTRACT.md."""

import math
from datetime import datetime, timedelta


'''
PROMISE = '''

def promise(parcel, roads):
    service = parcel["service"]
    minutes = handling(service, parcel["weight_kg"])
    minutes += road(roads[parcel["from"]][parcel["to"]], parcel["housing"])
    start = begin(datetime.fromisoformat(parcel["accepted"]), service)
    return half_hour(spend(start, minutes, service))
'''
SAID = {
    "works": ("Say on which days we work", "Read the working days in one place", "Name the days"),
    "closing": ("Put the hours in one place", "Look the closing hour up", "Shorten closing()"),
    "morning": ("Walk to the next morning", "Make morning() easier to read", "Tidy the weekends"),
    "begin": ("Say when the clock starts", "Flatten begin()", "Make the first step plainer"),
    "handling": ("Fold the surcharges", "Look handling times up", "Tidy handling()"),
    "road": ("Count road minutes in one line", "Tidy the farm roads", "Round in one place"),
    "spend": ("Spend minutes a day at a time", "Tidy spend()", "Let the days run"),
    "half_hour": ("Simplify the half hour", "One way to round a promise", "Tidy half_hour()"),
}
Words = dict[str, str]


def module(chosen: Words, remark: str = "") -> str:
    """Return eta/promise.py with these spellings of its rules."""
    return HEAD + (f"# {remark}\n\n" if remark else "") + "\n\n".join(chosen.values()) + PROMISE


def spelled(rng: np.random.Generator) -> Words:
    """Return one right spelling for each rule."""
    return {rule: str(rng.choice(np.array(texts, object))) for rule, texts in SPELLINGS.items()}


# ---------------------------------------------------------------- the same package, told otherwise

FIRSTS = ("own", "next", "that", "late", "new", "plain", "our", "quick", "short", "whole", "any")
SECONDS = ("day", "time", "span", "part", "rule", "sum", "mark", "step", "point", "shift", "bit")
TURNED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq}
GIVEN = {"promise", "parcel", "roads"}


class Other(ast.NodeTransformer):
    """Renames what a module names itself, turns comparisons round, names answers first."""

    def __init__(self, tree: ast.Module, rng: np.random.Generator) -> None:
        self.rng = rng
        named = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        named |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        stored = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
        named |= {n.id for n in stored if isinstance(n.ctx, ast.Store)}
        words = [f"{a}_{b}" for a in FIRSTS for b in SECONDS]
        drawn = rng.permutation(words).tolist()
        self.names = {name: drawn.pop() for name in sorted(named - GIVEN)}
        self.answer = drawn.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        if self.rng.random() < 0.4:
            node.body.insert(0, ast.Expr(ast.Constant(f"Step {self.rng.integers(1, 99)}.")))
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.names.get(node.arg, node.arg)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        turned = TURNED.get(type(node.ops[0]))
        if turned and len(node.ops) == 1 and self.rng.random() < 0.5:
            return ast.Compare(node.comparators[0], [turned()], [node.left])
        return node

    def visit_Return(self, node: ast.Return) -> Any:
        self.generic_visit(node)
        if node.value is None or self.rng.random() < 0.6:
            return node
        named = ast.Assign([ast.Name(self.answer, ast.Store())], node.value)
        return [named, ast.Return(ast.Name(self.answer, ast.Load()))]


def otherwise(source: str, rng: np.random.Generator) -> str:
    """Return a module that promises the same: other names, another order, other remarks."""
    tree = ast.parse(source)
    changed = ast.fix_missing_locations(Other(tree, rng).visit(tree))
    functions = [ast.unparse(n) for n in changed.body if isinstance(n, ast.FunctionDef)]
    remarks = [f"# {rng.integers(10**6)}\n" if rng.random() < 0.4 else "" for _ in functions]
    order = rng.permutation(len(functions)).tolist()
    return HEAD + "\n\n".join(remarks[n] + functions[n] + "\n" for n in order)


# ---------------------------------------------------------------- a history


@dataclass
class Commit:
    """What one commit says and changes; `broken` ones cannot be imported."""

    message: str
    files: Words
    broken: bool = False
    digest: str = ""


@dataclass
class History:
    """A repository before it is one: the commits, oldest first, and the one to be found."""

    commits: list[Commit]
    releases: list[int]
    sound: int  # the last release that kept its promises
    culprit: int
    texts: list[str] = field(default_factory=list)  # promise.py at each commit
    hashes: list[str] = field(default_factory=list)
    stream: bytes = b""

    @property
    def answer(self) -> str:
        """The hash of the culprit."""
        return self.hashes[self.culprit]


def roads(seed: int, when: str = "roads") -> dict[str, dict[str, int]]:
    """Return the minutes from every depot to every other; there and back are not the same."""
    rng = stream(seed, when)
    return {
        start: {end: int(rng.integers(3, 40)) * 5 + int(rng.integers(0, 3)) for end in DEPOTS}
        for start in DEPOTS
    }


def parcels(
    rng: np.random.Generator, count: int, table: dict[str, dict[str, int]]
) -> list[dict[str, Any]]:
    """Return parcels of two weeks in March 2026; the moments at which rules meet are common."""
    found = []
    for number in range(count):
        parcel = {
            "number": f"LM{number:06d}",
            "accepted": "",
            "service": ("standard", "express", "pharmacy")[rng.integers(3)],
            "weight_kg": float(rng.choice([2.5, 8.0, 19.9, 20.0, 20.1, 27.0])),
            "from": DEPOTS[rng.integers(len(DEPOTS))],
            "to": DEPOTS[rng.integers(len(DEPOTS))],
            "housing": ("flat", "house", "farm")[rng.integers(3)],
        }
        sharp = int(rng.integers(22, 37)) * 30 + int(rng.integers(2)) - minutes_of(parcel, table)
        evening = max(1080 + int(rng.integers(2)) - minutes_of(parcel, table), 360)
        odd = int(rng.integers(300, 1400))
        minute = int(rng.choice([odd, odd, 720, 960, 955, 480, max(sharp, 360), evening]))
        accepted = datetime(2026, 3, 2) + timedelta(days=int(rng.integers(14)), minutes=minute)
        found.append({**parcel, "accepted": accepted.isoformat(timespec="minutes")})
    return found


def complaint(
    rng: np.random.Generator, history: History, table: dict[str, dict[str, int]]
) -> list[dict[str, Any]]:
    """Return three parcels whose promise was wrong with these minutes, and one whose was not."""
    names: dict[str, Any] = {}
    wrong = history.texts[history.culprit]
    exec(compile(wrong, "promise.py", "exec"), names)
    bad: list[dict[str, Any]] = []
    good: list[dict[str, Any]] = []
    while len(bad) < 3:
        for parcel in parcels(rng, 50, table):
            due, told = right(parcel, table), names["promise"](parcel, table)
            case = {"parcel": parcel, "promised": told.isoformat(), "due": due.isoformat()}
            (bad if due != told else good).append(case)
    return [bad[0], good[0], bad[1], bad[2]]


def write_history(seed: int, name: str) -> History:
    """Return the history of one seed; `name` keeps two repositories of a seed apart."""
    rng = stream(seed, "history", name)
    rule = str(rng.choice(list(WRONG)))
    bad = str(rng.choice(np.array(WRONG[rule], object)))
    last = int(rng.integers(*COMMITS)) - 1
    sound = last - int(rng.integers(*UNRELEASED))
    half = (sound + last) // 2
    fair = [n for n in range(sound + BEFORE, last - AFTER + 1) if abs(n - half) > 2]
    culprit = int(rng.choice(fair))
    releases = released(rng, sound, culprit, last)
    places = {
        int(rng.integers(*CHRISTMAS)): "wrong",
        int(rng.integers(*MENDED)): "mended",
        culprit: "wrong",
    }
    keep = {0, culprit - 1, culprit, last, *places, *releases}
    broken = unbuildable(rng, sound, culprit, last, keep)
    touched = rewritten(rng, sound, culprit, last, broken)
    words = spelled(rng)
    history = History([first(words)], releases, sound, culprit)
    for here in range(1, last + 1):
        told = step(rng, here, words, rule, bad, places.get(here, ""), here in touched)
        told.files["eta/labels.py"] = labels(here, here in broken)
        told.broken = here in broken
        history.commits.append(told)
    record(history, rng)
    return history


def released(rng: np.random.Generator, sound: int, culprit: int, last: int) -> list[int]:
    """Return what was released, oldest first: one to three of the releases have the culprit."""
    right = [sound]
    while right[0] > 16:
        right.insert(0, right[0] - int(rng.integers(9, 16)))
    late = rng.choice(np.arange(culprit + 4, last - 2, 3), int(rng.integers(1, 4)), replace=False)
    return [*right, *sorted(late.tolist())]


def unbuildable(
    rng: np.random.Generator, sound: int, culprit: int, last: int, keep: set[int]
) -> set[int]:
    """Return commits that cannot be imported: short runs anywhere, a long one where halving asks.

    Whoever takes them for wrong names another commit, however the halves are rounded: the first
    half is asked, or the first quarter when the culprit comes before the half.
    """
    half = (last - sound) // 2
    asked = (half, half + 1) if sound + half < culprit else (half // 2, half // 2 + 1)
    start = sound + asked[0] - int(rng.integers(5))
    runs = [(start, sound + asked[1] - start + int(rng.integers(1, 5)))]
    runs += [(culprit + int(rng.integers(-7, 9)), int(rng.integers(1, 4))) for _ in range(3)]
    runs += [(int(p), int(rng.integers(1, 4))) for p in rng.integers(culprit, last, 3)]
    runs += [(int(p), int(rng.integers(1, 4))) for p in rng.integers(10, sound, 8)]
    broken = {start + more for start, length in runs for more in range(length)}
    return {place for place in broken if place < last} - keep


def misled(good: int, bad: int, culprit: int, broken: set[int]) -> bool:
    """Return whether halving names another commit when it takes the broken ones for wrong."""
    if bad - good == 1:
        return bad != culprit
    halves = {(good + bad) // 2, (good + bad + 1) // 2}
    return all(
        misled(good, middle, culprit, broken) if middle >= culprit or middle in broken
        else misled(middle, bad, culprit, broken)
        for middle in halves
    )  # fmt: skip


def rewritten(
    rng: np.random.Generator, sound: int, culprit: int, last: int, broken: set[int]
) -> set[int]:
    """Return the commits that change promise.py: some long ago, most of those in question."""
    ago = {place for place in range(1, sound) if rng.random() < 0.25}
    some = {n for n in range(sound + 1, culprit) if rng.random() < 0.5} - broken
    whole = [place for place in range(culprit + 1, last + 1) if place not in broken]
    count = min(len(whole), REWRITTEN + int(rng.integers(4)))
    return ago | some | set(rng.choice(whole, count, replace=False).tolist())


def step(
    rng: np.random.Generator, here: int, words: Words, rule: str, bad: str, event: str,
    touched: bool,
) -> Commit:
    """Return the next commit and change `words` as it does."""
    remark = f"checked against the contract, part {here}" if rng.random() < 0.1 else ""
    if event == "wrong":
        words[rule] = bad
        return Commit(str(rng.choice(SAID[rule])), {"eta/promise.py": module(words, remark)})
    if event == "mended":
        words[rule] = str(rng.choice(np.array(SPELLINGS[rule], object)))
        return Commit("Promise what the contract says again", {"eta/promise.py": module(words)})
    if not touched:
        return chore(rng, here)
    other = str(rng.choice([r for r in SPELLINGS if r != rule or words[r] != bad]))
    texts = [text for text in SPELLINGS[other] if text != words[other]]
    words[other] = str(rng.choice(np.array(texts, object)))
    return Commit(str(rng.choice(SAID[other])), {"eta/promise.py": module(words, remark)})


def labels(here: int, broken: bool) -> str:
    """Return eta/labels.py, which every commit changes and some cut off in the middle."""
    return f"BUILD = {here}\n" + ("NAMES = {\n" if broken else "NAMES = {}\n")


def chore(rng: np.random.Generator, here: int) -> Commit:
    """Return a commit that changes no promise."""
    depot = DEPOTS[rng.integers(len(DEPOTS))]
    kinds = (
        (f"Note the visit to {depot}", "NOTES.md", f"Visit {here}: {depot}, all well.\n"),
        (f"Add a parcel from {depot}", f"tests/parcels/{here}.json", json.dumps(depot) + "\n"),
        ("Say who is on call", "ONCALL", f"{PEOPLE[rng.integers(len(PEOPLE))]}\n"),
        (f"Order the labels of {depot}", "LABELS.md", f"{depot}: {here}\n"),
    )
    message, path, text = kinds[rng.integers(len(kinds))]
    return Commit(message, {path: text})


CONTRACT = """\
# What we promise

All times are the depot's own. A parcel has a service (standard, express, pharmacy), a weight, two
depots, a kind of housing.

1. Depots work Monday to Friday, for express and pharmacy on Saturday too, from 08:00 to 18:00.
2. The clock starts when a parcel is accepted, at 08:00 at the earliest. What is accepted at 16:00
   or later, on a Saturday at 12:00 or later, or on a day without work, starts at 08:00 on the next
   working day.
3. Handling takes 180 minutes, for express 60, for pharmacy 30. More than 20 kg takes 45 minutes
   longer, but not for pharmacy.
4. The road takes what the road service says from the first depot to the second; to a farm a
   quarter more, rounded up to whole minutes.
5. Minutes are spent in working hours only; what is left at 18:00 goes on at 08:00 of the next
   working day. What ends at 18:00 sharp is done that day.
6. The promise is the end, rounded up to the next half hour; a full half hour stays.
"""
MAIN = '''"""python -m eta PARCELS.json: one promise a line. Exit 75: the road service is away."""

import json
import sys

from eta import labels, roads
from eta.promise import promise

with open(sys.argv[1]) as file:
    parcels = json.load(file)
table = roads.table()
for parcel in parcels:
    print(promise(parcel, table).isoformat())
'''
ROADS = '''"""Asks the road service for today's minutes. Exit code 75 when it is away."""

import hashlib
import json
import os
import socket
import sys
from pathlib import Path


def table():
    sources = b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))
    build = hashlib.sha256(sources).hexdigest()[:16]
    place = os.environ.get("LARKMOOR_ROADS", "http://127.0.0.1:8099")
    place = place.removeprefix("http://")
    host, _, port = place.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall(f"GET /roads?build={build} HTTP/1.0\\r\\n\\r\\n".encode())
            head, _, body = line.makefile("rb").read().partition(b"\\r\\n\\r\\n")
    except OSError:
        head, body = b"", b""
    if b" 200 " in head[:16]:
        return json.loads(body)
    print("the road service is away; try again", file=sys.stderr)
    sys.exit(75)
'''
SUITE = '''"""What we have always tested."""

from datetime import datetime

from eta.promise import promise

ROADS = {"Aarhus": {"Vejle": 60}}
PARCEL = {
    "service": "express", "weight_kg": 2.0, "from": "Aarhus", "to": "Vejle", "housing": "flat",
    "accepted": "2025-03-04T10:00",
}


def test_an_easy_parcel():
    assert promise(PARCEL, ROADS) == datetime(2025, 3, 4, 12, 0)


def test_over_night():
    late = {**PARCEL, "service": "standard", "accepted": "2025-03-04T15:00"}
    assert promise(late, ROADS) == datetime(2025, 3, 5, 9, 0)
'''


def first(words: Words) -> Commit:
    """Return the commit that everything began with."""
    return Commit(
        "Promise parcels",
        {
            "CONTRACT.md": CONTRACT, "eta/__init__.py": "", "eta/__main__.py": MAIN,
            "eta/roads.py": ROADS, "eta/promise.py": module(words),
            "eta/labels.py": "BUILD = 0\nNAMES = {}\n", "tests/test_eta.py": SUITE,
        },
    )  # fmt: skip


def record(history: History, rng: np.random.Generator) -> None:
    """Give the commits authors and times, and with them their hashes and the import stream."""
    parts, tree, parent = [], dict[str, bytes](), ""
    gaps = rng.integers(3, 90, len(history.commits)) * 900
    moment = LAST - int(gaps.sum())
    for place, commit in enumerate(history.commits):
        moment += int(gaps[place])
        person = str(rng.choice(PEOPLE))
        who = f"{person} <{person.split()[0].lower()}@larkmoor.example> {moment} +0100"
        tree |= {path: text.encode() for path, text in commit.files.items()}
        parent = commit_hash(tree, parent, who, commit.message)
        history.hashes.append(parent)
        commit.digest = build(tree)
        history.texts.append(tree["eta/promise.py"].decode())
        parts.append(imported(place, who, commit))
    for number, place in enumerate(history.releases):
        parts.append(f"reset refs/tags/v1.{number}\nfrom :{place + 1}\n\n".encode())
    history.stream = b"".join(parts)


def imported(place: int, who: str, commit: Commit) -> bytes:
    """Return one commit as `git fast-import` reads it."""
    words = commit.message.encode()
    head = f"commit refs/heads/main\nmark :{place + 1}\nauthor {who}\ncommitter {who}\n"
    body = [head.encode(), f"data {len(words) + 1}\n".encode(), words, b"\n"]
    for path, text in commit.files.items():
        data = text.encode()
        body.append(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
    return b"".join([*body, b"\n"])


def build(tree: dict[str, bytes]) -> str:
    """Return what the package tells the road service of itself."""
    sources = [data for path, data in sorted(tree.items()) if path.startswith("eta/")]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]


def commit_hash(tree: dict[str, bytes], parent: str, who: str, message: str) -> str:
    """Return the name that git gives this commit."""
    lines = [f"tree {tree_hash(tree).hex()}", *([f"parent {parent}"] if parent else [])]
    text = "\n".join([*lines, f"author {who}", f"committer {who}", "", message, ""])
    return named("commit", text.encode()).hex()


def tree_hash(tree: dict[str, bytes]) -> bytes:
    """Return git's hash of a folder; sorted as git sorts, folders as if they ended in a slash."""
    below: dict[str, dict[str, bytes]] = {}
    rows = []
    for path, data in tree.items():
        top, slash, rest = path.partition("/")
        if slash:
            below.setdefault(top, {})[rest] = data
        else:
            rows.append((top, b"100644 " + top.encode() + b"\0" + named("blob", data)))
    for top, inside in below.items():
        rows.append((top + "/", b"40000 " + top.encode() + b"\0" + tree_hash(inside)))
    return named("tree", b"".join(row for _, row in sorted(rows)))


def named(kind: str, data: bytes) -> bytes:
    """Return the SHA-1 under which git keeps an object."""
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).digest()


# ---------------------------------------------------------------- what a learner is handed


@fixture
def history(seed: int) -> History:
    """Return the repository of this seed."""
    return write_history(seed, "eta")


@fixture
def fork(seed: int) -> History:
    """Return the Swedish fork: another culprit, other commits that cannot be imported."""
    return write_history(seed, "eta-sweden")


@given("history.fi")
@fixture
def desk_history(history: History) -> bytes:
    """Return the repository as a stream for `git fast-import`."""
    return history.stream


@given("complaint.json")
@fixture
def desk_complaint(
    seed: int, history: History, table: dict[str, dict[str, int]]
) -> list[dict[str, Any]]:
    """Return what customer service wrote down."""
    return complaint(stream(seed, "complaint"), history, table)


@given("parcels.json")
@fixture
def desk_parcels(desk_complaint: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parcels of the complaint, as the package reads them."""
    return [case["parcel"] for case in desk_complaint]


@given("CONTRACT.md")
@fixture
def contract() -> str:
    """Return the rules of a promise."""
    return CONTRACT


@given("roads.json")
@fixture
def table(seed: int) -> dict[str, dict[str, int]]:
    """Return today's minutes between depots."""
    return roads(seed)


@fixture
def shipments(
    rng: np.random.Generator, table: dict[str, dict[str, int]]
) -> list[dict[str, Any]]:
    """Return parcels that no complaint speaks of."""
    return parcels(rng, 600, table)


# ---------------------------------------------------------------- the road service, and a search


class Roads(HTTPServer):
    """The road service: now and then away, but never for three questions about one build.

    It is away whenever that hurts most: the first time that a sound commit after the last sound
    release is asked about.
    """

    def __init__(
        self, listener: Any, table: Any, history: History, rng: np.random.Generator
    ) -> None:
        super().__init__(("127.0.0.1", 0), Asked, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.table, self.rng = json.dumps(table).encode(), rng
        sound = history.commits[history.sound + 1 : history.culprit]
        self.delicate = {commit.digest for commit in sound}
        self.asked: list[str] = []

    def answer(self, build: str) -> bytes | None:
        """Count a question; return the table, or None."""
        before = self.asked.count(build)
        self.asked.append(build)
        away = before == 0 and (build in self.delicate or self.rng.random() < 0.15)
        return None if away or (before == 1 and self.rng.random() < 0.15) else self.table


class Asked(BaseHTTPRequestHandler):
    """One question to the road service."""

    server: Roads

    def do_GET(self) -> None:
        """Answer with the table, or with 503."""
        body = self.server.answer(self.path.rpartition("=")[2][:64])
        self.send_response(200 if body else 503)
        self.send_header("content-length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def forget(work: Any, path: str) -> None:
    """Remove what a run before this one may have written."""
    if path in work.files():
        work.remove(path)


@dataclass
class Found:
    """What one search came to: the place of the commit it named, and what it tried on the way.

    `seen`: promise.py of the culprit was asked, and promise.py as it was before. Two commits with
    the same text are one here, so that a search that asks only where it changes has seen both.
    """

    exit: int
    place: int = -1
    tried: int = 0
    asked: int = 0
    seen: bool = False


class Searches:
    """Runs the learner's search on repositories of the judge's, with minutes of the judge's."""

    def __init__(self, work: Any, seed: int, rng: np.random.Generator, graded: bool) -> None:
        self.work, self.rng, self.graded = work, rng, graded
        self.table = roads(seed, "roads of the judge")

    def on(self, history: History, name: str) -> Found:
        """Unpack a repository, let find.py look for its culprit, and read what it wrote."""
        name = f"{name}-{self.rng.integers(10**9)}"  # other searches leave theirs in this folder
        forget(self.work, "culprit.txt")
        cases = complaint(self.rng, history, self.table)
        self.work.write(f"{name}.fi", history.stream)
        self.work.write(f"{name}.json", json.dumps(cases).encode())
        if self.work.run("unpack.py", f"{name}.fi", name).wait():
            raise RuntimeError("the repository was not unpacked")
        listener = self.work.listen(0)
        service = Roads(listener, self.table, history, self.rng)
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            place = f"http://127.0.0.1:{listener.getsockname()[1]}"
            done = self.work.run("find.py", name, f"{name}.json", env={"LARKMOOR_ROADS": place})
            code = done.wait()
        finally:
            service.shutdown()
            thread.join()
            service.server_close()
        if code:
            self.explain(done)
            return Found(code)
        named = self.work.read("culprit.txt", 200).decode(errors="replace").strip()
        place_of = {name: place for place, name in enumerate(history.hashes)}
        told = dict(zip((c.digest for c in history.commits), history.texts, strict=True))
        texts = {told[build] for build in service.asked if build in told}
        return Found(
            code, place_of.get(named, -1), len(set(service.asked)), len(service.asked),
            set(history.texts[history.culprit - 1 : history.culprit + 1]) <= texts,
        )  # fmt: skip

    def explain(self, done: Any) -> None:
        """On the desk, show what a search that failed said last; a gap is a gap."""
        if self.graded:
            return
        lines = done.output().decode(errors="replace").strip().splitlines()
        if lines and lines[-1].startswith("NotImplementedError"):
            raise LearnerError("NotImplementedError", lines[-1], "find.py")
        print("\n".join(lines[-12:]), file=sys.stderr)


@fixture
def searches(work: Any, seed: int, rng: np.random.Generator, graded: bool) -> Searches:
    """Return what runs find.py."""
    return Searches(work, seed, rng, graded)


# ---------------------------------------------------------------- the learner's tests, tested

TRIAL = '''import sys

import pytest

flags = ["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", "--rootdir=."]
sys.exit(int(pytest.main([*flags, "test_promise.py"])))
'''
QUIET = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
FAILED = 1  # pytest's exit code for tests that ran and failed; others say that none did
ROOM = {"cpu": 4, "memory_mb": 512}
CPU = 12  # seconds for all packages together
DATA = ("complaint.json", "parcels.json", "roads.json", "CONTRACT.md")


class Trials:
    """Packages that the learner's tests meet: wrong ones, and right ones made differently.

    Each in a room of its own, where nothing else lies: no other package, no desk.
    """

    def __init__(self, work: Any, rng: np.random.Generator, own: tuple[str, str]) -> None:
        self.work, self.rng, self.own = work, rng, own

    def helpers(self, rule: str = "", text: str = "") -> str:
        """Return a package with helpers, right but for one rule."""
        words = spelled(self.rng)
        words |= {r: held for r, held in HELD.items() if self.rng.random() < 0.3}
        return otherwise(module({**words, rule: text} if rule else words), self.rng)

    def walk(self, old: str = "", new: str = "") -> str:
        """Return a package without helpers, right but for one stumble."""
        return otherwise(HEAD + WALK.replace(old, new, 1 if old else 0), self.rng)

    def mutants(self, count: int, walks: int) -> list[str]:
        """Return wrong packages, the first with the learner's own culprit in it."""
        others = [(r, t) for r, texts in WRONG.items() for t in texts if (r, t) != self.own]
        drawn = self.rng.permutation(len(others))[: count - walks - 1].tolist()
        chosen = [self.own, *(others[place] for place in drawn)]
        stumbles = self.rng.permutation(len(STUMBLES))[:walks].tolist()
        found = [self.helpers(rule, text) for rule, text in chosen]
        return found + [self.walk(*STUMBLES[place]) for place in stumbles]

    def rewrites(self, count: int) -> list[str]:
        """Return right packages, the first of another design than any history has."""
        return [self.walk(), *(self.helpers() for _ in range(count - 1))]

    def run(self, sources: Sequence[str]) -> list[int]:
        """Return how pytest ends on each of the packages."""
        files = {"trial.py": TRIAL.encode(), "eta/__init__.py": b""}
        tests = self.work.read("test_promise.py", 1 << 20)  # lint: source-text because it is run
        files["test_promise.py"] = tests
        here = set(self.work.files())
        files |= {name: self.work.read(name, 1 << 20) for name in DATA if name in here}
        codes, left = [], float(CPU)
        for source in sources:
            if left <= 0:
                raise LearnerError("Stopped", "the tests took too much CPU for all packages")
            room = self.work.room(**ROOM)
            room.put({**files, "eta/promise.py": source.encode()})
            program = room.run(["trial.py"], QUIET, python=[sys.executable])
            codes.append(room.wait(program, 600))
            if codes[-1] == 2 and b"\nE   NotImplementedError" in room.output(program):
                raise LearnerError("NotImplementedError", "a gap is open", "test_promise.py")
            left -= room.close().cpu
        return codes


@fixture
def trials(work: Any, rng: np.random.Generator, desk_seed: int) -> Trials:
    """Return what runs the learner's tests."""
    mine = stream(desk_seed, "history", "eta")
    rule = str(mine.choice(list(WRONG)))
    return Trials(work, rng, (rule, str(mine.choice(np.array(WRONG[rule], object)))))


TYPES = '''import io
import re
import sys
import tokenize
from pathlib import Path

from mypy import api

source = Path("eta/promise.py").read_text()
for token in tokenize.generate_tokens(io.StringIO(source).readline):
    comment = token.string if token.type == tokenize.COMMENT else ""
    if re.search(r"#\\s*(type:\\s*ignore|mypy:)", comment) or token.string == "no_type_check":
        sys.exit(f"line {token.start[0]} switches the type checker off: {token.line.strip()}")
Path("typed/eta").mkdir(parents=True, exist_ok=True)
Path("typed/eta/promise.py").write_text(source)
Path("typed/eta/__init__.py").touch()
parcel = """{"number": "LM1", "accepted": "2026-03-06T16:00", "service": "express",
    "weight_kg": WEIGHT, "from": "Aarhus", "to": "Vejle", "housing": "farm"}""".replace("\\n", "")
refused = f"""
promise({parcel.replace("WEIGHT", '["2.5"]')}, {{"Aarhus": {{"Vejle": 40}}}})  # type: ignore
promise({parcel.replace("WEIGHT", "2.5")}, {{"Aarhus": "Vejle"}})  # type: ignore
"""
Path("typed/use.py").write_text("""
from datetime import datetime
from typing import assert_type

from eta.promise import promise

moment = promise({
    "number": "LM1", "accepted": "2026-03-06T16:00", "service": "express", "weight_kg": 2.5,
    "from": "Aarhus", "to": "Vejle", "housing": "farm",
}, {"Aarhus": {"Vejle": 40}})
assert_type(moment, datetime)
""" + refused)
flags = ["--strict", "--disallow-any-explicit", "--config-file=", "--cache-dir=/dev/null"]
said, _, code = api.run([*flags, "typed/use.py", "typed/eta/promise.py"])
print(said)
sys.exit(code)
'''


@fixture
def typed(work: Any, graded: bool) -> Any:
    """Return what says by its exit code whether the learner's package is typed: mypy, run there."""
    work.write("types_of_eta.py", TYPES.encode())
    program = work.run("types_of_eta.py", env={"MYPYPATH": "typed"})
    if program.wait() and not graded:
        print(program.output().decode(errors="replace"), file=sys.stderr)
    return program


@fixture
def contract_of() -> Any:
    """Return the judge's own reading of the contract."""
    return right
