"""From Athena's SQL to DuckDB's: the words by sqlglot, the meanings that differ here and in macros.

Limit: what neither knows is refused by name; docs/reference/cloud-queries.md lists what differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import errors, exp

from infra.cloud.athena.failures import QueryError, at
from infra.cloud.athena.functions import MACROS

Node = exp.Expr
Type = exp.DataType.Type
_PASSED = {
    "histogram", "numeric_histogram", "regr_r2", "regr_count", "bit_length", "map_from_entries",
    "json_array_contains", "approx_count_distinct", "strpos", "date_sub", "map_values",
    "json_array_length",
}  # fmt: skip
_MATCHES = {"any_match", "all_match", "none_match"}
_JODA = {
    "yyyy": "%Y", "YYYY": "%G", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "dd": "%d",
    "EEEE": "%A", "EEE": "%a", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "SSS": "%g",
    "a": "%p",
}  # fmt: skip
_DAYS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
_FOREIGN = (exp.ReadCSV, exp.ReadParquet)


def refuse_foreign(tree: Node) -> None:
    """Refuse functions that Athena has not. QueryError says which, as Trino does."""
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func):
            raise _unknown(table.this)
    for node in tree.find_all(exp.Anonymous, *_FOREIGN):
        name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
        if name not in MACROS and name not in _PASSED | _MATCHES | {"format_datetime", "zip_with"}:
            raise _unknown(node)


def _unknown(node: Node) -> QueryError:
    name = str(node.this)
    if isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous):
        name = node.sql_names()[0]
    return QueryError("FUNCTION_NOT_FOUND", at(1, 1, f"Function '{name.lower()}' not registered"))


def duck(tree: Node) -> str:
    """Return DuckDB's text of a query whose types are annotated. The tree is used up."""
    holder = exp.Paren(this=tree)
    for node in reversed(list(tree.walk(bfs=True))):
        change = _CHANGES.get(type(node))
        new = change(node) if change else node
        if new is not node:
            node.replace(new)
    try:
        return str(holder.this.sql("duckdb", unsupported_level=errors.ErrorLevel.IGNORE))
    except (errors.SqlglotError, ValueError) as error:
        raise QueryError("NOT_SUPPORTED", str(error)) from None


def _macro(name: str, *arguments: Node | None) -> Node:
    given = [a.copy() for a in arguments if a is not None]
    return exp.Anonymous(this=f"t_{name}", expressions=given)


def _is(node: Node | None, *kinds: Any) -> bool:
    return node is not None and node.type is not None and node.type.this in kinds


def _whole(node: Node) -> bool:
    return _is(node, *exp.DataType.INTEGER_TYPES)


def _dated(node: Node, kept: Node) -> Node:
    """Return `node` as a date where `kept` was one: the engine makes a timestamp of it."""
    if not _is(kept, Type.DATE):
        return node
    cast = exp.Cast(this=node.copy(), to=exp.DataType.build("date"))
    cast.type = exp.DataType.build("date")
    return cast


def _anonymous(node: Any) -> Node:
    name, given = node.name.lower(), node.expressions
    if name in _MATCHES:
        return _match(name, *given)
    if name == "format_datetime":
        return exp.Anonymous(this="strftime", expressions=[given[0], _joda(given[1])])
    if name == "zip_with":
        a, b, function = given
        return _zip_with(a, b, function)
    return _macro(name, *given) if name in MACROS else node


def _match(name: str, values: Node, function: Node) -> Node:
    kept = exp.Anonymous(this="list_filter", expressions=[values.copy(), function.copy()])
    count = exp.Anonymous(this="len", expressions=[kept])
    whole = exp.Anonymous(this="len", expressions=[values.copy()])
    if name == "any_match":
        return exp.Paren(this=exp.GT(this=count, expression=exp.Literal.number(0)))
    wanted: Node = whole if name == "all_match" else exp.Literal.number(0)
    return exp.Paren(this=exp.EQ(this=count, expression=wanted))


def _zip_with(a: Node, b: Node, function: Any) -> Node:
    pair = exp.Anonymous(this="list_zip", expressions=[a.copy(), b.copy()])
    body = function.this.copy()
    holder = exp.Paren(this=body)
    for number, one in enumerate(function.expressions, 1):
        for found in list(holder.find_all(exp.Identifier)):
            if found.name == one.name:
                spot = found.parent if isinstance(found.parent, exp.Column) else found
                spot.replace(exp.Bracket(
                    this=exp.column("p"), expressions=[exp.Literal.number(number)], offset=1))
    mapped = exp.Lambda(this=holder.this, expressions=[exp.to_identifier("p")])
    return exp.Anonymous(this="list_transform", expressions=[pair, mapped])


def _joda(pattern: Node) -> Node:
    if not isinstance(pattern, exp.Literal):
        raise QueryError("NOT_SUPPORTED", "a format of dates that is no literal")
    words = "|".join(sorted(_JODA, key=len, reverse=True))
    text = re.sub(f"'([^']*)'|({words})", lambda m: m[1] or _JODA.get(m[2] or "", ""), pattern.this)
    return exp.Literal.string(text)


def _divide(node: Any) -> Node:
    if _whole(node.this) and _whole(node.expression):
        done = exp.IntDiv(this=node.this.copy(), expression=node.expression.copy())
        done.type = node.type
        return done
    return node  # type: ignore[no-any-return]


