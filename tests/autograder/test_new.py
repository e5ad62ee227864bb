"""`ladder new` makes a lab that is complete: it keeps the rules and its grader holds."""

import pytest

from autograder import sync
from autograder.errors import UsageError
from autograder.lint import lint
from autograder.manifest import load_course
from autograder.new import new
from autograder.prove import open_rig, prove, trial


@pytest.mark.parametrize("project", [False, True])
def test_a_new_lab_is_green(course, project):
    new(course, "2-junior/quiet-depot", project)
    made = load_course(course.root)
    sync.write(made, sync.plan(made, {}))
    lab = made.labs["quiet-depot"]
    assert lint(lab) == []
    assert sync.write(made, sync.plan(made, {})) == []
    with open_rig(lab) as rig:
        one = trial(lab, rig)
        assert prove(one, budget=0, sample=10).holds, one.wrong


def test_the_manifest_keeps_its_comments_and_order(course):
    manifest = course.root / "labs" / "course.toml"
    before = manifest.read_text()
    new(course, "1-foundations/quiet-depot")
    after = manifest.read_text()
    assert after.startswith("# A course of two tiny labs")
    assert 'labs = ["sum-up", "quiet-depot"]' in after
    kept = after.replace(', "quiet-depot"', "").replace(
        'counting = "Count what is there, and what should be"\n', ""
    )
    assert kept == before
    new(load_course(course.root), "1-foundations/quiet-night")
    assert manifest.read_text().count("counting =") == 1


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("2-junor/quiet-depot", "Did you mean '2-junior'"),
        ("2-junior/Quiet2", "no name for a lab"),
        ("2-junior/sum-up", "exists already"),
        ("2-junior", "no name for a lab"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(course, place, what):
    before = sorted(course.root.rglob("*"))
    with pytest.raises(UsageError, match=what):
        new(course, place)
    assert sorted(course.root.rglob("*")) == before


def test_nothing_is_overwritten(course):
    lesson = course.root / "docs" / "2-junior" / "quiet-depot.md"
    lesson.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        new(course, "2-junior/quiet-depot")
    assert lesson.read_text() == "mine"
    with pytest.raises(UsageError, match="no rung 'harbor'"):
        new(course, "2-junior/other-depot", rung="harbor")
