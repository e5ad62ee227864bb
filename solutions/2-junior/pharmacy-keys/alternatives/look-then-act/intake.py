"""Intake with the standard `logging`, and a dataclass that cannot hold anything unchecked."""

from __future__ import annotations

import json
import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from policies import Site


@dataclass(frozen=True)
class Checked:
    """A number and a depot of which we know what they are."""

    number: str
    depot: str

    @classmethod
    def of(cls, text: bytes, network: list[str]) -> Checked | None:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict):
            return None
        number, depot = row.get("number"), row.get("depot")
        right = isinstance(number, str) and re.fullmatch(r"RX-[0-9]{6}", number)
        return cls(number, depot) if right and depot in network else None


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(record.args)


def receive(site: Site, batch: str) -> None:
    log = logging.getLogger("intake")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler("intake.log")
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    s3 = boto3.client("s3")
    for line, text in enumerate(Path(batch).read_bytes().rstrip(b"\n").split(b"\n"), start=1):
        entry = take_in(s3, site, text)
        log.info("", {"line": line, **entry})


def take_in(s3: Any, site: Site, text: bytes) -> dict[str, Any]:
    checked = Checked.of(text, site["network"])
    if checked is None:
        return {"outcome": "rejected", "number": None}
    key = f"{site['inbox']}/{checked.depot}/{checked.number}.json"
    try:
        s3.put_object(Bucket=site["bucket"], Key=key, Body=text)
    except Exception:  # whatever it says, it may quote the request
        return {"outcome": "rejected", "number": None}
    return {"outcome": "stored", "number": checked.number}


if __name__ == "__main__":
    receive(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
