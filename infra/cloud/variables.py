"""Policy variables: ${aws:username} and the like, filled from a request's context.

Limit: filled in string and ARN conditions and in the last part of a Resource's ARN, as IAM
documents it; anywhere else the text stands as it is written. Keys with many values fill nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.cloud.conditions import LITERAL, Context

Expand = Callable[[str], "str | None"]
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def filler(document: Mapping[str, Any], context: Context) -> Expand:
    """Return a function that fills policy variables; it gives None where one has no value.

    Only documents of version 2012-10-17 have variables: in older ones ${...} is plain text.
    """
    if document.get("Version") != "2012-10-17":
        return lambda pattern: pattern

    def fill(pattern: str) -> str | None:
        return _filled(pattern, context) if "${" in pattern else pattern

    return fill


def resource(pattern: str, fill: Expand) -> str | None:
    """Fill a Resource: its variables stand after the fifth colon, nowhere before."""
    if "${" not in pattern:
        return pattern
    *head, last = pattern.split(":", 5)
    filled = fill(last) if len(head) == 5 else last
    return None if filled is None else ":".join([*head, filled])


def names(text: str) -> list[str]:
    """Return the context keys that the variables of a text ask for, as they are written."""
    found = (inside.partition(",")[0].strip() for inside in _VARIABLE.findall(text))
    return [name for name in found if name and name not in LITERAL]


def _filled(pattern: str, context: Context) -> str | None:
    missing = False

    def fill(match: re.Match[str]) -> str:
        nonlocal missing
        value = _value(match.group(1), context)
        missing = missing or value is None
        return value or ""

    filled = _VARIABLE.sub(fill, pattern)
    return None if missing else filled


def _value(inside: str, context: Context) -> str | None:
    if inside in LITERAL:
        return LITERAL[inside]
    name, comma, default = inside.partition(",")
    value = context.get(name.strip().lower())
    if isinstance(value, str):
        # A name with a star in it must not become a wildcard in somebody's policy.
        return "".join(LITERAL.get(c, c) for c in value)
    return default.strip().strip("'") if comma else None
