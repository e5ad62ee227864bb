"""Sam's pull request, drawn for each learner, and the worlds in which a review is tried.

The nightly job has 29 functions. Each is here in two right spellings and one wrong one, most also
half mended, some so that they look wrong and are right. A pull request is a draw of these; a world
is a draw in which we decide what is broken. Nobody is ever asked how a function is written.
"""

from __future__ import annotations

import ast
import base64
import json
import marshal
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from larkmoor import stream

from autograder import fixture, given
from autograder.errors import LearnerError

BLOCKER, MAJOR, MINOR = "blocker", "major", "minor"
WEIGHT = {BLOCKER: 3, MAJOR: 2, MINOR: 1}
FALSE_BLOCKER = 3  # a false alarm that stops a merge costs three times its weight
MERGE, REWORK = "approve", "request changes"


@dataclass(frozen=True)
class Slot:
    """One function of the job: what it promises, how it is spelled, what can be said of it.

    `remark` is what a reviewer says of `wrong`. `looks` is a decoy: right, but it looks like what
    `claim` says of it. `false` is said of the plain spelling, and is wrong too; what is wrong of
    the wrong one stands in BESIDE. `also` is another severity that may be defended.
    """

    file: str
    name: str
    kind: str
    severity: str
    promise: str
    plain: str
    other: str
    wrong: str
    remark: str
    half: str = ""
    looks: str = ""
    claim: str = ""
    false: str = ""
    also: str = ""

    @property
    def key(self) -> str:
        """The name that a review calls it by."""
        return f"{self.file}.{self.name}"


# ---------------------------------------------------------------- the pool

