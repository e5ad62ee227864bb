"""The learner's and the instructor's commands on a tiny course, as they are typed."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from course import make_course

from autograder import warm
from autograder.cli.main import cli
from autograder.course import solved
from autograder.desk import Desk, write_whole
from autograder.errors import LadderError, UsageError
from autograder.manifest import load_course
from autograder.policy import make_cohort, read_cohort

LAB = "sum-up"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A fresh course; one stands in its folder."""
    make_course(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LADDER_WORK", raising=False)
    return tmp_path


def ladder(*arguments: object, code: int = 0, say: str = "") -> str:
    """Run a command in this process; its output. Errors of ours are raised by the group."""
    done = CliRunner().invoke(cli, [str(a) for a in arguments], input=say)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def put_solution(folder: Path) -> None:
    lab = load_course(folder).lab(LAB)
    (folder / "work" / LAB / "lab.ipynb").write_text(solved(lab))


def test_a_first_lab_from_list_to_submit(here):
    assert "new" in ladder("list")
    assert "weights.csv" in ladder("start", LAB, "--as", "ann")
    before = ladder("check", LAB, code=1)
    assert "still open" in before
    assert f"ladder hint {LAB}" in before
    put_solution(here)
    assert "passed" in ladder("check", LAB)
    assert "passed" in ladder("progress")
    packed = next((here / "work").glob("*.zip"), None)
    assert packed is None
    said = ladder("submit", LAB)
    packed = next((here / "work").glob("*.zip"))
    assert packed.name in said
    with zipfile.ZipFile(packed) as archive:
        slip = json.loads(archive.read(".slip.json"))
    assert slip["learner"] == "ann"
    assert set(slip) == {"lab", "version", "learner", "hash", "time"}


def test_one_check_brings_what_it_comes_after_and_json_is_for_programs(here):
    ladder("start", LAB, "--as", "ann")
    put_solution(here)
    result = json.loads(ladder("check", LAB, "heaviest_first", "--json"))
    assert "heaviest_first" in {c["name"] for c in result["checks"]}
    assert result["mode"] == "D"


def test_a_part_of_the_checks_is_no_whole_lab(here):
    ladder("start", LAB, "--as", "ann")
    put_solution(here)
    said = ladder("check", LAB, "adds_up")
    assert "in 1 of" in said
    assert "submit" not in said
    assert "1 green check" in ladder("progress")
    assert f"ladder submit {LAB}" in ladder("check", LAB)
    assert "Nothing is open" in ladder("hint", LAB)


def test_starting_twice_keeps_what_was_written(here):
    ladder("start", LAB, "--as", "ann")
    mine = here / "work" / LAB / "lab.ipynb"
    mine.write_text("mine")
    assert "nothing was changed" in ladder("start", LAB)
    assert mine.read_text() == "mine"


def test_data_differ_between_learners_and_agree_between_machines(here):
    ladder("start", LAB, "--as", "ann")
    first = (here / "work" / LAB / "weights.csv").read_bytes()
    shutil.rmtree(here / "work")
    ladder("start", LAB, "--as", "bo")
    assert (here / "work" / LAB / "weights.csv").read_bytes() != first
    shutil.rmtree(here / "work")
    ladder("start", LAB, "--as", "ann")
    assert (here / "work" / LAB / "weights.csv").read_bytes() == first


def test_a_desk_is_one_learners(here):
    ladder("start", LAB, "--as", "ann")
    with pytest.raises(UsageError, match="this desk is ann's"):
        ladder("start", LAB, "--as", "bo")


def test_hints_come_one_rung_at_a_time(here):
    ladder("start", LAB, "--as", "ann")
    rungs = [ladder("hint", LAB, "adds_up") for _ in range(5)]
    assert [r.split(":")[0] for r in rungs] == [f"adds_up, hint {n} of 4" for n in (1, 2, 3, 4, 4)]


def test_reset_asks_and_keeps_a_copy(here):
    ladder("start", LAB, "--as", "ann")
    (here / "work" / LAB / "lab.ipynb").write_text("mine")
    CliRunner().invoke(cli, ["reset", LAB], input="n\n")
    assert (here / "work" / LAB / "lab.ipynb").read_text() == "mine"
    said = ladder("reset", LAB, say="y\n")
    assert (here / "work" / LAB / "lab.ipynb").read_text() != "mine"
    kept = Path(said.split("What you had: ")[1].strip())
    (here / "work" / LAB / "lab.ipynb").unlink()  # even what cannot be read any more
    assert "is as new" in ladder("reset", LAB, "--yes")
    assert (kept / "lab.ipynb").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("start", "sum-upp"), "Did you mean 'sum-up'"),
        (("check", LAB), "has not been started"),
        (("check",), "which lab"),
        (("hint", LAB, "adds"), "Did you mean 'adds_up'"),
        (("grade", "nowhere"), "no such file"),
        (("submit", LAB), "has not been started"),
        (("reset", LAB, "--yes"), "has not been started"),
    ],
)
def test_bad_input_says_what_and_what_to_type(here, arguments, what):
    with pytest.raises(LadderError, match=what) as caught:
        ladder(*arguments)
    assert caught.value.exit_code == 2


