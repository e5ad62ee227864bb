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
    ### BEGIN SOLUTION: first the moments, then the newest change before each
    found: list[dict[str, Any] | None] = []
    for moment in moments(text, zone):
        before = [change for change in changes() if change["at"] <= moment]
        found.append({name: before[-1][name] for name in FACTS} if before else None)
    return found
    ### END SOLUTION


def spans(version: int) -> list[tuple[str, str | None]]:
    """Return from when to when a version was live, as texts with their offset; None: it still is.
    """
    ### BEGIN SOLUTION: each change ends where the next begins; and the ledger that tells both
    begins = [text_of(change) for change in changes()]
    return [
        (begin, end)
        for change, begin, end in zip(changes(), begins, [*begins[1:], None], strict=True)
        if change["version"] == version
    ]


Entry = dict[str, Any]
FACTS = ("version", "commit", "data")


class Busy(Exception):
    """Somebody else is changing what is live."""


class Ledger:
    """Entries in S3, numbered from 1 without a gap: intents, and what became of each."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names, self.s3 = names, gate.client("s3")
        self.entries: list[Entry] = [self._read(key) for key in self._keys()]

    def _keys(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.names["ledger"])
        return sorted(one["Key"] for page in pages for one in page.get("Contents", []))

    def _read(self, key: str) -> Entry:
        found = self.s3.get_object(Bucket=self.names["ledger"], Key=key)
        entry: Entry = json.loads(found["Body"].read())
        return entry

    def append(self, **entry: Any) -> int:
        """Add an entry after the last one that was read; return its number. Raises Busy."""
        number = len(self.entries) + 1
        body, key = json.dumps(entry).encode(), f"entries/{number:08}.json"
        try:
            self.s3.put_object(Bucket=self.names["ledger"], Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                raise
            raise Busy("somebody else has written this entry") from error
        self.entries.append(entry)
        return number

    def open_intent(self) -> tuple[int, Entry] | None:
        """Return the newest intent and its number, unless its outcome is known."""
        if self.entries and self.entries[-1]["kind"] == "intent":
            return len(self.entries), self.entries[-1]
        return None

    def came_true(self) -> bool:
        """Return whether the open intent's version is the one that is live."""
        try:
            found = MlflowClient().get_model_version_by_alias(self.names["model"], "live")
        except MlflowException:
            return False
        return int(found.version) == self.entries[-1]["version"]

    def changes(self) -> list[Entry]:
        """Return the intents that came true, in order; nothing is written."""
        found = [
            one for one, next_ in itertools.pairwise(self.entries)
            if one["kind"] == "intent" and next_["kind"] == "done"
        ]  # fmt: skip
        return [*found, self.entries[-1]] if self.open_intent() and self.came_true() else found

    def standing(self) -> list[Entry]:
        """Return the promotions that no rollback has taken back, the live one last."""
        found: list[Entry] = []
        for change in self.changes():
            if change["action"] == "promote":
                found.append(change)
            else:
                found.pop()
        return found


@functools.cache
def changes() -> list[Entry]:
    """Return what came true, read once for all of an auditor's questions."""
    return Ledger(gate.site()).changes()


def text_of(change: Entry) -> str:
    """Return when a change happened."""
    return datetime.fromtimestamp(change["at"], UTC).isoformat()


def moments(text: str, zone: str) -> list[float]:
    """Return the instants at which a clock in a zone shows this: none, one or two."""
    told = datetime.fromisoformat(text)
    if told.tzinfo is not None:
        return [told.timestamp()]
    place = ZoneInfo(zone)
    both = [told.replace(tzinfo=place, fold=fold).timestamp() for fold in (0, 1)]
    shown = {one for one in both if datetime.fromtimestamp(one, place).replace(tzinfo=None) == told}
    return sorted(shown)
    ### END SOLUTION


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
