"""Make the lake a table, and tell the catalog of days that it does not know. May be run any time.

    python catalog.py

Names stand in site.json, the cloud and the role in the environment.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import boto3

SITE: dict[str, str] = json.loads(Path("site.json").read_text())


def run(athena: Any, statement: str) -> None:
    """Run one statement. RuntimeError: Athena says why it failed."""
    number = athena.start_query_execution(
        QueryString=statement, ResultConfiguration={"OutputLocation": SITE["results"]}
    )["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.1)
    if status["State"] != "SUCCEEDED":
        raise RuntimeError(status.get("StateChangeReason", status["State"]))


def statements() -> list[str]:
    """Return what makes database and table, if they are not there, and registers every day."""
    ### BEGIN SOLUTION: the statements, in order
    table = f"{SITE['database']}.{SITE['table']}"
    return [
        f"CREATE DATABASE IF NOT EXISTS {SITE['database']}",
        f"""CREATE EXTERNAL TABLE IF NOT EXISTS {table} (
            scan string, parcel bigint, depot string, event string, at timestamp, battery int,
            photo string)
        PARTITIONED BY (day date)
        STORED AS PARQUET
        LOCATION 's3://{SITE['bucket']}/{SITE['prefix']}'""",
        f"MSCK REPAIR TABLE {table}",
    ]
    ### END SOLUTION


if __name__ == "__main__":
    athena = boto3.client("athena")
    for statement in statements():
        run(athena, statement)
