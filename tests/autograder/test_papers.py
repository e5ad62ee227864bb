"""Documents are read by the judge itself: under bounds, without a process of the learner's."""

from __future__ import annotations

import json

import pytest

from autograder.errors import LearnerError
from autograder.papers import DEEPEST, MOST, Papers

GOOD = {"Statement": [{"Effect": "Allow", "Weight": 1.5, "Note": "Ærø"}], "None": None}


def refusal(data: bytes, **bounds: int) -> LearnerError:
    with pytest.raises(LearnerError) as refused:
        Papers({"a.json": data}).json("a.json", **bounds)
    return refused.value


def test_a_document_comes_back_as_data():
    assert Papers({"a.json": json.dumps(GOOD).encode()}).json("a.json") == GOOD


@pytest.mark.parametrize("empty", [b"{}\n", b"[]\n"])
def test_what_the_starter_handed_out_is_still_open(empty):
    assert refusal(empty).kind == "NotImplementedError"


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"{", "ValueError", "not JSON"),
        (b"", "ValueError", "not JSON"),
        (b"\xff\xfe{}", "UnicodeError", "UTF-8"),
        (b'["\\ud800"]', "UnicodeError", "UTF-8"),
        (b'{"a": 1, "a": 2}', "ValueError", "twice"),
        (b"[NaN]", "ValueError", "no number"),
        (b"[-Infinity]", "ValueError", "no number"),
        (b"[1e999]", "ValueError", "no number"),
        (b"[" + b"1" * 5000 + b"]", "ValueError", "digits"),
        (b"[" * 20_000, "ValueError", "deeply"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "ValueError", "deeply"),
        (b" " * MOST + b"{}", "ValueError", "longer"),
    ],
)
def test_hostile_documents_are_refused_in_words(data, kind, words):
    error = refusal(data)
    assert (error.kind, words in error.text) == (kind, True)


def test_a_place_is_named():
    assert refusal(b'{\n"a": }').where == "a.json, line 2"
    with pytest.raises(LearnerError) as missing:
        Papers({}).json("b.json")
    assert (missing.value.kind, missing.value.where) == ("FileNotFoundError", "b.json")


def test_a_bound_can_be_lowered():
    assert "longer than 4" in refusal(b'{"a": 1}', most=4).text


def test_a_check_can_ask_for_papers(course):
    """Of a real submission, through the fixture, and no sandbox is opened."""
    from autograder.fixtures import fixtures
    from autograder.grade import Bench, load_lab
    from autograder.submission import Submission

    lab = course.lab("port-call")
    submission = Submission(lab.id, "someone", {"berths.json": b'{"a": 1}'})
    boxes = None  # opening one would fail
    bench = Bench(load_lab(lab), submission, boxes, True, 1)
    with fixtures(bench, 1) as make:
        assert make("papers").json("berths.json") == {"a": 1}
