"""Makes `course.py` importable for the tests beside it, and lays out tiny courses."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def tiny_course(tmp_path_factory):
    """The tiny course, made once; not to be changed."""
    from course import make_course

    return make_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def course(tiny_course, tmp_path):
    """A copy of the tiny course for one test to change."""
    from autograder.manifest import load_course

    shutil.copytree(tiny_course.root, tmp_path / "course")
    return load_course(tmp_path / "course")


@pytest.fixture
def edit(course):
    """Change a file of the course: `edit(path, old, new)`; the old text must be there."""

    def change(path: str, old: str, new: str) -> None:
        file = course.root / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    return change
