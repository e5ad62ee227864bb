"""What a learner gets back: the right words, their own output, nothing of a grading run."""

import base64
import io
import json

import msgspec
import pytest
from PIL import Image

from autograder import feedback
from autograder.errors import SubmissionError
from autograder.manifest import Level, Question
from autograder.ratings import Rating
from autograder.verdict import CheckResult, LabResult, Verdict
from tests.autograder.test_report import offline

LAB = "sum-up"


def checks(*verdicts, **more):
    found = []
    for number, verdict in enumerate(verdicts):
        after = (f"check_{number - 1}",) if verdict is Verdict.BLOCKED else ()
        fields = {"message": "the month is not whole", "seeds": (verdict,) * 2} | more
        found.append(
            CheckResult(
                name=f"check_{number}", claim=f"Claim {number}.", points=2, verdict=verdict,
                after=after, **fields,
            )
        )  # fmt: skip
    return tuple(found)


def result(*verdicts, outputs=(), epoch="abc123", killed="", learner="ann", **more):
    return LabResult(
        lab=LAB, version="v1", learner=learner, submission="0123456789abcdef", epoch=epoch,
        mode="A", checks=checks(*verdicts, **more), outputs=outputs, killed=killed,
    )  # fmt: skip


@pytest.fixture
def lab(tiny_course):
    """The tiny lab with hints, sittings and a question of its own."""
    one = tiny_course.labs[LAB]
    question = Question(
        id="why", prompt="Why?\nIn your words.", points=3,
        rubric=tuple(Level(level=i, text=t) for i, t in enumerate(("no", "half", "whole"))),
    )  # fmt: skip
    file = msgspec.structs.replace(
        one.file, question=(question,),
        hints={"check_1": ("Which month?", "Look at the split.", "It is a period.", "== max")},
        sittings=("The first evening — ends on check_0", "The second — ends on check_2"),
    )  # fmt: skip
    copy = object.__new__(type(one))
    copy.__dict__ = {**one.__dict__, "file": file}
    return copy


P, F, B, T, C, U = (
    Verdict.PASSED, Verdict.FAILED, Verdict.BLOCKED, Verdict.TODO, Verdict.CRASHED,
    Verdict.UNGRADED,
)  # fmt: skip


def test_each_check_says_claim_verdict_message_and_where_to_look(lab):
    page = feedback.page(lab, result(P, F, B))
    said = offline(page).said
    for text in ("Claim 0", "Claim 1", "not yet", "the month is not whole", "2 of 6"):
        assert text in said
    assert "Which month?" in said
    assert "Look at the split." in said
    assert "It is a period." not in said, "the approach is asked for, not given"
    assert f"./ladder hint {LAB} check_1" in said
    assert "It builds on “Claim 1”" in said
    assert "sitting “The second”" in said
    assert 'href="#check_1"' in page


@pytest.mark.parametrize(("title", "shown"), [("One", "One."), ("What next?", "What next?")])
def test_a_sitting_ends_with_one_mark(lab, title, shown):
    lab.file = msgspec.structs.replace(lab.file, sittings=(f"{title} — ends on check_2",))
    said = offline(feedback.page(lab, result(P, F, B))).said
    assert f"Sitting: {shown} More:" in said


def test_what_stands_in_backticks_is_code_and_cannot_be_markup(lab):
    told = result(F, message="what does `x <b>` say, and `y`? `")
    shown = feedback.page(lab, told)
    assert "what does <code>x &lt;b&gt;</code> say, and <code>y</code>? `" in shown


def test_what_passed_has_no_hint(lab):
    said = offline(feedback.page(lab, result(P, P, P))).said
    assert "Passed." in said
    assert "Which month?" not in said
    assert "Begin here" not in said


def test_our_fault_is_said_to_be_ours(lab):
    said = offline(feedback.page(lab, result(P, U, P))).said
    assert "not graded, our fault" in said
    assert "It is no score" in said


