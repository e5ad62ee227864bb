"""Does a partition match a predicate? Three answers: yes, no, and "cannot tell".

Limit: comparisons of partition columns with literals, IN, BETWEEN, LIKE, IS NULL, AND, OR, NOT and
casts; whatever else is met leaves the partition in, so a query reads too much and never too little.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sqlglot import exp

NULL = "__HIVE_DEFAULT_PARTITION__"
_WHOLE = {"tinyint", "smallint", "int", "integer", "bigint"}
_COMPARE: dict[type[exp.Expr], Callable[[Any, Any], bool]] = {
    exp.EQ: operator.eq, exp.NEQ: operator.ne, exp.LT: operator.lt, exp.LTE: operator.le,
    exp.GT: operator.gt, exp.GTE: operator.ge,
}  # fmt: skip


class _CannotTell(Exception):
    """An expression that is not read here."""


def typed(text: str, kind: str) -> Any:
    """Return a partition's value as its column's type has it. ValueError: it is none."""
    kind = kind.lower()
    if text == NULL:
        return None
    if kind in _WHOLE:
        return int(text)
    if kind == "date":
        return date.fromisoformat(text[:10])
    return text


def matches(predicate: exp.Expr | None, values: Mapping[str, Any]) -> bool:
    """Return False only where the predicate is certainly not true for these values."""
    return predicate is None or _truth(predicate, values) is not False


def _truth(node: exp.Expr, values: Mapping[str, Any]) -> bool | None:
    if isinstance(node, exp.Paren):
        return _truth(node.this, values)
    if isinstance(node, exp.And):
        return _both(_truth(node.left, values), _truth(node.right, values))
    if isinstance(node, exp.Or):
        left, right = _truth(node.left, values), _truth(node.right, values)
        return True if left or right else None if None in (left, right) else False
    if isinstance(node, exp.Not):
        inner = _truth(node.this, values)
        return None if inner is None else not inner
    try:
        return _plain(node, values)
    except (_CannotTell, ValueError, TypeError, RecursionError):
        return None


def _both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if None in (left, right) else True


def _plain(node: exp.Expr, values: Mapping[str, Any]) -> bool:
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return _value(node.this, values) is None
    if type(node) in _COMPARE:
        left, right = _pair(_value(node.this, values), _value(node.expression, values))
        return _COMPARE[type(node)](left, right)
    if isinstance(node, exp.Between):
        low, high = node.args["low"], node.args["high"]
        value = _value(node.this, values)
        a, b = _pair(value, _value(low, values)), _pair(value, _value(high, values))
        return bool(a[0] >= a[1] and b[0] <= b[1])
    if isinstance(node, exp.In) and node.expressions:
        value = _value(node.this, values)
        return any(operator.eq(*_pair(value, _value(e, values))) for e in node.expressions)
    if isinstance(node, exp.Like) and not node.args.get("escape"):
        text, pattern = _value(node.this, values), _value(node.expression, values)
        return _like(text, pattern)
    raise _CannotTell


def _like(text: Any, pattern: Any) -> bool:
    if not isinstance(text, str) or not isinstance(pattern, str):
        raise _CannotTell
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _pair(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two values of one type; a NULL compares to nothing we could negate."""
    if left is None or right is None or type(left) is not type(right):
        raise _CannotTell
    return left, right


def _value(node: exp.Expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, exp.Column):
        name = node.name.lower()
        if name not in values:
            raise _CannotTell
        return values[name]
    if isinstance(node, exp.Paren):
        return _value(node.this, values)
    if isinstance(node, exp.Literal):
        return node.this if node.is_string else int(node.this)
    if isinstance(node, exp.Neg):
        return -_value(node.this, values)
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        return _cast(_value(node.this, values), node.to.sql("trino").lower())
    raise _CannotTell


def _cast(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind in _WHOLE and isinstance(value, str | int):
        return int(value)
    if kind == "date" and isinstance(value, str | date) and not isinstance(value, datetime):
        return date.fromisoformat(str(value))
    if kind == "varchar" and isinstance(value, str | int | date):
        return str(value)
    raise _CannotTell
