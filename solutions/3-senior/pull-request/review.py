"""Your review of Sam's pull request; `python review.py` writes review.json.

`review()` returns it as a table:

    verdict    "approve" or "request changes"
    findings   a list, worst first, of what finding() or broken() returns
    guards     {"store.put": "test_put", ...}: three functions at least that you found right
    triage     {"1": "fix", "2": "nit", "3": "wrong", ...}: each of the assistant's remarks
    replies    {"1": "merge", "2": "not yet", ...}: each of Sam's commits
    comment    the covering comment, with its five facts in brackets
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import again  # again.red() are the names of your tests that are red

Finding = dict[str, Any]


def finding(file: str, line: int, severity: str, says: str, test: str) -> Finding:
    """Return a comment on a line that a test of yours shows to be right."""
    return {"file": file, "line": line, "severity": severity, "says": says, "test": test}


def broken(file: str, line: int, severity: str, says: str, **shown: Any) -> Finding:
    """Return a comment that a counter-example shows: `invariant`, and the `example` breaking it."""
    return {"file": file, "line": line, "severity": severity, "says": says, **shown}


### BEGIN SOLUTION: def review() -> dict[str, Any]: the table above
# A review of one pull request names what is wrong with it. This one has to be right for the pull
# request of every learner, so it is a checklist: what each function promises, how bad it is when
# the promise is broken, and a test that tells. What is red becomes a finding. Of the assistant's
# remarks it knows which words are taste, and which are about the fault that a test shows.

ROWS = (
    ("scans.read", "blocker", "A line that cannot be read is lost. Append it to `rejected`."),
    ("features.late_share", "blocker", "Ask when it was delivered: this knows tomorrow."),
    ("weather.key", "blocker", "A live key is in the code. Revoke it today, then take it out."),
    ("store.find", "blocker", "A name with a quote in it becomes SQL. Bind it with `?`."),
    ("store.save", "blocker", "When one score is refused, half a night stays. One transaction."),
    ("store.purge", "blocker", "The day itself is deleted. The auditors read it tomorrow."),
    ("figures.line", "blocker", "Name what may go to the vendor, not what may not."),
    ("work.drain", "blocker", "What fails is forgotten by the queue. done() comes last."),
    ("work.batches", "blocker", "The rest after the last full batch is never scored."),
    ("work.write", "blocker", "The old file is gone before the new one is there. Write beside."),
    ("scans.parse", "major", "The clock is relabelled, not converted. `astimezone`."),
    ("scans.first_only", "major", "The identity of a scan has four parts; all of them count."),
    ("scans.per_depot", "major", "This holds 40 million scans. Count while they pass."),
    ("scans.operating_day", "major", "Copenhagen has summer time. Ask `HOME`."),
    ("features.window", "major", "The window is the days before `day`, all of them."),
    ("features.normalise", "major", "Features are columns: axis 0."),
    ("features.scaled", "major", "The scale has seen the test part."),
    ("features.shuffled", "major", "The same seed has to give the same order."),
    ("weather.Forecasts", "major", "A forecast is of a depot and a day; the cache forgets one."),
    ("weather.fetch", "major", "Fifty calls to a service that asks for a pause."),
    ("store.put", "major", "A second run adds a second row."),
    ("figures.mean_delay", "major", "The mean of means is not the mean of parcels."),
    ("figures.digest", "major", "The default list is shared by all calls."),
    ("work.Tally", "major", "Between reading and writing another thread writes."),
    ("work.senders", "major", "Every function sends to the last depot of the loop."),
    ("weather.forecast", "minor", "Zero degrees are a temperature."),
    ("figures.balanced", "minor", "Sums of floats differ in the last digit."),
    ("figures.percentile", "minor", "The rank is one too high on whole numbers."),
    ("figures.top", "minor", "The caller's list is reordered."),
)
CHECKLIST = {key: (severity, says) for key, severity, says in ROWS}
TASTE = re.compile(r"\b(could|would|deserves|belongs into)\b")
SHOWN = re.compile(
    "relabels|without a word|same event|holds every scan|winter only|knows tomorrow|misses the"
    "|mean of a row|train and test together|not used|live key|not part of|Fifty calls|is false for"
    "|pasted into|committed alone|second row|deletes the day|depots' means|compared with `==`|rank"
    "|default list|goes to the vendor|reorders|both add|before it was handled|never yielded"
    "|empties the file|looks `depot` up"
)
COMMENT = """\
Sam, thank you: the job is cut into functions that promise one thing each, which is why they could
be tried one by one. My answer is [verdict: {verdict}]. I have [findings: {findings}] comments, each
at its line with something to run; [blockers: {blockers}] of them would lose or give away something
tonight. {first} The assistant read it too. [wrong remarks: {wrong}] of its
remarks are wrong, leave those functions as they are; and it did not see [missed: {missed}] of what
I call blockers. When my tests are green on your branch you are done, and you need not ask me again.
Come by if one of them seems unfair: it may be the test.
"""


def lines() -> dict[str, range]:
    """Return the lines of each function of the pull request."""
    found = {}
    for path in sorted(Path("nightly").glob("*.py")):
        text = path.read_text().split("\n")
        starts = [n for n, row in enumerate(text, 1) if row.startswith(("def ", "class "))]
        for start, end in zip(starts, [*starts[1:], len(text) + 1], strict=False):
            name = text[start - 1].split("(")[0].split()[1].rstrip(":")
            found[f"{path.stem}.{name}"] = range(start, end)
    del found["weather.Away"]  # an error and no promise
    return found


def test_of(key: str) -> str:
    """Return the name of the test of a function."""
    return f"test_{key.partition('.')[2].lower()}"


def comment_on(key: str, line: int) -> Finding:
    """Return a finding; what a test shows worse than an example rests on an example."""
    severity, says = CHECKLIST[key]
    file = f"{key.partition('.')[0]}.py"
    if key == "weather.key":
        from nightly.weather import key as of_service

        example = {"key": of_service({})}
        return broken(file, line, severity, says, invariant="no key in the code", example=example)
    if key == "weather.fetch":
        example = {"statuses": [503] * 6}
        return broken(file, line, severity, says, invariant="few calls", example=example)
    if key == "scans.per_depot":
        example = {"scans": 5000}
        return broken(file, line, severity, says, invariant="few scans held", example=example)
    return finding(file, line, severity, says, test_of(key))


def triaged(places: dict[str, range], reds: set[str]) -> dict[str, str]:
    """Return what becomes of each remark: a red test makes true what is said of that fault."""
    answers = {}
    for remark in json.loads(Path("assistant.json").read_text()):
        file = remark["file"].removesuffix(".py")
        at = [k for k, span in places.items() if k.startswith(file) and remark["line"] in span]
        fault = at and test_of(at[0]) in reds and SHOWN.search(remark["remark"])
        taste = TASTE.search(remark["remark"])
        answers[remark["id"]] = "nit" if taste else "fix" if fault else "wrong"
    return answers


def replied(commit: Path) -> str:
    """Return whether a commit of Sam's keeps the promise of its function."""
    name = commit.read_text().split()[2].strip(",")  # "# nightly/store.py: save, instead of ..."
    return "not yet" if f"test_{name.lower()}" in again.red(commit) else "merge"


