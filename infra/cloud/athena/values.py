"""How Athena writes values and names types: in result files, in answers.

Limit: text out of the engine's Python values; nothing is read back here.
"""

from __future__ import annotations

import json
import math
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_TYPES = {
    "VARCHAR": "varchar", "BOOLEAN": "boolean", "TINYINT": "tinyint", "SMALLINT": "smallint",
    "INTEGER": "integer", "BIGINT": "bigint", "HUGEINT": "bigint", "UBIGINT": "bigint",
    "UINTEGER": "bigint", "UHUGEINT": "bigint", "FLOAT": "float", "DOUBLE": "double",
    "DATE": "date", "TIME": "time", "TIMESTAMP": "timestamp", "BLOB": "varbinary",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone", "JSON": "json", "UUID": "varchar",
    "INTERVAL": "interval day to second", '"NULL"': "unknown", "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP_MS": "timestamp", "TIMESTAMP_S": "timestamp",
}  # fmt: skip
_PRECISIONS = {
    "varchar": 2147483647, "tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "float": 17,
    "double": 17, "timestamp": 3, "timestamp with time zone": 3, "varbinary": 1073741824,
}  # fmt: skip


def kind(engine_type: str) -> tuple[str, int, int]:
    """Return Athena's name of an engine's type, its precision and its scale."""
    if engine_type.endswith("]"):
        return "array", 0, 0
    if engine_type.startswith("DECIMAL("):
        precision, scale = (int(n) for n in engine_type[8:-1].split(","))
        return "decimal", precision, scale
    if engine_type.startswith("STRUCT("):
        return "row", 0, 0
    if engine_type.startswith("MAP("):
        return "map", 0, 0
    name = _TYPES.get(engine_type, "varchar")
    return name, _PRECISIONS.get(name, 0), 0


def text(value: Any, engine_type: str) -> str | None:
    """Return a value as Athena writes it; None for NULL."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return floating(value, single=engine_type == "FLOAT")
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("milliseconds")
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex(" ")
    if isinstance(value, timedelta):
        return _interval(value)
    if isinstance(value, list | tuple | dict):
        return _nested(value, engine_type)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _moment(value: datetime) -> str:
    base = value.replace(tzinfo=None).isoformat(" ", "milliseconds")
    return f"{base} UTC" if value.tzinfo is not None else base


def _interval(value: timedelta) -> str:
    seconds = value.total_seconds()
    sign, whole = "-" if seconds < 0 else "", abs(seconds)
    days, rest = divmod(int(whole), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, last = divmod(rest, 60)
    return f"{sign}{days} {hours:02}:{minutes:02}:{last:02}.{round(whole % 1 * 1000):03}"


def _nested(value: Any, engine_type: str) -> str:
    if engine_type == "JSON":
        return json.dumps(value)
    if isinstance(value, dict):
        pairs = (f"{key}={_inner(one)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    return "[" + ", ".join(_inner(one) for one in value) + "]"


def _inner(value: Any) -> str:
    found = text(value, "")
    return "null" if found is None else found


def floating(value: float, *, single: bool = False) -> str:
    """Return a number as Java writes it: 1.0, 1.0E7, NaN."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return _shortest(value, single)
    digits, _, exponent = f"{Decimal(_shortest(value, single)):e}".partition("e")
    mantissa = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _shortest(value: float, single: bool) -> str:
    """Return the fewest digits that name this number, without an exponent."""
    written = repr(value)
    if single:
        packed = struct.pack("f", value)
        written = next(
            t for n in range(1, 18) if struct.pack("f", float(t := f"{value:.{n}g}")) == packed
        )
    plain = f"{Decimal(written):f}"
    return plain if "." in plain else f"{plain}.0"


def quoted(row: list[str | None]) -> str:
    """Return a line of a result file: every value in quotes, NULL as nothing."""
    return ",".join("" if v is None else '"' + v.replace('"', '""') + '"' for v in row) + "\n"
