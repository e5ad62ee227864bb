"""Each function against a second one, written from its promise, on inputs drawn at random."""

from __future__ import annotations

import random
import sqlite3
import threading
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from itertools import product
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from nightly import features, figures, scans, store, weather, work

### BEGIN SOLUTION: a test for each finding, three guards at least
TIMES = 60
HOURS = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(0, 8760, 5)]


def draw() -> random.Random:
    return random.Random(2026)


def database(folder: str | Path = ":memory:") -> sqlite3.Connection:
    db = sqlite3.connect(folder)
    db.executescript(store.SCHEMA)
    return db


def test_parse() -> None:
    for hours in (-3, 0, 1, 2, 5):
        zone = timezone(timedelta(hours=hours))
        for moment in HOURS[:20]:
            text = moment.astimezone(zone).isoformat()
            assert scans.parse(f"A;B;C;{text}")["moment"].replace(tzinfo=None) == moment.replace(
                tzinfo=None
            )


def test_read() -> None:
    rng = draw()
    good = [f"P{n};B;C;{moment.isoformat()}" for n, moment in enumerate(HOURS[:TIMES])]
    bad = [f"line {n}" for n in range(TIMES)]
    mixed = rng.sample(good + bad, 2 * TIMES)
    rejected: list[str] = []
    found = [one["parcel"] for one in scans.read(mixed, rejected)]
    assert found == [text.partition(";")[0] for text in mixed if text in good]
    assert rejected == [text for text in mixed if text in bad]


def test_first_only() -> None:
    names = ("parcel", "depot", "event", "moment")
    rows = [dict(zip(names, row, strict=False)) for row in product("AB", "CD", "EF", HOURS[:2])]
    twice = draw().choices(rows, k=200)
    assert list(scans.first_only(twice)) == [r for n, r in enumerate(twice) if r not in twice[:n]]


def test_per_depot() -> None:
    state = {"made": 0, "gone": 0, "most": 0}

    class Watched(dict[str, Any]):
        def __del__(self) -> None:
            state["gone"] += 1

    def stream() -> Any:
        for number in range(900):
            state["made"] += 1
            row = Watched(parcel=str(number), depot="ABC"[number % 3], event="x", moment=HOURS[0])
            state["most"] = max(state["most"], state["made"] - state["gone"])
            yield row

    assert scans.per_depot(stream()) == {"A": 300, "B": 300, "C": 300}
    assert state["most"] <= 20


def test_operating_day() -> None:
    zone = ZoneInfo("Europe/Copenhagen")
    for moment in HOURS:
        clock = moment.astimezone(zone).replace(tzinfo=None)
        assert scans.operating_day(moment) == (clock - timedelta(hours=4)).date()


def test_late_share() -> None:
    rng = draw()
    for _ in range(TIMES):
        rows = [
            {
                "depot": rng.choice("AB"), "accepted": HOURS[0] + timedelta(hours=rng.randrange(9)),
                "delivered": rng.choice([None, HOURS[0] + timedelta(hours=rng.randrange(9, 48))]),
                "late": rng.random() < 0.5,
            }
            for _ in range(12)
        ]  # fmt: skip
        now = HOURS[0] + timedelta(hours=rng.randrange(9, 48), minutes=30)
        late = [r["late"] for r in rows if r["depot"] == "A" and r["delivered"]
                and (now - r["delivered"]).total_seconds() > 0]  # fmt: skip
        due = Fraction(sum(late), len(late)) if late else None
        assert features.late_share(rows, "A", now) == (None if due is None else float(due))


def test_window() -> None:
    rng, first = draw(), date(2026, 2, 20)
    counts = {first + timedelta(days=n): rng.randrange(1, 10**6) for n in range(40)}
    for days in range(1, 12):
        day = first + timedelta(days=rng.randrange(40))
        due = 0
        for back in range(1, days + 1):
            due += counts.get(day - timedelta(days=back), 0)
        assert features.window(counts, day, days) == due


def test_normalise() -> None:
    rng = draw()
    columns = [[rng.uniform(-9, 9) for _ in range(7)] for _ in range(3)] + [[4.0] * 7]
    due = [[(x - fmean(c)) / (pstdev(c) or 1) for x in c] for c in columns]
    assert np.allclose(features.normalise(np.array(columns).T), np.array(due).T)


