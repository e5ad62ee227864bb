"""The ledger in two drawers: what was begun, and what became of it.

    python lineage.py questions.json answers.json

`begun/N` says what release N wants and which promotions will stand when it is done; `ended/N` says
whether it came true, and whoever writes it first is believed.
"""

from __future__ import annotations

import json
import sys
from bisect import bisect_right
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import gate
from botocore.exceptions import ClientError
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

QUARTERS = [timedelta(minutes=15 * n) for n in range(-64, 65)]  # more than any zone is off


class Release(NamedTuple):
    """One release that came true."""

    at: float
    facts: dict[str, Any]


class Drawers:
    """The ledger's bucket."""

    def __init__(self) -> None:
        self.names, self.s3 = gate.site(), gate.client("s3")
        self.begun, self.ended = self._all("begun/"), self._all("ended/")

    def _all(self, prefix: str) -> dict[int, Any]:
        found, token = {}, {}
        while True:
            page = self.s3.list_objects_v2(Bucket=self.names["ledger"], Prefix=prefix, **token)
            for one in page.get("Contents", []):
                body = self.s3.get_object(Bucket=self.names["ledger"], Key=one["Key"])["Body"]
                found[int(one["Key"].removeprefix(prefix))] = json.loads(body.read())
            if not page.get("IsTruncated"):
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def put(self, key: str, entry: Any) -> bool:
        """Add an entry; return whether it was the first of that name."""
        body = json.dumps(entry).encode()
        try:
            self.s3.put_object(Bucket=self.names["ledger"], Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412:
                return False
            raise
        return True

    def outcome(self, number: int) -> bool:
        """Return whether a release came true; of the newest one the alias may have to tell."""
        if number in self.ended:
            return bool(self.ended[number])
        try:
            found = MlflowClient().get_model_version_by_alias(self.names["model"], "live").version
        except MlflowException:
            return False
        return int(found) == self.begun[number]["standing"][-1]["version"]

    def standing(self) -> list[dict[str, Any]]:
        """Return the promotions that stand, the live one last."""
        for number in sorted(self.begun, reverse=True):
            if self.outcome(number):
                found: list[dict[str, Any]] = self.begun[number]["standing"]
                return found
        return []

    def releases(self) -> list[Release]:
        """Return what came true, in order."""
        return [
            Release(entry["at"], entry["standing"][-1])
            for number, entry in sorted(self.begun.items())
            if self.outcome(number)
        ]


def instants(text: str, zone: str) -> list[float]:
    """Return the instants at which a wall shows this: try every offset there could be."""
    told = datetime.fromisoformat(text)
    if told.utcoffset() is not None:
        return [told.timestamp()]
    tried = (told.replace(tzinfo=timezone(off)) for off in QUARTERS if abs(off) < timedelta(days=1))
    place = ZoneInfo(zone)
    return sorted(
        one.timestamp() for one in tried if one.astimezone(place).replace(tzinfo=None) == told
    )


def at(text: str, zone: str, releases: list[Release] | None = None) -> list[dict[str, Any] | None]:
    """Return what was live at each moment that this can mean."""
    known = Drawers().releases() if releases is None else releases
    begins = [one.at for one in known]
    places = [bisect_right(begins, moment) for moment in instants(text, zone)]
    return [known[place - 1].facts if place else None for place in places]


def spans(version: int, releases: list[Release] | None = None) -> list[list[str | None]]:
    """Return from when to when a version was live, as a clock in Copenhagen says it."""
    known = Drawers().releases() if releases is None else releases
    zone = ZoneInfo("Europe/Copenhagen")
    texts: list[str | None] = [datetime.fromtimestamp(one.at, zone).isoformat() for one in known]
    both = zip(known, texts, [*texts[1:], None], strict=True)
    return [[begin, end] for one, begin, end in both if one.facts["version"] == version]


def main(asked: Path, told: Path) -> None:
    """Answer a list of questions."""
    known = Drawers().releases()
    answers: list[Any] = []
    for one in json.loads(asked.read_text(encoding="utf-8")):
        if "version" in one:
            answers.append(spans(one["version"], known))
        else:
            answers.append(at(one["at"], one["zone"], known))
    told.write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
