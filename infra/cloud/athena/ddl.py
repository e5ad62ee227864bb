"""Statements that change or show the catalog, as calls of Glue.

Limit: no ALTER TABLE beyond partitions, location, properties and new columns; DROP leaves the data.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from infra.cloud.athena import catalog as glue
from infra.cloud.athena import plan, statements, values
from infra.cloud.athena.asks import Refused
from infra.cloud.athena.catalog import Catalog
from infra.cloud.athena.failures import QueryError, execution, semantic
from infra.cloud.athena.statements import Statement

Rows = tuple[list[str], list[list[str]]]
Columns = Callable[[exp.Expr], list[tuple[str, str]]]
NOTHING: Rows = ([], [])
_KEPT = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys",
         "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters")  # fmt: skip


def answer(catalog: Catalog, statement: Statement, columns_of: Columns) -> Rows:
    """Carry out a statement and return what it shows: names of columns, lines."""
    if statement.kind == "create_view":
        return _create_view(catalog, statement, columns_of)
    return _ANSWERS[statement.kind](catalog, statement)


def _database(catalog: Catalog, statement: Statement) -> str:
    return statement.database or catalog.database


def _create_table(catalog: Catalog, statement: Statement) -> Rows:
    database = _database(catalog, statement)
    if catalog.exists(database, statement.name):
        if statement.lenient:
            return NOTHING
        raise execution(
            f"AlreadyExistsException: Table {statement.name} already exists"
        )
    catalog.wire.glue("create_table", DatabaseName=database, TableInput=statement.table)
    return NOTHING


def _drop_table(catalog: Catalog, statement: Statement) -> Rows:
    database = _database(catalog, statement)
    if not catalog.exists(database, statement.name):
        if statement.lenient:
            return NOTHING
        raise semantic(f"[Error 10001]: Table not found {statement.name}")
    if glue.is_view(catalog.table(database, statement.name)) != (statement.kind == "drop_view"):
        other = "a view" if statement.kind == "drop_table" else "no view"
        raise semantic(f"{database}.{statement.name} is {other}")
    catalog.wire.glue("delete_table", DatabaseName=database, Name=statement.name)
    return NOTHING


def _create_view(catalog: Catalog, statement: Statement, columns_of: Columns) -> Rows:
    database = _database(catalog, statement)
    there = catalog.exists(database, statement.name)
    if there and not statement.lenient:
        raise QueryError(
            "TABLE_ALREADY_EXISTS", f"line 1:1: View already exists: '{statement.name}'"
        )
    found = columns_of(plan.parse(statement.rest))
    typed = [(column.lower(), values.kind(kind)[0]) for column, kind in found]
    table = {
        "Name": statement.name, "TableType": "VIRTUAL_VIEW", "PartitionKeys": [],
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": glue.view_text(statement.rest, database, typed),
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [{"Name": c.lower(), "Type": glue.hive_type(t)} for c, t in found],
            "Location": "", "SerdeInfo": {},
        },
    }
    catalog.wire.glue(
        "update_table" if there else "create_table", DatabaseName=database, TableInput=table
    )
    return NOTHING


def _create_database(catalog: Catalog, statement: Statement) -> Rows:
    import re

    wanted: dict[str, Any] = {"Name": statement.name}
    comment = re.search(r"COMMENT\s+'([^']*)'", statement.rest, re.I)
    location = re.search(r"LOCATION\s+'([^']*)'", statement.rest, re.I)
    if comment:
        wanted["Description"] = comment[1]
    if location:
        wanted["LocationUri"] = location[1]
    try:
        catalog.wire.glue("create_database", DatabaseInput=wanted)
    except Refused as refused:
        if refused.code != "AlreadyExistsException" or not statement.lenient:
            raise execution(
            f"{refused.code}: Database {statement.name} already exists"
            ) from None
    return NOTHING


def _drop_database(catalog: Catalog, statement: Statement) -> Rows:
    try:
        rows = catalog.wire.glue("get_tables", DatabaseName=statement.name)["TableList"]
    except Refused:
        if statement.lenient:
            return NOTHING
        raise semantic(f"Database not found {statement.name}") from None
    if rows and statement.rest.upper() != "CASCADE":
        raise execution(
            f"InvalidOperationException: Database {statement.name} is not empty"
        )
    catalog.wire.glue("delete_database", Name=statement.name)
    return NOTHING


# ---------------------------------------------------------------- partitions


def _partitioned(catalog: Catalog, statement: Statement) -> tuple[dict[str, Any], list[str]]:
    table = catalog.table(_database(catalog, statement), statement.name)
    names = list(glue.keys(table))
    if not names:
        raise semantic(f"Table {statement.name} is not a partitioned table")
    return table, names


def _msck(catalog: Catalog, statement: Statement) -> Rows:
    """Add every Hive-style folder below the table's location that the catalog lacks."""
    table, names = _partitioned(catalog, statement)
    base = glue.storage(table).get("Location", "")
    base = base if base.endswith("/") else base + "/"
    prefix = base.removeprefix("s3://").partition("/")[2]
    known = {tuple(p["Values"]) for p in catalog.partitions(table)}
    new: dict[tuple[str, ...], str] = {}
    for one in catalog.wire.objects(base):
        path = one["key"].removeprefix(prefix).rpartition("/")[0]
        path = "/".join(path.split("/")[: len(names)])
        found = glue.values_of(path, names)
        if found is not None and tuple(found) not in known:
            new[tuple(found)] = f"{base}{path}/"
    catalog.add_partitions(table, [(list(v), where) for v, where in new.items()])
    title = f"{table['Name']}:"
    paths = [where[len(base):-1] for where in new.values()]
    missing = ["Partitions not in metastore:" + "".join(f"\t{title}{p}" for p in paths)]
    said = [f"Repair: Added partition to metastore {title}{path}" for path in paths]
    return ["result"], [[line] for line in [*(missing if paths else []), *said]]


