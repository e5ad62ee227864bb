"""What a learner gets back: one page for each lab, offline, readable on a phone. Grades nothing.

Shows verdicts, fixed messages, the lab's own hints, and the learner's outputs on desk data. Of a
grading run it shows verdict, message and what the judge did to the programs; a result's `detail` is
shown of self-checks only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from autograder.errors import SubmissionError
from autograder.manifest import Lab, Question
from autograder.ratings import Rating
from autograder.strip import STYLE as STRIP
from autograder.strip import strip
from autograder.verdict import CheckResult, LabResult, Verdict
from autograder.webpage import Markup, escaped, facts, folded, prose, table
from autograder.webpage import page as whole

SIGN = {
    Verdict.PASSED: ("✓", "passed"), Verdict.FAILED: ("✗", "not yet"),
    Verdict.CRASHED: ("✗", "stopped by an error"), Verdict.TODO: ("·", "still open"),
    Verdict.BLOCKED: ("–", "not reached"), Verdict.SKIPPED: ("–", "not run"),
    Verdict.UNGRADED: ("?", "not graded, our fault"),
}  # fmt: skip
RUNGS = 2  # hints shown: the question and the place; the rest is asked for
MAX_OUTPUT, MAX_CELLS, MAX_PICTURE = 20_000, 200, 2 << 20  # characters, cells, base64 characters
BASE64 = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/]*={0,2}")  # begins as a PNG does
STYLE = """
.check { border-left: .4rem solid var(--line); padding: .1rem 0 .1rem .9rem; margin: 1.2rem 0; }
.check.passed { border-color: var(--passed); } .check.failed { border-color: var(--failed); }
.check.crashed { border-color: var(--crashed); } .check.todo { border-color: var(--todo); }
.check.ungraded { border-color: var(--ungraded); } .check { color: var(--ink); }
.check h3 { margin-block: 0 .2rem; font-size: 1.05rem; } .check p { margin-block: .3rem; }
.verdict { font-weight: 650; } .first { background: var(--desk); padding: .2rem .9rem .5rem; }
.level.given { background: var(--desk); font-weight: 650; }
"""


def page(
    lab: Lab,
    result: LabResult,
    final: float | None = None,
    ratings: Sequence[Rating] = (),
    answers: Mapping[str, str] = {},
) -> str:
    """Return the page of one result. Everything that came from outside is escaped.

    final: points after policy and changes by hand. ratings: this learner's, in this lab. answers:
    the learner's texts by question id.
    """
    title = f"{lab.file.title}: what the judge saw"
    head = (
        f"<p>{escaped(result.learner)}</p><h1>{escaped(lab.file.title)}</h1><p>{_state(result)}</p>"
    )
    body = (
        _sum(result, final) + _begin(lab, result) + _checks(lab, result)
        + _written(lab.file.question, ratings, answers) + _outputs(result.outputs)
    )  # fmt: skip
    return whole(title, head, body, STYLE + STRIP, _foot(result))


def _state(result: LabResult) -> str:
    if result.ungraded:
        return "Not graded yet: something failed on our side. It is no score, and not your fault."
    if result.passed:
        return "Passed."
    open_ones = sum(c.verdict is not Verdict.PASSED for c in result.checks)
    return f"Not yet: {open_ones} of {len(result.checks)} checks are open."


def _sum(result: LabResult, final: float | None) -> str:
    passed = sum(c.verdict is Verdict.PASSED for c in result.checks)
    shown = [
        ("points", f"{result.points:g} of {result.possible:g}"),
        ("checks passed", f"{passed} of {len(result.checks)}"),
    ]
    if final is not None and abs(final - result.points) > 1e-9:
        shown.append(("points that count", f"{final:g}"))
    note = ""
    if result.epoch == "desk":
        note += '<p class="soft">A self-check on the data of your desk, not a grade.</p>'
    if len(shown) > 2:
        note += (
            "<p>The points that count differ from those of the checks: lateness, or a person's"
            " decision. Ask your instructor for the reason.</p>"
        )
    if result.killed:
        note += f"<p>Your code was stopped: {escaped(result.killed)}.</p>"
    return facts(shown) + note


def _begin(lab: Lab, result: LabResult) -> str:
    """Name the one check to look at first: the first that was reached and did not pass."""
    reached = (Verdict.FAILED, Verdict.CRASHED, Verdict.TODO)
    one = next((c for c in result.checks if c.verdict in reached), None)
    if one is None:
        return ""
    sitting = _sitting(lab, result, one.name)
    where = f" It belongs to the sitting “{escaped(sitting)}”." if sitting else ""
    return (
        f'<section class="first"><h2>Begin here</h2><p><a href="#{escaped(one.name)}">'
        f"{prose(one.claim)}</a>{where}</p></section>"
    )


def _sitting(lab: Lab, result: LabResult, name: str) -> str:
    """Return the sitting of a check: the first one whose last check comes at it or after it."""
    order = [c.name for c in result.checks]
    for said in lab.file.sittings:
        title, _, last = said.rpartition(" — ends on ")
        if last in order and name in order and order.index(name) <= order.index(last):
            return title
    return ""


def _checks(lab: Lab, result: LabResult) -> str:
    return "<h2>Check by check</h2>" + "".join(_check(lab, result, c) for c in result.checks)


def _check(lab: Lab, result: LabResult, one: CheckResult) -> str:
    sign, word = SIGN[one.verdict]
    points = f", {one.earned:g} of {one.points:g} points" if one.points else ""
    must = ", needed to pass the lab" if one.must else ""
    parts = [
        f'<div class="check {one.verdict}" id="{escaped(one.name)}"><h3>{prose(one.claim)}</h3>',
        f'<p><span class="verdict {one.verdict}"><span aria-hidden="true">{sign}</span> {word}'
        f"</span><span>{points}{must}</span></p>",
    ]
    if one.message and one.verdict not in (Verdict.PASSED, Verdict.TODO, Verdict.BLOCKED):
        parts.append(f"<p>{prose(one.message)}</p>")
    if one.detail and result.epoch == "desk":
        parts.append(f"<pre>{escaped(one.detail[:MAX_OUTPUT])}</pre>")
    if one.timeline:
        parts.append(f"<p>What was done to your programs:</p>{strip(one.timeline)}")
    if one.verdict not in (Verdict.PASSED, Verdict.UNGRADED):
        parts.append(_next(lab, result, one))
    return "".join(parts) + "</div>\n"


def _next(lab: Lab, result: LabResult, one: CheckResult) -> str:
    """Say where to look next: the first rungs of the check's hints, and its sitting."""
    if one.verdict is Verdict.BLOCKED:
        claims = {c.name: c.claim for c in result.checks}
        waits = " and ".join(f"“{prose(claims.get(n, n).rstrip('.'))}”" for n in one.after)
        return f'<p class="soft">It builds on {waits}.</p>' if waits else ""
    rungs = lab.file.hints.get(one.name, ())
    hints = "".join(f"<li>{prose(text)}</li>" for text in rungs[:RUNGS])
    sitting = _sitting(lab, result, one.name)
    stop = "" if sitting.endswith(("?", "!")) else "."
    where = f" Sitting: {escaped(sitting)}{stop}" if sitting else ""
    more = (
        f" More: <code>./ladder hint {escaped(lab.id)} {escaped(one.name)}</code>."
        if len(rungs) > RUNGS
        else ""
    )
    shown = f"<ul>{hints}</ul>" if hints else ""
    return f'<p>Where to look next:</p>{shown}<p class="soft">{where}{more}</p>'


