"""What is in a file: its format, its columns and their types, as Glue's built-in classifiers say.

Limit: Parquet, JSON lines and delimited text (gzip included), judged by a sample of each file.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.athena.catalog import hive_type

SAMPLE = 1 << 20
LINES = 1000
DELIMITERS = (",", "|", "\t", ";", "\x01")
_WIDER = ("int", "bigint", "double", "string")
_NAME = re.compile(r"[\w .:()/-]{1,149}")


@dataclass
class Found:
    """A file's format, its columns with Hive's types, and what a table must say of it."""

    form: str
    columns: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)


def look(engine: Any, path: str) -> Found | None:
    """Return what a file holds; None where no classifier knows it."""
    with open(path, "rb") as file:
        raw = file.read(SAMPLE)
    if raw.startswith(b"PAR1"):
        return _parquet(engine, path)
    text = _text(raw)
    if text is None:
        return None
    return _json(text) or _csv(text)


def _parquet(engine: Any, path: str) -> Found | None:
    import duckdb

    quoted = path.replace("'", "''")
    try:
        rows = engine.execute(f"DESCRIBE SELECT * FROM read_parquet('{quoted}')").fetchall()
    except duckdb.Error:
        return None
    return Found("parquet", {row[0].lower(): hive_type(row[1]) for row in rows})


def _text(raw: bytes) -> str | None:
    """Return the whole lines of a sample as text; None where it is none."""
    if raw.startswith(b"\x1f\x8b"):
        try:
            raw = zlib.decompressobj(31).decompress(raw, SAMPLE)
        except (zlib.error, gzip.BadGzipFile):
            return None
    cut = raw.rpartition(b"\n")[0] if len(raw) >= SAMPLE else raw
    if b"\x00" in cut:
        return None
    try:
        return cut.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None


# ---------------------------------------------------------------- JSON


def _json(text: str) -> Found | None:
    lines = [line for line in text.splitlines()[:LINES] if line.strip()]
    columns: dict[str, str] = {}
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict):
            return None
        for key, value in row.items():
            columns[key.lower()] = wider(columns.get(key.lower(), ""), _kind(value))
    known = {key: kind or "string" for key, kind in columns.items()}
    return Found("json", known, {"paths": ",".join(known)}) if lines else None


def _kind(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int" if -(1 << 31) <= value < 1 << 31 else "bigint"
    if isinstance(value, float):
        return "double"
    if isinstance(value, list):
        inner = ""
        for one in value:
            inner = wider(inner, _kind(one))
        return f"array<{inner or 'string'}>"
    if isinstance(value, dict):
        inner = ",".join(f"{_plain(k)}:{_kind(v) or 'string'}" for k, v in value.items())
        return f"struct<{inner}>"
    return "string"


def _plain(key: str) -> str:
    return re.sub(r"\W", "_", key) or "_"


def wider(one: str, other: str) -> str:
    """Return a type that holds both; "" is of no value yet."""
    if not one or not other or one == other:
        return one or other
    if one in _WIDER and other in _WIDER:
        return _WIDER[max(_WIDER.index(one), _WIDER.index(other))]
    return "string"


# ---------------------------------------------------------------- delimited text


def _csv(text: str) -> Found | None:
    """Two columns and two rows at least, the same number of columns in each."""
    for delimiter in DELIMITERS:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))[:LINES]
        rows = [row for row in rows if row]
        if len(rows) >= 2 and len(rows[0]) >= 2 and len({len(row) for row in rows}) == 1:
            return _delimited(rows, delimiter, '"' in text)
    return None


def _delimited(rows: list[list[str]], delimiter: str, quoted: bool) -> Found:
    body = _types(rows[1:])
    header = _is_header(rows[0], body)
    kinds = body if header else _types(rows)
    names = [f"col{i}" for i in range(len(kinds))]
    if header:
        names = [name.strip().lower() for name in rows[0]]
    settings = {"delimiter": delimiter, "areColumnsQuoted": str(quoted).lower()}
    if header:
        settings["skip.header.line.count"] = "1"
    return Found("csv", dict(zip(names, kinds, strict=True)), settings)


def _types(rows: list[list[str]]) -> list[str]:
    found = [""] * len(rows[0])
    for row in rows:
        found = [wider(kind, _number(cell)) for kind, cell in zip(found, row, strict=True)]
    return [kind or "string" for kind in found]


def _number(cell: str) -> str:
    if not cell:
        return ""
    if re.fullmatch(r"[+-]?\d{1,18}", cell):
        return "bigint"
    return "double" if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?", cell) else "string"


def _is_header(first: list[str], body: list[str]) -> bool:
    """Names, all of them text, above columns that are not all text."""
    return (
        all(_NAME.fullmatch(c) and _number(c) == "string" for c in first)
        and len(set(first)) == len(first) and any(kind != "string" for kind in body)
    )
