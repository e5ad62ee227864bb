"""Builds an nbgrader course and the learners' edition from this course. Grades nothing.

The built course is nbgrader's own layout: JupyterHub, exchange, formgrader, feedback and export
work unchanged. Only generating and autograding go through our code (`preprocessors`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autograder.desk import starter, write_whole
from autograder.errors import UsageError
from autograder.manifest import Course, Lab
from autograder.policy import make_cohort

CONFIG = '''"""Written by `ladder course build`; your own settings may follow below the line."""

from autograder.preprocessors import CutSolutions, Refuse, replace_autograde

replace_autograde({root!r})
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {id!r}
c.CourseDirectory.root = {folder!r}
c.Autograde.sanitize_preprocessors = [Refuse]
c.Autograde.autograde_preprocessors = [Refuse]
c.ClearSolutions.enabled = False
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    CutSolutions,
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.ComputeChecksums",
]
# ---------------------------------------------------------------- yours
'''
UNPUBLISHED = ("solutions", "tests", ".ci", ".git", ".venv", "work", "site", ".github")


def build(course: Course, folder: Path, name: str = "", only: Iterable[str] = ()) -> list[str]:
    """Write or refresh an nbgrader course; return the assignments. Keeps your own settings."""
    folder = folder.resolve()
    if (course.root / ".git").exists() and folder.is_relative_to(course.root):
        raise UsageError(
            "the course would hold the secret inside the repository",
            str(folder),
            "./ladder course build ../our-course",
        )
    folder.mkdir(parents=True, exist_ok=True)
    make_cohort(folder, name or course.file.title)
    _configure(course, folder, name or folder.name)
    labs = [course.lab(n) for n in only] or list(course.labs.values())
    for lab in labs:
        _source(lab, folder / "source" / lab.id)
    return _generate(folder, [lab.id for lab in labs])


def _configure(course: Course, folder: Path, name: str) -> None:
    path = folder / "nbgrader_config.py"
    line = CONFIG.rstrip().splitlines()[-1]
    theirs = path.read_text().partition(line)[2] if path.exists() else "\n"
    if path.exists() and line not in path.read_text():
        raise UsageError(
            "this nbgrader_config.py is not ours", str(path), "build into a new folder"
        )
    text = CONFIG.format(root=str(course.root), id=name, folder=str(folder)).rstrip() + theirs
    write_whole(path, text.encode())


def _source(lab: Lab, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in {**starter(lab), "lab.ipynb": solved(lab).encode()}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name, body)


def solved(lab: Lab) -> str:
    """Return the instructor's notebook of a lab, solution blocks and all."""
    from autograder.grade import load_lab
    from autograder.sheet import notebook

    if not lab.notebook:
        return (lab.folder / "lab.ipynb").read_text(encoding="utf-8")
    points = {c.name: c.points for c in load_lab(lab).checks.values()}
    text = (lab.solution / "lab.py").read_text(encoding="utf-8")
    return notebook(text, points, lab.file.question, solved=True)


def _generate(folder: Path, labs: list[str]) -> list[str]:
    api = nbgrader_api(folder)
    for lab in labs:
        done = api.generate_assignment(lab, force=True, create=True)
        if not done["success"]:
            raise UsageError(
                f"nbgrader refused {lab}: {done['error'] or done['log'][-800:]}", str(folder)
            )
    return labs


def nbgrader_api(folder: Path) -> Any:
    """Return nbgrader's API for a course folder, with the folder's own configuration."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config.loader import PyFileConfigLoader

    # a fresh gradebook is stamped by the program `alembic`, looked up on PATH
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    config = PyFileConfigLoader("nbgrader_config.py", str(folder)).load_config()
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def publish(course: Course, folder: Path) -> int:
    """Write the learners' edition: no solutions, no tests. Returns the number of files."""
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()) and not (folder / "ladder").exists():
        raise UsageError("the folder is not empty", str(folder), "publish into a new folder")
    names = _tracked(course.root)
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(course.root / name, target)
    return len(names)


def _tracked(root: Path) -> list[str]:
    """Return the files of the course without the instructor's part."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
    return [
        n
        for n in listed
        if n and n.split("/")[0] not in UNPUBLISHED and n != "labs/prove.json"
        and "__pycache__" not in n and (root / n).is_file()
    ]  # fmt: skip