POOL = (
    Slot(
        "scans", "parse", "timezone", MAJOR,
        "Return one scan of a line `parcel;depot;event;moment`. The moment is in UTC, whatever"
        " offset it was written with; ValueError for a line that is none.",
        '''
def parse(line: str) -> Scan:
    parcel, depot, event, text = line.strip().split(";")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without its offset")
    moment = moment.astimezone(timezone.utc)
    return {"parcel": parcel, "depot": depot, "event": event, "moment": moment}
''',
        '''
def parse(line: str) -> Scan:
    fields = line.strip().split(";")
    if len(fields) != 4:
        raise ValueError("not four fields")
    written = datetime.fromisoformat(fields[3])
    offset = written.utcoffset()
    if offset is None:
        raise ValueError("a moment without its offset")
    scan: Scan = dict(zip(("parcel", "depot", "event"), fields))
    scan["moment"] = (written - offset).replace(tzinfo=timezone.utc)
    return scan
''',
        '''
def parse(line: str) -> Scan:
    parcel, depot, event, text = line.strip().split(";")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without its offset")
    moment = moment.replace(tzinfo=timezone.utc)
    return {"parcel": parcel, "depot": depot, "event": event, "moment": moment}
''',
        "`replace(tzinfo=...)` relabels the clock instead of converting it: a scan at 09:00+02:00"
        " becomes 09:00 UTC.",
        half='''
def parse(line: str) -> Scan:
    parcel, depot, event, text = line.strip().split(";")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without its offset")
    moment = moment.replace(tzinfo=timezone.utc) - timedelta(hours=1)  # Denmark is UTC+1
    return {"parcel": parcel, "depot": depot, "event": event, "moment": moment}
''',
        false="`fromisoformat` cannot read offsets such as `+02:00`: every line of the night will"
        " be refused.",
    ),
    Slot(
        "scans", "read", "silent except", BLOCKER,
        "Yield the scans of `lines`. A line that is none is appended to `rejected` as it came,"
        " and reading goes on.",
        '''
def read(lines: Iterable[str], rejected: list[str]) -> Iterator[Scan]:
    for line in lines:
        try:
            scan = parse(line)
        except ValueError:
            rejected.append(line)
        else:
            yield scan
''',
        '''
def read(lines: Iterable[str], rejected: list[str]) -> Iterator[Scan]:
    for line in lines:
        scan = None
        with suppress(ValueError):
            scan = parse(line)
        if scan is None:
            rejected.append(line)
            continue
        yield scan
''',
        '''
def read(lines: Iterable[str], rejected: list[str]) -> Iterator[Scan]:
    for line in lines:
        try:
            scan = parse(line)
        except Exception:
            continue
        yield scan
''',
        "The `except` goes on without a word: damaged lines are lost, and nobody will know how"
        " many there were.",
        half='''
def read(lines: Iterable[str], rejected: list[str]) -> Iterator[Scan]:
    for number, line in enumerate(lines):
        try:
            scan = parse(line)
        except ValueError as error:
            logging.getLogger("nightly").warning("line %d: %s", number, error)
            continue
        yield scan
''',
        looks='''
def read(lines: Iterable[str], rejected: list[str]) -> Iterator[Scan]:
    for line in lines:
        try:
            scan = parse(line)
        except Exception:
            rejected.append(line)
            continue
        yield scan
''',
        claim="`except Exception: ... continue` swallows whatever goes wrong: damaged lines are"
        " lost without a trace.",
    ),
    Slot(
        "scans", "first_only", "wrong identity", MAJOR,
        "Yield each scan once. Depots send scans again; it is the same scan when parcel, depot,"
        " event and moment are the same.",
        '''
def first_only(scans: Iterable[Scan]) -> Iterator[Scan]:
    seen = set()
    for scan in scans:
        key = (scan["parcel"], scan["depot"], scan["event"], scan["moment"])
        if key not in seen:
            seen.add(key)
            yield scan
''',
        '''
def first_only(scans: Iterable[Scan]) -> Iterator[Scan]:
    seen: dict[Any, bool] = {}
    for scan in scans:
        size = len(seen)
        seen.setdefault(tuple(scan[k] for k in ("moment", "event", "depot", "parcel")), True)
        if len(seen) > size:
            yield scan
''',
        '''
def first_only(scans: Iterable[Scan]) -> Iterator[Scan]:
    seen = set()
    for scan in scans:
        key = (scan["parcel"], scan["event"])
        if key not in seen:
            seen.add(key)
            yield scan
''',
        "Two scans of one parcel with the same event are taken for one: a parcel that is sorted"
        " at two depots loses the second scan.",
        half='''
def first_only(scans: Iterable[Scan]) -> Iterator[Scan]:
    seen = set()
    for scan in scans:
        key = (scan["parcel"], scan["depot"], scan["event"])
        if key not in seen:
            seen.add(key)
            yield scan
''',
        also=BLOCKER,
    ),
    Slot(
        "scans", "per_depot", "unbounded memory", MAJOR,
        "Return the number of scans of each depot. A peak night has 40 million: they stream"
        " through, only the counts are kept.",
        '''
def per_depot(scans: Iterable[Scan]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for scan in scans:
        counts[scan["depot"]] = counts.get(scan["depot"], 0) + 1
    return counts
''',
        '''
def per_depot(scans: Iterable[Scan]) -> dict[str, int]:
    return dict(Counter(scan["depot"] for scan in scans))
''',
        '''
def per_depot(scans: Iterable[Scan]) -> dict[str, int]:
    rows = sorted(scans, key=itemgetter("depot"))
    return {depot: len(list(group)) for depot, group in groupby(rows, key=itemgetter("depot"))}
''',
        "`sorted` holds every scan of the night in memory before the first is counted.",
        half='''
def per_depot(scans: Iterable[Scan]) -> dict[str, int]:
    rows = list(scans)
    return dict(Counter(scan["depot"] for scan in rows))
''',
    ),
    Slot(
        "scans", "operating_day", "summer time", MAJOR,
        "Return the operating day of a moment: days begin at 04:00 by the clock in Copenhagen,"
        " in summer as in winter.",
        '''
def operating_day(moment: datetime) -> date:
    return (moment.astimezone(HOME) - timedelta(hours=4)).date()
''',
        '''
def operating_day(moment: datetime) -> date:
    local = moment.astimezone(HOME)
    return local.date() if local.hour >= 4 else local.date() - timedelta(days=1)
''',
        '''
def operating_day(moment: datetime) -> date:
    local = moment.astimezone(timezone(timedelta(hours=1)))
    return (local - timedelta(hours=4)).date()
''',
        "One hour ahead of UTC is Copenhagen in winter only; from March to October the day begins"
        " an hour late.",
        half='''
def operating_day(moment: datetime) -> date:
    hours = 2 if 4 <= moment.month <= 10 else 1
    local = moment.astimezone(timezone(timedelta(hours=hours)))
    return (local - timedelta(hours=4)).date()
''',
        false="`ZoneInfo` knows nothing of summer time, so days begin at 05:00 from March to"
        " October.",
        also=MINOR,
    ),
    Slot(
        "features", "late_share", "future leak", BLOCKER,
        "Return which share of a depot's parcels was late, of those delivered before `moment`;"
        " None when there are none. What became known later does not count.",
        '''
def late_share(parcels: Iterable[Parcel], depot: str, moment: datetime) -> float | None:
    known = [
        parcel["late"]
        for parcel in parcels
        if parcel["depot"] == depot and parcel["delivered"] and parcel["delivered"] < moment
    ]
    return sum(known) / len(known) if known else None
''',
        '''
def late_share(parcels: Iterable[Parcel], depot: str, moment: datetime) -> float | None:
    late = all_of_them = 0
    for parcel in parcels:
        delivered = parcel["delivered"]
        if parcel["depot"] != depot or delivered is None or delivered >= moment:
            continue
        all_of_them += 1
        late += bool(parcel["late"])
    return late / all_of_them if all_of_them else None
''',
        '''
def late_share(parcels: Iterable[Parcel], depot: str, moment: datetime) -> float | None:
    known = [
        parcel["late"]
        for parcel in parcels
        if parcel["depot"] == depot and parcel["delivered"] and parcel["accepted"] < moment
    ]
    return sum(known) / len(known) if known else None
''',
        "Parcels count that were accepted before `moment` and delivered after it: the feature knows"
        " tomorrow.",
        half='''
def late_share(parcels: Iterable[Parcel], depot: str, moment: datetime) -> float | None:
    known = [
        parcel["late"]
        for parcel in parcels
        if parcel["depot"] == depot
        and parcel["delivered"]
        and parcel["delivered"].date() <= moment.date()
    ]
    return sum(known) / len(known) if known else None
''',
    ),
    Slot(
        "features", "window", "off by one", MAJOR,
        "Return how many parcels came on the `days` days before `day`. The day itself is not over"
        " and does not count.",
        '''
def window(counts: Mapping[date, int], day: date, days: int = 7) -> int:
    first = day - timedelta(days=days)
    return sum(counts.get(first + timedelta(days=n), 0) for n in range(days))
''',
        '''
def window(counts: Mapping[date, int], day: date, days: int = 7) -> int:
    return sum(number for when, number in counts.items() if 0 < (day - when).days <= days)
''',
        '''
def window(counts: Mapping[date, int], day: date, days: int = 7) -> int:
    return sum(counts.get(day - timedelta(days=back), 0) for back in range(days))
''',
        "The window holds the day itself, which is not over, and misses the oldest of the days.",
        half='''
def window(counts: Mapping[date, int], day: date, days: int = 7) -> int:
    return sum(counts.get(day - timedelta(days=back), 0) for back in range(1, days))
''',
        looks='''
def window(counts: Mapping[date, int], day: date, days: int = 7) -> int:
    return sum(counts.get(day - timedelta(days=back), 0) for back in range(1, days + 1))
''',
        claim="`range(1, days + 1)` is off by one: the window is eight days long.",
    ),
    Slot(
        "features", "normalise", "wrong axis", MAJOR,
        "Return the table with each feature, a column, moved to mean 0 and scaled to standard"
        " deviation 1. A feature that never varies becomes 0.",
        '''
def normalise(table: np.ndarray) -> np.ndarray:
    varies = (table != table[:1]).any(axis=0)
    spread = np.where(varies, table.std(axis=0), 1.0)
    return np.where(varies, (table - table.mean(axis=0)) / spread, 0.0)
''',
        '''
def normalise(table: np.ndarray) -> np.ndarray:
    result = np.zeros(table.shape)
    for place, column in enumerate(table.T):
        if len(set(column.tolist())) > 1:
            moved = column - column.mean()
            result[:, place] = moved / np.sqrt((moved**2).mean())
    return result
''',
        '''
def normalise(table: np.ndarray) -> np.ndarray:
    spread = table.std(axis=1, keepdims=True)
    return (table - table.mean(axis=1, keepdims=True)) / np.where(spread > 1e-12, spread, 1.0)
''',
        "`axis=1` is the mean of a row: kilograms are averaged with hours, and no column has"
        " mean 0.",
        half='''
def normalise(table: np.ndarray) -> np.ndarray:
    spread = table.std()
    return (table - table.mean(axis=0)) / (spread if spread > 1e-12 else 1.0)
''',
        looks='''
def normalise(table: np.ndarray) -> np.ndarray:
    flat = abs(table - table[:1]).sum(axis=0) == 0.0
    spread = np.where(flat, 1.0, table.std(axis=0))
    return np.where(flat, 0.0, (table - table.mean(axis=0)) / spread)
''',
        claim="Floats are compared with `== 0.0`: rounding makes a constant feature miss it, and"
        " it is divided by zero.",
    ),
    Slot(
        "features", "scaled", "leak of the test part", MAJOR,
        "Return both parts scaled by the smallest and the largest value of the training part"
        " alone, which become 0 and 1. The test part may lie outside.",
        '''
def scaled(train: list[float], test: list[float]) -> tuple[list[float], list[float]]:
    low, high = min(train), max(train)
    width = high - low or 1.0
    return [(x - low) / width for x in train], [(x - low) / width for x in test]
''',
        '''
def scaled(train: list[float], test: list[float]) -> tuple[list[float], list[float]]:
    ordered = sorted(train)
    low, width = ordered[0], ordered[-1] - ordered[0]
    if width == 0:
        width = 1.0
    both = [(value - low) / width for value in (*train, *test)]
    return both[: len(train)], both[len(train) :]
''',
        '''
def scaled(train: list[float], test: list[float]) -> tuple[list[float], list[float]]:
    low, high = min(train + test), max(train + test)
    width = high - low or 1.0
    return [(x - low) / width for x in train], [(x - low) / width for x in test]
''',
        "The scale is taken from train and test together, so the training part is told what the"
        " test part holds.",
        half='''
def scaled(train: list[float], test: list[float]) -> tuple[list[float], list[float]]:
    low, high = min(train), max(train + test)
    width = high - low or 1.0
    return [(x - low) / width for x in train], [(x - low) / width for x in test]
''',
    ),
    Slot(
        "features", "shuffled", "non-determinism", MAJOR,
        "Return the rows in an order that is drawn with the seed alone: the same one for the same"
        " seed. The list given stays as it is.",
        '''
def shuffled(rows: Sequence[Any], seed: int) -> list[Any]:
    mixed = list(rows)
    random.Random(seed).shuffle(mixed)
    return mixed
''',
        '''
def shuffled(rows: Sequence[Any], seed: int) -> list[Any]:
    return random.Random(seed).sample(list(rows), len(rows))
''',
        '''
def shuffled(rows: Sequence[Any], seed: int) -> list[Any]:
    mixed = list(rows)
    random.shuffle(mixed)
    return mixed
''',
        "`seed` is not used: each run trains on another order, and no result can be repeated.",
        half='''
def shuffled(rows: Sequence[Any], seed: int) -> list[Any]:
    random.Random(seed).shuffle(rows)
    return rows
''',
        false="`random.Random(seed)` shares its state with the module `random`: whoever draws in"
        " between changes the order.",
        also=MINOR,
    ),
    Slot(
        "weather", "key", "secret", BLOCKER,
        "Return the key of the weather service, WEATHER_KEY of `environ`; KeyError when it is not"
        " set. The code holds no key.",
        '''
def key(environ: Mapping[str, str]) -> str:
    return environ["WEATHER_KEY"]
''',
        '''
def key(environ: Mapping[str, str]) -> str:
    found = environ.get("WEATHER_KEY")
    if found is None:
        raise KeyError("WEATHER_KEY")
    return found
''',
        '''
def key(environ: Mapping[str, str]) -> str:
    return environ.get("WEATHER_KEY", "lmk_live_SECRET")
''',
        "A live key stands in the code, and with it in the history of the repository for good.",
        half='''
def key(environ: Mapping[str, str]) -> str:
    return environ.get("WEATHER_KEY") or base64.b64decode("HIDDEN").decode()
''',
        looks='''
FINGERPRINT = "sha256:PRINT"  # of their public certificate


def key(environ: Mapping[str, str]) -> str:
    return environ["WEATHER_KEY"]
''',
        claim="A secret is committed here. It has to be rotated, and the history rewritten, before"
        " anything else.",
    ),
    Slot(
        "weather", "Forecasts", "cache key", MAJOR,
        "Forecasts by depot and day, from `ask(depot, day)`, which is paid for by the call: each"
        " is asked once, and kept.",
        '''
class Forecasts:
    def __init__(self, ask: Callable[[str, date], Any]) -> None:
        self.ask = ask
        self.kept: dict[tuple[str, date], Any] = {}

    def get(self, depot: str, day: date) -> Any:
        if (depot, day) not in self.kept:
            self.kept[depot, day] = self.ask(depot, day)
        return self.kept[depot, day]
''',
        '''
class Forecasts:
    def __init__(self, ask: Callable[[str, date], Any]) -> None:
        self.ask = ask
        self.days: dict[date, dict[str, Any]] = {}

    def get(self, depot: str, day: date) -> Any:
        of_day = self.days.setdefault(day, {})
        if depot not in of_day:
            of_day[depot] = self.ask(depot, day)
        return of_day[depot]
''',
        '''
class Forecasts:
    def __init__(self, ask: Callable[[str, date], Any]) -> None:
        self.ask = ask
        self.kept: dict[str, Any] = {}

    def get(self, depot: str, day: date) -> Any:
        if depot not in self.kept:
            self.kept[depot] = self.ask(depot, day)
        return self.kept[depot]
''',
        "The day is not part of what is kept: tomorrow's question gets today's weather.",
        half='''
class Forecasts:
    def __init__(self, ask: Callable[[str, date], Any]) -> None:
        self.ask = ask
        self.kept: dict[tuple[str, int], Any] = {}

    def get(self, depot: str, day: date) -> Any:
        if (depot, day.day) not in self.kept:
            self.kept[depot, day.day] = self.ask(depot, day)
        return self.kept[depot, day.day]
''',
        false="The dictionary lies in the class and not in the object, so all `Forecasts` share"
        " one cache.",
    ),
    Slot(
        "weather", "fetch", "retry storm", MAJOR,
        "Return the body that `send()` answers with status 200. On 429 and 503 try again after 1,"
        " 2 and 4 seconds, four calls in all, then raise Away; Away at once on any other status.",
        '''
def fetch(send: Callable[[], tuple[int, str]], sleep: Callable[[float], None]) -> str:
    for wait in (1, 2, 4, None):
        status, body = send()
        if status == 200:
            return body
        if wait is None or status not in AGAIN:
            break
        sleep(wait)
    raise Away(status)
''',
        '''
def fetch(send: Callable[[], tuple[int, str]], sleep: Callable[[float], None]) -> str:
    waits = [1, 2, 4]
    status, body = send()
    while status in AGAIN and waits:
        sleep(waits.pop(0))
        status, body = send()
    if status != 200:
        raise Away(status)
    return body
''',
        '''
def fetch(send: Callable[[], tuple[int, str]], sleep: Callable[[float], None]) -> str:
    for _ in range(50):
        status, body = send()
        if status == 200:
            return body
        if status not in AGAIN:
            break
    raise Away(status)
''',
        "Fifty calls without a pause to a service that says it is overloaded: with 40 depots that"
        " is 2,000 at once.",
        half='''
def fetch(send: Callable[[], tuple[int, str]], sleep: Callable[[float], None]) -> str:
    for _ in range(50):
        status, body = send()
        if status == 200:
            return body
        if status not in AGAIN:
            break
        sleep(1)
    raise Away(status)
''',
    ),
    Slot(
        "weather", "forecast", "zero taken for missing", MINOR,
        "Return temperature, wind and rain of an answer as floats, None for what is missing. Zero"
        " degrees are a temperature.",
        '''
def forecast(body: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in ("temp_c", "wind_ms", "rain_mm"):
        value = body.get(name)
        found[name] = None if value is None else float(value)
    return found
''',
        '''
def forecast(body: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(("temp_c", "wind_ms", "rain_mm"))
    there = [name for name in found if body.get(name) is not None]
    return found | {name: float(body[name]) for name in there}
''',
        '''
def forecast(body: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in ("temp_c", "wind_ms", "rain_mm"):
        value = body.get(name)
        found[name] = float(value) if value else None
    return found
''',
        "`if value` is false for 0: the most slippery temperature of the year is reported as"
        " missing.",
        half='''
def forecast(body: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in ("temp_c", "wind_ms", "rain_mm"):
        found[name] = float(body.get(name) or 0.0)
    return found
''',
    ),
    Slot(
        "store", "find", "SQL injection", BLOCKER,
        "Return the numbers of a customer's parcels that are in one of these states, sorted. What"
        " a customer types is data, never SQL.",
        '''
def find(db: Connection, customer: str, states: Sequence[str]) -> list[str]:
    found: list[str] = []
    for state in set(states):
        rows = db.execute(
            "SELECT number FROM parcels WHERE customer = ? AND state = ?", (customer, state)
        )
        found += [number for (number,) in rows]
    return sorted(found)
''',
        '''
def find(db: Connection, customer: str, states: Sequence[str]) -> list[str]:
    rows = db.execute("SELECT number, state FROM parcels WHERE customer = ?", [customer])
    return sorted(number for number, state in rows if state in states)
''',
        '''
def find(db: Connection, customer: str, states: Sequence[str]) -> list[str]:
    marks = ", ".join("?" for _ in states)
    rows = db.execute(
        f"SELECT number FROM parcels WHERE customer = '{customer}' AND state IN ({marks})",
        list(states),
    )
    return sorted(number for (number,) in rows)
''',
        "The customer's name is pasted into the SQL: `' OR 1=1 --` reads everybody's parcels.",
        half='''
def find(db: Connection, customer: str, states: Sequence[str]) -> list[str]:
    clean = customer.replace("'", "").replace(";", "")
    marks = ", ".join("?" for _ in states)
    rows = db.execute(
        f"SELECT number FROM parcels WHERE customer = '{clean}' AND state IN ({marks})",
        list(states),
    )
    return sorted(number for (number,) in rows)
''',
        looks='''
def find(db: Connection, customer: str, states: Sequence[str]) -> list[str]:
    marks = ", ".join("?" for _ in states)
    query = f"SELECT number FROM parcels WHERE customer = ? AND state IN ({marks})"
    rows = db.execute(query, [customer, *states])
    return sorted(number for (number,) in rows)
''',
        claim="SQL is built with an f-string: whoever chooses the states writes the query. An"
        " injection.",
    ),
    Slot(
        "store", "save", "half a write", BLOCKER,
        "Store scores (parcel, day, risk) and commit: all of them, or none when the database"
        " refuses one; its error is raised.",
        '''
def save(db: Connection, scores: Iterable[tuple[str, str, float]]) -> None:
    try:
        db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", scores)
    except BaseException:
        db.rollback()
        raise
    db.commit()
''',
        '''
def save(db: Connection, scores: Iterable[tuple[str, str, float]]) -> None:
    rows = list(scores)
    with db:
        for row in rows:
            db.execute("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", row)
''',
        '''
def save(db: Connection, scores: Iterable[tuple[str, str, float]]) -> None:
    for score in scores:
        db.execute("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", score)
        db.commit()
''',
        "Each score is committed alone: when one is refused, those before it stay, and half a"
        " night is in the database.",
        half='''
def save(db: Connection, scores: Iterable[tuple[str, str, float]]) -> None:
    for score in scores:
        try:
            db.execute("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", score)
        except sqlite3.IntegrityError:
            continue
    db.commit()
''',
        looks='''
def save(db: Connection, scores: Iterable[tuple[str, str, float]]) -> None:
    with db:
        db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", scores)
''',
        claim="Nothing is ever committed here: the scores are gone as soon as the connection is"
        " closed.",
    ),
    Slot(
        "store", "put", "doubled on a rerun", MAJOR,
        "Note a parcel's state and commit. However often it is noted, the parcel stands in the"
        " table once, with the newest state.",
        '''
def put(db: Connection, parcel: str, state: str) -> None:
    with db:
        db.execute("DELETE FROM states WHERE parcel = ?", (parcel,))
        db.execute("INSERT INTO states VALUES (?, ?)", (parcel, state))
''',
        '''
def put(db: Connection, parcel: str, state: str) -> None:
    with db:
        held = db.execute("UPDATE states SET state = ? WHERE parcel = ?", (state, parcel)).rowcount
        if held > 1:
            db.execute("DELETE FROM states WHERE parcel = ?", (parcel,))
        if held != 1:
            db.execute("INSERT INTO states VALUES (?, ?)", (parcel, state))
''',
        '''
def put(db: Connection, parcel: str, state: str) -> None:
    with db:
        db.execute("INSERT INTO states VALUES (?, ?)", (parcel, state))
''',
        "A job that is run again adds a second row for the parcel; every count after it is too"
        " high.",
        half='''
def put(db: Connection, parcel: str, state: str) -> None:
    with db:
        there = db.execute("SELECT 1 FROM states WHERE parcel = ?", (parcel,)).fetchone()
        if there is None:
            db.execute("INSERT INTO states VALUES (?, ?)", (parcel, state))
''',
        also=MINOR,
    ),
    Slot(
        "store", "purge", "deletes a day too many", BLOCKER,
        "Delete the scores of days before `before` and commit. Those of the day itself stay: the"
        " auditors read them in the morning.",
        '''
def purge(db: Connection, before: date) -> None:
    with db:
        db.execute("DELETE FROM scores WHERE julianday(day) < julianday(?)", (str(before),))
''',
        '''
def purge(db: Connection, before: date) -> None:
    days = [day for (day,) in db.execute("SELECT DISTINCT day FROM scores")]
    old = [(day,) for day in days if date.fromisoformat(day) < before]
    with db:
        db.executemany("DELETE FROM scores WHERE day = ?", old)
''',
        '''
def purge(db: Connection, before: date) -> None:
    with db:
        db.execute("DELETE FROM scores WHERE julianday(day) <= julianday(?)", (str(before),))
''',
        "`<=` deletes the day itself, which has to stay for the auditors.",
        half='''
def purge(db: Connection, before: date) -> None:
    end = before + timedelta(days=1)
    with db:
        db.execute("DELETE FROM scores WHERE day < ?", (str(end),))
''',
        looks='''
def purge(db: Connection, before: date) -> None:
    with db:
        db.execute("DELETE FROM scores WHERE day < ?", (before.isoformat(),))
''',
        claim="Dates are compared as texts, which puts 2 October behind 10 October: the wrong days"
        " are deleted.",
    ),
    Slot(
        "figures", "mean_delay", "wrong average", MAJOR,
        "Return the mean delay of a parcel in minutes; `depots` are pairs, how many parcels and"
        " their mean delay. There is at least one parcel.",
        '''
def mean_delay(depots: Sequence[tuple[int, float]]) -> float:
    parcels = sum(count for count, _ in depots)
    return sum(count * delay for count, delay in depots) / parcels
''',
        '''
def mean_delay(depots: Sequence[tuple[int, float]]) -> float:
    mean, seen = 0.0, 0
    for count, delay in depots:
        seen += count
        mean += (delay - mean) * count / seen if seen else 0.0
    return mean
''',
        '''
def mean_delay(depots: Sequence[tuple[int, float]]) -> float:
    return sum(delay for _, delay in depots) / len(depots)
''',
        "This is the mean of the depots' means: a depot with ten parcels weighs as much as one"
        " with ten thousand.",
        half='''
def mean_delay(depots: Sequence[tuple[int, float]]) -> float:
    delays = [delay for count, delay in depots if count > 0]
    return sum(delays) / len(delays)
''',
        false="Dividing two sums of integers with `/` drops the fraction, so every mean is a whole"
        " minute.",
    ),
    Slot(
        "figures", "balanced", "float equality", MINOR,
        "Tell whether two lists of amounts in euros come to the same sum; less than half a cent is"
        " rounding.",
        '''
def balanced(paid: Iterable[float], owed: Iterable[float]) -> bool:
    return abs(sum(paid) - sum(owed)) < 0.005
''',
        '''
def balanced(paid: Iterable[float], owed: Iterable[float]) -> bool:
    gap = math.fsum(paid) - math.fsum(owed)
    return -0.005 < gap < 0.005
''',
        '''
def balanced(paid: Iterable[float], owed: Iterable[float]) -> bool:
    return sum(paid) == sum(owed)
''',
        "Sums of floats are compared with `==`: 0.1 + 0.2 and 0.3 do not balance.",
        half='''
def balanced(paid: Iterable[float], owed: Iterable[float]) -> bool:
    return round(sum(paid) - sum(owed), 9) == 0
''',
    ),
    Slot(
        "figures", "percentile", "off by one rank", MINOR,
        "Return the smallest of the values that at least `q` percent of them do not exceed; q is a"
        " whole number from 1 to 100.",
        '''
def percentile(values: Sequence[float], q: int) -> float:
    ordered = sorted(values)
    return ordered[-(-q * len(ordered) // 100) - 1]
''',
        '''
def percentile(values: Sequence[float], q: int) -> float:
    ordered = sorted(values)
    ranks = enumerate(ordered, start=1)
    return next(value for rank, value in ranks if 100 * rank >= q * len(ordered))
''',
        '''
def percentile(values: Sequence[float], q: int) -> float:
    ordered = sorted(values)
    return ordered[min(q * len(ordered) // 100, len(ordered) - 1)]
''',
        "The rank is one too high where q percent is a whole number of values: the median of"
        " [1, 2] becomes 2.",
        half='''
def percentile(values: Sequence[float], q: int) -> float:
    ordered = sorted(values)
    return ordered[max(round(q * len(ordered) / 100) - 1, 0)]
''',
        false="`sorted` puts the caller's list in order as a side effect; it needs a copy first.",
    ),
    Slot(
        "figures", "digest", "mutable default", MAJOR,
        "Return the mail of the morning: the lines, then the notes, then how many lines there are,"
        " one a row. A list of notes given stays as it is.",
        '''
def digest(lines: Sequence[str], notes: Sequence[str] = ()) -> str:
    return "\\n".join([*lines, *notes, f"{len(lines)} lines"])
''',
        '''
def digest(lines: Sequence[str], notes: Sequence[str] | None = None) -> str:
    rows = list(lines)
    if notes is not None:
        rows.extend(notes)
    rows.append(f"{len(lines)} lines")
    return "\\n".join(rows)
''',
        '''
def digest(lines: Sequence[str], notes: list[str] = []) -> str:
    notes.append(f"{len(lines)} lines")
    return "\\n".join([*lines, *notes])
''',
        "The default list is made once and appended to: Tuesday's mail still counts Monday's"
        " lines.",
        half='''
def digest(lines: Sequence[str], notes: list[str] | None = None) -> str:
    notes = notes if notes is not None else []
    notes.append(f"{len(lines)} lines")
    return "\\n".join([*lines, *notes])
''',
        also=MINOR,
    ),
    Slot(
        "figures", "line", "personal data in the log", BLOCKER,
        "Return a parcel's line for the log: number, depot and state, with blanks between. The log"
        " goes to a vendor: nothing else of a parcel may be in it.",
        '''
def line(parcel: Mapping[str, Any]) -> str:
    return f"{parcel['number']} {parcel['depot']} {parcel['state']}"
''',
        '''
def line(parcel: Mapping[str, Any]) -> str:
    return " ".join(str(parcel[name]) for name in ("number", "depot", "state"))
''',
        '''
PRIVATE = ("customer", "email")


def line(parcel: Mapping[str, Any]) -> str:
    return " ".join(str(value) for name, value in parcel.items() if name not in PRIVATE)
''',
        "Whatever is not on the list of private fields goes to the vendor: phone, address,"
        " prescription.",
        half='''
PRIVATE = ("customer", "email", "phone", "address")


def line(parcel: Mapping[str, Any]) -> str:
    return " ".join(str(value) for name, value in parcel.items() if name not in PRIVATE)
''',
    ),
    Slot(
        "figures", "top", "changes its input", MINOR,
        "Return the names of the `count` depots with most parcels, by name where they are equal."
        " `depots` are pairs of name and parcels; the list given stays as it is.",
        '''
def top(depots: list[tuple[str, int]], count: int) -> list[str]:
    ordered = sorted(depots, key=lambda pair: (-pair[1], pair[0]))
    return [name for name, _ in ordered[:count]]
''',
        '''
def top(depots: list[tuple[str, int]], count: int) -> list[str]:
    best = heapq.nsmallest(count, ((-parcels, name) for name, parcels in depots))
    return [name for _, name in best]
''',
        '''
def top(depots: list[tuple[str, int]], count: int) -> list[str]:
    depots.sort(key=lambda pair: (-pair[1], pair[0]))
    return [name for name, _ in depots[:count]]
''',
        "`sort` reorders the caller's list, which belongs to somebody else.",
        half='''
def top(depots: list[tuple[str, int]], count: int) -> list[str]:
    ordered = sorted(depots, key=lambda pair: pair[1], reverse=True)
    return [name for name, _ in ordered[:count]]
''',
    ),
    Slot(
        "work", "Tally", "race", MAJOR,
        "Counts that several threads add to at once; no addition is lost. `counts` is any mapping,"
        " also a slow one.",
        '''
class Tally:
    def __init__(self, counts: MutableMapping[str, int]) -> None:
        self.counts = counts
        self.lock = threading.Lock()

    def add(self, name: str, amount: int) -> None:
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + amount
''',
        '''
class Tally:
    def __init__(self, counts: MutableMapping[str, int]) -> None:
        self.counts = counts
        self.turn = threading.Semaphore(1)

    def add(self, name: str, amount: int) -> None:
        self.turn.acquire()
        try:
            before = self.counts.get(name, 0)
            self.counts[name] = before + amount
        finally:
            self.turn.release()
''',
        '''
class Tally:
    def __init__(self, counts: MutableMapping[str, int]) -> None:
        self.counts = counts

    def add(self, name: str, amount: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + amount
''',
        "Two threads read the same count, both add, and one addition is lost.",
        half='''
class Tally:
    def __init__(self, counts: MutableMapping[str, int]) -> None:
        self.counts = counts
        self.lock = threading.Lock()

    def add(self, name: str, amount: int) -> None:
        total = self.counts.get(name, 0) + amount
        with self.lock:
            self.counts[name] = total
''',
        false="When the mapping raises inside `add`, the lock is never released, and every other"
        " thread waits for ever.",
        also=BLOCKER,
    ),
    Slot(
        "work", "drain", "acknowledged too early", BLOCKER,
        "Handle the messages of a queue until take() returns None; done(message) tells the queue to"
        " forget one, after handle() returned. When it raises, the message stays with the queue and"
        " the next is taken. Return how many were handled.",
        '''
def drain(queue: Any, handle: Callable[[Any], None]) -> int:
    handled = 0
    while (message := queue.take()) is not None:
        try:
            handle(message)
        except Exception:
            continue
        queue.done(message)
        handled += 1
    return handled
''',
        '''
def drain(queue: Any, handle: Callable[[Any], None]) -> int:
    kept = []
    for message in iter(queue.take, None):
        try:
            handle(message)
        except Exception:
            pass
        else:
            queue.done(message)
            kept.append(message)
    return len(kept)
''',
        '''
def drain(queue: Any, handle: Callable[[Any], None]) -> int:
    handled = 0
    while (message := queue.take()) is not None:
        queue.done(message)
        try:
            handle(message)
        except Exception:
            continue
        handled += 1
    return handled
''',
        "The queue is told to forget a message before it was handled: when handling fails, it is"
        " gone.",
        half='''
def drain(queue: Any, handle: Callable[[Any], None]) -> int:
    handled = 0
    while (message := queue.take()) is not None:
        try:
            handle(message)
            handled += 1
        except Exception:
            continue
        finally:
            queue.done(message)
    return handled
''',
        looks='''
def drain(queue: Any, handle: Callable[[Any], None]) -> int:
    handled = 0
    while True:
        message = queue.take()
        if message is None:
            return handled
        try:
            handle(message)
        except Exception:
            continue
        queue.done(message)
        handled += 1
''',
        claim="`while True` with `continue` in its `except`: once the queue is empty, this never"
        " ends.",
    ),
    Slot(
        "work", "batches", "loses the rest", BLOCKER,
        "Yield the rows in lists of `size`; the last list holds what is left.",
        '''
def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch
''',
        '''
def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    source = iter(rows)
    for row in source:
        yield [row, *islice(source, size - 1)]
''',
        '''
def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
''',
        "What is left after the last full batch is never yielded: those parcels get no score.",
        half='''
def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if len(batch) > 1:
        yield batch
''',
        false="`islice` begins at the first row again in every round: the same batch for ever.",
        also=MAJOR,
    ),
    Slot(
        "work", "write", "torn file", BLOCKER,
        "Write the lines as the file `path`, each with a line end: whole or not at all. When"
        " `lines` raises, the file that was there is still there, as it was.",
        '''
def write(path: Path, lines: Iterable[str]) -> None:
    beside = path.with_name(path.name + ".new")
    with beside.open("w") as file:
        for text in lines:
            file.write(text + "\\n")
    os.replace(beside, path)
''',
        '''
def write(path: Path, lines: Iterable[str]) -> None:
    whole = "".join(text + "\\n" for text in lines)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(whole)
    Path(name).replace(path)
''',
        '''
def write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w") as file:
        for text in lines:
            file.write(text + "\\n")
''',
        "Opening with `w` empties the file first: when `lines` fails, yesterday's is gone and"
        " today's is half there.",
        half='''
def write(path: Path, lines: Iterable[str]) -> None:
    beside = path.with_name(path.name + ".new")
    path.unlink(missing_ok=True)
    with beside.open("w") as file:
        for text in lines:
            file.write(text + "\\n")
    beside.rename(path)
''',
    ),
    Slot(
        "work", "senders", "late binding", MAJOR,
        "Return a function for each depot, by its name, that sends a text to that depot.",
        '''
def senders(
    depots: Iterable[str], send: Callable[[str, str], None]
) -> dict[str, Callable[[str], None]]:
    return {depot: partial(send, depot) for depot in depots}
''',
        '''
def senders(
    depots: Iterable[str], send: Callable[[str, str], None]
) -> dict[str, Callable[[str], None]]:
    def to(depot: str) -> Callable[[str], None]:
        return lambda text: send(depot, text)

    return {depot: to(depot) for depot in depots}
''',
        '''
def senders(
    depots: Iterable[str], send: Callable[[str, str], None]
) -> dict[str, Callable[[str], None]]:
    made = {}
    for depot in depots:
        made[depot] = lambda text: send(depot, text)
    return made
''',
        "Every function looks `depot` up when it is called, and finds the last one: one depot gets"
        " everybody's mail.",
        false="`partial` is evaluated when it is called, so every function sends to the last"
        " depot.",
        also=BLOCKER,
    ),
)
SLOTS = {slot.key: slot for slot in POOL}
FILES = ("scans", "features", "weather", "store", "figures", "work")
HEADS = {
    "scans": (
        "What the depots' scanners send.",
        'Scan = dict[str, Any]\nHOME = ZoneInfo("Europe/Copenhagen")',
    ),
    "features": ("What the model is told of a parcel.", "Parcel = dict[str, Any]"),
    "weather": (
        "The weather service: paid by the call, and often busy.",
        "AGAIN = (429, 503)\n\n\nclass Away(Exception):\n"
        '    """The weather service does not answer."""',
    ),
    "store": (
        "The database of the night.",
        'SCHEMA = """\nCREATE TABLE parcels (number TEXT, customer TEXT, state TEXT);\n'
        "CREATE TABLE states (parcel TEXT, state TEXT);\n"
        "CREATE TABLE scores (parcel TEXT, day TEXT, risk REAL CHECK (risk BETWEEN 0 AND 1),\n"
        '                     PRIMARY KEY (parcel, day));\n"""',
    ),
    "figures": ("Numbers and texts for people.", "# Money is in euros, delays are in minutes."),
    "work": (
        "What the night does in threads, queues and files.",
        "# Nothing in here knows what a parcel is.",
    ),
}
IMPORTS = {
    "collections": ("Counter",),
    "collections.abc": (
        "Callable", "Iterable", "Iterator", "Mapping", "MutableMapping", "Sequence",
    ),
    "contextlib": ("suppress",),
    "datetime": ("date", "datetime", "timedelta", "timezone"),
    "functools": ("partial",),
    "itertools": ("groupby", "islice"),
    "operator": ("itemgetter",),
    "pathlib": ("Path",),
    "sqlite3": ("Connection",),
    "typing": ("Any",),
    "zoneinfo": ("ZoneInfo",),
}
MODULES = ("base64", "heapq", "logging", "math", "os", "random", "sqlite3", "tempfile", "threading")
NITS = (
    ("scans", "Scan = dict", "A dataclass would tell a reader which fields a scan has."),
    ("scans", "HOME = ", "The name HOME could say that it is a time zone: HOME_ZONE."),
    ("features", "Parcel = dict", "A TypedDict would say which keys of a parcel are read here."),
    ("weather", "AGAIN = ", "AGAIN deserves a comment: why these two statuses, and not 500?"),
    ("weather", "class Away", "Away could be named AwayError, as PEP 8 recommends for errors."),
    ("store", "SCHEMA = ", "The schema would be easier to review in a .sql file of its own."),
    ("store", "CREATE TABLE parcels", "One column a line would give better diffs."),
    ("figures", "# Money", "This comment belongs into the docstring of the module."),
    ("work", "# Nothing", "A Protocol for `queue` would document take() and done()."),
)
TASTE = {  # true of each spelling that a pull request can hold, and nothing breaks
    "scans.parse": "The separator `;` could be a constant with a name.",
    "scans.first_only": "The identity of a scan could be a function of its own.",
    "scans.operating_day": "The 4 deserves a name: a constant such as DAY_BEGINS.",
    "features.late_share": "The list could be called `outcomes`: `known` says little.",
    "features.window": "`days` could be keyword-only, so that calls read well.",
    "features.scaled": "A NamedTuple would tell which of the two lists is which.",
    "weather.fetch": "The type of `send` deserves an alias.",
    "weather.forecast": "The three names could be a constant beside AGAIN.",
    "store.find": "`states` could be any collection: their order means nothing.",
    "store.purge": "`before` could be called `first_kept`, which says that it stays.",
    "figures.mean_delay": "NamedTuples would be clearer than these pairs.",
    "figures.percentile": "`q` could be called `percent`.",
    "figures.top": "A NamedTuple would be clearer than `pair[0]` and `pair[1]`.",
    "work.Tally": "`counts` could be private: whoever made the mapping has it already.",
    "work.write": 'An explicit `encoding="utf-8"` would spare a reader the question.',
    "work.senders": "The type that is returned deserves an alias.",
}
BESIDE = {  # said of the wrong spelling, and not what is wrong with it
    "scans.parse": "`fromisoformat` cannot read offsets such as `+02:00`: every line of the night"
    " will be refused.",
    "scans.read": "The loop reads all of `lines` into memory before it yields the first scan.",
    "scans.first_only": "A set keeps no order, so the scans come out in another order.",
    "scans.per_depot": "`groupby` counts a depot twice when its scans do not stand together.",
    "scans.operating_day": "`.date()` goes back to UTC, whatever `astimezone` did before it.",
    "features.late_share": "When nothing is known yet, this divides by zero.",
    "features.window": "A day on which no parcel came raises KeyError.",
    "features.scaled": "`or` binds tighter than `-`: with a lowest value of 0 the width is one too"
    " small.",
    "weather.key": "`environ.get` asks the process for its environment, whichever mapping is"
    " given.",
    "weather.Forecasts": "The dictionary lies in the class and not in the object, so all"
    " `Forecasts` share one cache.",
    "weather.fetch": "After the last refusal this falls out of the loop and returns None.",
    "weather.forecast": "A number that arrives as a text, such as `3.5`, stays a text.",
    "store.find": "`IN ()` is an error in SQLite: this raises when `states` is empty.",
    "store.save": "`OR REPLACE` overrides the CHECK as well: a risk of 7 is stored.",
    "store.put": "`with db` closes the connection at its end, and the next call fails.",
    "store.purge": "`julianday` of a text is NULL, so that nothing is ever deleted.",
    "figures.mean_delay": "Dividing with `/` drops the fraction, so every mean is a whole minute.",
    "figures.balanced": "`sum` uses the lists up: whoever reads them afterwards finds them empty.",
    "figures.percentile": "`sorted` puts the caller's list in order as a side effect; it needs a"
    " copy first.",
    "figures.digest": "The two lists end up inside of the list, and `join` fails on them.",
    "figures.line": "`join` fails as soon as a value is a number.",
    "figures.top": "With fewer depots than `count` the slice raises IndexError.",
    "work.Tally": "The first addition to a name raises KeyError.",
    "work.drain": "`continue` goes past take(), so that the same message is handled for ever.",
    "work.batches": "`batch = []` also empties the list that was just yielded.",
    "work.write": "The last line is written without its line end.",
    "work.senders": "The texts are sent when the functions are made, not when they are called.",
}
Texts = Mapping[str, str]  # of each function, by its key