# ---------------------------------------------------------------- written answers


def _written(
    questions: Sequence[Question], ratings: Sequence[Rating], answers: Mapping[str, str]
) -> str:
    parts = []
    for one in questions:
        mine = [r for r in ratings if r.question == one.id]
        if mine or one.id in answers:
            parts.append(_question(one, mine, answers.get(one.id, "")))
    return "<h2>What you wrote</h2>" + "".join(parts) if parts else ""


def _question(one: Question, ratings: Sequence[Rating], answer: str) -> str:
    given = {r.level for r in ratings}
    rows = []
    for level in one.rubric:
        mark = "← yours" if level.level in given else ""
        text = escaped(level.text)
        rows.append((level.level, Markup(f"<b>{text}</b>" if mark else text), mark))
    said = "".join(
        f"<p>{escaped(r.grader)} gave level {r.level}.</p>"
        + (f"<blockquote>{_lines(r.comment)}</blockquote>" if r.comment else "")
        for r in ratings
    )
    text = f"<pre>{escaped(answer[:MAX_OUTPUT])}</pre>" if answer else ""
    rubric = table(f"Rubric of {one.id}", ("Level", "What it takes", "Given"), rows, "n")
    return f"<h3>{_lines(one.prompt)}</h3>{text}{said}{rubric}"


