"""A small lake for the tests of Athena and Glue: two buckets, a database, queries that wait."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from infra.cloud.fixtures import Cloud, Identity

RESULTS = "s3://results/"
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}


@dataclass
class Asked:
    """A query that has ended: what the API says of it, and its rows without the header."""

    execution: dict[str, Any]
    rows: list[list[str | None]]
    columns: list[dict[str, Any]]

    @property
    def state(self) -> str:
        """How it ended."""
        return str(self.execution["Status"]["State"])

    @property
    def reason(self) -> str:
        """Why."""
        return str(self.execution["Status"].get("StateChangeReason", ""))

    @property
    def scanned(self) -> int:
        """The bytes it read."""
        return int(self.execution["Statistics"]["DataScannedInBytes"])


class Lake:
    """A cloud with buckets `lake` and `results` and the database `db`."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        for name in ("lake", "results"):
            cloud.bucket(name)
        self.s3, self.glue = cloud.client("s3"), cloud.client("glue")
        self.athena = cloud.client("athena")
        self.glue.create_database(DatabaseInput={"Name": "db"})

    def put(self, key: str, body: bytes | str) -> None:
        """Put an object into the lake."""
        self.s3.put_object(Bucket="lake", Key=key, Body=body)

    def start(self, sql: str, who: Identity | None = None, **more: Any) -> str:
        """Start a query."""
        athena = self.cloud.client("athena", who) if who else self.athena
        more.setdefault("ResultConfiguration", {"OutputLocation": RESULTS})
        started = athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": "db"}, **more
        )
        return str(started["QueryExecutionId"])

    def wait(self, query: str) -> dict[str, Any]:
        """Return what the API says of a query once it has ended."""
        until = time.monotonic() + 150
        while time.monotonic() < until:
            found = self.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if found["Status"]["State"] in ENDED:
                return dict(found)
            time.sleep(0.02)
        raise TimeoutError(f"{query} does not end")

    def ask(self, sql: str, who: Identity | None = None, **more: Any) -> Asked:
        """Run a query to its end."""
        query = self.start(sql, who, **more)
        execution = self.wait(query)
        if execution["Status"]["State"] != "SUCCEEDED":
            return Asked(execution, [], [])
        found = self.athena.get_query_results(QueryExecutionId=query)
        rows = [[c.get("VarCharValue") for c in r["Data"]] for r in found["ResultSet"]["Rows"]]
        columns = found["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        header = execution["StatementType"] == "DML" and columns
        return Asked(execution, rows[1:] if header else rows, columns)

    def rows(self, sql: str, **more: Any) -> list[list[str | None]]:
        """Run a query that must succeed and return its rows."""
        done = self.ask(sql, **more)
        assert done.state == "SUCCEEDED", f"{sql}: {done.reason}"
        return done.rows

    def reason(self, sql: str, **more: Any) -> str:
        """Run a query that must fail and return why."""
        done = self.ask(sql, **more)
        assert done.state == "FAILED", f"{sql}: {done.state}"
        return done.reason

    def scan(self, sql: str) -> int:
        """Run a query that must succeed and return the bytes it read."""
        done = self.ask(sql)
        assert done.state == "SUCCEEDED", f"{sql}: {done.reason}"
        return done.scanned