# ---------------------------------------------------------------- from functions to a package


def documented(slot: Slot, text: str) -> str:
    """Return a spelling with its promise as docstring, as a pull request shows it."""
    lines = text.strip("\n").split("\n")
    first = next(n for n, one in enumerate(lines) if re.match(r"def |class ", one))
    place = next(n for n in range(first, len(lines)) if lines[n].endswith(":"))
    words = textwrap.wrap(f'"""{slot.promise}', 92, subsequent_indent="")
    ending = [words[0] + '"""'] if len(words) == 1 else [*words, '"""']
    said = ["    " + one for one in ending]
    blank = [""] if lines[first].startswith("class") else []
    return "\n".join([*lines[: place + 1], *said, *blank, *lines[place + 1 :]])


def imported(code: str) -> str:
    """Return the import lines that some code needs, as a linter would sort them."""
    used = set(re.findall(r"(?<![\w.'\"])[A-Za-z_]\w*", code))
    plain = [f"import {name}" for name in MODULES if re.search(rf"(?<![\w.]){name}\.", code)]
    named = []
    for module, names in IMPORTS.items():
        if found := [name for name in names if name in used]:
            named.append(f"from {module} import {', '.join(found)}")
    third = ["", "import numpy as np"] if "np" in used else []
    return "\n".join([*plain, *named, *third])