def _lines(text: str) -> str:
    return "<br>".join(escaped(line) for line in text.splitlines())


# ---------------------------------------------------------------- the learner's own output


def _outputs(cells: Sequence[str]) -> str:
    """Return the outputs of the learner's cells: texts and re-encoded pictures, nothing else."""
    shown = []
    for number, text in enumerate(cells[:MAX_CELLS], 1):
        inner = "".join(_output(item) for item in _items(text))
        if inner:
            shown.append(f"<h3>Code cell {number}</h3>{inner}")
    if not shown:
        return ""
    note = '<p class="soft">What your notebook printed and drew on the data of your desk.</p>'
    return "<h2>Your own output</h2>" + note + folded(
        f"{len(shown)} cells with output", "".join(shown)
    )  # fmt: skip


def _items(text: str) -> list[dict[str, Any]]:
    """Return a cell's outputs; none for what is no list of records."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return []
    return [i for i in found if isinstance(i, dict)][:200] if isinstance(found, list) else []


def _output(item: Mapping[str, Any]) -> str:
    data = item.get("data")
    if isinstance(data, dict):
        picture = data.get("image/png")
        if isinstance(picture, str) and len(picture) <= MAX_PICTURE and BASE64.fullmatch(picture):
            said = escaped(str(data.get("text/plain", ""))[:100])
            source = f"data:image/png;base64,{picture}"
            return f'<p><img alt="A picture of this cell: {said}" src="{source}"></p>'
        return _pre(data.get("text/plain"))
    if item.get("output_type") == "error":
        lines = item.get("traceback")
        told = [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
        return _pre("\n".join(told) or f"{item.get('ename')}: {item.get('evalue')}")
    return _pre(item.get("text"))


def _pre(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        return ""
    more = "\n[cut here]" if len(value) > MAX_OUTPUT else ""
    return f"<pre>{escaped(value[:MAX_OUTPUT])}{more}</pre>"


def _foot(result: LabResult) -> str:
    runs = max((len(c.seeds) for c in result.checks), default=0)
    how = (
        f" Every check with points ran on up to {runs} data sets that nobody has seen: what they"
        " held is not shown, so that the next attempt is as honest as this one."
        if result.epoch != "desk"
        else ""
    )
    return (
        f"<p>Submission {escaped(result.submission[:12])}, lab version {escaped(result.version)}."
        f"{how}</p>"
    )


def place(learner: str, lab: str) -> str:
    """Return where a page goes, relative to the folder of all. Raises SubmissionError.

    Ids are names of one folder: a result of a stranger's shard must not lead anywhere else.
    """
    for name in (learner, lab):
        if not name.strip(". ") or {"/", "\\", "\0"} & set(name) or not name.isprintable():
            raise SubmissionError(f"{name!r} is no name of a folder", "feedback")
    return f"{learner}/{lab}.html"
