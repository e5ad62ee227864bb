"""How each format of a table's files is read: the engine's text for a view, and what it costs.

Limit: Parquet by name, LazySimple and OpenCSV text, JSON lines; escapes of LazySimple stay as they
are, complex types are read from Parquet and JSON only; lines of text of at most 2 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from infra.cloud.athena import catalog as glue
from infra.cloud.athena.failures import QueryError
from infra.cloud.athena.plan import Scan
from infra.cloud.athena.prune import NULL

_NOTHING = "\x01"
_WHOLE = {"TINYINT", "SMALLINT", "INT", "BIGINT"}


@dataclass(frozen=True)
class File:
    """One object of a table: where it lies here, its size in S3, its partition's values."""

    path: str
    size: int
    values: list[str]
    origin: str


@dataclass(frozen=True)
class Reader:
    """The format of a table and its settings."""

    kind: str
    settings: dict[str, str]


def literal(text: str) -> str:
    """Return a string as SQL."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """Return an identifier as SQL."""
    return '"' + text.replace('"', '""') + '"'


def of(table: dict[str, Any]) -> Reader:
    """Return how a table is read. QueryError: its SerDe is not among those known here."""
    storage = glue.storage(table)
    serde = storage.get("SerdeInfo") or {}
    library = serde.get("SerializationLibrary", "")
    settings = (table.get("Parameters") or {}) | (serde.get("Parameters") or {})
    for ending, kind in (
        ("ParquetHiveSerDe", "parquet"), ("LazySimpleSerDe", "text"), ("OpenCSVSerde", "csv"),
        ("JsonSerDe", "json"),
    ):
        if library.endswith(ending):
            return Reader(kind, {str(k): str(v) for k, v in settings.items()})
    raise QueryError(
        "HIVE_UNSUPPORTED_FORMAT", f"The emulated Athena reads no {library or 'such SerDe'}"
    )


def view(
    engine: Any, reader: Reader, scan: Scan, keys: dict[str, str], files: list[File]
) -> str:
    """Return the statement that makes a scan's view."""
    stored = {c: glue.engine_type(t) for c, t in glue.columns(scan.table).items()}
    if not files:
        every = stored | {k: glue.engine_type(t) for k, t in keys.items()}
        shown = ", ".join(f"CAST(NULL AS {t}) AS {name(c)}" for c, t in every.items())
        return f"CREATE TEMP VIEW {scan.name} AS SELECT {shown} WHERE false"
    build: Callable[..., str] = {
        "parquet": _parquet, "text": _text, "csv": _csv, "json": _json,
    }[reader.kind]
    source = build(engine, reader, stored, files)
    if not keys:
        return f"CREATE TEMP VIEW {scan.name} AS SELECT * EXCLUDE (file_) FROM ({source})"
    _partitions(engine, scan.name, files)
    cells = ", ".join(
        f"CAST(k.v[{i}] AS {glue.engine_type(t)}) AS {name(key)}"
        for i, (key, t) in enumerate(keys.items(), 1)
    )
    return (
        f"CREATE TEMP VIEW {scan.name} AS SELECT f.* EXCLUDE (file_), {cells} "
        f"FROM ({source}) f JOIN {scan.name}_k k ON f.file_ = k.file"
    )


def _partitions(engine: Any, scan: str, files: list[File]) -> None:
    engine.execute(f"CREATE TEMP TABLE {scan}_k (file VARCHAR, v VARCHAR[])")
    rows = [[f.path, [None if v == NULL else v for v in f.values]] for f in files]
    engine.executemany(f"INSERT INTO {scan}_k VALUES (?, ?)", rows)


def _paths(files: Iterable[File]) -> str:
    return "[" + ", ".join(literal(f.path) for f in files) + "]"


# ---------------------------------------------------------------- Parquet


def _parquet(engine: Any, reader: Reader, stored: dict[str, str], files: list[File]) -> str:
    groups: dict[tuple[tuple[str, str], ...], list[File]] = {}
    for one in files:
        groups.setdefault(_fields(engine, one), []).append(one)
    parts = [_group(dict(fields), stored, members) for fields, members in groups.items()]
    return " UNION ALL ".join(parts)


