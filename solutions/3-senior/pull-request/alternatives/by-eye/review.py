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
from collections.abc import Callable
from pathlib import Path
from typing import Any

Finding = dict[str, Any]


def finding(file: str, line: int, severity: str, says: str, test: str) -> Finding:
    """Return a comment on a line that a test of yours shows to be right."""
    return {"file": file, "line": line, "severity": severity, "says": says, "test": test}


def broken(file: str, line: int, severity: str, says: str, **shown: Any) -> Finding:
    """Return a comment that a counter-example shows: `invariant`, and the `example` breaking it."""
    return {"file": file, "line": line, "severity": severity, "says": says, **shown}


### BEGIN SOLUTION: def review() -> dict[str, Any]: the table above
# The code is read, not run: each line below is what a tired eye should stop at. The tests are there
# for Sam, who should not have to believe it.

SMELLS: dict[str, Callable[[str], object]] = {
    "scans.read": lambda text: "rejected.append" not in text,
    "features.late_share": lambda text: not re.search(r"delivered\W* (<|>=) moment", text),
    "weather.key": lambda text: re.search(r'"WEATHER_KEY"(,|\) or)', text),
    "store.find": lambda text: "'{" in text,
    "store.save": lambda text: "\n        db.commit()" in text or "continue" in text,
    "store.purge": lambda text: "<=" in text or "days=1" in text,
    "figures.line": lambda text: "PRIVATE" in text,
    "work.drain": lambda text: "finally" in text or "None:\n        queue.done" in text,
    "work.batches": lambda text: "batch = []" in text,
    "work.write": lambda text: 'path.open("w")' in text or "unlink" in text,
    "scans.parse": lambda text: "moment.replace(tzinfo" in text,
    "scans.first_only": lambda text: '"moment"' not in text,
    "scans.per_depot": lambda text: re.search(r"(sorted|list)\(scans", text),
    "scans.operating_day": lambda text: "HOME" not in text,
    "features.window": lambda text: re.search(r"back in range\((1, )?days\)", text),
    "features.normalise": lambda text: "axis=1" in text or "table.std()" in text,
    "features.scaled": lambda text: "train + test" in text,
    "features.shuffled": lambda text: "Random(seed)" not in text or "shuffle(rows)" in text,
    "weather.Forecasts": lambda text: "kept[depot]" in text or "day.day" in text,
    "weather.fetch": lambda text: "range(50)" in text,
    "store.put": lambda text: not re.search("DELETE|UPDATE", text),
    "figures.mean_delay": lambda text: not re.search(r"count \*|\* count", text),
    "figures.digest": lambda text: "notes.append(" in text,
    "work.Tally": lambda text: not re.search(r"acquire|lock:\n +\S+ = \S+get\(", text),
    "work.senders": lambda text: "= lambda" in text,
    "weather.forecast": lambda text: "if value else" in text or "or 0.0" in text,
    "figures.balanced": lambda text: "==" in text,
    "figures.percentile": lambda text: "min(q" in text or "round(" in text,
    "figures.top": lambda text: ".sort(" in text or "pair: pair[1]" in text,
}
UNTRUE = (  # what stands beside a fault, and is none
    "will be refused|into memory|keeps no order|counts a depot twice|goes back to UTC|divides by"
    "|KeyError|binds tighter|of the process|asks the process|share one|returns None|stays a text"
    "|is an error|overrides|closes the|NULL|whole minute|uses the lists up|side effect|fails on"
    "|fails as soon|IndexError|for ever|just yielded|line end|are sent when"
)
GRAVE, SMALL = list(SMELLS)[:10], list(SMELLS)[-4:]
COMMENT = """\
Sam, thank you: the job is cut into functions that promise one thing each, which is why they could
be tried one by one. My answer is [verdict: {verdict}]. I have [findings: {findings}] comments, each
at its line with something to run; [blockers: {blockers}] of them would lose or give away something
tonight. {first} The assistant read it too. [wrong remarks: {wrong}] of its
remarks are wrong, leave those functions as they are; and it did not see [missed: {missed}] of what
I call blockers. When my tests are green on your branch you are done, and you need not ask me again.
Come by if one of them seems unfair: it may be the test.
"""




def functions(file: str, text: str) -> dict[str, tuple[range, str]]:
    """Return the lines and the text of each function of a file."""
    rows = text.split("\n")
    starts = [n for n, row in enumerate(rows) if re.match(r"def |class (?!Away)", row)]
    found = {}
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=False):
        name = re.split(r"\W", rows[start])[1]
        part = "\n".join(rows[start:end])
        found[f"{file}.{name}"] = (range(start + 1, end + 1), part)
    return found


def severity(key: str) -> str:
    """Return how bad a broken promise is."""
    return "blocker" if key in GRAVE else "minor" if key in SMALL else "major"


def test_of(key: str) -> str:
    """Return the name of the test of a function."""
    return f"test_{key.partition('.')[2].lower()}"


def review() -> dict[str, Any]:
    """Return the whole review."""
    parts: dict[str, tuple[range, str]] = {}
    for path in Path("nightly").glob("*.py"):
        parts |= functions(path.stem, path.read_text())
    wrong = [key for key, smells in SMELLS.items() if smells(parts[key][1])]
    triage, touched = {}, set()
    for one in json.loads(Path("assistant.json").read_text()):
        file = one["file"].removesuffix(".py")
        at = [k for k in SMELLS if k.startswith(file) and one["line"] in parts[k][0]]
        touched.update(at)
        taste = re.search(r"\b(could|would|deserves|belongs into)\b", one["remark"])
        fault = at and at[0] in wrong and not re.search(UNTRUE, one["remark"])
        triage[one["id"]] = "nit" if taste else "fix" if fault else "wrong"
    replies = {}
    for path in Path("sam").glob("*.py"):
        text = path.read_text()
        head = re.match(r"# nightly/(\w+)\.py: (\w+)", text)
        assert head is not None
        key = f"{head[1]}.{head[2]}"
        part = "\n".join(text for _, text in functions(head[1], text).values())
        replies[path.stem] = "not yet" if SMELLS[key](part) else "merge"
    grave = [key for key in wrong if key in GRAVE]
    verdict = "request changes" if wrong else "approve"
    return {
        "verdict": verdict,
        "findings": [
            finding(f"{key.partition('.')[0]}.py", parts[key][0][0], severity(key),
                    f"This breaks the promise of {key}: see the test.", test_of(key))
            for key in wrong
        ],
        "guards": {key: test_of(key) for key in [k for k in SMELLS if k not in wrong][-9:]},
        "triage": triage,
        "replies": replies,
        "comment": COMMENT.format(
            verdict=verdict, findings=len(wrong), blockers=len(grave),
            first=f"Begin with `{wrong[0]}`, and go down from there." if wrong else "No hurry.",
            wrong=sum(answer == "wrong" for answer in triage.values()),
            missed=sum(key not in touched for key in grave),
        ),
    }  # fmt: skip
### END SOLUTION


if __name__ == "__main__":
    Path("review.json").write_text(json.dumps(review(), indent=1))