def review() -> dict[str, Any]:
    """Return the whole review."""
    places, reds = lines(), again.red()
    wrong = [key for key in CHECKLIST if test_of(key) in reds]
    triage = triaged(places, reds)
    remarks = json.loads(Path("assistant.json").read_text())
    touched = {(one["file"], one["line"]) for one in remarks}
    blockers = [key for key in wrong if CHECKLIST[key][0] == "blocker"]
    seen = [key for key in blockers
            if any((f"{key.partition('.')[0]}.py", n) in touched for n in places[key])]  # fmt: skip
    verdict = "request changes" if wrong else "approve"
    first = f"Begin with `{wrong[0]}`, and go down from there." if wrong else "Nothing is urgent."
    comment = COMMENT.format(
        verdict=verdict, findings=len(wrong), blockers=len(blockers), first=first,
        wrong=sum(answer == "wrong" for answer in triage.values()),
        missed=len(blockers) - len(seen),
    )  # fmt: skip
    return {
        "verdict": verdict,
        "findings": [comment_on(key, places[key][0]) for key in wrong],
        "guards": {key: test_of(key) for key in CHECKLIST if key not in wrong},
        "triage": triage,
        "replies": {path.stem: replied(path) for path in Path("sam").glob("*.py")},
        "comment": comment,
    }
### END SOLUTION


if __name__ == "__main__":
    Path("review.json").write_text(json.dumps(review(), indent=1))
