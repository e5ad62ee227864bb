"""What kind of statement this is, and its parts, for those that are no plain query.

Limit: Hive's DDL as Athena documents it; reads words, does nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from infra.cloud.athena.failures import QueryError, at
from infra.cloud.athena.kinds import without_comments
from infra.cloud.athena.plan import parse

_NAME = r'(?:(?P<db>`[^`]+`|"[^"]+"|[\w$]+)\s*\.\s*)?(?P<name>`[^`]+`|"[^"]+"|[\w$]+)'
_PATTERNS: tuple[tuple[str, str, str], ...] = (
    ("msck", "UTILITY", rf"MSCK\s+REPAIR\s+TABLE\s+{_NAME}"),
    ("add_partition", "DDL",
     rf"ALTER\s+TABLE\s+{_NAME}\s+ADD\s+(?P<lenient>IF\s+NOT\s+EXISTS\s+)?(?P<rest>PARTITION\b.+)"),
    ("drop_partition", "DDL",
     rf"ALTER\s+TABLE\s+{_NAME}\s+DROP\s+(?P<lenient>IF\s+EXISTS\s+)?(?P<rest>PARTITION\b.+)"),
    ("set_location", "DDL", rf"ALTER\s+TABLE\s+{_NAME}\s+SET\s+LOCATION\s+'(?P<rest>[^']+)'"),
    ("set_properties", "DDL",
     rf"ALTER\s+TABLE\s+{_NAME}\s+SET\s+TBLPROPERTIES\s*\((?P<rest>.+)\)"),
    ("add_columns", "DDL", rf"ALTER\s+TABLE\s+{_NAME}\s+ADD\s+COLUMNS\s*\((?P<rest>.+)\)"),
    ("show_partitions", "UTILITY", rf"SHOW\s+PARTITIONS\s+{_NAME}"),
    ("show_tables", "UTILITY",
     r"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+(?P<name>[`\"\w$]+))?(?:\s+(?:LIKE\s+)?'(?P<rest>[^']*)')?"),
    ("show_views", "UTILITY",
     r"SHOW\s+VIEWS(?:\s+(?:IN|FROM)\s+(?P<name>[`\"\w$]+))?(?:\s+LIKE\s+'(?P<rest>[^']*)')?"),
    ("show_databases", "UTILITY",
     r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+(?:LIKE\s+)?'(?P<rest>[^']*)')?"),
    ("show_columns", "UTILITY", rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{_NAME}"),
    ("show_create", "UTILITY", rf"SHOW\s+CREATE\s+(?:TABLE|VIEW)\s+{_NAME}"),
    ("show_properties", "UTILITY", rf"SHOW\s+TBLPROPERTIES\s+{_NAME}"),
    ("describe", "UTILITY", rf"DESC(?:RIBE)?\s+(?:EXTENDED\s+|FORMATTED\s+)?{_NAME}"),
    ("create_database", "DDL",
     r"CREATE\s+(?:DATABASE|SCHEMA)\s+(?P<lenient>IF\s+NOT\s+EXISTS\s+)?(?P<name>[`\"\w$]+)"
     r"(?P<rest>.*)"),
    ("drop_database", "DDL",
     r"DROP\s+(?:DATABASE|SCHEMA)\s+(?P<lenient>IF\s+EXISTS\s+)?(?P<name>[`\"\w$]+)"
     r"(?P<rest>\s+RESTRICT|\s+CASCADE)?"),
    ("drop_table", "DDL", rf"DROP\s+TABLE\s+(?P<lenient>IF\s+EXISTS\s+)?{_NAME}"),
    ("drop_view", "DDL", rf"DROP\s+VIEW\s+(?P<lenient>IF\s+EXISTS\s+)?{_NAME}"),
    ("create_view", "DDL",
     rf"CREATE\s+(?P<lenient>OR\s+REPLACE\s+)?VIEW\s+{_NAME}\s+AS\s+(?P<rest>.+)"),
    ("explain", "UTILITY", r"EXPLAIN\s+(?!ANALYZE)(?:\([^)]*\)\s*)?(?P<rest>.+)"),
    ("unload", "DML",
     r"UNLOAD\s*\((?P<query>.+)\)\s*TO\s+'(?P<name>[^']+)'\s*WITH\s*\((?P<rest>.+)\)"),
    ("prepare", "UTILITY", r"PREPARE\s+(?P<name>\w+)\s+FROM\s+(?P<rest>.+)"),
    ("deallocate", "UTILITY", r"DEALLOCATE\s+PREPARE\s+(?P<name>\w+)"),
    ("execute", "DML", r"EXECUTE\s+(?P<name>\w+)(?:\s+USING\s+(?P<rest>.+))?"),
)  # fmt: skip
_READ = [(kind, group, re.compile(p + r"\s*;?\s*", re.I | re.S)) for kind, group, p in _PATTERNS]
_SERDES = {
    "PARQUET": ("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"),
    "TEXTFILE": ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                 "org.apache.hadoop.mapred.TextInputFormat",
                 "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
    "JSON": ("org.openx.data.jsonserde.JsonSerDe", "org.apache.hadoop.mapred.TextInputFormat",
             "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
}  # fmt: skip


@dataclass
class Statement:
    """A statement: kind, Athena's type of it, a name where it has one, and the rest."""

    kind: str
    group: str
    database: str = ""
    name: str = ""
    lenient: bool = False
    rest: str = ""
    tree: exp.Expr | None = None
    table: dict[str, Any] = field(default_factory=dict)


