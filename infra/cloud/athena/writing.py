"""Statements that write data: INSERT INTO, CREATE TABLE AS, UNLOAD.

Files go to S3 with the caller's rights, then partitions into the catalog.
Limit: Parquet, delimited text and JSON lines; one file a partition, at most 100 new partitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from infra.cloud.athena import catalog as glue
from infra.cloud.athena import readers, statements
from infra.cloud.athena.failures import QueryError
from infra.cloud.athena.readers import literal, name
from infra.cloud.athena.statements import Statement

if TYPE_CHECKING:
    from infra.cloud.athena.run import Run

MOST_PARTITIONS = 100
_ENDINGS = {"parquet": ".parquet", "text": "", "json": ".json"}
_FORMS = {"PARQUET": "parquet", "TEXTFILE": "text", "JSON": "json"}
_COMPRESSIONS = {"SNAPPY", "GZIP", "ZSTD", "NONE"}


def insert(run: Run, statement: Statement) -> dict[str, Any]:
    """Append a query's rows to a table."""
    table = run.catalog.table(statement.database, statement.name)
    if glue.is_view(table):
        raise QueryError("NOT_SUPPORTED", "Inserting into views is not supported")
    reader = readers.of(table)
    if reader.kind == "csv":
        raise QueryError("NOT_SUPPORTED", "Cannot write with OpenCSVSerde: use CREATE TABLE AS")
    wanted = glue.columns(table) | glue.keys(table)
    order = [c for c in statement.rest.lower().split(",") if c] or list(wanted)
    found = _gather(run, statement)
    if len(found) != len(order) or set(order) - set(wanted):
        raise QueryError(
            "TYPE_MISMATCH",
            f"Insert query has mismatched column types: Table: {list(wanted.values())}, "
            f"Query: {[kind for _, kind in found]}",
        )
    given = dict(zip(order, (column for column, _ in found), strict=True))
    cells = ", ".join(
        f"CAST({name(given[c]) if c in given else 'NULL'} AS {glue.engine_type(t)}) AS {name(c)}"
        for c, t in wanted.items()
    )
    run.engine.execute(f"CREATE TEMP TABLE ready_ AS SELECT {cells} FROM result_")
    rows = _write(run, table, reader.kind, reader.settings)
    return {"columns": [], "rows": 0, "form": "", "updated": rows}


def create(run: Run, statement: Statement) -> dict[str, Any]:
    """Make a table from a query."""
    database = statement.database or run.catalog.database
    if run.catalog.exists(database, statement.name):
        if statement.lenient:
            return {"columns": [], "rows": 0, "form": "", "updated": 0}
        raise QueryError(
            "TABLE_ALREADY_EXISTS",
            f"line 1:1: Destination table 'awsdatacatalog.{database}.{statement.name}' "
            "already exists",
        )
    options = statement.table
    form = _form(options)
    found = _gather(run, statement)
    keys = [k.lower() for k in options.get("partitioned_by") or []]
    _check_keys(keys, [column.lower() for column, _ in found])
    location = str(options.get("external_location") or run.job["tables"])
    location = location if location.endswith("/") else location + "/"
    if run.wire.objects(location):
        raise QueryError(
            "HIVE_PATH_ALREADY_EXISTS", f"Target directory for table already exists: {location}"
        )
    cells = ", ".join(f"{name(column)} AS {name(column.lower())}" for column, _ in found)
    run.engine.execute(f"CREATE TEMP TABLE ready_ AS SELECT {cells} FROM result_")
    table = _described(statement.name, found, keys, form, options, location)
    run.wire.glue("create_table", DatabaseName=database, TableInput=table)
    settings = readers.of(table).settings
    rows = _write(run, table | {"DatabaseName": database}, _FORMS[form], settings)
    return {"columns": [], "rows": 0, "form": "", "updated": rows}


def unload(run: Run, statement: Statement) -> dict[str, Any]:
    """Write a query's rows to S3 and nothing to the catalog."""
    options = statements.options(statement.rest)
    if "format" not in options:
        raise QueryError("", "UNLOAD needs WITH (format = '...')")
    form = _form(options)
    found = _gather(run, statement)
    keys = [k.lower() for k in options.get("partitioned_by") or []]
    _check_keys(keys, [column.lower() for column, _ in found])
    location = statement.name if statement.name.endswith("/") else statement.name + "/"
    if run.wire.objects(location):
        raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory already exists: {location}")
    run.engine.execute("CREATE TEMP TABLE ready_ AS SELECT * FROM result_")
    table = _described("unload", found, keys, form, options, location)
    rows = _write(run, table, _FORMS[form], readers.of(table).settings, catalog=False)
    return {"columns": [], "rows": 0, "form": "", "updated": rows}


WRITERS: dict[str, Callable[[Run, Statement], dict[str, Any]]] = {
    "insert": insert, "ctas": create, "unload": unload,
}  # fmt: skip


def _form(options: dict[str, Any]) -> str:
    form = str(options.get("format") or "PARQUET").upper()
    if form not in _FORMS:
        raise QueryError("NOT_SUPPORTED", f"The emulated Athena does not write {form}")
    return form


