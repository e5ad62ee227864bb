"""A throw-away course of two tiny labs: `sum-up`, a notebook, and `port-call`, a project."""

from __future__ import annotations

import shutil
from pathlib import Path

from autograder.manifest import Course, load_course

TINY = Path(__file__).with_name("tiny")


def make_course(path: Path) -> Course:
    """Lay the tiny course out under `path`, starters and all, and return it."""
    from autograder.sync import plan_labs

    shutil.copytree(TINY, path, dirs_exist_ok=True)
    course = load_course(path)
    for file, body in plan_labs(course).items():
        file.write_bytes(body)
    return course