def test_a_check_that_is_none_is_named(here):
    ladder("start", LAB, "--as", "ann")
    with pytest.raises(UsageError, match="Did you mean 'adds_up'"):
        ladder("check", LAB, "add_up")


def test_show_names_every_check(here):
    text = ladder("show", LAB)
    assert "adds_up" in text
    assert "Begin with: ./ladder start" in text


def test_the_warm_judge_gives_the_same_verdicts(here):
    ladder("start", LAB, "--as", "ann")
    put_solution(here)
    cold = json.loads(ladder("check", LAB, "--json"))
    with subprocess.Popen([sys.executable, "-m", "autograder.warm"], cwd=here) as server:
        while not warm.place(here).exists():
            time.sleep(0.05)
            assert server.poll() is None
        first, second = (json.loads(ladder("check", LAB, "--json")) for _ in range(2))
        server.kill()
    again = json.loads(ladder("check", LAB, "--json"))  # the socket is still there, nobody listens
    for result in (first, second, again):
        assert [c["verdict"] for c in result["checks"]] == [c["verdict"] for c in cold["checks"]]


@pytest.fixture
def class_of_four(here):
    """A folder of submissions: two zips, a folder, and one whose slip names somebody else."""
    ladder("start", LAB, "--as", "ann")
    put_solution(here)
    ladder("submit", LAB)
    subs = here / "subs"
    subs.mkdir()
    packed = next((here / "work").glob("*.zip"))
    shutil.copy(packed, subs / f"{LAB}-ann.zip")
    shutil.copy(packed, subs / f"{LAB}-bo.zip")
    shutil.copytree(here / "labs" / "1-foundations" / LAB, subs / "cy" / LAB)
    shutil.copytree(here / "work" / LAB, subs / "Ærø Øst" / LAB)
    return subs


def rows(folder: Path) -> dict[str, str]:
    lines = (folder / "grades.csv").read_text().splitlines()[1:]
    return {line.split(",")[1]: line.split(",")[2] for line in lines}


def test_a_class_is_graded_and_a_stranger_is_refused(here, class_of_four):
    make_cohort(here)
    said = ladder("grade", class_of_four, "--out", here / "out", "--without-sandbox", code=1)
    assert "came from learner 'bo', but its slip says 'ann'" in said
    assert rows(here / "out") == {"ann": "9.0", "cy": "0.0", "Ærø Øst": "9.0"}
    assert "self-check" not in said
    report = (here / "out" / "report.html").read_text()
    assert "Ærø Øst" in report
    assert f">{load_course(here).lab(LAB).file.title}</h2>" in report
    again = ladder("grade", class_of_four, "--out", here / "out", "--without-sandbox", code=1)
    assert "0 graded, 1 refused, 0 ungraded, 3 known already" in again
    assert len(rows(here / "out")) == 3


def test_without_a_secret_it_is_a_self_check(here, class_of_four):
    said = ladder(
        "grade", class_of_four / f"{LAB}-ann.zip", "--out", here / "out", "--without-sandbox"
    )
    assert "not a grade" in said
    assert "not a grade" in (here / "out" / "report.html").read_text()


def test_a_zip_of_a_class_is_graded(here, class_of_four):
    (class_of_four / f"{LAB}-bo.zip").unlink()
    shutil.make_archive(str(here / "class"), "zip", class_of_four)
    said = ladder("grade", here / "class.zip", "--out", here / "out", "--without-sandbox")
    assert "3 graded, 0 refused" in said


def test_a_secret_that_others_may_read_is_refused(here):
    path = make_cohort(here)
    path.chmod(0o644)
    with pytest.raises(UsageError, match="others may read"):
        read_cohort(path)


def test_a_demo_class_is_made_and_graded(here):
    said = ladder("demo", "--size", 4, "--no-browser", "--without-sandbox", "--out", here / "demo")
    assert "4 graded" in said
    assert (here / "demo" / "report.html").is_file()
    assert "4 pages" in ladder("feedback", "--class", here / "demo")
    page = next((here / "demo" / "feedback").rglob("*.html"))
    assert "points" in ladder("why", page.parent.name, page.stem, "--class", here / "demo")


def test_a_full_disk_loses_nothing(here, monkeypatch):
    ladder("start", LAB, "--as", "ann")
    desk = Desk(load_course(here))
    before = (desk.private / "desk.json").read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        desk.change(lambda state: state.labs.clear())
    assert (desk.private / "desk.json").read_bytes() == before
    assert not list(desk.private.glob(".desk.json.*"))


def _scribble(path: Path) -> None:
    n = 0
    while True:
        n += 1
        write_whole(path, json.dumps({"n": n, "pad": "x" * 100_000}).encode())


def test_a_killed_write_leaves_the_file_whole(tmp_path):
    path = tmp_path / "state.json"
    for _ in range(5):
        process = multiprocessing.get_context("fork").Process(target=_scribble, args=(path,))
        process.start()
        while not path.exists():
            time.sleep(0.01)
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert len(json.loads(path.read_bytes())["pad"]) == 100_000


def test_a_damaged_state_is_put_aside(here):
    ladder("start", LAB, "--as", "ann")
    desk = Desk(load_course(here))
    (desk.private / "desk.json").write_text("{")
    assert desk.state().labs == {}
    assert list(desk.private.glob("desk.*.damaged.json"))
