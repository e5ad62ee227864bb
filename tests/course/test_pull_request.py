"""The lab pull-request and its lesson: every bug of the pool is real, and any two can coexist."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import types
from collections.abc import Iterator, Mapping
from itertools import combinations, count
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
LAB = ROOT / "labs/3-senior/pull-request"
SOLUTION = ROOT / "solutions/3-senior/pull-request"
LESSON = ROOT / "docs/3-senior/pull-request.md"


def module(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded  # its dataclasses look themselves up
    spec.loader.exec_module(loaded)
    return loaded


worked = module(LESSON.with_suffix("") / "worked.py", "pull_request_worked")
figures = module(ROOT / "docs/figures/pull_request.py", "pull_request_figures")
lab = module(LAB / "conftest.py", "pull_request_conftest")
SECRET = lab.secrets(np.random.default_rng(1))
PLAIN = {key: slot.plain for key, slot in lab.SLOTS.items()}
TESTS = {key: f"test_{slot.name.lower()}" for key, slot in lab.SLOTS.items()}
SUITES = [SOLUTION / "test_review.py", SOLUTION / "alternatives/oracles/test_review.py"]


NUMBERS = count()


class World:
    """The solution's tests, bound to one package `nightly` with these spellings."""

    def __init__(self, texts: Mapping[str, str], suite: Path = SUITES[0]) -> None:
        package = sys.modules["nightly"] = types.ModuleType("nightly")
        for file in lab.FILES:
            full = f"nightly.{file}"
            made = sys.modules[full] = types.ModuleType(full)
            own = {key: lab.filled(text, SECRET) for key, text in texts.items()}
            exec(compile(lab.source(file, own).text, full, "exec"), vars(made))
            setattr(package, file, made)
        self.tests = module(suite, "tests_of_a_review")

    def red(self, key: str, folder: Path) -> bool:
        """Tell whether the test of a function fails, for one of its cases at least."""
        test = getattr(self.tests, TESTS[key])
        marks = [mark.args for mark in getattr(test, "pytestmark", [])]
        names, rows = marks[0] if marks else ((), [()])
        split = names if isinstance(names, tuple) else (names,)
        for row in rows:
            given = dict(zip(split, row if isinstance(row, tuple) else (row,), strict=True))
            place = folder / str(next(NUMBERS))
            place.mkdir()
            wants = test.__code__.co_varnames[: test.__code__.co_argcount]
            try:
                test(**{n: place if n == "tmp_path" else given[n] for n in wants})
            except (Exception, pytest.fail.Exception):
                return True
        return False


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Leave no package of ours behind."""
    yield
    for name in [n for n in sys.modules if n.split(".")[0] in ("nightly", "tests_of_a_review")]:
        del sys.modules[name]


@pytest.mark.parametrize("suite", SUITES, ids=["examples", "oracles"])
@pytest.mark.parametrize("key", lab.SLOTS)
def test_every_bug_is_real(key: str, suite: Path, tmp_path: Path) -> None:
    """Two suites written from the promises agree: red when broken or half mended, else green."""
    slot = lab.SLOTS[key]
    for text in filter(None, (slot.plain, slot.other, slot.looks)):
        assert not World({**PLAIN, key: text}, suite).red(key, tmp_path)
    for text in filter(None, (slot.wrong, slot.half)):
        assert World({**PLAIN, key: text}, suite).red(key, tmp_path)


@pytest.mark.parametrize("key", lab.SLOTS)
def test_a_disguise_changes_nothing(key: str, tmp_path: Path) -> None:
    slot, rng = lab.SLOTS[key], np.random.default_rng(5)
    for text, red in ((slot.plain, False), (slot.other, False), (slot.wrong, True)):
        hidden = lab.disguised(text, rng)
        assert hidden != text
        assert World({**PLAIN, key: hidden}).red(key, tmp_path) is red


def test_any_two_bugs_can_coexist(tmp_path: Path) -> None:
    """With any two in, both are red, and what belongs to the other functions of their files green.

    Functions meet only inside a file, so the neighbours are where a bug could show or hide.
    """
    assert len(lab.POOL) >= 25
    for first, second in combinations(lab.SLOTS, 2):
        broken = (first, second)
        world = World({**PLAIN, **{key: lab.SLOTS[key].wrong for key in broken}})
        near = [k for k, s in lab.SLOTS.items() if s.file in {lab.SLOTS[b].file for b in broken}]
        if lab.SLOTS[first].file != lab.SLOTS[second].file:
            near = list(broken)
        found = {key for key in near if world.red(key, tmp_path)}
        assert found == set(broken), broken


def test_all_bugs_together_hide_none(tmp_path: Path) -> None:
    world = World({key: slot.wrong for key, slot in lab.SLOTS.items()})
    assert all(world.red(key, tmp_path) for key in lab.SLOTS)


@pytest.mark.parametrize("good", [False, True])
def test_what_is_drawn_is_what_the_brief_says(good: bool) -> None:
    for seed in range(60):
        pull = lab.drawn(np.random.default_rng(seed), good)
        grave = [key for key in pull.bugs if lab.SLOTS[key].severity == lab.BLOCKER]
        assert (not pull.bugs) if good else (6 <= len(pull.bugs) <= 10 and len(grave) >= 3)
        assert pull.verdict == (lab.MERGE if good else lab.REWORK)
        assert len(pull.decoys) == 3
        assert not set(pull.decoys) & set(pull.bugs)
        truths = list(pull.triage.values())
        assert len(truths) == 12
        assert truths.count("wrong") >= 4
        places = [pull.at(row["file"][:-3], row["line"]) for row in pull.remarks]
        assert places.count("") in (1, 2)
        touched = set(places)
        guess = ["fix" if key in pull.bugs else "wrong" if key else "nit" for key in places]
        assert sum(one != truth for one, truth in zip(guess, truths, strict=True)) >= 3
        assert {key for key in grave if key not in touched} == set(pull.missed)
        assert (len(pull.missed) >= 2) is not good
        assert sorted(pull.answers.values()).count("merge") in (2, 3)
        assert len(pull.answers) == 5
        size = sum(one.text.count("\n") for one in pull.sources.values())
        assert 350 <= size <= 440


def test_one_learner_in_eight_should_approve() -> None:
    """Of 400 desks 50 are expected; five standard deviations, a false alarm in a million."""
    good = sum(not lab.pull_request(seed).bugs for seed in range(400))
    assert abs(good - 50) < 5 * (400 * 7 / 64) ** 0.5


def test_a_pull_request_is_python_and_its_lines_are_where_they_are_said() -> None:
    for seed in range(12):
        pull = lab.pull_request(seed)
        for file, shown in pull.sources.items():
            tree = ast.parse(shown.text)
            places = {n.name: n.lineno for n in tree.body if hasattr(n, "name")}
            for key, span in shown.spans.items():
                assert places[lab.SLOTS[key].name] in span
                assert pull.at(file, span[0]) == pull.at(file, span[-1]) == key
            for one in pull.remarks:
                if one["file"] == f"{file}.py" and not pull.at(file, one["line"]):
                    assert pull.triage[one["id"]] == "nit"


def test_nothing_told_apart_by_where_a_remark_stands() -> None:
    """Right and wrong remarks both lie inside functions, and not at fixed places of the list."""
    first = {lab.pull_request(seed).triage["1"] for seed in range(60)}
    assert first == {"fix", "nit", "wrong"}


@pytest.mark.parametrize(("found", "alarms", "value"), [
    (["store.find", "figures.top"], [], 8 / 8), (["store.find"], [], 6 / 7),
    (["figures.top"], [], 2 / 5), (["store.find", "figures.top"], ["minor"], 8 / 9),
    (["store.find", "figures.top"], ["blocker"], 8 / 17), ([], [], 0),
])  # fmt: skip
def test_a_score_weighs_severity(found: list[str], alarms: list[str], value: float) -> None:
    assert lab.score(set(found), alarms, ["store.find", "figures.top"]) == pytest.approx(value)


def test_approving_what_is_right_scores_everything() -> None:
    assert lab.score(set(), [], []) == 1
    assert lab.score(set(), ["minor"], []) == 0


# ---------------------------------------------------------------- the lesson


def test_careful_tests_are_red_at_their_own_bug_and_nowhere_else() -> None:
    names = list(worked.WORLDS)
    for test, reds in worked.matrix(worked.CAREFUL).items():
        assert [names[n] for n, red in enumerate(reds) if red] == [test.partition("_")[2]]


def test_hasty_tests_are_wrong_as_the_lesson_says() -> None:
    names = list(worked.WORLDS)
    found = {
        test: {names[n] for n, red in enumerate(reds) if red}
        for test, reds in worked.matrix(worked.HASTY).items()
    }
    assert found == {
        "hasty_read": {"parse"}, "hasty_batches": {"parse"}, "hasty_mean": set(names) - {"mean"},
    }  # fmt: skip


def test_the_lesson_weighs_as_the_lab_does() -> None:
    for seed in range(20):
        pull = lab.drawn(np.random.default_rng(seed), good=False)
        found, alarms = set(pull.bugs[::2]), ["blocker", "minor"]
        hits = [lab.SLOTS[key].severity for key in found]
        missed = [lab.SLOTS[key].severity for key in pull.bugs if key not in found]
        assert lab.score(found, alarms, pull.bugs) == worked.score(hits, missed, alarms)


def test_the_lesson_says_these_numbers() -> None:
    text = LESSON.read_text()
    found = ["blocker"] * 3 + ["major"] * 4 + ["minor"]
    one, grave, two = (
        worked.score(found, [], alarms)
        for alarms in (["minor"], ["blocker"], ["blocker", "blocker"])
    )
    assert f"called minor leaves the score at {one:.2f}. One false *blocker*: {grave:.2f}." in text
    assert f"Two: {two:.2f}, and" in text
    scores = figures.outcomes(worked, lab)
    means = [sum(values) / len(values) for values in scores.values()]
    every, believed, right, looks, but_one = means
    assert f"reporting all functions lies about {every:.2f}" in text
    assert f"remarks about {believed:.2f}" in text
    assert f"Believe it all, and you score {believed:.2f}." in text
    assert f"add nothing: {right:.2f}, and yet above the line" in text
    assert f"everything that looks like one about {looks:.2f}" in text
    assert f"every bug but one blocker about {but_one:.2f}" in text
    over = [sum(v >= 0.75 for v in values) for values in scores.values()]
    assert f"in {100 * over[2] / figures.DRAWS:.0f} of 100 cases" in text
    assert f"of 400 reviews {over[3]} get over the line" in text


def test_the_pictures_are_the_scripts(tmp_path: Path) -> None:
    figures.draw(tmp_path)
    for name in ("worlds", "ways"):
        texts = [
            re.findall(r">([a-z][^<]+)</text>", (folder / f"{name}.svg").read_text())
            for folder in (tmp_path, LESSON.with_suffix(""))
        ]
        assert texts[0] == texts[1]
