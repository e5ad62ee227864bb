"""The assignment as Otter Assign reads it, and answers put into what Otter released."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat
from assignment import EXERCISES, SETUP, STUDENTS, Exercise, answer
from nbformat import NotebookNode, v4
from nbgrader_source import KERNEL

CONFIG = """# ASSIGNMENT CONFIG
init_cell: true
export_cell: false
check_all_cell: false
solutions_pdf: false
template_pdf: false
name: lab1
tests:
  ok_format: true
generate:
  pdf: false
  show_stdout: false
run_tests: true"""


def raw(text: str) -> NotebookNode:
    """Return a raw cell, in which Otter's marks stand."""
    return v4.new_raw_cell(text)


def question(one: Exercise) -> list[NotebookNode]:
    """Return the cells of one exercise."""
    first, *rest = one.right.splitlines()
    cut = "\n".join([first, "    # BEGIN SOLUTION", *rest, "    # END SOLUTION"])
    return [
        raw(f"# BEGIN QUESTION\nname: {one.name}\npoints: {one.points}"),
        v4.new_markdown_cell(f"## {one.name}\n{one.prompt}"),
        raw("# BEGIN SOLUTION"),
        v4.new_code_cell(cut),
        raw("# END SOLUTION"),
        raw("# BEGIN TESTS"),
        v4.new_code_cell(one.public),
        v4.new_code_cell(f"# HIDDEN\n{one.hidden}"),
        raw("# END TESTS"),
        raw("# END QUESTION"),
    ]


def manual(name: str, points: int) -> list[NotebookNode]:
    """Return the cells of a question that a person reads."""
    return [
        raw(f"# BEGIN QUESTION\nname: {name}\nmanual: true\npoints: {points}"),
        v4.new_markdown_cell(name),
        raw("# BEGIN SOLUTION"),
        v4.new_markdown_cell("a model answer"),
        raw("# END SOLUTION"),
        raw("# END QUESTION"),
    ]


def write(folder: Path) -> None:
    """Write the instructor's notebook."""
    folder.mkdir(parents=True)
    cells = [raw(CONFIG), v4.new_code_cell(SETUP)]
    for one in EXERCISES:
        cells += question(one)
    cells += manual("essay", 4) + manual("plot", 3)
    nbformat.write(v4.new_notebook(cells=cells, metadata=KERNEL), folder / "lab1.ipynb")


def submit(folder: Path, learners: Sequence[str]) -> list[Path]:
    """Write submissions and return their paths."""
    paths = []
    (folder / "submissions").mkdir(exist_ok=True)
    for learner in learners:
        notebook = nbformat.read(folder / "dist" / "student" / "lab1.ipynb", 4)
        for one in EXERCISES:
            start = one.right.splitlines()[0]
            cell = next(c for c in notebook.cells if is_answer(c, start))
            cell.source = answer(one, STUDENTS[learner])
        paths.append(folder / "submissions" / f"{learner}.ipynb")
        nbformat.write(notebook, paths[-1])
    return paths


def is_answer(cell: NotebookNode, start: str) -> bool:
    """Tell whether a cell is the one that a learner fills in."""
    return bool(cell.cell_type == "code" and cell.source.startswith(start))
