"""The lab pull-request: what is right there is right under every spelling, on odd inputs too."""

from __future__ import annotations

import importlib.util
import inspect
import pickle
import sqlite3
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from itertools import count, islice
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "labs/3-senior/pull-request/conftest.py"
SPEC = importlib.util.spec_from_file_location("pull_request_promises", PATH)
assert SPEC is not None
assert SPEC.loader is not None
lab = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = lab  # its dataclasses look themselves up
SPEC.loader.exec_module(lab)
SECRET = lab.secrets(np.random.default_rng(1))
PAIRS = list(lab.SLOTS.items())


def written(key: str, text: str) -> Any:
    """Return the function of a package in which it is spelled so and all others plainly."""
    slot = lab.SLOTS[key]
    texts = {k: lab.filled(s.plain, SECRET) for k, s in lab.SLOTS.items()}
    made = ModuleType("spelled")
    code = lab.source(slot.file, {**texts, key: lab.filled(text, SECRET)}).text
    exec(compile(code, key, "exec", dont_inherit=True), vars(made))
    return vars(made)[slot.name]


def spellings(key: str) -> list[Any]:
    slot = lab.SLOTS[key]
    return [written(key, text) for text in (slot.plain, slot.other, slot.looks) if text]


def night() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    constants: dict[str, Any] = {}
    exec(lab.HEADS["store"][1], constants)
    db.executescript(constants["SCHEMA"])
    return db


@pytest.mark.parametrize("call", spellings("features.normalise"))
def test_a_feature_that_never_varies_becomes_zero(call: Any) -> None:
    """Rounding leaves a spread of 1e-11 in such a column, and 1.0 where it is divided by that."""
    for value in (0.1, 54321.7, 100000.1, 1000000.1, 1000000000.3, -7.0):
        for rows in (1, 3, 7, 10):
            varied = np.arange(rows, dtype=float)
            found = call(np.column_stack([np.full(rows, value), varied]))
            assert (found[:, 0] == 0).all()
            if rows > 1:
                assert np.allclose([found[:, 1].mean(), found[:, 1].std()], [0, 1])
    assert np.allclose(call(np.array([[1, 5], [3, 5]])), [[-1, 0], [1, 0]])
    assert np.allclose(call(np.array([[1e-14], [3e-14]])), [[-1], [1]])


@pytest.mark.parametrize("call", spellings("weather.forecast"))
def test_an_answer_may_hold_what_nobody_asked_for(call: Any) -> None:
    body = {"temp_c": 0, "wind_ms": "3.5", "rain_mm": None, "station": "Vejle", "at": "09:00"}
    assert call(body) == {"temp_c": 0.0, "wind_ms": 3.5, "rain_mm": None}
    assert call({}) == dict.fromkeys(("temp_c", "wind_ms", "rain_mm"))


@pytest.mark.parametrize("call", spellings("store.find"))
def test_a_state_that_is_asked_for_twice_finds_a_parcel_once(call: Any) -> None:
    db = night()
    rows = [("LM2", "Ida", "late"), ("LM1", "Ida", "sent"), ("LM3", "Bo", "late")]
    db.executemany("INSERT INTO parcels VALUES (?, ?, ?)", rows)
    assert call(db, "Ida", ["late", "late"]) == ["LM2"]
    assert call(db, "Ida", ("late", "sent", "late")) == ["LM1", "LM2"]
    assert call(db, "Ida", []) == []


@pytest.mark.parametrize("call", spellings("store.save"))
@pytest.mark.parametrize("last", [RuntimeError, 2**70, 7.0, "LM1"])
def test_nothing_of_half_a_night_is_stored(call: Any, last: Any, tmp_path: Path) -> None:
    """Whatever ends it: the scores themselves, a number too long, or the database."""

    def scores() -> Iterator[tuple[str, str, Any]]:
        yield "LM1", "2026-03-01", 0.5
        if last is RuntimeError:
            raise RuntimeError
        yield "LM2", "2026-03-01", last

    db = night()
    with pytest.raises((RuntimeError, OverflowError, sqlite3.Error)):
        call(db, scores())
    written("store.put", lab.SLOTS["store.put"].plain)(db, "LM9", "sent")  # commits what is there
    assert db.execute("SELECT * FROM scores").fetchall() == []


@pytest.mark.parametrize("call", spellings("store.put"))
@pytest.mark.parametrize("before", range(4))
def test_a_parcel_stands_once_however_often_it_stood_there(call: Any, before: int) -> None:
    db = night()
    rows = [("LM1", "sent")] * before + [("LM2", "sent")]
    db.executemany("INSERT INTO states VALUES (?, ?)", rows)
    call(db, "LM1", "late")
    db.rollback()
    found = db.execute("SELECT * FROM states ORDER BY parcel").fetchall()
    assert found == [("LM1", "late"), ("LM2", "sent")]


@pytest.mark.parametrize("call", spellings("work.batches"))
def test_batches_come_while_rows_are_still_coming(call: Any) -> None:
    assert list(islice(call(count(), 3), 2)) == [[0, 1, 2], [3, 4, 5]]
    assert list(call(iter("abcde"), 1)) == [["a"], ["b"], ["c"], ["d"], ["e"]]


