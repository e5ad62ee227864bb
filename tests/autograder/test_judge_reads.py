"""What a lab's needs let its judge see of the host, beside what every judge sees."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.court import _visible
from autograder.manifest import Course, Need


@pytest.fixture
def lab(course: Course) -> Any:
    return next(iter(course.labs.values()))


def test_a_folder_that_a_need_names_is_seen_and_its_neighbour_is_not(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lab.course.root
    for name in ("engine", "secrets"):
        (root / "work" / name).mkdir(parents=True)
    before = _visible(lab)
    monkeypatch.setattr(lab, "needs", lambda: [Need(judge_reads=("work/engine",))])
    assert set(_visible(lab)) - set(before) == {str(root / "work/engine")}


def test_a_folder_that_is_not_there_is_no_error(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _visible(lab)
    monkeypatch.setattr(lab, "needs", lambda: [Need(judge_reads=("work/nowhere",))])
    assert _visible(lab) == before
