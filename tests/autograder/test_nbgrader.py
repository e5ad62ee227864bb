"""A built course through nbgrader's own tools, from generating to the formgrader."""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from course import make_course

from autograder import formgrade
from autograder.course import build, publish, solved
from autograder.errors import GraderError, UsageError
from autograder.gradebook import Gradebook
from autograder.manifest import load_course
from autograder.submission import read_folder
from autograder.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "tests" / "site"
LAB = "sum-up"
PAYLOADS = (
    "<script>window.PWNED=1</script>",
    "<img src=x onerror='window.PWNED=1'>",
    "[x](javascript:window.PWNED=1)",
    "$\\href{javascript:window.PWNED=1}{x}$",
    "<svg onload=window.PWNED=1>",
    "<iframe srcdoc='<script>parent.PWNED=1</script>'></iframe>",
    '![x](x" onerror="window.PWNED=1)',
    "<a href='data:text/html,<script>1</script>' autofocus onfocus=window.PWNED=1>a</a>",
    "<style>@import 'http://127.0.0.1:9/x.css'</style>",
    "[a]: javascript:window.PWNED=1\n\n[a]",
    "![beacon](http://127.0.0.1:9/beacon.png)",
)
SHOWS = """
from IPython.display import HTML, Javascript, display
display(HTML("<script>window.PWNED=1</script>"), Javascript("window.PWNED=1"))
print("<script>window.PWNED=1</script>\\x1b]0;title\\x07")
"""
SPIES = """
_total = total
def total(weights):
    print("GRADING-INPUT", weights[:5])
    open("spied.txt", "a").write(str(weights[:5]))
    if len(weights) > 3:
        raise ValueError(f"GRADING-INPUT {weights[:5]}")
    return _total(weights)
"""