@pytest.mark.parametrize("call", spellings("work.drain"))
def test_what_the_queue_itself_raises_is_not_kept_quiet(call: Any) -> None:
    messages = iter([0, "", None])

    def refuse(message: Any) -> None:
        raise OSError(message)

    queue = types.SimpleNamespace(take=lambda: next(messages), done=refuse)
    with pytest.raises(OSError, match="0"):
        call(queue, lambda _: None)
    with suppress(OSError):  # what is empty is a message, too
        call(queue, lambda _: None)
    assert next(messages) is None


@pytest.mark.parametrize("call", spellings("weather.Forecasts"))
def test_an_answer_of_none_is_an_answer(call: Any) -> None:
    asked: list[Any] = []
    cache = call(lambda *pair: asked.append(pair))
    for _ in range(2):
        assert cache.get("Vejle", date(2026, 3, 1)) is None
    assert len(asked) == 1


def test_no_two_remarks_are_the_same() -> None:
    assert set(lab.TASTE) | set(lab.BESIDE) <= set(lab.SLOTS)
    said = [*lab.TASTE.values(), *lab.BESIDE.values(), *(s.remark for s in lab.POOL)]
    assert len(set(said)) == len(said)


# ---------------------------------------------------------------- the packages of the judge


@pytest.fixture
def judged() -> Iterator[Any]:
    """Install a package as the judge does, and return what does that."""
    source = lab.RUNNER.partition("os.makedirs(")[0]
    lines = [one for one in source.split("\n") if "plan" not in one and "codes = " not in one]
    runner: dict[str, Any] = {"codes": {}}
    exec("\n".join(lines).partition("def tried(")[0], runner)

    def install(**broken: str) -> dict[str, Any]:
        worlds = lab.Worlds(None, np.random.default_rng(1), types.SimpleNamespace(secret=SECRET))
        ways = {key: getattr(slot, broken.get(slot.name, "plain")) for key, slot in PAIRS}
        worlds.add(worlds.masked(ways))
        for name in worlds.codes:
            code = worlds.codes[name]
            runner["codes"][name] = lab.marshal.loads(lab.base64.b64decode(code))
        runner["install"](worlds.worlds[0])
        return {n: sys.modules[f"nightly.{n}"] for n in lab.FILES}

    yield install
    for name in [n for n in sys.modules if n.split(".")[0] == "nightly"]:
        del sys.modules[name]


def test_nothing_can_be_read_off_a_judged_function(judged: Any) -> None:
    package = judged()
    for slot in lab.POOL:
        found = getattr(package[slot.file], slot.name)
        calls = list(vars(found).values()) if isinstance(found, type) else [found]
        for call in filter(callable, calls):
            for name in (
                "__code__",
                "__wrapped__",
                "__closure__",
                "__defaults__",
                "__annotations__",
            ):
                assert not hasattr(call, name), (slot.key, name)
            with pytest.raises((TypeError, OSError)):
                inspect.getsource(call)


def test_whoever_calls_a_judged_function_notices_nothing(judged: Any) -> None:
    """Names, parameters, classes, pickling, patching, generators and threads are as they were."""
    package = judged(digest="wrong")
    scans, figures, work, weather = (package[n] for n in ("scans", "figures", "work", "weather"))
    assert list(inspect.signature(figures.digest).parameters) == ["lines", "notes"]
    assert inspect.signature(figures.digest).parameters["notes"].default is ...
    assert list(inspect.signature(work.Tally).parameters) == ["counts"]
    assert pickle.loads(pickle.dumps(scans.read)) is scans.read
    assert (scans.read.__name__, scans.read.__module__) == ("read", "nightly.scans")
    flow = work.batches(rows=iter(range(5)), size=2)
    assert inspect.isgenerator(flow)
    assert next(flow) == [0, 1]
    flow.close()
    assert list(flow) == []
    tally = work.Tally({})
    threads = [Thread(target=tally.add, args=("a", n)) for n in range(9)]
    for step in (Thread.start, Thread.join):
        for thread in threads:
            step(thread)
    assert tally.counts == {"a": 36}
    assert isinstance(tally, work.Tally)
    cache = weather.Forecasts(ask=lambda depot, day: (depot, day))
    assert cache.get("Vejle", day=date(2026, 3, 1)) == ("Vejle", date(2026, 3, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scans, "parse", lambda line: line)
        assert list(scans.read(["a"], [])) == ["a"]
    with pytest.raises(ValueError, match="offset"):
        scans.parse("a;b;c;2026-01-01T00:00:00")


def test_two_packages_hold_both_spellings_of_each_function() -> None:
    worlds = lab.Worlds(None, np.random.default_rng(3), types.SimpleNamespace(secret=SECRET))
    for _ in range(5):
        first, second = worlds.twice()
        for key, slot in PAIRS:
            both = [worlds.masks[way] for way in (slot.plain, slot.other)]
            assert sorted([first[key], second[key]]) == sorted(both)
