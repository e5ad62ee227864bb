"""Shards and merging, a mended check, marks by hand, and `ladder why`, as they are typed."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from bench_course import make_lab, notebook
from click.testing import CliRunner

from autograder.cli.main import cli
from autograder.errors import GraderError, UsageError
from autograder.gradebook import Gradebook
from autograder.policy import read_cohort

CHECKS = '''
@check(points=2, observes="returned")
def adds(work):
    """Two numbers are added."""
    assert work.add(2, 3) == 5, "what is the sum?"

@check(points=1, observes="returned")
def adds_none(work):
    """Nothing added is nothing."""
    assert work.add(0, 0) == 0, "what is the sum of nothing?"
'''
WORK = {"ann": "return a + b", "bo": "return 5", "cy": "return -1"}
MORE = "\n[due]\nprobe = 2026-01-01T00:00:00Z\n[attempts]\ncounts = 'last'\n"


def hand_in(folder, learner: str, code: str, when: float = 1_700_000_000.0) -> None:
    path = folder / "class" / "submitted" / f"probe-{learner}.ipynb"
    path.write_bytes(notebook(f"def add(a, b):\n    {code}\n"))
    os.utime(path, (when, when))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A course of one lab and a class of three; one stands in the course."""
    make_lab(tmp_path, CHECKS)
    (tmp_path / "class" / "submitted").mkdir(parents=True)
    for learner, code in WORK.items():
        hand_in(tmp_path, learner, code)
    (tmp_path / "class" / "cohort.toml").write_text(f'secret = "{"ab" * 32}"\n')
    (tmp_path / "class" / "cohort.toml").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ladder(*arguments: object, code: int = 0, say: str = "") -> str:
    done = CliRunner().invoke(cli, [str(a) for a in arguments], input=say)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def grade(*more: object, **given: object) -> str:
    return ladder("grade", "class/submitted", "--without-sandbox", "--workers", 1, *more, **given)


def regrade(*more: object, **given: object) -> str:
    return ladder(
        "regrade", *more, "--class", "class", "--without-sandbox", "--workers", 1, **given
    )


def table(folder) -> dict[str, dict[str, str]]:
    text = (folder / "grades.csv").read_text().splitlines()
    return {row["learner"]: row for row in csv.DictReader(text)}


def finals(folder) -> dict[str, str]:
    return {name: row["final"] for name, row in table(folder).items()}


def test_shards_come_to_the_same_as_one_run(here):
    grade()
    whole = table(here / "class" / "graded")
    for number in (1, 2):
        grade("--shard", f"{number}/2", "--out", f"part{number}")
        assert not (here / f"part{number}" / "gradebook.db").exists()
    again = grade("--shard", "1/2", "--out", "part1")
    assert "0 graded" in again
    for _ in range(2):
        said = ladder("merge", "part1", "part2", "--into", "m.db", "--cohort",
                      "class/cohort.toml")  # fmt: skip
        assert "3 results, 0 files refused" in said
        assert table(here) == whole
    (here / "part2" / "results" / "probe" / "zz.json").write_text("{")
    ladder("merge", "part2", "--into", "m.db", "--cohort", "class/cohort.toml", code=1)
    assert table(here) == whole
    other = here / "other.toml"
    other.write_text(f'secret = "{"cd" * 32}"\n')
    other.chmod(0o600)
    with pytest.raises(UsageError, match=r"seed epoch '\w+', the gradebook of '\w+'"):
        ladder("merge", "part1", "--into", "new.db", "--cohort", other)
    with Gradebook(here / "new.db") as book:
        assert not book.labs(), "nothing was written"


@pytest.mark.parametrize("text", ["1", "a/b", "0/2", "3/2", "1/0", "/"])
def test_a_shard_that_is_none_is_said(here, text):
    with pytest.raises(UsageError, match="shard"):
        grade("--shard", text)


