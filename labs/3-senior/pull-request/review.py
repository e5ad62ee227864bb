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


# TODO: def review() -> dict[str, Any]: the table above
raise NotImplementedError


if __name__ == "__main__":
    Path("review.json").write_text(json.dumps(review(), indent=1))