def _difference(node: Any) -> Node:
    unit = exp.Literal.string(str(node.args.get("unit") or "DAY").lower())
    return _macro("date_diff", unit, node.expression, node.this)


def _replace(node: Any) -> Node:
    new = node.args.get("replacement")
    if isinstance(new, exp.Literal):
        new.replace(exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", new.this)))
    return node  # type: ignore[no-any-return]


def _cast(node: Any) -> Node:
    """Trino rounds half up where the engine rounds to even."""
    if node.to.this in exp.DataType.INTEGER_TYPES and _is(node.this, Type.DOUBLE, Type.FLOAT):
        node.this.replace(exp.Anonymous(this="round", expressions=[node.this.copy()]))
    return node  # type: ignore[no-any-return]


def _moved(node: Any) -> Node:
    """A date plus days is a date."""
    interval = node.expression
    if isinstance(node, exp.DateAdd | exp.DateSub):
        unit = str(node.args.get("unit") or "DAY").upper()
    elif isinstance(interval, exp.Interval):
        unit = str(interval.args.get("unit") or "").upper()
    else:
        return _days(node)
    found: Node = node
    return _dated(found, node.this) if unit.rstrip("S") in _DAYS else found


def _days(node: Any) -> Node:
    """A date minus a date is an interval, not a number."""
    if isinstance(node, exp.Sub) and _is(node.this, Type.DATE) and _is(node.expression, Type.DATE):
        return exp.Anonymous(this="to_days", expressions=[exp.Cast(
            this=exp.Paren(this=node.copy()), to=exp.DataType.build("int"))])
    return node  # type: ignore[no-any-return]


def _percentile(node: Any) -> Node:
    """The percentile of whole numbers is one of them."""
    if not _whole(node.this):
        return node  # type: ignore[no-any-return]
    return exp.Cast(this=node.copy(), to=exp.DataType.build("bigint"))


def _reduce(node: Any) -> Node:
    """The engine's reduction has no last step: put it around."""
    finish = node.args.get("finish")
    merged = node.args["merge"]
    done: Node = exp.Anonymous(
        this="list_reduce",
        expressions=[node.this.copy(), merged.copy(), node.args["initial"].copy()],
    )
    if finish is None:
        return done
    holder = exp.Paren(this=finish.this.copy())
    for found in list(holder.find_all(exp.Identifier)):
        if found.name == finish.expressions[0].name:
            spot = found.parent if isinstance(found.parent, exp.Column) else found
            spot.replace(done.copy())
    return holder


def _size(node: Any) -> Node:
    if _is(node.this, Type.MAP):
        return exp.Anonymous(this="cardinality", expressions=[node.this.copy()])
    return node  # type: ignore[no-any-return]


def _unnest(node: Any) -> Node:
    """A map unfolds into keys and values, several arrays side by side."""
    names = node.args["alias"].columns if node.args.get("alias") else []
    offset = node.args.get("offset")
    if len(node.expressions) != 1 or len(names) != 2 or offset:
        return node  # type: ignore[no-any-return]
    entries = exp.Anonymous(this="map_entries", expressions=[node.expressions[0].copy()])
    inner = exp.select(
        exp.Dot(this=exp.column("e"), expression=exp.to_identifier("key")).as_(names[0].name),
        exp.Dot(this=exp.column("e"), expression=exp.to_identifier("value")).as_(names[1].name),
    ).from_(exp.select(
        exp.alias_(exp.Anonymous(this="unnest", expressions=[entries]), "e")).subquery("s"))
    return exp.Lateral(this=inner.subquery(), alias=exp.TableAlias(this=node.args["alias"].this))


_CHANGES: dict[type[Node], Callable[[Any], Node]] = {
    exp.Anonymous: _anonymous,
    exp.Div: _divide,
    exp.DateDiff: _difference,
    exp.RegexpExtract: lambda n: _macro(
        "regexp_extract", n.this, n.expression, n.args.get("group")),
    exp.RegexpReplace: _replace,
    exp.SplitPart: lambda n: _macro("split_part", n.this, n.args["delimiter"],
                                    n.args["part_index"]),
    exp.Substring: lambda n: _macro("substr", n.this, n.args["start"], n.args.get("length")),
    exp.Typeof: lambda n: _macro("typeof", n.this),
    exp.JSONExtractScalar: lambda n: _macro(
        "json_extract_scalar", n.this, exp.Literal.string(n.expression.sql("trino").strip("'"))),
    exp.Repeat: lambda n: _macro("repeat", n.this, n.args["times"]),
    exp.Cast: _cast,
    exp.DateAdd: _moved,
    exp.DateSub: _moved,
    exp.Add: _moved,
    exp.Sub: _moved,
    exp.TimestampTrunc: lambda n: _dated(n, n.this),
    exp.DateTrunc: lambda n: _dated(n, n.this),
    exp.ArrayPosition: lambda n: _macro("array_position", n.this, n.expression),
    exp.ArraySlice: lambda n: _macro("slice", n.this, n.args["start"], n.args["end"]),
    exp.ApproxQuantile: _percentile,
    exp.Reduce: _reduce,
    exp.ArraySize: _size,
    exp.Unnest: _unnest,
    exp.Format: lambda n: exp.Anonymous(
        this="printf", expressions=[n.this.copy(), *(e.copy() for e in n.expressions)]),
    exp.ParseDatetime: lambda n: exp.Anonymous(
        this="strptime", expressions=[n.this.copy(), _joda(n.args["format"])]),
}  # fmt: skip