def read(text: str) -> Statement:
    """Return what a statement is. QueryError: nothing that Athena runs."""
    clean = without_comments(text)
    for kind, group, pattern in _READ:
        match = pattern.fullmatch(clean.strip())
        if match:
            parts = match.groupdict()
            made = Statement(
                kind, group, _bare(parts.get("db")), _bare(parts.get("name")),
                bool(parts.get("lenient")), (parts.get("rest") or "").strip(),
            )
            if kind == "unload":
                made.name, made.tree = parts["name"], parse(parts["query"])
            return made
    return _parsed(parse(text))


def _parsed(tree: exp.Expr) -> Statement:
    if isinstance(tree, exp.Query | exp.Values):
        return Statement("select", "DML", tree=tree)
    if isinstance(tree, exp.Insert) and isinstance(tree.this, exp.Table | exp.Schema):
        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        names = [e.name for e in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
        return Statement("insert", "DML", target.db, target.name, rest=",".join(names),
                         tree=tree.expression)
    if isinstance(tree, exp.Create) and tree.kind == "TABLE":
        return _create(tree)
    raise QueryError("", f"Queries of this type are not supported: {tree.key.upper()}")


def _create(tree: exp.Create) -> Statement:
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    properties = tree.args.get("properties")
    given = list(properties.expressions) if properties else []
    if isinstance(tree.expression, exp.Query):
        return Statement("ctas", "DDL", target.db, target.name, bool(tree.args.get("exists")),
                         tree=tree.expression, table=_options(given))
    if not any(isinstance(p, exp.ExternalProperty) for p in given):
        raise QueryError("", "Only external table creation is supported. Use CREATE EXTERNAL TABLE")
    if not isinstance(tree.this, exp.Schema):
        raise QueryError("", at(1, 1, "a table needs columns"))
    made = Statement("create_table", "DDL", target.db, target.name, bool(tree.args.get("exists")))
    made.table = _table(target.name.lower(), tree.this, given)
    return made


def _options(given: list[exp.Expr]) -> dict[str, Any]:
    """Return what WITH (...) says of a table made from a query."""
    found: dict[str, Any] = {}
    for one in given:
        if isinstance(one, exp.FileFormatProperty):
            found["format"] = one.this.name if isinstance(one.this, exp.Expr) else str(one.this)
        elif isinstance(one, exp.PartitionedByProperty):
            found["partitioned_by"] = [e.name.lower() for e in one.this.expressions]
        elif type(one) is exp.Property:
            value = one.args["value"]
            found[one.name.lower()] = (
                [e.name.lower() for e in value.expressions] if value.expressions else value.name
            )
    return found


def _table(name: str, schema: exp.Schema, given: list[exp.Expr]) -> dict[str, Any]:
    """Return Glue's description of an external table."""
    location, comment, keys = "", "", []
    parameters: dict[str, str] = {"EXTERNAL": "TRUE"}
    form, row, serde, settings = "TEXTFILE", "", "", {"serialization.format": "1"}
    for one in given:
        if isinstance(one, exp.LocationProperty):
            location = one.name
        elif isinstance(one, exp.SchemaCommentProperty):
            comment = one.name
        elif isinstance(one, exp.PartitionedByProperty):
            keys = _columns(one.this.expressions)
        elif isinstance(one, exp.FileFormatProperty):
            form = _form(one)
        elif isinstance(one, exp.RowFormatSerdeProperty):
            serde = one.name
            inner = one.args.get("serde_properties")
            settings |= _pairs(inner.expressions if inner else [])
        elif isinstance(one, exp.RowFormatDelimitedProperty):
            row = "DELIMITED"
            settings |= _delimited(one)
        elif type(one) is exp.Property:
            parameters |= _pairs([one])
    if not location.startswith("s3://"):
        raise QueryError("", "FAILED: SemanticException: Location must be an S3 path: LOCATION 's3://...'")
    if form not in _SERDES:
        raise QueryError("NOT_SUPPORTED", f"The emulated Athena has no STORED AS {form}")
    library, read, write = _SERDES[form]
    return {
        "Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": parameters,
        "PartitionKeys": keys, **({"Description": comment} if comment else {}),
        "StorageDescriptor": {
            "Columns": _columns(schema.expressions), "Location": location,
            "InputFormat": read, "OutputFormat": write, "Compressed": False,
            "SerdeInfo": {
                "SerializationLibrary": library if row else serde or library,
                "Parameters": settings,
            },
        },
    }


def _form(one: exp.FileFormatProperty) -> str:
    found = one.this
    if isinstance(found, exp.InputOutputFormat):
        read = found.args.get("input_format")
        return "PARQUET" if read is not None and "arquet" in read.name else "TEXTFILE"
    return (found.name if isinstance(found, exp.Expr) else str(found)).upper()


def _columns(found: list[exp.Expr]) -> list[dict[str, str]]:
    rows = []
    for one in found:
        if not isinstance(one, exp.ColumnDef) or one.args.get("kind") is None:
            raise QueryError("", f"mismatched input '{one.sql()}': a column needs a type")
        kind = one.args["kind"].sql("hive").lower().replace(": ", ":").replace(", ", ",")
        rows.append({"Name": one.name.lower(), "Type": kind})
    return rows


def _delimited(one: exp.RowFormatDelimitedProperty) -> dict[str, str]:
    found = {}
    for argument, setting in (
        ("fields", "field.delim"), ("escaped", "escape.delim"), ("lines", "line.delim"),
        ("collection_items", "collection.delim"), ("map_keys", "mapkey.delim"),
        ("null", "serialization.null.format"),
    ):
        value = one.args.get(argument)
        if value is not None:
            found[setting] = _unescaped(value.name)
    if "field.delim" in found:
        found["serialization.format"] = found["field.delim"]
    return found


def _unescaped(text: str) -> str:
    """Return a delimiter as written: \\t, \\001 and \\u0001 name characters."""
    named = {"t": "\t", "n": "\n", "r": "\r"}

    def one(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] == "u":
            return chr(int(body[1:], 16))
        return named.get(body) or (chr(int(body, 8)) if body.isdigit() else body)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|[0-7]{3}|.)", one, text)