@dataclass(frozen=True)
class Source:
    """One file of a pull request, and the lines at which each function stands."""

    text: str
    spans: Mapping[str, range]


def source(file: str, texts: Texts) -> Source:
    """Return a file with these spellings of its functions."""
    own = {slot.key: documented(slot, texts[slot.key]) for slot in POOL if slot.file == file}
    title, constants = HEADS[file]
    head = [f'"""{title}"""', "from __future__ import annotations"]
    code = [texts[key] for key in own]
    head += [imported("\n".join([constants, *code])), constants + "\n"]
    lines = "\n\n".join(part for part in head if part).split("\n")
    spans = {}
    for key, text in own.items():
        lines += ["", *text.split("\n"), ""]
        end = len(lines) - 1
        spans[key] = range(end - text.count("\n"), end + 1)
    return Source("\n".join(lines), spans)


# ---------------------------------------------------------------- a pull request


@dataclass(frozen=True)
class Pull:
    """What one learner has to review, and what is true of it."""

    texts: Texts
    bugs: tuple[str, ...]
    decoys: tuple[str, ...]
    secret: Mapping[str, str]
    remarks: list[dict[str, Any]] = field(default_factory=list)
    triage: dict[str, str] = field(default_factory=dict)
    missed: tuple[str, ...] = ()
    replies: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    commits: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """What the review has to end with."""
        return REWORK if self.bugs else MERGE

    @cached_property
    def sources(self) -> dict[str, Source]:
        """The files of the pull request."""
        return {file: source(file, self.texts) for file in FILES}

    def at(self, file: str, line: int) -> str:
        """Return the function that stands at a line; "" for none."""
        spans = self.sources[file].spans if file in FILES else {}
        return next((key for key, span in spans.items() if line in span), "")

    def severities(self, findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
        """Return what each finding that meets a bug is called, what it is, what it may be."""
        hits = [(one.severity, SLOTS[one.key]) for one in findings if one.key in self.bugs]
        return [(called, slot.severity, slot.also) for called, slot in hits]

    def graver(self, found: set[str]) -> int:
        """Return how many blockers were not found."""
        return sum(SLOTS[key].severity == BLOCKER for key in self.bugs if key not in found)

    def fixed(self) -> dict[str, str]:
        """Return the pull request with every bug mended."""
        return {**self.texts, **{key: filled(SLOTS[key].plain, self.secret) for key in self.bugs}}


def filled(text: str, secret: Mapping[str, str]) -> str:
    """Return a spelling with this pull request's own key in it."""
    for word, value in secret.items():
        text = text.replace(word, value)
    return text


def secrets(rng: np.random.Generator) -> dict[str, str]:
    """Return a key, the same key hidden, and a fingerprint that is none."""
    digits = np.array(list("0123456789abcdef"))
    key = "".join(digits[rng.integers(16, size=24)])
    hidden = base64.b64encode(f"lmk_live_{key}".encode()).decode()
    return {"SECRET": key, "HIDDEN": hidden, "PRINT": "".join(digits[rng.integers(16, size=32)])}


def chosen(rng: np.random.Generator, keys: Iterable[str], count: int) -> list[str]:
    """Return so many of the keys, in a drawn order."""
    names = sorted(keys)
    return [names[place] for place in rng.permutation(len(names))[:count].tolist()]


@cache
def pull_request(seed: int) -> Pull:
    """Return the pull request of a desk."""
    rng = stream(seed, "nightly")
    return drawn(rng, good=int(rng.integers(8)) == 0)


def drawn(rng: np.random.Generator, good: bool) -> Pull:
    """Draw a pull request: six to ten bugs, three of them blockers at least; none if `good`."""
    secret = secrets(rng)
    decoys = chosen(rng, (key for key, slot in SLOTS.items() if slot.looks), 3)
    free = [key for key in SLOTS if key not in decoys]
    grave = chosen(rng, (key for key in free if SLOTS[key].severity == BLOCKER), 3)
    count = int(rng.integers(6, 11))
    bugs = grave + chosen(rng, (key for key in free if key not in grave), count - 3)
    bugs = [] if good else bugs
    texts = {key: slot.plain for key, slot in SLOTS.items()}
    texts |= {key: SLOTS[key].wrong for key in bugs} | {key: SLOTS[key].looks for key in decoys}
    texts = {key: filled(text, secret) for key, text in texts.items()}
    pull = Pull(texts, tuple(bugs), tuple(decoys), secret)
    return answered(rng, remarked(rng, pull))


def remarked(rng: np.random.Generator, pull: Pull) -> Pull:
    """Add the assistant's twelve remarks; of two blockers at least, if any, it says nothing.

    Where they stand tells nothing: one or two lie outside of functions, and inside lie right ones,
    wrong ones and matters of taste, the latter two also where something else is broken.
    """
    grave = [key for key in pull.bugs if SLOTS[key].severity == BLOCKER]
    spared = chosen(rng, grave, 2)
    spoken = set(pull.bugs) - set(spared)
    outside = 1 + int(rng.integers(3) == 0)
    beside = chosen(rng, spoken & set(BESIDE), 1)
    taste = chosen(rng, set(TASTE) - set(spared), 3 - len(beside))
    room = 12 - outside - len(beside) - len(taste) - len(pull.decoys)
    seen = chosen(rng, spoken & set(grave), room)
    seen += chosen(rng, spoken - set(grave), room - len(seen))
    calm = [k for k, s in SLOTS.items() if s.false and k not in (*pull.bugs, *pull.decoys)]
    rows = [(key, SLOTS[key].remark, "fix") for key in seen]
    rows += [(key, SLOTS[key].claim, "wrong") for key in pull.decoys]
    rows += [(key, BESIDE[key], "wrong") for key in beside]
    rows += [(key, SLOTS[key].false, "wrong") for key in chosen(rng, calm, room - len(seen))]
    rows += [(key, TASTE[key], "nit") for key in taste]
    said = [
        {**place(rng, pull, key), "remark": words, "truth": truth} for key, words, truth in rows
    ]
    for nit in rng.permutation(len(NITS))[: 12 - len(said)].tolist():
        file, snippet, words = NITS[nit]
        lines = pull.sources[file].text.split("\n")
        line = next(n for n, text in enumerate(lines, 1) if text.startswith(snippet))
        said.append({"file": f"{file}.py", "line": line, "remark": words, "truth": "nit"})
    said = [said[n] for n in rng.permutation(len(said)).tolist()]
    pull.triage.update({str(n): row.pop("truth") for n, row in enumerate(said, 1)})
    pull.remarks.extend({"id": str(n), **row} for n, row in enumerate(said, 1))
    touched = {pull.at(row["file"].removesuffix(".py"), row["line"]) for row in said}
    return replace(pull, missed=tuple(key for key in grave if key not in touched))


def place(rng: np.random.Generator, pull: Pull, key: str) -> dict[str, Any]:
    """Return the line in a function that a remark is put at: where it is not spelled plainly."""
    file, name = SLOTS[key].file, SLOTS[key]
    shown = pull.sources[file]
    lines = {n: shown.text.split("\n")[n - 1] for n in shown.spans[key]}
    usual = set(documented(name, name.plain).split("\n"))
    begin = next(n for n, text in lines.items() if text.startswith(("def ", "class ")))
    odd = [n for n, text in lines.items() if n >= begin and text not in usual]
    end = shown.spans[key][-1]
    return {"file": f"{file}.py", "line": odd[0] if odd else end - int(rng.integers(2))}


def answered(rng: np.random.Generator, pull: Pull) -> Pull:
    """Add five commits of Sam's: three to functions that were wrong, two that only tidy.

    Of the five, two or three keep the promise. The others keep the bug, or bring it in.
    """
    able = {key for key, slot in SLOTS.items() if slot.half}
    keys = chosen(rng, able & set(pull.bugs), 3)
    keys += chosen(rng, able - set(pull.bugs), 5 - len(keys))
    right = set(rng.permutation(5)[: int(rng.integers(2, 4))].tolist())
    for number, place_of in enumerate(rng.permutation(5).tolist(), 1):
        slot = SLOTS[keys[place_of]]
        good = place_of in right
        way = filled(slot.other if good else slot.half, pull.secret)
        pull.commits[str(number)] = (slot.key, way)
        text = documented(slot, way)
        head = f"# nightly/{slot.file}.py: {slot.name}, instead of what is there"
        needs = imported(slot.other if good else slot.half)
        body = f"{head}\n\nfrom __future__ import annotations\n\n{needs}\n\n\n{text}\n"
        pull.replies[f"{number}.py"] = re.sub(r"\n{4,}", "\n\n\n", body)
        pull.answers[str(number)] = "merge" if good else "not yet"
    return pull


@fixture
def pull(desk_seed: int) -> Pull:
    """Return the learner's own pull request: the same on the desk and in grading."""
    return pull_request(desk_seed)


@given("nightly/")
@fixture
def package(pull: Pull) -> dict[str, str]:
    """Return the files that Sam would merge."""
    init = '"""The nightly job: what came in, what it means, who is told."""\n'
    return {"__init__.py": init, **{f"{n}.py": one.text for n, one in pull.sources.items()}}


@given("assistant.json")
@fixture
def assistant(pull: Pull) -> list[dict[str, Any]]:
    """Return what the assistant said of it."""
    return pull.remarks


@given("sam/")
@fixture
def replies(pull: Pull) -> dict[str, str]:
    """Return the commits with which Sam answers."""
    return pull.replies


# ---------------------------------------------------------------- what was handed in

NAME = re.compile(r"test_\w{1,80}")
FACT = re.compile(r"\[([a-z ]+): ([^\]\n]+)\]")
INVARIANTS = ("no key in the code", "few scans held", "few calls")


@dataclass(frozen=True)
class Finding:
    """One comment on a line. `key`: the function the line belongs to."""

    key: str
    severity: str
    evidence: str


@dataclass(frozen=True)
class Review:
    """A review.json that has the right form."""

    verdict: str
    findings: tuple[Finding, ...]
    guards: Mapping[str, str]
    triage: Mapping[str, str]
    replies: Mapping[str, str]
    comment: str


def demand(holds: bool, what: str) -> None:
    """Refuse a review of another form."""
    if not holds:
        raise AssertionError(f"review.json: {what}")


def texts_of(found: dict[str, Any], name: str) -> dict[str, str]:
    """Return a table of words by name."""
    table = found.get(name)
    demand(type(table) is dict and len(table) <= 64, f"{name!r} is not a table")
    assert type(table) is dict
    demand(all(type(v) is str for v in table.values()), f"{name!r} holds other things than texts")
    return table


def evidence(row: dict[str, Any]) -> str:
    """Return what a finding rests on: a test's name, or an invariant and its counter-example."""
    if "invariant" in row:
        demand(row["invariant"] in INVARIANTS, "there is no such invariant")
        example = row.get("example")
        demand(type(example) is dict, "an invariant is broken by an example: a table")
        return json.dumps([row["invariant"], example])[:4000]
    test = row.get("test", "")
    demand(type(test) is str and bool(NAME.fullmatch(test)), "a test is named like test_something")
    return str(test)


def parsed(data: bytes, pull: Pull) -> Review:
    """Read a review. Raises AssertionError for one that is none."""
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    demand(type(found) is dict, "it is not JSON, or not a table")
    rows = found.get("findings")
    demand(type(rows) is list and len(rows) <= 64, "'findings' is not a list")
    findings = []
    for row in rows:
        demand(type(row) is dict, "a finding is a table")
        file, line, severity = (row.get(name) for name in ("file", "line", "severity"))
        demand(type(file) is str and type(line) is int, "a finding has a file and a line")
        demand(severity in WEIGHT, "a severity is blocker, major or minor")
        says = row.get("says")
        demand(type(says) is str and 5 <= len(str(says).split()) <= 60, "'says' is 5 to 60 words")
        name = str(file).removeprefix("nightly/").removesuffix(".py")
        findings.append(Finding(pull.at(name, line), severity, evidence(row)))
    demand(len({row["says"] for row in rows}) == len(rows), "two findings say the same")
    guards = texts_of(found, "guards")
    demand(set(guards) <= set(SLOTS), "a guard is named by its function, as store.put")
    demand(all(NAME.fullmatch(one) for one in guards.values()), "a guard is named like test_x")
    demand(type(found.get("comment")) is str, "'comment' is not a text")
    return Review(
        str(found.get("verdict")), tuple(findings), guards, texts_of(found, "triage"),
        texts_of(found, "replies"), found["comment"],
    )


@fixture
def review(work: Any, pull: Pull) -> Review:
    """Return what the learner's review.py wrote; it is run once for all checks."""
    if "review.json" not in work.files():
        program = work.run("review.py")
        demand(program.wait() == 0, "review.py did not end with exit code 0")
    return parsed(work.read("review.json", 1 << 18), pull)


# ---------------------------------------------------------------- worlds


TURNED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}