def test_nothing_of_a_grading_run_is_shown(lab):
    said = feedback.page(lab, result(F, C, T, detail="CANARY 4711", observes="CANARY"))
    assert "CANARY" not in said
    assert "abc123" not in said, "the seed epoch is nobody's business"


def test_a_self_check_shows_its_details(lab):
    page = feedback.page(lab, result(F, epoch="desk", detail="line 3: KeyError"))
    assert "line 3: KeyError" in page
    assert "not a grade" in page


def test_points_after_policy_are_told(lab):
    assert "points that count" in feedback.page(lab, result(P, P), final=3.0)
    assert "points that count" not in feedback.page(lab, result(P, P), final=4.0)


def picture() -> str:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def test_their_own_output_is_text_and_pictures(lab):
    cells = (
        json.dumps([{"output_type": "stream", "name": "stdout", "text": "48,000 parcels"}]),
        json.dumps([{"output_type": "display_data", "data": {"image/png": picture(),
                     "text/plain": "<Figure>"}}]),
        json.dumps([{"output_type": "error", "ename": "KeyError", "evalue": "'x'",
                     "traceback": ["cell 3, line 1", "KeyError: 'x'"]}]),
    )  # fmt: skip
    parsed = offline(feedback.page(lab, result(P, outputs=cells)))
    assert "48,000 parcels" in parsed.said
    assert "cell 3, line 1" in parsed.said
    (image,) = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert image["src"].startswith("data:image/png;base64,")


HOSTILE = [
    '[{"output_type": "display_data", "data": {"text/html": "<script>alert(1)</script>"}}]',
    '[{"data": {"image/png": "x\\" onerror=\\"alert(1)", "text/plain": "kept"}}]',
    '[{"data": {"image/png": "PHN2Zz48c2NyaXB0Pg==", "image/svg+xml": "<svg onload=alert(1)>"}}]',
    '[{"data": {"image/png": 7, "text/plain": {"a": 1}}}, 7, null, [[]]]',
    '[{"output_type": "stream", "text": "<img src=x onerror=alert(1)>\\u001b]0;title\\u0007"}]',
    '[{"output_type": "error", "traceback": [1, null, {"a": "b"}], "ename": "<b>"}]',
    "not JSON", "{}", "[" * 100_000, '["' + "\\u202e" * 100 + '"]',
]  # fmt: skip


@pytest.mark.parametrize("cell", HOSTILE)
def test_hostile_output_runs_nothing(lab, cell):
    page = feedback.page(lab, result(P, F, outputs=(cell,)))
    parsed = offline(page)
    assert not [tag for tag, _ in parsed.tags if tag in ("img", "svg")]
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_hostile_names_and_texts_run_nothing(lab):
    wild = '"><script>alert(1)</script><a href="javascript:x">'
    rating = Rating(LAB, wild, "why", wild, 1, wild)
    bad = result(F, learner=wild, killed=wild, message=wild, epoch="desk", detail=wild)
    offline(feedback.page(lab, bad, 0.0, [rating], {"why": wild}))


def test_written_answers_have_rubric_level_and_comment(lab):
    rating = Rating(LAB, "ann", "why", "Dr. Bo", 1, "Well argued.\nWhat would it cost?")
    page = feedback.page(lab, result(P), ratings=[rating], answers={"why": "Because of <b>."})
    said = offline(page).said
    for text in ("What you wrote", "Because of <b>.", "Dr. Bo gave level 1", "What would it cost?"):
        assert text in said
    assert "<b>half</b>" in page
    assert "What you wrote" not in feedback.page(lab, result(P))


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\\b", "a\0b", "a\nb", "/etc"])
def test_a_page_never_leaves_its_folder(name):
    with pytest.raises(SubmissionError):
        feedback.place(name, "lab")
    with pytest.raises(SubmissionError):
        feedback.place("ann", name)


def test_pages_lie_by_learner_and_lab():
    assert feedback.place("Ærø Øst", "late-parcels") == "Ærø Øst/late-parcels.html"
