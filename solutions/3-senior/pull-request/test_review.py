"""What Sam's functions promise, asked of whatever package `nightly` is. Run by pytest.

A test that belongs to a finding is red as long as the bug is there. A guard is green: it shows
that a function was tried and held.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nightly import features, figures, scans, store, weather, work


def test_batches_are_full() -> None:
    """The worked example: right of full batches, and blind for what is left over."""
    assert list(work.batches([1, 2, 3, 4], 2)) == [[1, 2], [3, 4]]


### BEGIN SOLUTION: a test for each finding, three guards at least
def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type, misc]


def scan(parcel: str = "LM1", depot: str = "Vejle", event: str = "sorted", minute: int = 0) -> Any:
    moment = utc(2026, 3, 2, 8, minute)
    return {"parcel": parcel, "depot": depot, "event": event, "moment": moment}


def night() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(store.SCHEMA)
    return db


# ---------------------------------------------------------------- scans


@pytest.mark.parametrize(("text", "hour"), [
    ("2026-07-01T09:00:00+02:00", 7), ("2026-01-07T09:00:00+01:00", 8),
    ("2026-01-07T09:00:00+00:00", 9),
])  # fmt: skip
def test_parse(text: str, hour: int) -> None:
    moment = scans.parse(f"LM1;Vejle;sorted;{text}\n")["moment"]
    assert (moment.hour, moment.utcoffset()) == (hour, timedelta(0))


def test_read() -> None:
    good, rejected = "LM1;Vejle;sorted;2026-01-07T09:00:00+00:00", list[str]()
    parcels = [one["parcel"] for one in scans.read([good, "half a li", good], rejected)]
    assert (parcels, rejected) == (["LM1", "LM1"], ["half a li"])


def test_first_only() -> None:
    first = scan()
    others = [scan(depot="Odense"), scan(minute=9), scan(event="loaded"), scan(parcel="LM2")]
    assert list(scans.first_only([first, *others, scan()])) == [first, *others]


def test_per_depot() -> None:
    class Row(dict[str, Any]):
        """A dict that can be watched."""

    alive: weakref.WeakValueDictionary[int, Row] = weakref.WeakValueDictionary()
    most = 0

    def rows() -> Any:
        nonlocal most
        for number in range(2000):
            alive[number] = row = Row(scan(depot=("Vejle", "Odense")[number % 2]))
            most = max(most, len(alive))
            yield row

    assert scans.per_depot(rows()) == {"Vejle": 1000, "Odense": 1000}
    assert most < 100


@pytest.mark.parametrize(("moment", "day"), [
    (utc(2026, 1, 7, 2, 59), 6), (utc(2026, 1, 7, 3, 0), 7),
    (utc(2026, 7, 7, 1, 59), 6), (utc(2026, 7, 7, 2, 0), 7),
    (utc(2026, 10, 28, 2, 30), 27), (utc(2026, 3, 30, 2, 30), 30),
])  # fmt: skip
def test_operating_day(moment: datetime, day: int) -> None:
    assert scans.operating_day(moment).day == day


# ---------------------------------------------------------------- features


def test_late_share() -> None:
    noon = utc(2026, 3, 4, 12)

    def parcel(hours: int | None, late: bool, depot: str = "Vejle") -> dict[str, Any]:
        delivered = None if hours is None else noon + timedelta(hours=hours)
        accepted = noon - timedelta(days=3)
        return {"depot": depot, "accepted": accepted, "delivered": delivered, "late": late}

    known = [parcel(-30, False), parcel(-2, True), parcel(-3, True, "Odense")]
    unknown = [parcel(2, True), parcel(40, True), parcel(None, True)]
    assert features.late_share(known + unknown, "Vejle", noon) == 0.5
    assert features.late_share(unknown, "Vejle", noon) is None


def test_window() -> None:
    day = date(2026, 3, 15)
    counts = {day - timedelta(days=back): 10**back for back in range(10)}
    assert features.window(counts, day) == 11_111_110
    assert features.window(counts, day, 2) == 110


def test_normalise() -> None:
    table = np.array([[1.0, 100.0, 5.0], [2.0, 300.0, 5.0], [3.0, 800.0, 5.0]])
    found = features.normalise(table)
    assert np.allclose(found.mean(axis=0), 0)
    assert np.allclose(found.std(axis=0), [1, 1, 0])


def test_scaled() -> None:
    train, test = features.scaled([2.0, 4.0, 6.0], [0.0, 10.0])
    assert train == pytest.approx([0, 0.5, 1])
    assert test == pytest.approx([-0.5, 2])


def test_shuffled() -> None:
    rows = list(range(50))
    assert features.shuffled(rows, 7) == features.shuffled(rows, 7)
    assert sorted(features.shuffled(rows, 7)) == rows == list(range(50))


# ---------------------------------------------------------------- weather


def test_key() -> None:
    assert weather.key({"WEATHER_KEY": "a"}) == "a"
    with pytest.raises(KeyError):
        weather.key({})


def test_forecasts() -> None:
    asked: list[Any] = []

    def ask(depot: str, day: date) -> str:
        asked.append((depot, day))
        return f"{depot} {day}"

    cache = weather.Forecasts(ask)
    pairs = [(depot, day) for depot in ("Vejle", "Odense")
             for day in (date(2026, 3, 1), date(2026, 3, 2), date(2026, 4, 1))]  # fmt: skip
    assert [cache.get(*pair) for pair in pairs * 2] == [f"{d} {day}" for d, day in pairs * 2]
    assert asked == pairs


@pytest.mark.parametrize(("statuses", "waits"), [
    ([503] * 60, [1, 2, 4]), ([429, 200], [1]), ([404] * 9, []), ([200], []),
])  # fmt: skip
def test_fetch(statuses: list[int], waits: list[int]) -> None:
    answers, slept = iter(statuses), list[float]()
    try:
        said = weather.fetch(lambda: (next(answers), "sunny"), slept.append)
    except weather.Away:
        said = "away"
    assert (said, slept) == ("sunny" if 200 in statuses else "away", waits)


def test_forecast() -> None:
    found = weather.forecast({"temp_c": 0, "wind_ms": "3.5", "rain_mm": None})
    assert found == {"temp_c": 0.0, "wind_ms": 3.5, "rain_mm": None}
    assert weather.forecast({})["temp_c"] is None


# ---------------------------------------------------------------- store


def test_find() -> None:
    db = night()
    rows = [("LM2", "O'Brien", "late"), ("LM1", "O'Brien", "sent"), ("LM3", "Ida", "late")]
    db.executemany("INSERT INTO parcels VALUES (?, ?, ?)", rows)
    assert store.find(db, "O'Brien", ["late", "sent"]) == ["LM1", "LM2"]
    assert store.find(db, "Ida", ["sent"]) == []
    assert store.find(db, "x' OR 1=1 --", ["late"]) == []


def test_save(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "night.db")
    db.executescript(store.SCHEMA)
    store.save(db, [("LM0", "2026-03-01", 0.5)])
    with pytest.raises(sqlite3.IntegrityError):
        store.save(db, [("LM1", "2026-03-01", 0.5), ("LM2", "2026-03-01", 7.0)])
    elsewhere = sqlite3.connect(tmp_path / "night.db")
    assert elsewhere.execute("SELECT parcel FROM scores").fetchall() == [("LM0",)]


def test_put() -> None:
    db = night()
    for parcel, state in (("LM1", "sent"), ("LM2", "sent"), ("LM1", "late")):
        store.put(db, parcel, state)
    rows = db.execute("SELECT parcel, state FROM states ORDER BY parcel").fetchall()
    assert rows == [("LM1", "late"), ("LM2", "sent")]


def test_purge() -> None:
    db = night()
    days = ["2025-12-31", "2026-09-30", "2026-10-01", "2026-10-02", "2026-10-10"]
    db.executemany("INSERT INTO scores VALUES ('LM1', ?, 0.5)", [(day,) for day in days])
    store.purge(db, date(2026, 10, 2))
    left = [day for (day,) in db.execute("SELECT day FROM scores ORDER BY day")]
    assert left == days[3:]


# ---------------------------------------------------------------- figures


def test_mean_delay() -> None:
    assert figures.mean_delay([(9, 0.0), (1, 30.5)]) == pytest.approx(3.05)


@pytest.mark.parametrize(("paid", "owed", "same"), [
    ([0.1, 0.2], [0.3], True), ([10.004], [10.0], True), ([10.0], [10.006], False),
])  # fmt: skip
def test_balanced(paid: list[float], owed: list[float], same: bool) -> None:
    assert figures.balanced(paid, owed) is same


def test_percentile() -> None:
    assert figures.percentile([2, 1], 50) == 1
    assert figures.percentile(range(1, 11), 90) == 9
    assert [figures.percentile([30, 10, 20], q) for q in (34, 66, 100)] == [20, 20, 30]
    assert figures.percentile([1, 2, 3, 4], 30) == 2


def test_digest() -> None:
    notes = ["snow"]
    assert figures.digest(["a", "b"]) == "a\nb\n2 lines"
    assert figures.digest(["c"]) == "c\n1 lines"
    assert figures.digest(["c"], notes) == "c\nsnow\n1 lines"
    assert notes == ["snow"]


def test_line() -> None:
    parcel = {
        "number": "LM1", "depot": "Vejle", "state": "late", "customer": "Ida", "phone": "555",
        "prescription": "insulin",
    }  # fmt: skip
    assert figures.line(parcel) == "LM1 Vejle late"


def test_top() -> None:
    depots = [("Vejle", 5), ("Aarhus", 5), ("Odense", 9), ("Ribe", 1)]
    assert figures.top(depots, 3) == ["Odense", "Aarhus", "Vejle"]
    assert depots[0] == ("Vejle", 5)


# ---------------------------------------------------------------- work


def test_tally() -> None:
    class Meeting(dict[str, int]):
        """Whoever has read waits for somebody else to read; behind a lock nobody comes."""

        both = threading.Barrier(2)

        def get(self, name: str, default: Any = None) -> Any:
            found = super().get(name, default)
            with suppress(threading.BrokenBarrierError):
                self.both.wait(0.5)
            return found

    tally = work.Tally(Meeting())
    threads = [threading.Thread(target=tally.add, args=("Vejle", n)) for n in (1, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(tally.counts) == {"Vejle": 11}


def test_drain() -> None:
    class Queue:
        """Three messages, and those that are done."""

        def __init__(self) -> None:
            self.waiting, self.forgotten = ["a", "b", "c"], list[str]()

        def take(self) -> str | None:
            return self.waiting.pop(0) if self.waiting else None

        def done(self, message: str) -> None:
            self.forgotten.append(message)

    queue, before = Queue(), list[tuple[str, int]]()

    def handle(message: str) -> None:
        before.append((message, len(queue.forgotten)))
        if message == "b":
            raise RuntimeError

    assert work.drain(queue, handle) == 2
    assert queue.forgotten == ["a", "c"]
    assert before == [("a", 0), ("b", 1), ("c", 1)]


def test_batches() -> None:
    assert list(work.batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(work.batches([], 2)) == []


def test_write(tmp_path: Path) -> None:
    path = tmp_path / "digest.txt"
    work.write(path, ["yesterday"])
    assert path.read_text() == "yesterday\n"

    def failing() -> Any:
        yield "today"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        work.write(path, failing())
    assert path.read_text() == "yesterday\n"


def test_senders() -> None:
    sent: list[Any] = []
    made = work.senders(["Vejle", "Odense"], lambda depot, text: sent.append((depot, text)))
    made["Vejle"]("snow")
    made["Odense"]("rain")
    assert sent == [("Vejle", "snow"), ("Odense", "rain")]
### END SOLUTION