def _add_partition(catalog: Catalog, statement: Statement) -> Rows:
    table, names = _partitioned(catalog, statement)
    base = glue.storage(table).get("Location", "").rstrip("/") + "/"
    wanted = [
        (v, where or base + glue.folder(names, v))
        for v, where in statements.partitions(statement.rest, names)
    ]
    known = {tuple(p["Values"]) for p in catalog.partitions(table)}
    clash = [v for v, _ in wanted if tuple(v) in known]
    if clash and not statement.lenient:
        raise semantic(
            f"AlreadyExistsException: Partition {clash[0]} already exists"
        )
    catalog.add_partitions(table, [one for one in wanted if tuple(one[0]) not in known])
    return NOTHING


def _drop_partition(catalog: Catalog, statement: Statement) -> Rows:
    table, names = _partitioned(catalog, statement)
    known = {tuple(p["Values"]) for p in catalog.partitions(table)}
    for found, _ in statements.partitions(statement.rest, names):
        if tuple(found) not in known:
            if statement.lenient:
                continue
            raise semantic(f"Partition not found {found}")
        catalog.wire.glue(
            "delete_partition", DatabaseName=table["DatabaseName"], TableName=table["Name"],
            PartitionValues=found,
        )
    return NOTHING


# ---------------------------------------------------------------- alterations


def _change(
    catalog: Catalog, statement: Statement, change: Callable[[dict[str, Any]], None]
) -> Rows:
    table = catalog.table(_database(catalog, statement), statement.name)
    wanted = {k: table[k] for k in _KEPT if table.get(k) is not None}
    change(wanted)
    catalog.wire.glue("update_table", DatabaseName=table["DatabaseName"], TableInput=wanted)
    return NOTHING


def _set_location(catalog: Catalog, statement: Statement) -> Rows:
    return _change(
        catalog, statement, lambda t: t["StorageDescriptor"].update(Location=statement.rest)
    )


def _set_properties(catalog: Catalog, statement: Statement) -> Rows:
    found = statements.pairs(statement.rest)
    return _change(
        catalog, statement, lambda t: t.update(Parameters=t.get("Parameters", {}) | found)
    )


def _add_columns(catalog: Catalog, statement: Statement) -> Rows:
    made = statements.read(
        f"CREATE EXTERNAL TABLE x ({statement.rest}) STORED AS PARQUET LOCATION 's3://x/'"
    ).table["StorageDescriptor"]["Columns"]

    def append(table: dict[str, Any]) -> None:
        table["StorageDescriptor"]["Columns"] = [*table["StorageDescriptor"]["Columns"], *made]

    return _change(catalog, statement, append)


# ---------------------------------------------------------------- lists