def _fields(engine: Any, file: File) -> tuple[tuple[str, str], ...]:
    """Return the columns of a file. QueryError: it is no Parquet."""
    import duckdb

    try:
        rows = engine.execute(
            f"DESCRIBE SELECT * FROM read_parquet({literal(file.path)})"
        ).fetchall()
    except duckdb.Error:
        raise QueryError(
            "HIVE_BAD_DATA", f"Not valid Parquet file: {file.origin} expected magic number: PAR1"
        ) from None
    return tuple((row[0], row[1]) for row in rows)


def _group(fields: dict[str, str], stored: dict[str, str], files: list[File]) -> str:
    spelled = {field.lower(): field for field in fields}
    cells = []
    for column, kind in stored.items():
        if column not in spelled:
            cells.append(f"CAST(NULL AS {kind}) AS {name(column)}")
            continue
        there = fields[spelled[column]]
        if not _reads(_class(there), _class(kind)):
            raise QueryError(
                "HIVE_BAD_DATA",
                f"Field {column}'s type {there} in parquet file {files[0].origin} is incompatible "
                f"with type {kind.lower()} defined in table schema",
            )
        cells.append(f"CAST({name(spelled[column])} AS {kind}) AS {name(column)}")
    shown = ", ".join([*cells, "filename AS file_"])
    return f"SELECT {shown} FROM read_parquet({_paths(files)}, filename=true)"


def _reads(there: str, wanted: str) -> bool:
    """Return whether a column of one class can be read as another."""
    numbers = ("integer", "decimal", "float")
    if there in numbers and wanted in numbers:
        return wanted != "integer" or there == "integer"
    return there == wanted


def _class(kind: str) -> str:
    """Return which types may stand for each other."""
    kind = kind.upper()
    if kind.endswith("]"):
        return "array"
    for start, found in (
        ("STRUCT", "row"), ("MAP", "map"), ("DECIMAL", "decimal"), ("TIMESTAMP", "timestamp"),
        ("TEXT", "text"), ("VARCHAR", "text"), ("CHAR", "text"), ("BOOL", "boolean"),
        ("DATE", "date"), ("TIME", "time"), ("BLOB", "bytes"), ("VARBINARY", "bytes"),
        ("FLOAT", "float"), ("DOUBLE", "float"), ("REAL", "float"),
    ):
        if kind.startswith(start):
            return found
    return "integer"


# ---------------------------------------------------------------- text


def _skipped(reader: Reader) -> int:
    count = reader.settings.get("skip.header.line.count", "0")
    return int(count) if count.isdigit() else 0


def _text(engine: Any, reader: Reader, stored: dict[str, str], files: list[File]) -> str:
    """Split lines where the delimiter stands, as LazySimple does: it knows no quotes."""
    settings = reader.settings
    delimiter = settings.get("field.delim") or settings.get("serialization.format") or "\x01"
    if delimiter == "1":
        delimiter = "\x01"
    null = settings.get("serialization.null.format", "\\N")
    lines = (
        f"SELECT str_split(line, {literal(delimiter)}) AS f, filename AS file_ FROM read_csv("
        f"{_paths(files)}, columns={{'line': 'VARCHAR'}}, delim='\x02\x03\x02', quote='', "
        f"escape='', nullstr=['\x02\x02'], header=false, skip={_skipped(reader)}, "
        "auto_detect=false, strict_mode=false, filename=true)"
    )
    cells = [
        f"{_lazy(f'nullif(f[{i}], {literal(null)})', kind)} AS {name(column)}"
        for i, (column, kind) in enumerate(stored.items(), 1)
    ]
    return f"SELECT {', '.join([*cells, 'file_'])} FROM ({lines})"