def test_a_mended_check_is_judged_again_and_nothing_falls_unsaid(here):
    grade()
    before = finals(here / "class" / "graded")
    assert before == {"ann": "3.0", "bo": "2.0", "cy": "0.0"}
    assert "3 were up to date" in regrade("probe", "--yes")
    checks = here / "labs" / "1-foundations" / "probe" / "checks.py"
    checks.write_text(checks.read_text().replace("work.add(0, 0) == 0", "work.add(0, 0) == -1"))
    said = regrade("probe", code=1)
    assert "  probe bo" not in said, "who does not change is not named"
    assert "ann                  3 -> 2  -1  kept: add --lower" in said
    assert "cy                   0 -> 1  +1" in said
    assert "Nothing was written" in said
    assert finals(here / "class" / "graded") == before
    regrade("probe", "--yes")
    assert finals(here / "class" / "graded") == {"ann": "3.0", "bo": "2.0", "cy": "1.0"}
    said = grade()
    assert "0 graded, 0 refused, 0 ungraded, 3 known already" in said
    ladder("mark", "cy", "probe", "2.5", "--by", "kim", "--because", "reread", "--class", "class")
    said = regrade("--all", "--lower", "--yes")
    assert "1 judged again: 0 higher, 1 lower" in said, "it was on hold, and is not judged again"
    assert finals(here / "class" / "graded") == {"ann": "2.0", "bo": "2.0", "cy": "2.5"}


def test_regrading_one_check_passes_over_who_has_it(here):
    grade()
    checks = here / "labs" / "1-foundations" / "probe" / "checks.py"
    checks.write_text(checks.read_text().replace("work.add(2, 3) == 5", "work.add(2, 3) <= 5"))
    said = regrade("probe", "--check", "adds", "--yes")
    assert "1 judged again: 1 higher, 0 lower, 0 the same. 0 were up to date, 2 had passed" in said
    assert finals(here / "class" / "graded") == {"ann": "3.0", "bo": "2.0", "cy": "2.0"}
    with pytest.raises(UsageError, match="Did you mean 'adds'"):
        regrade("probe", "--check", "add")


@pytest.mark.parametrize("words", [(), ("probe", "--all")])
def test_regrade_wants_to_know_what(here, words):
    with pytest.raises(UsageError, match="which lab"):
        regrade(*words)


def test_why_tells_the_whole_story(here):
    toml = here / "class" / "cohort.toml"
    toml.write_text(toml.read_text() + "late_days = 1\npenalty = 0.1\n" + MORE
                    + "[extension.bo]\nprobe = 1\n[alias]\nrobert = 'bo'\n")  # fmt: skip
    due = 1_767_225_600.0
    hand_in(here, "bo", "return 1", due - 9_000)
    grade()
    hand_in(here, "bo", "return 5", due + 3.5 * 86_400)
    grade()
    ladder("mark", "bo", "probe", "3", "--by", "Kim", "--because", "argued well", "--class",
           "class")  # fmt: skip
    said = ladder("why", "robert", "probe", "--class", "class")
    for part in (
        "bo, probe: 2.4 of 3 points",
        "Attempts: 2 (the last counts)",
        "-> 2  2026-01-04 12:00:00Z",
        "engine 1, seed epoch",
        "sandbox mode D, layers that held: none",
        "passed    2/2  adds  (seeds: passed passed)",
        "failed    0/1  adds_none  (seeds: failed)  what is the sum of nothing?",
        "due 2026-01-01 00:00:00Z, extended by 1 days; 3 days late, 1 of them free.",
        "3 - 2 x 0.1 x 3 = 3 - 0.6 = 2.4",
        "Kim: 3 points, because argued well",
    ):
        assert part in said, said
    found = json.loads(ladder("why", "bo", "probe", "--class", "class", "--json"))
    assert len(found["results"]) == 2
    assert found["grade"]["mark"]["by"] == "Kim"
    row = table(here / "class" / "graded")["bo"]
    assert (row["raw"], row["late"], row["lost"], row["final"], row["by_hand"]) == (
        "3.0", "3", "0.6", "2.4", "Kim",
    )  # fmt: skip
    ladder("mark", "bo", "probe", "--withdraw", "--by", "Kim", "--because", "mistake", "--class",
           "class")  # fmt: skip
    assert table(here / "class" / "graded")["bo"]["final"] == "1.6"
    assert "Kim: withdrawn, because mistake" in ladder("why", "bo", "probe", "--class", "class")
    with pytest.raises(UsageError, match=r"nothing of 'ana' for probe\. Did you mean 'ann'"):
        ladder("why", "ana", "probe", "--class", "class")


def test_a_mark_that_cannot_be_is_refused(here):
    grade()
    words = ("--by", "kim", "--because", "why", "--class", "class")
    for arguments, what in (
        (("ann", "probe", "9"), "not between 0 and 3"),
        (("ana", "probe", "1"), "Did you mean 'ann'"),
        (("ann", "prob", "1"), "Did you mean 'probe'"),
        (("ann", "probe"), "one of the two"),
        (("ann", "probe", "nan"), "not between"),
    ):
        with pytest.raises(UsageError, match=what):
            ladder("mark", *arguments, *words)
    with pytest.raises(UsageError, match="words on one line"):
        ladder("mark", "ann", "probe", "1", "--by", " ", "--because", "x", "--class", "class")