def _pairs(found: list[exp.Expr]) -> dict[str, str]:
    return {
        one.name if isinstance(one.this, exp.Expr) else str(one.this): one.args["value"].name
        for one in found if type(one) is exp.Property
    }


def serde(form: str) -> tuple[str, str, str]:
    """Return library, input and output format of a name after STORED AS. KeyError: none."""
    return _SERDES[form.upper()]


def partitions(text: str, names: list[str]) -> list[tuple[list[str], str]]:
    """Return values and location ("" where none is given) of PARTITION (...) clauses."""
    found = []
    pattern = r"PARTITION\s*\((?P<what>[^)]*)\)(?:\s*LOCATION\s+'(?P<where>[^']*)')?\s*,?\s*"
    end = 0
    for match in re.finditer(pattern, text, re.I):
        if text[end:match.start()].strip():
            break
        end = match.end()
        pairs = dict(re.findall(r"[`\"]?(\w+)[`\"]?\s*=\s*('[^']*'|[^,\s]+)", match["what"]))
        lowered = {k.lower(): v.strip("'") for k, v in pairs.items()}
        if set(lowered) != set(names):
            raise QueryError("", f"Invalid partition spec: {match['what'].strip()}")
        found.append(([lowered[n] for n in names], match["where"] or ""))
    if text[end:].strip() or not found:
        raise QueryError("", at(1, 1, f"mismatched input '{text[end:].strip()[:20]}'"))
    return found


def pairs(text: str) -> dict[str, str]:
    """Return 'key'='value', ... as data."""
    return dict(re.findall(r"'([^']+)'\s*=\s*'([^']*)'", text))


def options(text: str) -> dict[str, Any]:
    """Return key = 'value' and key = ARRAY['a', 'b'] as data."""
    found: dict[str, Any] = {}
    pattern = r"(\w+)\s*=\s*(?:ARRAY\s*\[([^\]]*)\]|'([^']*)')"
    for key, array, value in re.findall(pattern, text, re.I):
        found[key.lower()] = re.findall(r"'([^']*)'", array) if array else value
    return found


def _bare(text: str | None) -> str:
    return (text or "").strip('`"').lower() if text else ""
