"""The assignment as an nbgrader course, and answers put into what nbgrader released."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from assignment import EXERCISES, SETUP, STUDENTS, answer
from nbformat import NotebookNode, v4

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
CONFIG = """c = get_config()
c.CourseDirectory.course_id = "bench"
c.Execute.timeout = 10
c.ExecutePreprocessor.timeout = 10
"""


def marked(cell: NotebookNode, name: str, **flags: Any) -> NotebookNode:
    """Return a cell with nbgrader's metadata."""
    known = {"grade": False, "solution": False, "locked": False, "task": False}
    cell.metadata["nbgrader"] = {"schema_version": 3, "grade_id": name, **known, **flags}
    return cell


def cut(source: str) -> str:
    """Return a solution with nbgrader's marks around its body."""
    first, *rest = source.splitlines()
    return "\n".join([first, "    ### BEGIN SOLUTION", *rest, "    ### END SOLUTION"])


def source() -> NotebookNode:
    """Return the instructor's notebook: six graded exercises and two that a person reads."""
    cells = [marked(v4.new_code_cell(SETUP), "setup", locked=True)]
    for one in EXERCISES:
        hidden = f"### BEGIN HIDDEN TESTS\n{one.hidden}\n### END HIDDEN TESTS"
        tests = v4.new_code_cell(f"{one.public}\n{hidden}")
        cells += [
            v4.new_markdown_cell(f"## {one.name}\n{one.prompt}"),
            marked(v4.new_code_cell(cut(one.right)), one.name, solution=True),
            marked(tests, f"test_{one.name}", grade=True, locked=True, points=one.points),
        ]
    essay = v4.new_markdown_cell("Explain which metric you would use here, and why.")
    plot = v4.new_code_cell("# plot revenue per region")
    cells += [
        marked(essay, "essay", grade=True, solution=True, points=4),
        marked(plot, "plot", grade=True, solution=True, points=3),
    ]
    return v4.new_notebook(cells=cells, metadata=KERNEL)


def write(course: Path) -> None:
    """Write the course folder."""
    (course / "source" / "lab1").mkdir(parents=True)
    nbformat.write(source(), course / "source" / "lab1" / "lab1.ipynb")
    (course / "nbgrader_config.py").write_text(CONFIG)


def submit(course: Path, learners: Sequence[str]) -> None:
    """Write submissions: the released notebook with each learner's answers."""
    for learner in learners:
        notebook = nbformat.read(course / "release" / "lab1" / "lab1.ipynb", 4)
        for one in EXERCISES:
            cell = next(c for c in notebook.cells if name_of(c) == one.name)
            cell.source = answer(one, STUDENTS[learner])
        folder = course / "submitted" / learner / "lab1"
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "lab1.ipynb")


def name_of(cell: NotebookNode) -> str:
    """Return nbgrader's name of a cell."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
