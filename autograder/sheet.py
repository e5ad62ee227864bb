"""lab.py (jupytext percent) -> lab.ipynb with nbgrader's metadata. Runs no cell, reads no file.

The same text gives the same bytes: cell ids and grade ids come from what a cell says.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograder.errors import ManifestError
from autograder.manifest import Question
from autograder.starter import BEGIN, cut

EXTENSION = "%load_ext autograder"
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NAMED = re.compile(r"^(?:async +)?(?:def|class) +(\w+)|^(\w+) *(?::[^=]+)?=(?!=)", re.MULTILINE)
GRADE = re.compile(r"^\s*%check +(\w+)\s*$")

Cell = dict[str, Any]


def notebook(
    text: str, points: Mapping[str, float], questions: Sequence[Question] = (), solved: bool = False
) -> str:
    """Return a lab's notebook from its lab.py: the learner's, or with `solved` the instructor's.

    Raises ManifestError for a grade cell that names no check, stands twice or has company.
    """
    cells = [_cell(kind, source, points, solved) for kind, source in split(text)]
    return _document([*_with_extension(cells), *_asked(questions)])


def sheet(
    brief: str,
    checks: Mapping[str, str],
    points: Mapping[str, float],
    questions: Sequence[Question],
) -> str:
    """Return the sheet of a project lab: its brief, a grade cell for each check, its questions.

    checks: claims by name.
    """
    cells = [_text(part) for part in re.split(r"\n(?=## )", brief.strip())]
    cells.append(_locked("code", EXTENSION, "extension"))
    for name, claim in checks.items():
        cells += [_text(f"**{name}**: {claim} {_points(points[name])}".strip())]
        cells += [_grade_cell(name, points)]
    return _document([*cells, *_asked(questions)])


def split(text: str) -> list[tuple[str, str]]:
    """Return the cells of a percent script: (kind, source), magics uncommented."""
    import jupytext

    parsed = jupytext.reads(text, fmt="py:percent")
    return [(cell.cell_type, cell.source) for cell in parsed.cells]


def join(cells: Iterable[tuple[str, str]]) -> str:
    """Return a percent script that `split` gives back; the way mutants and liars are written."""
    parts = []
    for kind, source in cells:
        if kind == "markdown":
            lines = "\n".join(f"# {line}".rstrip() for line in source.splitlines())
            parts.append(f"# %% [markdown]\n{lines}\n")
        else:
            shown = [f"# {line}" if line.startswith("%") else line for line in source.splitlines()]
            parts.append("# %%\n" + "\n".join(shown) + "\n")
    return "\n".join(parts)


def _points(points: float) -> str:
    return f"({points:g} point{'s' * (points != 1)})" if points else ""


def _cell(kind: str, source: str, points: Mapping[str, float], solved: bool) -> Cell:
    if kind != "code":
        return _text(source)
    if "%check" in source:
        return _grade_cell(_checked(source), points)
    if any(BEGIN.match(line) for line in source.splitlines()):
        shown = source if solved else cut(source + "\n").rstrip("\n")
        return _marked("code", shown, f"code-{_name(source)}", solution=True)
    return _locked("code", source, f"given-{_name(source)}")


def _checked(source: str) -> str:
    found = GRADE.match(source)
    if not found:
        raise ManifestError(
            "a grade cell is one line and stands alone: `# %check NAME`", f"lab.py: {source!r}"
        )
    return found[1]


def _grade_cell(name: str, points: Mapping[str, float]) -> Cell:
    if name not in points:
        raise ManifestError(f"the grade cell {name!r} names no check", "lab.py")
    return _marked("code", f"%check {name}", name, grade=True, locked=True, points=points[name])


def _asked(questions: Sequence[Question]) -> list[Cell]:
    cells = []
    for question in questions:
        cells.append(_locked("markdown", question.prompt, f"ask-{question.id}"))
        empty = "*Write your answer here.*"
        cells.append(_marked("markdown", empty, question.id, True, True, points=question.points))
    return cells


def _with_extension(cells: list[Cell]) -> list[Cell]:
    """Put the line that brings %check before the first code cell."""
    if any(cell["source"][:1] == [EXTENSION] for cell in cells):
        return cells
    first = next((n for n, cell in enumerate(cells) if cell["cell_type"] == "code"), len(cells))
    return [*cells[:first], _locked("code", EXTENSION, "extension"), *cells[first:]]


def _name(source: str) -> str:
    """Return a name for a cell that survives edits elsewhere: what it defines, else a hash."""
    found = NAMED.search(source)
    return (found[1] or found[2]) if found else hashlib.sha256(source.encode()).hexdigest()[:8]


def _text(source: str) -> Cell:
    name = f"text-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    return _raw("markdown", source, name, {})


def _locked(kind: str, source: str, name: str) -> Cell:
    return _marked(kind, source, name, locked=True)


def _marked(
    kind: str,
    source: str,
    name: str,
    grade: bool = False,
    solution: bool = False,
    *,
    locked: bool = False,
    points: float | None = None,
) -> Cell:
    mark: dict[str, Any] = {
        "grade": grade, "grade_id": name, "locked": locked, "schema_version": 3,
        "solution": solution, "task": False,
    }  # fmt: skip
    if points is not None:
        mark["points"] = points
    metadata: dict[str, Any] = {"deletable": False, "nbgrader": mark}
    return _raw(kind, source, name, metadata | ({"editable": False} if locked else {}))


def _raw(kind: str, source: str, name: str, metadata: dict[str, Any]) -> Cell:
    cell: Cell = {"cell_type": kind, "id": name, "metadata": metadata}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": source.splitlines(keepends=True)}


def _document(cells: list[Cell]) -> str:
    _number(cells)
    body = {"cells": cells, "metadata": KERNEL, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(body, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _number(cells: list[Cell]) -> None:
    """Make ids unique: the second cell of a name ends in -2. A check has one grade cell only."""
    seen: dict[str, int] = {}
    for cell in cells:
        name = cell["id"]
        seen[name] = seen.get(name, 0) + 1
        mark = cell["metadata"].get("nbgrader", {})
        if seen[name] > 1 and mark.get("grade"):
            raise ManifestError(f"{name!r} has two grade cells", "lab.py")
        if seen[name] > 1:
            name = f"{name}-{seen[name]}"
        cell["id"] = name[:64]
        if mark:
            mark["grade_id"] = name
