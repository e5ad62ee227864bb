"""The lab culprit-commit and its lesson: histories are git's, spellings right or wrong as said."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
LAB = ROOT / "labs/1-foundations/culprit-commit"
LESSON = ROOT / "docs/1-foundations/culprit-commit.md"


def module(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded  # its dataclasses look themselves up
    spec.loader.exec_module(loaded)
    return loaded


lab = module(LAB / "conftest.py", "culprit_commit_conftest")
worked = module(LESSON.with_suffix("") / "worked.py", "culprit_commit_worked")


def promises(chosen: dict[str, str]) -> object:
    names: dict[str, object] = {}
    exec(compile(lab.module(chosen), "promise.py", "exec"), names)
    return names["promise"]


@pytest.fixture(scope="module")
def shipments() -> tuple[list[dict[str, object]], dict[str, dict[str, int]]]:
    table = lab.roads(3)
    return lab.parcels(np.random.default_rng(1), 600, table), table


FIRST = {rule: texts[0] for rule, texts in lab.SPELLINGS.items()}
RIGHT = [(rule, text) for rule, texts in lab.SPELLINGS.items() for text in texts]
WRONG = [(rule, text) for rule, texts in lab.WRONG.items() for text in texts]


@pytest.mark.parametrize(("rule", "text"), RIGHT, ids=[rule for rule, _ in RIGHT])
def test_right_spellings_keep_the_contract(shipments, rule: str, text: str) -> None:
    parcels, table = shipments
    promise = promises({**FIRST, rule: text})
    assert all(promise(p, table) == lab.right(p, table) for p in parcels)


@pytest.mark.parametrize(("rule", "text"), WRONG, ids=[rule for rule, _ in WRONG])
def test_wrong_spellings_break_it_for_some_parcels(shipments, rule: str, text: str) -> None:
    """In three of 600 at least: fewer, and a submission with that mistake could pass."""
    parcels, table = shipments
    promise = promises({**FIRST, rule: text})
    assert sum(promise(p, table) != lab.right(p, table) for p in parcels) >= 3


SOLUTIONS = ROOT / "solutions/1-foundations/culprit-commit"
SUITES = [SOLUTIONS, *sorted((SOLUTIONS / "alternatives").iterdir())]


@pytest.mark.parametrize("folder", SUITES, ids=lambda f: f.name)
def test_the_solutions_tests_know_each_wrong_spelling(tmp_path: Path, folder: Path) -> None:
    """Whichever of them a learner's history holds, the tests of a right answer fail on it."""
    sources = [lab.module({**FIRST, rule: text}) for rule, text in WRONG]
    for number, source in enumerate([lab.module(FIRST), *sources]):
        (tmp_path / f"trial{number:02}" / "eta").mkdir(parents=True)
        (tmp_path / f"trial{number:02}" / "eta" / "__init__.py").touch()
        (tmp_path / f"trial{number:02}" / "eta" / "promise.py").write_text(source)
    folders = sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / "trial.py").write_text(lab.TRIAL)
    (tmp_path / "test_promise.py").write_text((folder / "test_promise.py").read_text())
    command, environment = [sys.executable, "trial.py", *folders], {**os.environ, **lab.QUIET}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert json.loads((tmp_path / "codes.json").read_text()) == [0] + [lab.FAILED] * len(WRONG)


@pytest.mark.parametrize("seed", range(6))
def test_a_history_is_what_git_makes_of_it(tmp_path: Path, seed: int) -> None:
    history = lab.write_history(seed, "eta")
    (tmp_path / "history.fi").write_bytes(history.stream)
    unpack = ROOT / "solutions/1-foundations/culprit-commit/unpack.py"
    command = [sys.executable, str(unpack), "history.fi", "eta"]
    subprocess.run(command, cwd=tmp_path, check=True)
    listed = subprocess.run(
        ["git", "rev-list", "--reverse", "main"], cwd=tmp_path / "eta", capture_output=True,
        text=True, check=True,
    )
    assert listed.stdout.split() == history.hashes
    assert len(history.commits) >= 240
    assert sum(commit.broken for commit in history.commits) >= 8


@pytest.mark.parametrize("seed", range(12))
def test_the_culprit_can_be_found_and_is_well_hidden(seed: int) -> None:
    history = lab.write_history(seed, "eta")
    here, last = history.culprit, len(history.commits) - 1
    assert not any(history.commits[n].broken for n in (here - 1, here, *history.releases))
    assert history.releases[-2] < here < history.releases[-1], "one release is wrong already"
    assert last - here > 14, "walking back from the newest commit takes too many runs"
    assert 90 < len(history.commits) // 2 < 180, "the middle of all lies in the spring, or near it"
    kept = [case["promised"] == case["due"] for case in history.cases]
    assert kept == [False, True, False, False]


def test_the_pictures_are_the_scripts(tmp_path: Path) -> None:
    module(ROOT / "docs/figures/culprit_commit.py", "culprit_commit_figures").draw(tmp_path)
    for name in ("history", "chance"):
        texts = [
            re.findall(r">([a-z][^<]+)</text>", (folder / f"{name}.svg").read_text())
            for folder in (tmp_path, LESSON.with_suffix(""))
        ]
        assert texts[0] == texts[1]


@pytest.mark.parametrize(("share", "times"), [(0.2, 1), (0.2, 2), (0.05, 1), (0.2, 4)])
def test_searches_end_as_often_as_the_formula_says(share: float, times: int) -> None:
    """Four thousand searches: five standard deviations, a false alarm in a million."""
    told = worked.chance(256, share, times)
    seen = worked.observed(256, share, times, 4000, 1)
    assert abs(seen - told) < 5 * (told * (1 - told) / 4000) ** 0.5 + 1e-9


def test_the_lesson_says_these_numbers() -> None:
    text = LESSON.read_text()
    one = [round(100 * worked.chance(256, share, 1)) for share in (0.01, 0.05, 0.2)]
    assert f"At one percent {one[0]} searches" in text
    assert f"At five, {one[1]}." in text
    more = [round(100 * worked.chance(256, 0.2, times)) for times in (1, 2, 3, 4)]
    assert "Two tries bring {} to {}, three to {}, four to {}.".format(*more) in text
