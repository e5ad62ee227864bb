"""The graders that are measured: each makes its course once, then grades any of the learners.

Ours runs as an instructor runs it: `ladder grade` on a collected tree with a secret beside it.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nbgrader_source
import otter_source
import submissions
from measure import Failed, Run, run

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
SECRET = bytes(range(32))


class Ladder:
    """Ours, whole: sandbox, judge, two secret seeds, a fork for each check, gradebook, report."""

    name = "Cloud AI Ladder"
    what = "`ladder grade`: sandbox, judge apart, 2 seeds, a fork a check, gradebook, report"

    def __init__(self, place: Path) -> None:
        self.place, self.count = place / "ladder", itertools.count()

    def grade(self, learners: Sequence[str]) -> Run:
        """Grade these learners in one run."""
        place = self.place / str(next(self.count))
        submissions.write(place / "submitted", learners)
        secret = place / "cohort.toml"
        secret.touch(mode=0o600)
        secret.write_text(f'secret = "{SECRET.hex()}"\n')
        done = run([BIN / "ladder", "grade", place / "submitted", "--json"], HERE / "course")
        lines = (line for line in done.output.splitlines() if line.startswith("{"))
        points = {one["learner"]: confined(one) for one in map(json.loads, lines)}
        if not (place / "graded" / "report.html").is_file():
            raise Failed("ladder grade wrote no report")
        return replace(done, points=points)


def confined(result: dict) -> float:
    """Return the points of a result. Raises Failed when it was no graded run in a sandbox."""
    if result["mode"] not in "AB" or result["epoch"] == "desk":
        raise Failed(f"{result['learner']} was not graded in a sandbox on secret seeds")
    return sum(one["points"] for one in result["checks"] if one["verdict"] == "passed")


class Floor:
    """Forks of a process that has the libraries; see floor.py."""

    def __init__(self, place: Path, how: str) -> None:
        self.place, self.how, self.count = place / how, how, itertools.count()
        self.name, self.what = {
            "each": ("bare fork a check", "the same checks and seeds; no sandbox, judge or report"),
            "once": ("bare fork a submission", "the same checks on one seed, in one process"),
        }[how]

    def grade(self, learners: Sequence[str]) -> Run:
        """Grade these learners in one run."""
        place = self.place / str(next(self.count))
        submissions.write(place, learners)
        done = run([sys.executable, HERE / "floor.py", self.how, place, SECRET.hex()], HERE)
        lines = map(json.loads, done.output.splitlines())
        return replace(done, points={one["learner"]: one["points"] for one in lines})


class Nbgrader:
    """`nbgrader autograde`, as it ships: serial, without a sandbox."""

    def __init__(self, place: Path, peers: Path) -> None:
        self.place, self.program = place / "nbgrader", peers / "bin" / "nbgrader"
        self.name = f"nbgrader {version(peers, 'nbgrader')}"
        self.what = "`nbgrader autograde` as it ships; no sandbox, one set of data for all"
        nbgrader_source.write(self.place)
        run([self.program, "generate_assignment", "lab1", "--create", "--force"], self.place)
        shutil.copy(self.place / "gradebook.db", self.place / "fresh.db")

    def grade(self, learners: Sequence[str]) -> Run:
        """Grade these learners in one run, with a fresh gradebook."""
        for folder in ("submitted", "autograded"):
            shutil.rmtree(self.place / folder, ignore_errors=True)
        shutil.copy(self.place / "fresh.db", self.place / "gradebook.db")
        nbgrader_source.submit(self.place, learners)
        done = run([self.program, "autograde", "lab1", "--force"], self.place)
        return replace(done, points=gradebook(self.place / "gradebook.db"))


def gradebook(path: Path) -> dict[str, float]:
    """Return the automatic points of each learner in nbgrader's gradebook."""
    query = """
        select assignment.student_id, sum(grade.auto_score)
        from grade join submitted_notebook book on book.id = grade.notebook_id
        join submitted_assignment assignment on assignment.id = book.assignment_id
        where not grade.needs_manual_grade group by 1"""
    database = sqlite3.connect(path)
    try:
        return dict(database.execute(query))
    finally:
        database.close()


class Otter:
    """Otter's API in one process, which is its cheapest way; it limits nothing by itself."""

    def __init__(self, place: Path, peers: Path) -> None:
        self.place, self.python = place / "otter", peers / "bin" / "python"
        self.name = f"Otter {version(peers, 'otter-grader')}"
        self.what = "`otter.api.grade_submission` in one process; no sandbox, one set of data"
        otter_source.write(self.place)
        run([peers / "bin" / "otter", "assign", "lab1.ipynb", "dist"], self.place)

    def grade(self, learners: Sequence[str]) -> Run:
        """Grade these learners in one run."""
        paths = otter_source.submit(self.place, learners)
        archive = next((self.place / "dist" / "autograder").glob("*.zip"))
        done = run([self.python, HERE / "otter_grade.py", archive, *paths], self.place)
        rows = (json.loads(line) for line in done.output.splitlines() if line.startswith("["))
        return replace(done, points={Path(path).stem: points for path, points in rows})


def version(venv: Path, package: str) -> str:
    """Return the version of a package in a virtual environment."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return run([venv / "bin" / "python", "-c", code], venv).output.strip()