def test_without_a_gradebook_there_is_nothing_to_explain(here):
    with pytest.raises(UsageError, match="no gradebook here"):
        ladder("why", "ann", "probe", "--class", "class")


def test_a_renamed_learner_is_one_learner(here):
    grade()
    shutil.move(here / "class/submitted/probe-bo.ipynb", here / "class/submitted/probe-bob.ipynb")
    grade("--alias", "bo=bob")
    assert set(finals(here / "class" / "graded")) == {"ann", "bob", "cy"}
    with pytest.raises(UsageError, match="no renaming"):
        grade("--alias", "bo")


def test_a_folder_of_no_lab_is_told_and_the_rest_is_graded(here):
    (here / "class" / "submitted" / "dora" / "essay").mkdir(parents=True)
    said = grade(code=1)
    assert "3 graded, 1 refused" in said


def test_a_rule_about_no_lab_is_refused(here):
    toml = here / "class" / "cohort.toml"
    toml.write_text(toml.read_text() + MORE.replace("probe", "prob"))
    with pytest.raises(UsageError, match="Did you mean 'probe'"):
        grade()


def test_a_gradebook_that_fails_stops_the_run_and_the_next_goes_on(here, monkeypatch):
    write, count = Gradebook.write, []

    def full(self, *arguments, **more):
        if len(count) == 1:
            raise GraderError("the gradebook cannot be written: database or disk is full", "book")
        count.append(1)
        return write(self, *arguments, **more)

    monkeypatch.setattr(Gradebook, "write", full)
    with pytest.raises(GraderError, match="disk is full") as caught:
        grade()
    assert caught.value.exit_code == 3
    monkeypatch.setattr(Gradebook, "write", write)
    assert "2 graded, 0 refused, 0 ungraded, 1 known already" in grade()
    assert len(finals(here / "class" / "graded")) == 3


PAGE = Path(__file__).resolve().parents[2] / "docs" / "instructors" / "a-class.md"


def block(kind: str, begins: str) -> str:
    blocks = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return next(text for text in blocks if text.startswith(begins))


def noted(tmp_path, script: str, **env: str) -> list[str]:
    """Run a script where `./ladder` notes how it was called; return its words."""
    place = tmp_path / "cloud-ai-ladder"
    place.mkdir(exist_ok=True)
    (place / "ladder").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit ${CODE-0}\n')
    (place / "ladder").chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", script], cwd=place, env={"PATH": os.defpath, "HOME": str(tmp_path), **env},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == int(env.get("CODE", "0").replace("1", "0")), done.stderr
    return done.stdout.split()


def shards(calls: list[list[str]]) -> list[tuple[int, int]]:
    return [tuple(map(int, call[call.index("--shard") + 1].split("/"))) for call in calls]


@pytest.mark.parametrize("code", ["0", "1", "3"])
def test_the_pages_slurm_script_grades_every_shard_once(tmp_path, code):
    script = block("bash", "#!/bin/bash")
    first, last = map(int, re.search(r"--array=(\d+)-(\d+)", script).groups())
    calls = [
        noted(tmp_path, script, SLURM_ARRAY_TASK_ID=str(n), SLURM_ARRAY_TASK_COUNT="8", CODE=code)
        for n in range(first, last + 1)
    ]
    assert shards(calls) == [(n, 8) for n in range(1, 9)]


def test_the_pages_kubernetes_job_grades_every_shard_once(tmp_path):
    spec = yaml.safe_load(block("yaml", "apiVersion"))["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    (script,) = container["args"]
    count = spec["completions"]
    calls = [noted(tmp_path, script, JOB_COMPLETION_INDEX=str(n)) for n in range(count)]
    assert shards(calls) == [(n, count) for n in range(1, count + 1)]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert pod["volumes"][1]["secret"]["defaultMode"] == 0o400


def test_the_pages_rules_are_rules(tmp_path):
    secret = '"64 hexadecimal characters"'
    text = block("toml", "title")
    assert secret in text
    path = tmp_path / "cohort.toml"
    path.write_text(text.replace(secret, f'"{"ab" * 32}"'))
    path.chmod(0o600)
    assert read_cohort(path).late_days == 4
