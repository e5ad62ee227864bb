"""Receive a batch of prescriptions: store each one, log each one, tell the log nothing personal.

    python intake.py site.json batch.jsonl

Stores what is well formed and goes on past what is not. Does not look at what it stored.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from policies import Site

NUMBER = re.compile(r"RX-[0-9]{6}")


def receive(site: Site, batch: str, log: str = "intake.log") -> None:
    """Take in the batch's lines, in order; add one line of JSON for each to the log."""
    s3 = boto3.client("s3")
    with Path(batch).open("rb") as lines, Path(log).open("a") as entries:
        for line, text in enumerate(lines, start=1):
            entry = {"line": line} | take_in(s3, site, text.removesuffix(b"\n"))
            entries.write(json.dumps(entry) + "\n")


def take_in(s3: Any, site: Site, text: bytes) -> dict[str, Any]:
    """Store one prescription for its depot, and say what the log may know of it."""
    # TODO: name nothing in the entry that has not been checked
    raise NotImplementedError


if __name__ == "__main__":
    receive(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
