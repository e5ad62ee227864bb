"""A throw-away lab of the checks and the notebook that a test brings, judged for real."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

from autograder.grade import Bench, grade, load_lab
from autograder.manifest import load_course
from autograder.sandbox import Launcher
from autograder.submission import Submission

COURSE = """
title = "Bench"
[[stage]]
folder = "1-foundations"
title = "F"
pitch = "p"
[[stage.rung]]
id = "r"
title = "R"
portfolio = "x"
labs = ["probe"]
[skills]
s = "skill"
[needs.numpy]
text = "numpy"
imports = ["numpy", "pandas"]
[needs.sklearn]
text = "scikit-learn"
imports = ["sklearn.linear_model"]
"""
LAB = """
title = "Probe"
pitch = "p"
minutes = { p50 = 10, p80 = 20 }
skills = ["s"]
main = "MAIN"
writes = ["*"]
needs = ["numpy"]
[limits]
cpu = 12
memory_mb = 700
"""


def make_lab(path: Path, checks: str, conftest: str = "", main: str = "lab.ipynb") -> None:
    """Write a course of one lab."""
    folder = path / "labs" / "1-foundations" / "probe"
    folder.mkdir(parents=True)
    (path / "labs" / "course.toml").write_text(COURSE)
    (folder / "lab.toml").write_text(LAB.replace("MAIN", main))
    ours = "from autograder import LearnerError, check, fixture, given, take\n"
    head = f"import numpy as np\nimport pandas as pd\n{ours}"
    (folder / "checks.py").write_text(head + dedent(checks))
    (folder / "conftest.py").write_text(head + dedent(conftest))


def notebook(*cells: str) -> bytes:
    """Return the bytes of a notebook with these code cells."""
    made = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "execution_count": None,
         "source": dedent(source)} for i, source in enumerate(cells)
    ]  # fmt: skip
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}).encode()


def judge(boxes: Launcher, path: Path, files: dict[str, bytes], sealed: bool = True):
    """Judge files as a submission of the lab under `path` on two seeds; return the result."""
    loaded = load_lab(load_course(path).lab("probe"))
    bench = Bench(loaded, Submission("probe", "ann", files), boxes, sealed, 7)
    return grade(bench, {name: [11, 12] for name in loaded.checks})
