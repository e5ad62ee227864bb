"""The batch job with table columns: pandas reads texts only, the numbers are made by Python.

    python batch.py s3://bucket/prefix/
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import boto3
import neighbours
import pandas as pd
from core import Refused, Scorer, read

WHOLE, BROKEN = ("parcel", "hour", "load_pct"), ("weight_kg", "distance_km")


class Loads(dict[tuple[str, str], int]):
    """What the board said; what it was not asked yet, it is asked."""

    def __missing__(self, key: tuple[str, str]) -> int:
        self[key] = neighbours.load(*key)
        return self[key]


def typed(row: dict[str, str]) -> dict[str, Any]:
    """Return a row with numbers where numbers belong; a text that is none stays."""
    found: dict[str, Any] = dict(row)
    for names, kind in ((WHOLE, int), (BROKEN, float)):
        for name in names:
            try:
                found[name] = kind(row[name])
            except ValueError:
                found[name] = row[name] or None
    return found


def answer(row: dict[str, str], scorer: Scorer, loads: Loads) -> str:
    """Return the line for one row."""
    try:
        made = scorer.answer(read(typed(row)), lambda depot, day: loads[depot, day])
    except Refused as error:
        made = {"refused": error.field}
    return json.dumps(made)


def main(url: str) -> int:
    """Do what is left of a batch."""
    bucket_name, _, prefix = url.removeprefix("s3://").partition("/")
    bucket = boto3.resource("s3").Bucket(bucket_name)
    keys = {item.key.removeprefix(prefix) for item in bucket.objects.filter(Prefix=prefix)}
    wanted = {f"out/{key[3:-4]}.jsonl": key for key in sorted(keys) if key.startswith("in/")}
    if "out/_SUCCESS" in keys:
        return 0
    scorer, loads = Scorer(neighbours.model()), Loads()
    for target, source in wanted.items():
        if target not in keys:
            data = bucket.Object(prefix + source).get()["Body"].read()
            table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
            lines = [answer(row, scorer, loads) + "\n" for row in table.to_dict("records")]
            bucket.put_object(Key=prefix + target, Body="".join(lines).encode())
    bucket.put_object(Key=prefix + "out/_SUCCESS", Body=b"")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