def test_scaled() -> None:
    rng = draw()
    for _ in range(TIMES):
        train, test = ([rng.uniform(-9, 9) for _ in range(5)] for _ in range(2))
        low, high = sorted(train)[0], sorted(train)[-1]
        for found, given in zip(features.scaled(train, test), (train, test), strict=False):
            assert found == pytest.approx([(x - low) / (high - low) for x in given])


def test_shuffled() -> None:
    for seed in range(5):
        rows = list("abcdefghijklmnopqrstuvwxyz")
        orders = {tuple(features.shuffled(rows, seed)) for _ in range(4)}
        assert len(orders) == 1
        assert rows == sorted(rows) == sorted(orders.pop())


def test_key() -> None:
    assert weather.key({"WEATHER_KEY": "mine"}) == "mine"
    found = None
    with suppress(KeyError):
        found = weather.key({"PATH": "/bin"})
    assert found is None


def test_forecasts() -> None:
    rng, asked = draw(), []

    def ask(*pair: Any) -> Any:
        asked.append(pair)
        return len(asked)

    cache, due = weather.Forecasts(ask), dict[Any, Any]()
    for _ in range(300):
        pair = (rng.choice("AB"), date(2026, rng.choice([1, 3]), rng.choice([1, 2])))
        assert due.setdefault(pair, len(due) + 1) == cache.get(*pair)
    assert len(asked) == len(due)


def test_fetch() -> None:
    for statuses in product((200, 404, 429, 503), repeat=5):
        left, slept = [*statuses, *[503] * 60], list[float]()
        calls = next((n for n, s in enumerate(statuses[:4], 1) if s in (200, 404)), 4)
        try:
            weather.fetch(lambda left=left: (left.pop(0), "body"), slept.append)
            ended = 200
        except weather.Away:
            ended = 0
        assert len(left) == 65 - calls
        assert slept == [1, 2, 4][: calls - 1]
        assert (ended == 200) == (statuses[calls - 1] == 200)


def test_forecast() -> None:
    for value in (0, 0.0, "0", -3, 12.5, None):
        found = weather.forecast({"temp_c": value, "wind_ms": value})
        assert found["temp_c"] == found["wind_ms"] == (None if value is None else float(value))
        assert found["rain_mm"] is None


def test_find() -> None:
    db, rng = database(), draw()
    names = ["Ida", "O'Brien", "x' OR '1'='1", "a;b", 'say "hi"', "--"]
    rows = [(f"LM{n}", rng.choice(names), rng.choice(["late", "sent", "lost"])) for n in range(90)]
    db.executemany("INSERT INTO parcels VALUES (?, ?, ?)", rows)
    for name in names:
        due = sorted(number for number, who, state in rows if who == name and state != "lost")
        assert store.find(db, name, ["sent", "late"]) == due


@pytest.mark.parametrize("place", range(4))
def test_save(place: int) -> None:
    db = database()
    rows = [(f"LM{n}", "2026-03-01", 9.0 if n == place else 0.5) for n in range(4)]
    with pytest.raises(sqlite3.DatabaseError):
        store.save(db, rows)
    db.rollback()
    assert list(db.execute("SELECT * FROM scores")) == []
    store.save(db, [row for row in rows if row[2] < 1])
    db.rollback()
    assert len(list(db.execute("SELECT * FROM scores"))) == 3


def test_put() -> None:
    db, rng, due = database(), draw(), dict[str, str]()
    for _ in range(TIMES):
        parcel, state = rng.choice("ABC"), rng.choice(["sent", "late", "lost"])
        due[parcel] = state
        store.put(db, parcel, state)
        assert sorted(db.execute("SELECT * FROM states")) == sorted(due.items())


def test_purge() -> None:
    for offset in range(0, 60, 7):
        db, days = database(), [date(2026, 9, 1) + timedelta(days=n) for n in range(60)]
        rows = [(f"LM{n}", str(day), 0.5) for n, day in enumerate(days)]
        db.executemany("INSERT INTO scores VALUES (?, ?, ?)", rows)
        store.purge(db, days[offset])
        left = {day for (day,) in db.execute("SELECT day FROM scores")}
        assert left == {str(day) for day in days[offset:]}


def test_mean_delay() -> None:
    rng = draw()
    for _ in range(TIMES):
        depots = [(rng.randrange(1, 50), float(rng.randrange(90))) for _ in range(4)]
        single = [delay for count, delay in depots for _ in range(count)]
        assert figures.mean_delay(depots) == pytest.approx(fmean(single))


