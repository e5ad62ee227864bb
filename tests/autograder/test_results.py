"""report, feedback, similar and export as they are typed, on a gradebook that is there already."""

import csv
import importlib.util
import io
import re
import shutil

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from autograder.cli import results
from autograder.cli.main import cli
from autograder.errors import UsageError
from autograder.gradebook import Gradebook
from autograder.policy import make_cohort
from autograder.similar import THRESHOLD
from autograder.standing import Mark
from autograder.verdict import CheckResult, LabResult, Verdict
from tests.autograder.test_report import offline
from tests.conftest import ROOT

LAB = "sum-up"


def ladder(*arguments, code=0):
    """Run a command in this process; what it printed. Errors of ours are raised."""
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def result(learner, passed, **more):
    checks = tuple(
        CheckResult(
            name=f"check_{i}", claim=f"Claim {i}.", points=3,
            verdict=Verdict.PASSED if i < passed else Verdict.FAILED,
        )
        for i in range(3)
    )  # fmt: skip
    return LabResult(
        lab=LAB, version="1", learner=learner, submission=f"hash of {learner}", epoch="e",
        mode="A", checks=checks, **more,
    )  # fmt: skip


@pytest.fixture
def graded(course, monkeypatch, tmp_path):
    """A class of three with results; one of them got points by hand, one has a new id."""
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(results, "ensure", lambda groups: None)
    folder = tmp_path / "class"
    (folder / "graded").mkdir(parents=True)
    path = make_cohort(folder, "A class")
    path.write_text(path.read_text() + '[alias]\n"old" = "new"\n')
    with Gradebook(folder / "graded" / "gradebook.db") as book:
        for learner, passed in (("ann", 3), ("Ærø Øst", 1), ("old", 2)):
            book.write(result(learner, passed))
        book.mark(Mark(LAB, "Ærø Øst", 5.5, "Dr. Bo", "a fair question", 1.0))
    return folder


def test_a_report_is_written_with_its_tables(graded):
    said = ladder("report", "--class", graded)
    page = (graded / "graded" / "report.html").read_text()
    parsed = offline(page)
    assert "3/9 (5.5 in the end)" in parsed.said
    assert "new" in parsed.said
    for name in ("learners.csv", "verdicts.csv", "checks.csv"):
        assert name in said
        assert (graded / "graded" / name).is_file()
        assert f'href="{name}"' in page


def test_pairs_and_ratings_stand_in_the_report(graded):
    pairs = "lab,learner,beside,share,of_learner,of_beside\nsum-up,ann,new,0.81,81%,79%\n"
    (graded / "graded" / "similar.csv").write_text(pairs)
    levels = graded / "levels.csv"
    rows = [f"{LAB},l{i},why,{g},{i % 3},ok" for i in range(9) for g in ("ann", "bo")]
    levels.write_text("\n".join(["lab,learner,question,grader,level,comment", *rows]) + "\n")
    ladder("report", "--class", graded, "--ratings", levels)
    said = offline((graded / "graded" / "report.html").read_text()).said
    assert "Worth reading side by side" in said
    assert "Do graders agree?" in said


def test_each_learner_gets_a_page(graded):
    assert "3 pages" in ladder("feedback", "--class", graded)
    folder = graded / "graded" / "feedback"
    assert {p.parent.name for p in folder.rglob("*.html")} == {"ann", "Ærø Øst", "new"}
    said = offline((folder / "Ærø Øst" / f"{LAB}.html").read_text()).said
    assert "points that count" in said
    assert "1 pages" in ladder("feedback", "--class", graded, "--learner", "ann")
    with pytest.raises(UsageError, match="no result of that"):
        ladder("feedback", "--class", graded, "--learner", "nobody")


def test_an_id_that_leads_elsewhere_gets_no_page(graded):
    with Gradebook(graded / "graded" / "gradebook.db") as book:
        book.write(replace(result("ann", 3), learner="../../../tmp/ann"))
    assert "left out" in ladder("feedback", "--class", graded, code=1)
    inside = {p.resolve() for p in (graded / "graded" / "feedback").rglob("*.html")}
    assert {p.resolve() for p in graded.parent.rglob("*.html")} == inside


def test_grades_are_exported(graded):
    rows = list(csv.DictReader(io.StringIO(ladder("export", "--class", graded))))
    assert {r["learner"]: r["sum"] for r in rows} == {"ann": "9.0", "new": "6.0", "Ærø Øst": "5.5"}


def test_canvas_gets_ids_from_its_roster(graded):
    roster = graded / "roster.csv"
    roster.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,sum-up (9)\n  Points Possible,,,,,9\n"
        '"Ann, A.",1,,ann,S,\n"Øst, Ærø",2,,ærø øst,S,\n'
    )
    out = graded / "import.csv"
    said = ladder("export", "--class", graded, "--canvas", "--roster", roster, "--out", out, code=1)
    assert "not in the roster, left out: new" in said
    table = csv.DictReader(io.StringIO(out.read_text(), newline=""))
    rows = {r["ID"]: r["sum-up (9)"] for r in table}
    assert rows == {"": "9.0", "1": "9.0", "2": "5.5"}
    with pytest.raises(UsageError, match="a roster is for Canvas"):
        ladder("export", "--class", graded, "--roster", roster)


def test_without_a_gradebook_it_says_what_to_type(graded):
    with pytest.raises(UsageError, match="no gradebook here"):
        ladder("report", "--class", graded / "graded" / "nothing")


def test_similar_submissions_are_listed_and_shown(graded, course):
    from autograder.course import solved

    handed_in = graded / "submitted"
    text = solved(course.lab(LAB))
    for learner, body in {
        "ann": text, "bo": text.replace("weights", "loads"), "cy": "{", "dan": None,
    }.items():  # fmt: skip
        place = handed_in / learner / LAB
        place.mkdir(parents=True)
        if body is None:
            shutil.copy(course.lab(LAB).folder / "lab.ipynb", place)
        else:
            (place / "lab.ipynb").write_text(body)
    said = ladder("similar", handed_in, "--threshold", "0.2")
    assert "not compared: sum-up cy" in said
    offline((graded / "graded" / "similar.html").read_text())
    assert (graded / "graded" / "similar.csv").is_file()
    assert not list(handed_in.rglob("similar*"))


def test_the_page_tells_what_is_measured(tmp_path):
    """The figure of docs/instructors/results.md: python docs/figures/similar.py draws it anew."""
    spec = importlib.util.spec_from_file_location("figure", ROOT / "docs/figures/similar.py")
    figure = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["figure"] = figure  # dataclasses look their module up
    spec.loader.exec_module(figure)
    found = figure.draw(tmp_path)
    assert not [c for c in found if c.kind == "independent" and c.share >= THRESHOLD]
    halves = [c for c in found if c.kind.startswith("half")]
    assert all(c.share >= THRESHOLD for c in found if c.kind != "independent" and c not in halves)
    assert min(c.share for c in halves) < THRESHOLD  # and the page says so
    counts = [
        re.findall(r"\d+ of \d+", (folder / "table.txt").read_text())
        for folder in (tmp_path, ROOT / "docs" / "instructors" / "similar")
    ]
    assert counts[0] == counts[1]