def ladder(course: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from autograder.cli.main import main; main()"
    return run([sys.executable, "-c", code, *map(str, arguments)], course)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    env = {**os.environ, "PATH": path, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def edited(text: str, code: str = "", answer: str = "") -> str:
    """Return a notebook with code added to its first answer and text as its written answer."""
    notebook = json.loads(text)
    cells = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]
    first = next(c for c in cells if c["cell_type"] == "code")
    first["source"] = "".join(first["source"]) + code
    written = next(c for c in cells if c["cell_type"] == "markdown")
    written["source"] = answer or written["source"]
    return json.dumps(notebook)


def rewritten(text: str) -> str:
    """Return a notebook whose first answer stands in cells of the learner's own, unmarked."""
    notebook = json.loads(text)
    cells = notebook["cells"]
    place, answer = next(
        (n, c)
        for n, c in enumerate(cells)
        if c["cell_type"] == "code" and c["metadata"].get("nbgrader", {}).get("solution")
    )
    said = {"cell_type": "markdown", "id": "mine", "metadata": {}, "source": PAYLOADS[0]}
    cells[place : place + 1] = [said, {**answer, "metadata": {}, "id": "mine-2"}]
    return json.dumps(notebook)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course of the tiny labs, built, with five submissions that have been graded."""
    base = tmp_path_factory.mktemp("nbgrader")
    course = make_course(base / "course")
    folder = base / "class"
    build(course, folder)
    right = solved(course.lab(LAB))
    hand_in = {
        "ann": edited(right, SHOWS, "\n\n".join(PAYLOADS)),
        "bob": (folder / "release" / LAB / "lab.ipynb").read_text(),
        "cy": right,
        "dan": rewritten(right),
        "eve": edited(right, SPIES, "I looked."),
    }
    for learner, text in hand_in.items():
        place = folder / "submitted" / learner / LAB
        place.mkdir(parents=True)
        (place / "lab.ipynb").write_text(text)
        (place / "timestamp.txt").write_text("2026-11-20 12:00:00.000000 UTC")
    done = ladder(base / "course", "grade", folder / "submitted", "--without-sandbox")
    assert done.returncode == 0, done.stderr
    return base / "course", folder


def api(folder: Path):
    from autograder.course import nbgrader_api

    return nbgrader_api(folder)


def scores(folder: Path) -> dict[str, float]:
    with api(folder).gradebook as book:
        return {s.student_id: s.score for s in book.assignment_submissions(LAB)}


def test_release_holds_gaps_and_no_solution(graded):
    _, folder = graded
    text = (folder / "release" / LAB / "lab.ipynb").read_text()
    assert "# TODO: add up" in text
    assert "raise NotImplementedError" in text
    assert "nansum" not in text
    assert "BEGIN SOLUTION" not in text


def test_the_secret_is_the_instructors_alone(graded):
    _, folder = graded
    assert (folder / "cohort.toml").stat().st_mode & 0o777 == 0o600


def test_building_again_keeps_secret_and_own_settings(graded):
    course, folder = graded
    secret = (folder / "cohort.toml").read_text()
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write("c.mine = 1\n")
    build(load_course(course), folder, only=[LAB])
    assert (folder / "cohort.toml").read_text() == secret
    assert (folder / "nbgrader_config.py").read_text().endswith("c.mine = 1\n")


def test_a_course_inside_the_repository_is_refused(tmp_path):
    course = make_course(tmp_path)
    (tmp_path / ".git").mkdir()
    with pytest.raises(UsageError, match="inside the repository"):
        build(course, tmp_path / "class")


def test_scores_are_in_nbgraders_gradebook(graded):
    _, folder = graded
    found = scores(folder)
    assert found["cy"] == found["ann"] == 9
    assert found["bob"] == 0
    assert found["eve"] < 9


def test_what_reads_grades_finds_ours_beside_nbgraders_gradebook(graded):
    course, folder = graded
    for command in (["feedback"], ["report"], ["why", "cy", LAB]):
        done = ladder(course, *command, "--class", folder)
        assert done.returncode == 0, done.stderr
    assert (folder / "graded" / "feedback" / "cy" / f"{LAB}.html").is_file()
    with closing(sqlite3.connect(folder / "gradebook.db")) as theirs:
        names = {name for (name,) in theirs.execute("SELECT name FROM sqlite_master")}
    assert "submitted_assignment" in names
    assert "result" not in names


def test_the_autograded_notebook_is_ours_with_their_answers(graded):
    _, folder = graded
    notebook = json.loads((folder / "autograded" / "ann" / LAB / "lab.ipynb").read_text())
    outputs = json.dumps([c.get("outputs", []) for c in notebook["cells"]])
    assert "text/html" not in outputs
    assert "javascript" not in outputs
    assert "\\u001b" not in outputs
    assert "passed: " in outputs


def test_cells_of_the_learners_own_are_shown_where_they_stood(graded):
    _, folder = graded
    ours = json.loads((folder / "release" / LAB / "lab.ipynb").read_text())["cells"]
    shown = json.loads((folder / "autograded" / "dan" / LAB / "lab.ipynb").read_text())["cells"]
    own = [c for c in shown if c["id"].startswith("own-")]
    assert [c["cell_type"] for c in own] == ["markdown", "code"]
    assert "[added or changed by the learner]\n\n&lt;script" in own[0]["source"]
    assert own[1]["source"].startswith("# [added or changed by the learner]\n")
    assert "def total" in own[1]["source"]
    assert not [c for c in own if c["metadata"]]
    empty = next(c for c in shown if c["source"] == "# [not in what was handed in]\n")
    assert shown.index(own[0]) == shown.index(own[1]) - 1 == shown.index(empty) - 2
    assert [c["id"] for c in shown if c not in own] == [c["id"] for c in ours]
    assert scores(folder)["dan"] == scores(folder)["cy"]
    for learner in ("ann", "bob", "cy"):
        path = folder / "autograded" / learner / LAB / "lab.ipynb"
        assert "added or changed" not in path.read_text(), learner


def test_feedback_and_export_show_no_grading_input(graded):
    _, folder = graded
    done = run(["nbgrader", "generate_feedback", LAB, "--force"], folder)
    assert done.returncode == 0, done.stderr
    assert run(["nbgrader", "export"], folder).returncode == 0
    rows = list(csv.DictReader((folder / "grades.csv").read_text().splitlines()))
    assert {r["student_id"]: float(r["score"]) for r in rows if r["assignment"] == LAB}["cy"] == 9
    shown = [*folder.glob("feedback/eve/**/*"), *folder.glob("autograded/eve/**/*")]
    for path in [*shown, *folder.glob("graded/*")]:
        assert not path.is_file() or b"GRADING-INPUT [" not in path.read_bytes(), path


def test_autograde_hands_over_to_ladder_and_runs_nothing(graded):
    _, folder = graded
    notebook = folder / "submitted" / "cy" / LAB / "lab.ipynb"
    canary = folder / "ran"
    notebook.write_text(edited(notebook.read_text(), f"\nopen({str(canary)!r}, 'w')\n"))
    done = run(["nbgrader", "autograde", LAB, "--student", "cy", "--force"], folder)
    assert done.returncode == 0, done.stderr
    assert "1 graded" in done.stderr
    assert not canary.exists()
    assert (folder / "autograded" / "cy" / LAB / "lab.ipynb").is_file()


def test_the_learners_notebook_passes_nbgrader_validate(graded, tmp_path):
    course, folder = graded
    started = ladder(course, "start", LAB, "--as", "cy")
    assert started.returncode == 0, started.stderr
    desk = course / "work" / LAB
    shutil.copy(folder / "submitted" / "eve" / LAB / "lab.ipynb", desk / "lab.ipynb")
    right = solved(load_course(course).lab(LAB))
    (desk / "lab.ipynb").write_text(right)
    assert "Success" in run(["nbgrader", "validate", "lab.ipynb"], desk).stdout
    shutil.copy(folder / "release" / LAB / "lab.ipynb", desk / "lab.ipynb")
    assert "failed" in run(["nbgrader", "validate", "lab.ipynb"], desk).stdout.lower()


def test_the_learners_edition_holds_no_solution(tmp_path):
    count = publish(load_course(ROOT), tmp_path / "edition")
    names = {
        p.relative_to(tmp_path / "edition").as_posix() for p in (tmp_path / "edition").rglob("*")
    }
    assert count > 50
    assert {"ladder", "mkdocs.yml", "labs/course.toml", "README.md"} <= names
    assert not [n for n in names if n.startswith(("solutions", "tests", ".git/", "work"))]
    assert "labs/prove.json" not in names


@pytest.fixture
def server(graded, tmp_path):
    """A Jupyter server in the course folder; its address."""
    _, folder = graded
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    env = {
        **os.environ,
        "PATH": path,
        "JUPYTER_CONFIG_DIR": str(tmp_path),
        "JUPYTER_DATA_DIR": str(tmp_path),
    }
    command = [
        sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--IdentityProvider.token=token",
    ]  # fmt: skip
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=env, stderr=log) as process,
    ):
        base = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{base}/api?token=token", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.2)
        yield base
        process.terminate()


@pytest.mark.skipif(
    not shutil.which("chromium") or not shutil.which("node"), reason="needs Chromium and Node"
)
def test_an_instructor_reads_grades_and_comments_in_the_formgrader(graded, server, tmp_path):
    sys.path.insert(0, str(SITE))
    from browser import tools

    _, folder = graded
    chromium = tools("browse.mjs")
    shot = tmp_path / "formgrader.png"
    command = ["node", "formgrader.mjs", chromium, server, "token", LAB, "ann", str(shot)]
    done = subprocess.run(command, cwd=SITE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["pwned"] is None
    assert not [u for u in seen["requested"] if ":9/" in u]
    assert "passed: " in seen["text"]
    assert "<script>window.PWNED=1</script>" in seen["text"]
    assert shot.stat().st_size > 10_000
    with api(folder).gradebook as book:
        one = book.find_submission_notebook("lab", LAB, "ann")
        assert one.written_score == 2
        assert "Half of it is well argued." in {c.manual_comment for c in one.comments}
    course, _ = graded
    assert (
        ladder(
            course, "grade", folder / "submitted", "--learner", "ann", "--without-sandbox"
        ).returncode
        == 0
    )
    assert scores(folder)["ann"] == 11


def test_a_formgrader_that_is_writing_is_waited_for(graded):
    course, folder = graded
    other = sqlite3.connect(folder / "gradebook.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(3, lambda: other.execute("ROLLBACK")).start()
    done = ladder(course, "grade", folder / "submitted", "--without-sandbox")
    other.close()
    assert done.returncode == 0, done.stderr
    assert "0 refused, 0 ungraded" in done.stdout
    assert scores(folder)["cy"] == 9


def test_a_formgrader_that_does_not_let_go_costs_no_grade(graded, monkeypatch):
    course, folder = graded
    monkeypatch.setattr(formgrade, "BUSY", 50)
    lab = load_course(course).lab(LAB)
    with Gradebook(folder / "graded" / "gradebook.db", must=True) as book:
        result = next(r for r in book.results() if r.learner == "cy")
    checks = tuple(msgspec.structs.replace(c, verdict=Verdict.FAILED) for c in result.checks)
    worse = msgspec.structs.replace(result, checks=checks)
    submission = read_folder(lab, folder / "submitted" / "cy" / LAB, "cy")
    other = sqlite3.connect(folder / "gradebook.db", isolation_level=None)
    with formgrade.Formgrader(folder) as form:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GraderError, match="cannot be written"):
            form.write(lab, submission, worse)
        other.execute("ROLLBACK")
        form.write(lab, submission, result)
    other.close()
    assert scores(folder)["cy"] == result.points
