"""Result files and what reads them: whole or not there, and nothing from elsewhere is believed."""

from __future__ import annotations

import json
import os

import pytest
from test_gradebook import F, P, U, result

from autograder.errors import GraderError, UsageError
from autograder.ledger import Ledger, files, read_sheet, refuse_stranger


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "out" / "results", "Course")


def only(ledger: Ledger):
    (path,) = files(ledger.folder.parent)
    return path


def test_the_same_key_is_the_same_file(ledger):
    for verdict in (P, F, P):
        ledger.write(result(verdict), 5.0)
    sheet = read_sheet(only(ledger))
    assert (sheet.result, sheet.submitted, sheet.course) == (result(P), 5.0, "Course")
    assert ledger.knows(result().key)
    assert not ledger.knows(result(version="2").key)


def test_what_is_ungraded_is_not_known_and_makes_room(ledger):
    ledger.write(result(U))
    assert not ledger.knows(result().key)
    assert read_sheet(only(ledger)).result.ungraded
    ledger.write(result(P))
    assert not read_sheet(only(ledger)).result.ungraded


def test_a_write_that_stops_midway_leaves_nothing_that_counts(ledger, monkeypatch):
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    ledger.write(result(P))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(GraderError, match="No space left") as caught:
        ledger.write(result(P, learner="bo"))
    assert "goes on where it stopped" in str(caught.value)
    assert len(list(files(ledger.folder.parent))) == 1


def test_only_result_files_are_taken_for_such(ledger, tmp_path):
    ledger.write(result(P))
    (ledger.folder.parent / "notes.json").write_text("{}")
    (ledger.folder / "probe" / ".half.json.x1").write_text("{")
    (ledger.folder / "probe" / "link.json").symlink_to("/etc/passwd")
    assert len(list(files(tmp_path))) == 1
    with pytest.raises(UsageError, match="no such folder"):
        list(files(tmp_path / "none"))


WRONG = {
    "not JSON": lambda s: "{",
    "a list": lambda s: "[]",
    "another format": lambda s: s | {"format": 2},
    "an unknown key": lambda s: s | {"points": 9},
    "no result": lambda s: {k: v for k, v in s.items() if k != "result"},
    "endless points": lambda s: _check(s, points=1e308),
    "less than nothing": lambda s: _check(s, points=-1),
    "points in words": lambda s: _check(s, points="all"),
    "a verdict of their own": lambda s: _check(s, verdict="excellent"),
    "a lab that is none": lambda s: _result(s, lab="../../etc"),
    "a learner who is none": lambda s: _result(s, learner="a\nb"),
    "a long name": lambda s: _result(s, learner="a" * 151),
    "a long word": lambda s: _result(s, version="1" * 201),
    "no checks": lambda s: _result(s, checks=[]),
    "many checks": lambda s: _result(s, checks=s["result"]["checks"] * 501),
    "a sandbox that is none": lambda s: _result(s, mode="Z"),
    "an engine that is none": lambda s: _result(s, engine=1 << 40),
    "a time that is none": lambda s: s | {"graded": -5},
    "deeply nested": lambda s: "[" * 100_000,
}  # fmt: skip


def _result(sheet, **more):
    return sheet | {"result": sheet["result"] | more}


def _check(sheet, **more):
    return _result(sheet, checks=[sheet["result"]["checks"][0] | more])


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_result_of_ours_is_refused(ledger, name):
    ledger.write(result(P))
    path = only(ledger)
    wrong = WRONG[name](json.loads(path.read_text()))
    path.write_text(wrong if isinstance(wrong, str) else json.dumps(wrong))
    with pytest.raises(GraderError, match=path.name):
        read_sheet(path, ["probe"])


def test_a_file_without_end_is_not_read(ledger):
    ledger.write(result(P))
    path = only(ledger)
    os.truncate(path, 17 << 20)
    with pytest.raises(GraderError, match="larger than"):
        read_sheet(path)


def test_another_course_and_another_secret_are_named(ledger):
    ledger.write(result(P))
    sheet, path = read_sheet(only(ledger)), only(ledger)
    refuse_stranger(sheet, "Course", {"e"}, path)
    with pytest.raises(UsageError, match="course 'Course', the gradebook of 'Other'"):
        refuse_stranger(sheet, "Other", {"e"}, path)
    with pytest.raises(UsageError, match="seed epoch 'e', the gradebook of 'f'"):
        refuse_stranger(sheet, "Course", {"f"}, path)
