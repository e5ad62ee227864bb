"""Thirty submissions of the bench assignment, in the tree that nbgrader collects. Runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assignment import EXERCISES, SETUP, STUDENTS, answer

LAB = "first-model"


def cell(name: str, source: str, kind: str = "code") -> dict[str, Any]:
    """Return one notebook cell."""
    extra: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source} | extra


def notebook(variant: str) -> dict[str, Any]:
    """Return the notebook of one variant of answers."""
    cells = [cell("setup", SETUP)]
    for one in EXERCISES:
        cells.append(cell(f"ask-{one.name}", f"## {one.name}\n{one.prompt}", "markdown"))
        cells.append(cell(one.name, answer(one, variant)))
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def write(folder: Path, learners: list[str]) -> None:
    """Write the submissions of these learners."""
    for learner in learners:
        place = folder / learner / LAB
        place.mkdir(parents=True)
        (place / "lab.ipynb").write_text(json.dumps(notebook(STUDENTS[learner])))


def endless(learner: str) -> bool:
    """Tell whether a learner's code never ends by itself."""
    return STUDENTS[learner] == "loop"
