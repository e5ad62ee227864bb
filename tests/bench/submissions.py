"""Thirty submissions of the bench assignment, in nbgrader's tree. Runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assignment import EX, SETUP, STUDENTS, body

LAB = "first-model"


def cell(source: str, kind: str = "code") -> dict[str, Any]:
    """Return one notebook cell."""
    extra: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {
        "cell_type": kind,
        "id": f"c{abs(hash(source)) % 10**8}",
        "metadata": {},
        "source": source,
    } | extra


def notebook(variant: str) -> dict[str, Any]:
    """Return the notebook of one variant of answers."""
    cells = [cell(SETUP)]
    for number, exercise in enumerate(EX):
        cells += [cell(f"## {exercise['name']}\n{exercise['prompt']}", "markdown")]
        cells += [cell("\n".join(body(exercise, variant, number)))]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def write(folder: Path, loop: bool = False) -> list[str]:
    """Write the submissions (the endless loop only when asked for); return the learners' ids."""
    learners = []
    for learner, variant in STUDENTS:
        if loop != (variant == "loop"):
            continue
        place = folder / learner / LAB
        place.mkdir(parents=True)
        (place / "lab.ipynb").write_text(json.dumps(notebook(variant)))
        learners.append(learner)
    return learners