def _listed(rows: list[str], pattern: str) -> list[list[str]]:
    kept = rows if not pattern else [
        r for r in rows if any(fnmatch.fnmatchcase(r, p) for p in pattern.lower().split("|"))
    ]
    return [[one] for one in sorted(kept)]


def _tables(catalog: Catalog, statement: Statement) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = catalog.wire.glue(
            "get_tables", DatabaseName=statement.name or catalog.database
        )["TableList"]
    except Refused:
        raise semantic(
            f"[Error 10072]: Database does not exist: {statement.name}"
        ) from None
    return found


def _show_tables(catalog: Catalog, statement: Statement) -> Rows:
    return ["tab_name"], _listed([t["Name"] for t in _tables(catalog, statement)], statement.rest)


def _show_views(catalog: Catalog, statement: Statement) -> Rows:
    names = [t["Name"] for t in _tables(catalog, statement) if glue.is_view(t)]
    return ["views"], _listed(names, statement.rest)


def _show_databases(catalog: Catalog, statement: Statement) -> Rows:
    found = catalog.wire.glue("get_databases")["DatabaseList"]
    return ["database_name"], _listed([d["Name"] for d in found], statement.rest)


def _show_partitions(catalog: Catalog, statement: Statement) -> Rows:
    table, names = _partitioned(catalog, statement)
    rows = [glue.folder(names, p["Values"])[:-1] for p in catalog.partitions(table)]
    return ["partition"], [[row] for row in sorted(rows)]


def _show_columns(catalog: Catalog, statement: Statement) -> Rows:
    table = catalog.table(_database(catalog, statement), statement.name)
    return ["field"], [[c] for c in [*glue.columns(table), *glue.keys(table)]]


def _show_properties(catalog: Catalog, statement: Statement) -> Rows:
    table = catalog.table(_database(catalog, statement), statement.name)
    found = table.get("Parameters") or {}
    return ["prpt_name", "prpt_value"], [[k, str(v)] for k, v in sorted(found.items())]


def _describe(catalog: Catalog, statement: Statement) -> Rows:
    table = catalog.table(_database(catalog, statement), statement.name)
    stored, keys = glue.columns(table), glue.keys(table)
    rows = [[c, t, ""] for c, t in (stored | keys).items()]
    if keys:
        rows += [["", "", ""], ["# Partition Information", "", ""],
                 ["# col_name", "data_type", "comment"], *([c, t, ""] for c, t in keys.items())]
    return ["col_name", "data_type", "comment"], rows


def _show_create(catalog: Catalog, statement: Statement) -> Rows:
    table = catalog.table(_database(catalog, statement), statement.name)
    title = f"`{table['DatabaseName']}`.`{table['Name']}`"
    if glue.is_view(table):
        lines = [f"CREATE VIEW {title} AS", *glue.view_sql(table).splitlines()]
        return ["createtab_stmt"], [[line] for line in lines]
    storage = glue.storage(table)
    serde = storage.get("SerdeInfo") or {}
    lines = [f"CREATE EXTERNAL TABLE {title}(", *_definitions(glue.columns(table))]
    if glue.keys(table):
        lines += ["PARTITIONED BY (", *_definitions(glue.keys(table))]
    lines += [
        f"ROW FORMAT SERDE '{serde.get('SerializationLibrary', '')}'",
        f"STORED AS INPUTFORMAT '{storage.get('InputFormat', '')}'",
        f"OUTPUTFORMAT '{storage.get('OutputFormat', '')}'",
        f"LOCATION '{storage.get('Location', '')}'",
    ]
    return ["createtab_stmt"], [[line] for line in lines]


def _definitions(found: dict[str, str]) -> list[str]:
    last = len(found) - 1
    return [f"  `{c}` {t}{')' if i == last else ','}" for i, (c, t) in enumerate(found.items())]


_ANSWERS: dict[str, Callable[[Catalog, Statement], Rows]] = {
    "create_table": _create_table, "drop_table": _drop_table, "drop_view": _drop_table,
    "create_database": _create_database, "drop_database": _drop_database, "msck": _msck,
    "add_partition": _add_partition, "drop_partition": _drop_partition,
    "set_location": _set_location, "set_properties": _set_properties,
    "add_columns": _add_columns, "show_tables": _show_tables, "show_views": _show_views,
    "show_databases": _show_databases, "show_partitions": _show_partitions,
    "show_columns": _show_columns, "show_properties": _show_properties, "describe": _describe,
    "show_create": _show_create,
}  # fmt: skip