def _lazy(value: str, kind: str) -> str:
    """Return a value of a lazy SerDe: what does not parse is NULL."""
    if kind in {"TEXT", "VARCHAR"} or kind.startswith(("TEXT(", "VARCHAR(", "CHAR(")):
        return value
    if kind in _WHOLE:
        whole = f"regexp_matches({value}, '^[+-]?[0-9]+$')"
        return f"CASE WHEN {whole} THEN TRY_CAST({value} AS {kind}) END"
    if _class(kind) in {"array", "map", "row"}:
        raise QueryError("NOT_SUPPORTED", f"{kind} in delimited text: use JSON or Parquet")
    return f"TRY_CAST({value} AS {kind})"


def _csv(engine: Any, reader: Reader, stored: dict[str, str], files: list[File]) -> str:
    settings = reader.settings
    wide = ", ".join(f"{literal(f'c{i}')}: 'VARCHAR'" for i in range(len(stored)))
    rows = (
        f"SELECT * RENAME (filename AS file_) FROM read_csv({_paths(files)}, columns={{{wide}}}, "
        f"delim={literal(settings.get('separatorChar', ','))}, "
        f"quote={literal(settings.get('quoteChar', chr(34)))}, "
        f"escape={literal(settings.get('quoteChar', chr(34)))}, nullstr=['{_NOTHING}'], "
        f"header=false, skip={_skipped(reader)}, auto_detect=false, strict_mode=false, "
        "null_padding=true, filename=true)"
    )
    cells = [
        f"{_strict(f'c{i}', kind, i)} AS {name(column)}"
        for i, (column, kind) in enumerate(stored.items())
    ]
    return f"SELECT {', '.join([*cells, 'file_'])} FROM ({rows})"


def _strict(value: str, kind: str, number: int) -> str:
    """Return a value of OpenCSV, which refuses what does not parse; dates are days, times ms."""
    if _class(kind) == "text":
        return value
    if kind == "DATE":
        cast = f"DATE '1970-01-01' + TRY_CAST({value} AS INT)"
    elif kind.startswith("TIMESTAMP"):
        cast = f"make_timestamp(TRY_CAST({value} AS BIGINT) * 1000)"
    else:
        cast = f"TRY_CAST({value} AS {kind})"
    said = f"'HIVE_BAD_DATA: Error parsing field value ''' || {value} || ''' for field {number}'"
    return f"CASE WHEN {value} IS NOT NULL AND ({cast}) IS NULL THEN error({said}) ELSE {cast} END"


# ---------------------------------------------------------------- JSON


def _json(engine: Any, reader: Reader, stored: dict[str, str], files: list[File]) -> str:
    lenient = reader.settings.get("ignore.malformed.json", "").lower() == "true"
    rows = (
        f"SELECT json AS j, filename AS file_ FROM read_ndjson_objects({_paths(files)}, "
        f"filename=true, ignore_errors={str(lenient).lower()}, maximum_object_size=16000000)"
    )
    cells = [
        f"{_member(reader.settings.get(f'mapping.{column}', column), kind)} AS {name(column)}"
        for column, kind in stored.items()
    ]
    return f"SELECT {', '.join([*cells, 'file_'])} FROM ({rows})"


def _member(key: str, kind: str) -> str:
    """Return a member of an object; its name counts in any case."""
    path = literal('$."' + key.replace('"', "") + '"')
    other = (
        "'$.\"' || list_filter(json_keys(j), lambda k: lower(k) = "
        f"{literal(key.lower())})[1] || '\"'"
    )
    nested = _class(kind) in {"array", "map", "row"}
    pick = "json_extract" if nested else "json_extract_string"
    value = f"coalesce({pick}(j, {path}), {pick}(j, {other}))"
    return f"TRY_CAST({value} AS {kind})" if nested else _lazy(value, kind)


# ---------------------------------------------------------------- what it costs


def scanned(engine: Any, reader: Reader, columns: set[str], files: list[File]) -> int:
    """Return the bytes that a query over these columns reads of these files."""
    if reader.kind != "parquet":
        return sum(one.size for one in files)
    if not files or not columns:
        return 0
    rows = engine.execute(
        "SELECT lower(split_part(path_in_schema, ', ', 1)), sum(total_compressed_size) "
        f"FROM parquet_metadata({_paths(files)}) GROUP BY 1"
    ).fetchall()
    return int(sum(size for column, size in rows if column in columns))
