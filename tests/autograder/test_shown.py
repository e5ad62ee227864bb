"""Folders of the machine that a lab's needs show to judge and learner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autograder.court import _visible
from autograder.manifest import Course, Need
from autograder.sandbox import Launcher


def test_a_folder_that_a_need_shows_is_seen_by_both_sides(
    course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab: Any = next(iter(course.labs.values()))
    shown, nowhere = tmp_path / "shown", tmp_path / "nowhere"
    shown.mkdir()
    before = _visible(lab)
    monkeypatch.setattr(lab, "needs", lambda: [Need(shown=(str(shown), str(nowhere)))])
    assert lab.shown() == [shown]
    assert set(_visible(lab)) - set(before) == {str(shown)}
    launcher = Launcher("exec", binds=lab.shown())
    assert str(shown) in launcher.shown()