class Disguise(ast.NodeTransformer):
    """Rewrites a function without changing what it does: names, sides of comparisons, no words."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.names: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Give local variables other names."""
        outer = dict(self.names)
        inside = [n for n in ast.walk(node) if n is not node]
        kept = {n.arg for n in inside if isinstance(n, ast.arg)}
        kept |= {n.name for n in inside if isinstance(n, ast.ExceptHandler) and n.name}
        stored = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for name in sorted(stored - kept):
            self.names[name] = f"v{self.rng.integers(10**6)}_{len(self.names)}"
        if ast.get_docstring(node) is not None and len(node.body) > 1:
            del node.body[0]
        self.generic_visit(node)
        self.names = outer
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Use the other name."""
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Turn `a < b` into `b > a`."""
        self.generic_visit(node)
        turned = TURNED.get(type(node.ops[0])) if len(node.ops) == 1 else None
        if turned is None:
            return node
        return ast.Compare(node.comparators[0], [turned()], [node.left])


def disguised(text: str, rng: np.random.Generator) -> str:
    """Return a spelling that does the same and reads differently."""
    return ast.unparse(ast.fix_missing_locations(Disguise(rng).visit(ast.parse(text))))


PROBES = '''
def no_key(world, example):
    from nightly.weather import key as asked

    key, todo = example["key"], [codes[part] for parts in world.values() for part in parts]
    with contextlib.suppress(Exception):
        todo.append(asked({}))
    while todo:
        one = todo.pop()
        if isinstance(one, types.CodeType) or isinstance(one, (tuple, frozenset)):
            todo += one.co_consts if isinstance(one, types.CodeType) else one
        elif isinstance(one, str) and len(key) >= 16 and key in one:
            return False
    return True


class Row(dict):
    pass


def few_scans(world, example):
    from nightly.scans import per_depot

    held, most = {}, 0

    def scans():
        nonlocal most
        for number in range(min(int(example["scans"]), 20_000)):
            row = Row(parcel=str(number), depot="Vejle", event="sorted", moment=None)
            held[id(row)] = weakref.ref(row, lambda _, n=id(row): held.pop(n, None))
            most = max(most, len(held))
            yield row

    per_depot(scans())
    return most <= 100


def few_calls(world, example):
    from nightly.weather import Away, fetch

    statuses, calls, waits = list(example["statuses"]), [], []

    def send():
        calls.append(1)
        status = int(statuses[min(len(calls), len(statuses)) - 1])
        return status, "body"

    try:
        fetch(send, waits.append)
    except Away:
        pass
    return len(calls) <= 4 and waits == [1, 2, 4][: len(calls) - 1]
'''
RUNNER = '''
import base64, collections.abc, contextlib, datetime, functools, gc, heapq, inspect, json, logging
import marshal, os, random, resource, sqlite3, sys, tempfile, threading, tracemalloc, types
import unittest.mock, weakref, zoneinfo

import numpy as np
import pytest

FLAGS = ["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", "--rootdir=.", "--tb=no"]
with open("plan.json") as file:
    plan = json.load(file)
os.remove("plan.json")
codes = {name: marshal.loads(base64.b64decode(text)) for name, text in plan["codes"].items()}
PROBES_GO_HERE

def sealed(call):
    """Return what calls a function and shows nothing of it but its name and its parameters."""
    def flow(*args, **kwargs):
        return (yield from call(*args, **kwargs))

    flows = inspect.isgeneratorfunction(call)
    made = functools.lru_cache(maxsize=0)(functools.wraps(call)(flow) if flows else call)
    bare = []
    for one in inspect.signature(call).parameters.values():
        default = one.empty if one.default is one.empty else ...
        bare.append(one.replace(annotation=one.empty, default=default))
    del made.__wrapped__, made.__annotations__
    made.__signature__ = inspect.Signature(bare)
    return made


def seal(there):
    """Seal the functions of a module, and the methods of its classes."""
    for name, one in list(vars(there).items()):
        if isinstance(one, type) and one.__module__.startswith("nightly."):
            seal(one)
        elif isinstance(one, types.FunctionType) and one.__module__.startswith("nightly."):
            setattr(there, name, sealed(one))


def install(world):
    package = sys.modules["nightly"] = types.ModuleType("nightly")
    package.__path__ = []
    for name, parts in world.items():
        module = sys.modules["nightly." + name] = types.ModuleType("nightly." + name)
        setattr(package, name, module)
        for part in parts:
            exec(codes[part], vars(module))
        seal(module)


def tried(world, evidence):
    out = os.open(os.devnull, os.O_WRONLY)
    os.dup2(out, 1), os.dup2(out, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (8, 8))
    install(world)
    probe = {"no key in the code": no_key, "few scans held": few_scans, "few calls": few_calls}
    for one in evidence:
        if one.startswith("["):
            name, example = json.loads(one)
            if not probe[name](world, example):
                os._exit(1)
    tests = ["test_review.py::" + one for one in evidence if not one.startswith("[")]
    codes.clear(), plan.clear()
    os._exit(int(pytest.main([*FLAGS, *tests])) if tests else 0)


os.makedirs("empty", exist_ok=True)
pytest.main([*FLAGS, "empty"])
gc.freeze()
ends = []
for number, evidence in plan["runs"]:
    child = os.fork()
    if child == 0:
        try:
            tried(plan["worlds"][number], evidence)
        finally:
            os._exit(9)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with open("ends.json", "w") as file:
    json.dump(ends, file)
'''.replace("PROBES_GO_HERE", PROBES)
QUIET = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
GREEN, RED = 0, 1  # pytest's exit codes; others say that no test was run


