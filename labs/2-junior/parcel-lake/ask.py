"""Ask Athena, and say what the answer costs, here and at Larkmoor's size.

    python ask.py "SELECT count(*) FROM scans WHERE day = DATE '2026-02-03'"

Given; not yours to change.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import boto3

SITE: dict[str, str] = json.loads(Path("site.json").read_text())
SIZE = 3_000  # your 4,200 parcels are one in so many
DOLLARS, LEAST = 5 / 2**40, 10 * 2**20  # a byte, us-east-1; bytes that any question is charged


def price(scanned: int) -> float:
    """Return what a question costs at Larkmoor's size, in dollars."""
    return max(scanned * SIZE, LEAST) * DOLLARS


def main(sql: str) -> int:
    """Ask, print rows, bytes and dollars."""
    athena = boto3.client("athena")
    number = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": SITE["database"]},
        ResultConfiguration={"OutputLocation": SITE["results"]},
    )["QueryExecutionId"]
    while True:
        found = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]
        if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.1)
    if found["Status"]["State"] != "SUCCEEDED":
        print(found["Status"].get("StateChangeReason", found["Status"]["State"]))
        return 1
    rows = athena.get_query_results(QueryExecutionId=number, MaxResults=30)["ResultSet"]["Rows"]
    for row in rows:
        print(*(cell.get("VarCharValue", "") for cell in row["Data"]), sep="\t")
    scanned = found["Statistics"]["DataScannedInBytes"]
    if scanned:
        print(f"{scanned:,} bytes scanned; at Larkmoor's size ${price(scanned):.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
