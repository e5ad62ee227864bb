"""Databases, tables, partitions and views, as the Glue catalog keeps them.

Limit: one catalog, AwsDataCatalog; names are compared in lower case, as Athena does.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from sqlglot import exp
from sqlglot.errors import SqlglotError

from infra.cloud.athena.asks import Refused, Wire
from infra.cloud.athena.failures import QueryError, at
from infra.cloud.athena.prune import NULL

VIEW = "/* Presto View: "


@dataclass
class Catalog:
    """What one query sees. `database` is the one that names without one mean."""

    wire: Wire
    database: str = "default"
    seen: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def table(self, database: str, name: str) -> dict[str, Any]:
        """Return a table. QueryError: it or its database is not there, or not allowed."""
        key = ((database or self.database).lower(), name.lower())
        if key not in self.seen:
            self.seen[key] = self._table(*key)
        return self.seen[key]

    def _table(self, database: str, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.wire.glue("get_table", DatabaseName=database, Name=name)
        except Refused as refused:
            if "Database" in refused.message:
                raise QueryError(
                    "SCHEMA_NOT_FOUND", at(1, 1, f"Schema '{database}' does not exist")
                ) from None
            raise QueryError(
                "TABLE_NOT_FOUND",
                at(1, 1, f"Table 'awsdatacatalog.{database}.{name}' does not exist"),
            ) from None
        return found["Table"]  # type: ignore[no-any-return]

    def exists(self, database: str, name: str) -> bool:
        """Whether a table is there. QueryError: its database is not, or it is not allowed."""
        try:
            self.table(database, name)
        except QueryError as error:
            if error.kind == "TABLE_NOT_FOUND":
                return False
            raise
        return True

    def partitions(self, table: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the partitions of a table: values and location."""
        found: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self.wire.glue(
                "get_partitions", DatabaseName=table["DatabaseName"], TableName=table["Name"],
                **more,
            )
            found += page["Partitions"]
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}

    def add_partitions(
        self, table: dict[str, Any], wanted: list[tuple[list[str], str]]
    ) -> None:
        """Add partitions by values and location; those that are there stay as they are."""
        rows = [
            {"Values": values, "StorageDescriptor": storage(table) | {"Location": location}}
            for values, location in wanted
        ]
        for start in range(0, len(rows), 100):
            self.wire.glue(
                "batch_create_partition", DatabaseName=table["DatabaseName"],
                TableName=table["Name"], PartitionInputList=rows[start:start + 100],
            )


def storage(table: dict[str, Any]) -> dict[str, Any]:
    """Return where and how a table keeps its data."""
    found: dict[str, Any] = table.get("StorageDescriptor") or {}
    return found


def columns(table: dict[str, Any]) -> dict[str, str]:
    """Return the columns that are in a table's files, with their Hive types."""
    rows = storage(table).get("Columns") or []
    return {c["Name"].lower(): c.get("Type", "string") for c in rows}


def keys(table: dict[str, Any]) -> dict[str, str]:
    """Return the columns that a table is partitioned by, with their Hive types."""
    return {
        c["Name"].lower(): c.get("Type", "string") for c in table.get("PartitionKeys") or []
    }


def engine_type(hive: str) -> str:
    """Return DuckDB's name of a Hive type. QueryError: it is none."""
    try:
        return exp.DataType.build(hive, dialect="hive").sql("duckdb")
    except (SqlglotError, ValueError):
        raise QueryError("NOT_SUPPORTED", f"Unsupported Hive type: {hive}") from None


def hive_type(engine: str) -> str:
    """Return Hive's name of one of DuckDB's types."""
    if engine in {"HUGEINT", "UBIGINT", "UINTEGER"}:
        return "bigint"
    if engine == "TIMESTAMP WITH TIME ZONE":
        return "timestamp"
    name = exp.DataType.build(engine, dialect="duckdb").sql("hive").lower()
    return name.replace(": ", ":").replace(", ", ",")


def is_view(table: dict[str, Any]) -> bool:
    """Whether this is a view."""
    return table.get("TableType") == "VIRTUAL_VIEW"


def view_sql(table: dict[str, Any]) -> str:
    """Return the query behind a view. QueryError: it cannot be read."""
    text = table.get("ViewOriginalText") or ""
    try:
        data = json.loads(base64.b64decode(text.removeprefix(VIEW).removesuffix(" */")))
        return str(data["originalSql"])
    except (ValueError, KeyError, TypeError):
        raise QueryError("INVALID_VIEW", f"View '{table['Name']}' cannot be read") from None


def view_text(sql: str, database: str, found: list[tuple[str, str]]) -> str:
    """Return how a view is kept: its query and columns (name, Trino's type)."""
    data = {
        "originalSql": sql, "catalog": "awsdatacatalog", "schema": database,
        "columns": [{"name": name, "type": kind} for name, kind in found],
    }
    return f"{VIEW}{base64.b64encode(json.dumps(data).encode()).decode()} */"


def folder(names: list[str], values: list[str]) -> str:
    """Return the Hive path of a partition: k=v/k=v/."""
    return "".join(f"{k}={quote(v, safe=' -_.~@+,')}/" for k, v in zip(names, values, strict=True))


def values_of(path: str, names: list[str]) -> list[str] | None:
    """Return the values in a Hive path; None where it is not of these names."""
    parts = [part.split("=", 1) for part in path.strip("/").split("/")]
    if [p[0].lower() for p in parts] != names or any(len(p) != 2 for p in parts):
        return None
    return [unquote(value) for _, value in parts]


def null_or(value: str | None) -> str:
    """Return the text of a partition's value; NULL has a name of its own."""
    return NULL if value is None else value
