"""The lab culprit-commit and its lesson: histories are git's, spellings right or wrong as said."""

from __future__ import annotations

import importlib.util
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
RIGHT += lab.HELD.items()
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


RNG = np.random.default_rng(7)
PLAIN = lab.Trials(None, RNG, WRONG[0])


def asked(source: str) -> object:
    names: dict[str, object] = {}
    exec(compile(source, "promise.py", "exec"), names)
    return names["promise"]


@pytest.mark.parametrize("rewrite", [PLAIN.walk(), *(PLAIN.helpers() for _ in range(8))])
def test_rewrites_keep_the_contract_under_other_names(shipments, rewrite: str) -> None:
    parcels, table = shipments
    promise = asked(rewrite)
    assert all(promise(p, table) == lab.right(p, table) for p in parcels)
    assert not {f"def {rule}(" for rule in lab.SPELLINGS} & set(re.findall(r"def \w+\(", rewrite))


@pytest.mark.parametrize(("old", "new"), lab.STUMBLES)
def test_stumbles_break_the_walk_for_some_parcels(shipments, old: str, new: str) -> None:
    parcels, table = shipments
    promise = asked(PLAIN.walk(old, new))
    assert sum(promise(p, table) != lab.right(p, table) for p in parcels) >= 3


@pytest.mark.parametrize("folder", SUITES, ids=lambda f: f.name)
def test_the_solutions_tests_know_each_wrong_spelling(tmp_path: Path, folder: Path) -> None:
    """Whichever of them a learner's history holds, the tests of a right answer fail on it."""
    wrong = [PLAIN.helpers(rule, text) for rule, text in WRONG]
    wrong += [PLAIN.walk(*stumble) for stumble in lab.STUMBLES]
    (tmp_path / "eta").mkdir()
    (tmp_path / "eta" / "__init__.py").touch()
    (tmp_path / "trial.py").write_text(lab.TRIAL)
    (tmp_path / "test_promise.py").write_text((folder / "test_promise.py").read_text())
    codes = []
    for source in [PLAIN.helpers(), PLAIN.walk(), *wrong]:
        (tmp_path / "eta" / "promise.py").write_text(source)
        command, environment = [sys.executable, "trial.py"], {**os.environ, **lab.QUIET}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=False, capture_output=True
        )
        codes.append(done.returncode)
    assert codes == [0, 0] + [lab.FAILED] * len(wrong)


def git(folder: Path, *words: str) -> int:
    who = ["-c", "user.name=x", "-c", "user.email=x@larkmoor.example"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["git", *who, *words]
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, env={**os.environ, "PATH": path}
    )
    return done.returncode


def test_the_pipeline_lets_green_pushes_through_and_stops_red_ones(tmp_path: Path) -> None:
    """As its first lines say: a hook of the repository, run by every push."""
    work, far = tmp_path / "work", tmp_path / "far"
    (work / "culprit-commit" / "eta").mkdir(parents=True)
    for name in ("find.py", "eta/__init__.py", "eta/promise.py", "test_promise.py"):
        (work / "culprit-commit" / name).write_text((SOLUTIONS / name).read_text())
    assert git(tmp_path, "init", "-q", "--bare", str(far)) == 0
    assert git(work, "init", "-q", "-b", "main") == 0
    assert git(work, "config", "core.hooksPath", "hooks") == 0
    assert git(work, "remote", "add", "origin", str(far)) == 0
    (work / "hooks").mkdir()
    install = ["install", "-m", "755", str(SOLUTIONS / "ci.sh"), str(work / "hooks/pre-push")]
    subprocess.run(install, check=True)
    (work / "NOTES.md").write_text("nothing yet\n")
    assert git(work, "add", "NOTES.md") == git(work, "commit", "-qm", "Begin") == 0
    assert git(work, "push", "-q", "origin", "main") != 0, "no tests are no pass"
    assert git(work, "add", "culprit-commit") == git(work, "commit", "-qm", "Mend") == 0
    assert git(work, "push", "-q", "origin", "main") == 0
    promise = work / "culprit-commit/eta/promise.py"
    promise.write_text(promise.read_text().replace("if minutes <= room", "if minutes < room"))
    assert git(work, "commit", "-qam", "Tidy") == 0
    assert git(work, "push", "-q", "origin", "main") != 0


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
    here, last, sound = history.culprit, len(history.commits) - 1, history.sound
    broken = {n for n, commit in enumerate(history.commits) if commit.broken}
    assert not broken & {here - 1, here, *history.releases}
    late = [place for place in history.releases if place > sound]
    assert 1 <= len(late) <= 3, "one to three releases are wrong already"
    assert min(late) > here
    changed = [n for n, commit in enumerate(history.commits) if "eta/promise.py" in commit.files]
    assert len({n for n in changed if n > here} - broken) > 14, "walking back takes too many runs"
    assert len(set(range(sound + 1, here)) - broken) >= 12, "so does walking on from the release"
    assert lab.misled(sound, last, here, broken), "taking broken commits for wrong misleads"
    assert 90 < len(history.commits) // 2 < 180, "the middle of all lies in the spring, or near it"
    cases = lab.complaint(np.random.default_rng(seed), history, lab.roads(seed))
    kept = [case["promised"] == case["due"] for case in cases]
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