class Worlds:
    """Packages in which some functions are broken, compiled, and evidence tried in each."""

    def __init__(self, work: Any, rng: np.random.Generator, pull: Pull) -> None:
        self.work, self.rng, self.pull = work, rng, pull
        self.codes: dict[str, str] = {}
        self.worlds: list[dict[str, list[str]]] = []
        self.runs: list[tuple[int, list[str]]] = []
        self.masks: dict[str, str] = {}

    def rewritten(self, broken: str = "") -> dict[str, str]:
        """Return all functions in other words; one of them may be broken."""
        ways = {k: (slot.plain, slot.other)[self.rng.integers(2)] for k, slot in SLOTS.items()}
        return self.masked({**ways, broken: SLOTS[broken].wrong} if broken else ways)

    def twice(self) -> list[dict[str, str]]:
        """Return two packages without bugs; between them they hold both spellings of each."""
        coins = dict(zip(SLOTS, self.rng.integers(2, size=len(SLOTS)).tolist(), strict=True))
        pairs = {key: (slot.plain, slot.other) for key, slot in SLOTS.items()}
        return [self.masked({k: pairs[k][coins[k] ^ turn] for k in SLOTS}) for turn in (0, 1)]

    def masked(self, ways: Texts) -> dict[str, str]:
        """Return these spellings in other words."""
        for way in ways.values():
            if way not in self.masks:
                self.masks[way] = disguised(filled(way, self.pull.secret), self.rng)
        return {key: self.masks[way] for key, way in ways.items()}

    def others(self, key: str, broken: bool = False) -> dict[str, str]:
        """Return the pull request with one function mended, or broken, and all else in place."""
        way = SLOTS[key].wrong if broken else SLOTS[key].plain
        return {**self.pull.texts, key: filled(way, self.pull.secret)}

    def narrow(self, review: Review) -> tuple[set[str], set[str]]:
        """Return Sam's commits that evidence misjudges: green for "not yet", red for "merge".

        Evidence that is not even red when its function is broken, and green when it is mended, is
        another matter.
        """
        tried = [
            (number, key, test, GREEN if self.pull.answers[number] == "merge" else RED)
            for number, (key, _) in self.pull.commits.items()
            for own, test in rests_on(review)
            if own == key
        ]
        for number, key, test, _ in tried:
            self.add({**self.pull.texts, key: self.pull.commits[number][1]}, test)
        ends = self.run() if tried else []
        odd = [one for one, end in zip(tried, ends, strict=True) if end != one[3]]
        self.runs.clear()
        self.worlds.clear()
        for _, key, test, _ in odd:
            self.add(self.others(key, broken=True), test)
            self.add(self.others(key), test)
        ends = self.run() if odd else []
        sound = [pair == (RED, GREEN) for pair in zip(ends[::2], ends[1::2], strict=True)]
        bad = {one[0]: one[3] for one, holds in zip(odd, sound, strict=True) if holds}
        return {n for n in bad if bad[n] == RED}, {n for n in bad if bad[n] == GREEN}

    def add(self, texts: Texts, *evidence: str) -> None:
        """Note a run of some evidence in one package: green when all of it is."""
        world: dict[str, list[str]] = {}
        for file in FILES:
            own = [texts[slot.key] for slot in POOL if slot.file == file]
            constants = HEADS[file][1]
            head = f"from __future__ import annotations\n{imported(constants + ''.join(own))}\n"
            world[file] = [self.code(text, file) for text in (head + constants, *own)]
        self.worlds.append(world)
        self.runs.append((len(self.worlds) - 1, sorted(set(evidence))))

    def code(self, text: str, file: str) -> str:
        """Compile a part once; return its name in the plan."""
        name = f"{file}:{text}"
        if name not in self.codes:
            made = compile(text, f"nightly-{file}", "exec", dont_inherit=True)
            self.codes[name] = base64.b64encode(marshal.dumps(made)).decode()
        return name

    def shown(self, findings: Sequence[Finding]) -> set[str]:
        """Return the bugs whose evidence is red with that bug alone and green with none."""
        for one in findings:
            self.add(self.rewritten(one.key), one.evidence)
        self.add(self.pull.fixed(), *(one.evidence for one in findings))
        *reds, green = self.run()
        calm = [GREEN] * len(findings)
        if green != GREEN:  # which of them is it?
            self.runs.clear()
            self.worlds.clear()
            for one in findings:
                self.add(self.pull.fixed(), one.evidence)
            calm = self.run()
        ends = zip(findings, reds, calm, strict=True)
        return {one.key for one, red, green in ends if (red, green) == (RED, GREEN)}

    def run(self) -> list[int]:
        """Try all that was noted, in a drawn order, and return how each ended."""
        names = {name: str(number) for number, name in enumerate(self.codes)}
        order = self.rng.permutation(len(self.runs)).tolist()
        plan = {
            "codes": {names[name]: data for name, data in self.codes.items()},
            "worlds": [
                {file: [names[part] for part in parts] for file, parts in self.worlds[n].items()}
                for n in order
            ],
            "runs": [(n, self.runs[place][1]) for n, place in enumerate(order)],
        }
        if "ends.json" in self.work.files():
            self.work.remove("ends.json")
        self.work.write("plan.json", json.dumps(plan).encode())
        self.work.write("runner.py", RUNNER.encode())
        self.work.run("runner.py", env=QUIET).wait()
        ends = json.loads(self.work.read("ends.json", 1 << 16))
        if type(ends) is not list or len(ends) != len(order):
            raise LearnerError("Answer", "the tests were not all run")
        return [ends[order.index(place)] for place in range(len(order))]