def test_balanced() -> None:
    rng = draw()
    for _ in range(TIMES):
        cents = [rng.randrange(1, 10**5) for _ in range(9)]
        paid, extra = [c / 100 for c in cents], rng.choice([0, 0.002, -0.003, 0.01, -0.01])
        assert figures.balanced(paid, [sum(cents) / 100 + extra]) is (abs(extra) < 0.005)


def test_percentile() -> None:
    rng = draw()
    for q, size in product((1, 10, 25, 33, 50, 66, 90, 99, 100), range(1, 14)):
        values = [rng.randrange(100) for _ in range(size)]
        due = min(v for v in values if sum(w <= v for w in values) * 100 >= q * size)
        assert figures.percentile(values, q) == due


def test_digest() -> None:
    for size in range(4):
        lines, notes = [f"l{n}" for n in range(size)], [f"n{n}" for n in range(size)]
        assert figures.digest(lines).split("\n") == [*lines, f"{size} lines"]
        for _ in range(2):
            due = [*lines, *[f"n{n}" for n in range(size)], f"{size} lines"]
            assert figures.digest(lines, notes).split("\n") == due


def test_line() -> None:
    own = {"number": "LM7", "depot": "Ribe", "state": "sent"}
    secret = {n: f"<{n}>" for n in ("customer", "email", "phone", "address", "born", "medicine")}
    assert figures.line(own | secret) == figures.line(own) == "LM7 Ribe sent"


def test_top() -> None:
    rng = draw()
    for _ in range(TIMES):
        depots = [(name, rng.randrange(3)) for name in rng.sample("abcdefgh", 8)]
        before = list(depots)
        by_name = sorted(before)
        due = [n for many in (2, 1, 0) for n, parcels in by_name if parcels == many]
        assert figures.top(depots, 5) == due[:5]
        assert depots == before


def test_tally() -> None:
    class Meeting(dict[str, int]):
        """Whoever has read waits a moment for somebody else to read."""

        pair = threading.Barrier(2)

        def get(self, name: str, default: Any = None) -> Any:
            found = dict.get(self, name, default)
            with suppress(threading.BrokenBarrierError):
                self.pair.wait(0.4)
            return found

    tally = work.Tally(Meeting())
    threads = [threading.Thread(target=tally.add, args=("a", n)) for n in (1, 10, 100, 1000)]
    for step in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            step(thread)
    assert tally.counts["a"] == 1111


def test_drain() -> None:
    rng = draw()
    for _ in range(TIMES):
        waiting, log = [rng.choice(["good", "bad"]) + str(n) for n in range(6)], list[Any]()

        class Queue:
            def __init__(self, left: list[str]) -> None:
                self.left = left

            def take(self) -> str | None:
                return self.left.pop(0) if self.left else None

            def done(self, message: str, log: list[Any] = log) -> None:
                log.append(("done", message))

        def handle(message: str, log: list[Any] = log) -> None:
            log.append(("handle", message))
            if message.startswith("bad"):
                raise ValueError(message)

        handled = work.drain(Queue(list(waiting)), handle)
        due = []
        for message in waiting:
            due += [("handle", message)] + [("done", message)] * message.startswith("good")
        assert log == due
        assert handled == sum(message.startswith("good") for message in waiting)


def test_batches() -> None:
    for size, count in product(range(1, 6), range(12)):
        found = list(work.batches(iter(range(count)), size))
        assert [row for batch in found for row in batch] == list(range(count))
        assert all(len(batch) == size for batch in found[:-1])
        assert all(1 <= len(batch) <= size for batch in found)


def test_write(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    for good in range(3):
        path.write_text("old\n")

        def lines(good: int = good) -> Any:
            yield from ["new"] * good
            raise OSError("the disk is full")

        with pytest.raises(OSError, match="full"):
            work.write(path, lines())
        assert path.read_bytes() == b"old\n"
        work.write(path, ["new"] * good)
        assert path.read_bytes() == b"new\n" * good


def test_senders() -> None:
    sent: dict[str, str] = {}
    for name, send in work.senders("abc", sent.__setitem__).items():
        send(name * 3)
    assert sent == {"a": "aaa", "b": "bbb", "c": "ccc"}
### END SOLUTION
