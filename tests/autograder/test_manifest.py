"""Manifests are read strictly; what is refused is said with place and suggestion."""

import pytest

from autograder.errors import ManifestError, UsageError
from autograder.evidence import key
from autograder.manifest import MistakeFile, convert, find_root, load_course, read

LAB = "labs/1-foundations/sum-up/lab.toml"


def test_a_course_has_its_labs_in_order(course):
    assert list(course.labs) == ["sum-up", "port-call"]
    assert course.labs["sum-up"].notebook
    assert course.labs["port-call"].launcher == "exec"


def test_an_unknown_key_is_refused_with_the_nearest_one(course, edit):
    edit(LAB, "pitch =", "pich =")
    with pytest.raises(ManifestError, match=r"Did you mean 'pitch'\?") as refused:
        load_course(course.root)
    assert refused.value.where.endswith(LAB)


@pytest.mark.parametrize(
    ("old", "new"), [('["numpy"]', '["numpi"]'), ('["adding"]', '["adding2"]')]
)
def test_names_that_course_toml_does_not_know_are_refused(course, edit, old, new):
    edit(LAB, old, new)
    with pytest.raises(ManifestError, match="does not know"):
        load_course(course.root)


def test_what_is_no_toml_and_what_is_missing_are_said(course, edit):
    edit(LAB, "title = ", "title ")
    with pytest.raises(ManifestError, match="not TOML"):
        load_course(course.root)
    (course.root / LAB).unlink()
    with pytest.raises(ManifestError, match="missing"):
        load_course(course.root)


def test_a_lab_is_found_by_name_or_with_a_suggestion(course):
    with pytest.raises(UsageError, match="Did you mean 'sum-up'"):
        course.lab("sumup")


def test_the_root_is_found_from_inside(course):
    assert find_root(course.root / "labs" / "2-junior") == course.root


def test_survivors_are_declared_with_a_reason():
    one = {"file": "lab.py", "snippet": "x", "reason": "the same for integers"}
    assert convert({"survivor": [one]}, MistakeFile, "here").survivor[0].reason
    with pytest.raises(ManifestError, match="reason"):
        convert({"survivor": [{"file": "lab.py", "snippet": "x"}]}, MistakeFile, "here")


def test_the_tiny_course_has_mistakes(course):
    file = course.labs["port-call"].solution / "mistakes.toml"
    assert len(read(file, MistakeFile).mistake) == 5


CAPABLE = """
[needs.aws]
asks = "cloud lacks"

[capabilities]
port-call = ["aws:s3"]
"""


def test_a_lab_names_what_a_cloud_must_be_able_to_do(course, edit):
    """In its own lab.toml, or in course.toml, which no proof of a grader depends on."""
    before = key(course.labs["port-call"])
    with (course.root / "labs" / "course.toml").open("a") as file:
        file.write(CAPABLE)
    found = load_course(course.root).labs
    assert found["port-call"].capabilities() == {"cloud lacks": ["aws:s3"]}
    assert found["sum-up"].capabilities() == {}
    assert key(found["port-call"]) == before
    edit(LAB, '["numpy"]', '["numpy", "aws:sqs"]')
    found = load_course(course.root).labs
    assert found["sum-up"].capabilities() == {"cloud lacks": ["aws:sqs"]}
    assert found["sum-up"].imports() == course.labs["sum-up"].imports()
    edit("labs/course.toml", "port-call = [", "port-cal = [")
    with pytest.raises(UsageError, match="port-call"):
        load_course(course.root)


WORLD = {
    "__init__": "from .draw import (\n    stream,\n)\n", "draw": "", "places": "", "evidence": "",
    "people": "from .places import DEPOTS\n", "skies": "from . import draw, places\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("import larkmoor", set()),
        ("from larkmoor.people import customers", {"people", "places"}),
        ("from larkmoor import stream, people", {"people", "places"}),
        ("from larkmoor import (\n    stream,\n    skies as s,\n)", {"skies", "places"}),
        ("SCRIPT = 'import larkmoor; larkmoor.evidence.image(3)'", {"evidence"}),
        ("people = places = 1  # larkmoor", set()),
    ],
)
def test_a_key_has_what_the_lab_draws_from_and_no_other_part_of_the_world(course, text, more):
    """Whole modules, and what they import: another lab's part may change, and the proof stands."""
    lab, folder = course.labs["sum-up"], course.root / "labs" / "larkmoor"
    folder.mkdir()
    for name, body in WORLD.items():
        (folder / f"{name}.py").write_text(body)
    (lab.folder / "more.py").write_text(f"{text}\n")
    before, changed = key(lab), set()
    for name in WORLD:
        file = folder / f"{name}.py"
        file.write_text(WORLD[name] + "# another\n")
        changed |= {name} if key(lab) != before else set()
        file.write_text(WORLD[name])
    assert key(lab) == before
    assert changed == {"__init__", "draw", *more}
    (folder / "tariffs.csv").write_text("1\n")
    assert key(lab) != before