@fixture
def worlds(work: Any, rng: np.random.Generator, pull: Pull) -> Worlds:
    """Return what builds packages and tries evidence in them."""
    return Worlds(work, rng, pull)


def rests_on(review: Review) -> list[tuple[str, str]]:
    """Return function and evidence of each finding, and of each guard."""
    found = [(one.key, one.evidence) for one in review.findings if one.key in SLOTS]
    return found + [(key, test) for key, test in review.guards.items() if key in SLOTS]


def score(found: set[str], alarms: Sequence[str], bugs: Iterable[str]) -> float:
    """Return the F1 weighted by severity; alarms: the severities of those that were false."""
    hit = sum(WEIGHT[SLOTS[key].severity] for key in found)
    missed = sum(WEIGHT[SLOTS[key].severity] for key in bugs if key not in found)
    false = sum(WEIGHT[one] * (FALSE_BLOCKER if one == BLOCKER else 1) for one in alarms)
    return 2 * hit / (2 * hit + missed + false) if hit + missed + false else 1.0


@fixture
def weighed() -> Any:
    """Return what scores a review."""
    return score


@fixture
def resting() -> Any:
    """Return what lists the evidence of a review."""
    return rests_on


def facts(review: Review, pull: Pull) -> dict[str, str]:
    """Return what the numbers of a covering comment have to be."""
    grave = [one.key for one in review.findings if one.severity == BLOCKER]
    touched = {pull.at(row["file"].removesuffix(".py"), row["line"]) for row in pull.remarks}
    return {
        "verdict": review.verdict,
        "findings": str(len(review.findings)),
        "blockers": str(len(grave)),
        "wrong remarks": str(sum(one == "wrong" for one in review.triage.values())),
        "missed": str(sum(key not in touched for key in grave)),
    }


@fixture
def told(review: Review, pull: Pull) -> tuple[list[tuple[str, str]], dict[str, str], str, str]:
    """Return the comment's facts, what they should be, the words around them, what comes first."""
    first = review.findings[0].key if review.findings else ""
    said = FACT.findall(review.comment)
    return said, facts(review, pull), FACT.sub("", review.comment), first