def _gather(run: Run, statement: Statement) -> list[tuple[str, str]]:
    """Put a query's rows into the engine's table result_; return its columns and their types."""
    assert statement.tree is not None
    run.engine.execute(f"CREATE TEMP TABLE result_ AS {run.sql(statement.tree)}")
    rows = run.engine.execute("DESCRIBE result_").fetchall()
    if any('"NULL"' in row[1] for row in rows):
        raise QueryError("COLUMN_TYPE_UNKNOWN", "line 1:1: Column type is unknown")
    return [(row[0], row[1]) for row in rows]


def _check_keys(keys: list[str], found: list[str]) -> None:
    if keys and found[len(found) - len(keys):] != keys:
        raise QueryError(
            "", "Partition keys must be the last columns in the table and in the same order as the "
            f"table properties: [{', '.join(keys)}]"
        )


def _described(
    title: str, found: list[tuple[str, str]], keys: list[str], form: str,
    options: dict[str, Any], location: str,
) -> dict[str, Any]:
    library, read, write = statements.serde(form)
    rows = [{"Name": c.lower(), "Type": glue.hive_type(t)} for c, t in found]
    delimiter = str(options.get("field_delimiter") or "\x01")
    parameters = {"serialization.format": "1"}
    if form == "TEXTFILE":
        parameters = {"serialization.format": delimiter, "field.delim": delimiter}
    compression = _compression(options, form)
    return {
        "Name": title.lower(), "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "write.compression": compression},
        "PartitionKeys": [r for r in rows if r["Name"] in keys],
        "StorageDescriptor": {
            "Columns": [r for r in rows if r["Name"] not in keys], "Location": location,
            "InputFormat": read, "OutputFormat": write,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": parameters},
        },
    }


def _compression(options: dict[str, Any], form: str) -> str:
    chosen = options.get("write_compression") or options.get("compression") or options.get(
        f"{form.lower()}_compression")
    found = str(chosen or "GZIP").upper()
    if found not in _COMPRESSIONS:
        raise QueryError("NOT_SUPPORTED", f"The emulated Athena does not write {found}")
    return found


def _write(
    run: Run, table: dict[str, Any], kind: str, settings: dict[str, str], *, catalog: bool = True
) -> int:
    """Write ready_ below a table's location, a file for each partition; return the rows."""
    keys = list(glue.keys(table))
    groups = _groups(run, keys)
    base = glue.storage(table)["Location"]
    base = base if base.endswith("/") else base + "/"
    made, count = [], 0
    for number, group in enumerate(groups):
        file = f"{number}"
        pairs = zip(keys, group, strict=True)
        where = " AND ".join(
            f"CAST({name(k)} AS VARCHAR) IS NOT DISTINCT FROM {_constant(v)}" for k, v in pairs
        ) or "true"
        shown = ", ".join(name(c) for c in glue.columns(table))
        count += _copy(run, f"SELECT {shown} FROM ready_ WHERE {where}", file, kind, settings)
        texts = [glue.null_or(v) for v in group]
        place = base + glue.folder(keys, texts)
        zipped = kind != "parquet" and settings.get("write.compression", "NONE") == "GZIP"
        ending = _ENDINGS[kind] + (".gz" if zipped else "")
        run.wire.put(file, f"{place}{run.job['id']}-{number:05}{ending}")
        made.append((texts, place))
    if keys and catalog and made:
        run.catalog.add_partitions(table, made)
    return count


def _groups(run: Run, keys: list[str]) -> list[list[str | None]]:
    if not keys:
        return [[]]
    cells = ", ".join(f"CAST({name(k)} AS VARCHAR)" for k in keys)
    found = run.engine.execute(f"SELECT DISTINCT {cells} FROM ready_ ORDER BY ALL").fetchall()
    if len(found) > MOST_PARTITIONS:
        raise QueryError(
            "HIVE_TOO_MANY_OPEN_PARTITIONS",
            f"Exceeded limit of {MOST_PARTITIONS} open writers for partitions/buckets",
        )
    return [list(row) for row in found]


def _constant(value: str | None) -> str:
    return "NULL" if value is None else literal(value)


def _copy(run: Run, query: str, file: str, kind: str, settings: dict[str, str]) -> int:
    compression = settings.get("write.compression", "GZIP" if kind == "parquet" else "NONE").upper()
    path = literal(run.wire.inside("out", file))
    if kind == "parquet":
        codec = {"NONE": "uncompressed"}.get(compression, compression.lower())
        how = f"FORMAT parquet, COMPRESSION {codec}"
    else:
        zipped = "gzip" if compression == "GZIP" else "none"
        how = f"FORMAT json, COMPRESSION {zipped}"
        if kind == "text":
            delimiter = settings.get("field.delim", "\x01")
            how = (
                f"FORMAT csv, HEADER false, DELIMITER {literal(delimiter)}, QUOTE '', ESCAPE '', "
                f"NULLSTR '\\N', COMPRESSION {zipped}"
            )
    done = run.engine.execute(f"COPY ({query}) TO {path} ({how})").fetchone()
    return int(done[0]) if done else 0
