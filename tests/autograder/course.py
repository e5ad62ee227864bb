"""A throw-away course of two tiny labs: `sum-up`, a notebook, and `port-call`, a project."""

from __future__ import annotations

import shutil
from pathlib import Path

from autograder.manifest import Course, load_course

TINY = Path(__file__).with_name("tiny")

LESSON = f"""# A lesson

![The idea](idea.svg) On AWS, Azure and Google Cloud.

{"Seven words of text for the rule. " * 200}

## Five questions

1. One?
2. Two?
3. Three?
4. Four?
5. Five?

## After the lab

{"Seven words of text for the rule. " * 40}
"""


def make_course(path: Path) -> Course:
    """Lay the tiny course out under `path`, starters and all, and return it."""
    from autograder.sync import plan_labs

    shutil.copytree(TINY, path, dirs_exist_ok=True)
    course = load_course(path)
    for file, body in plan_labs(course).items():
        file.write_bytes(body)
        lesson = path / "docs" / file.parents[1].name / f"{file.parent.name}.md"
        lesson.parent.mkdir(parents=True, exist_ok=True)
        lesson.write_text(LESSON)
    return course
