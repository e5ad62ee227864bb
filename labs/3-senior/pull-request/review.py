"""Your review of Sam's pull request; `python review.py` writes review.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# TODO: what you import, if anything
raise NotImplementedError

Finding = dict[str, Any]


def finding(file: str, line: int, severity: str, says: str, test: str) -> Finding:
    """Return a comment on a line that a test of yours shows to be right."""
    return {"file": file, "line": line, "severity": severity, "says": says, "test": test}


def broken(file: str, line: int, severity: str, says: str, **shown: Any) -> Finding:
    """Return a comment that a counter-example shows: `invariant`, and the `example` breaking it."""
    return {"file": file, "line": line, "severity": severity, "says": says, **shown}


# TODO: findings, guards, triage, replies, verdict and comment, as review() returns them
raise NotImplementedError


if __name__ == "__main__":
    Path("review.json").write_text(json.dumps(review(), indent=1))
