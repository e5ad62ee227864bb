"""The ledger of what was live: written by release.py, read by whoever asks.

    python lineage.py questions.json answers.json

An auditor comes with a list: {"at": "2026-08-03T23:50", "zone": "Europe/Copenhagen"} asks for `at`,
{"version": 4} for `spans`. The ledger lies in the bucket that site.json calls `ledger`. Its entries
are added and never changed, and hold what an answer needs, because a registry can be edited.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import gate
from botocore.exceptions import ClientError
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException


def at(text: str, zone: str) -> list[dict[str, Any] | None]:
    """Return what was live when a clock in `zone` showed `text`: for each moment that this can
    mean, in order, its version, commit and data; None where nothing was live.
    """
    # TODO: first the moments, then the newest change before each
    raise NotImplementedError


def spans(version: int) -> list[tuple[str, str | None]]:
    """Return from when to when a version was live, as texts with their offset; None: it still is.
    """
    # TODO: each change ends where the next begins; and the ledger that tells both
    raise NotImplementedError


def main(asked: Path, told: Path) -> None:
    """Answer a list of questions."""
    questions = json.loads(asked.read_text(encoding="utf-8"))
    answers = [
        spans(one["version"]) if "version" in one else at(one["at"], one["zone"])
        for one in questions
    ]
    told.write_text(json.dumps(answers, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
