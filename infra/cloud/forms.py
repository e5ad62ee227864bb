"""Lists in the forms of IAM and STS (Name.member.1, Name.member.2.Key), and answers in their XML.

Limit: reads what a client of the query protocol sends; a hole in the numbers is closed up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape


def members_of(params: Mapping[str, Any], prefix: str) -> list[dict[str, str]]:
    """Return a list's members in order: fields by name; a plain value stands under "".

    `prefix` is the parameter's name and ".member".
    """
    found: dict[int, dict[str, str]] = {}
    for name, value in params.items():
        if name.startswith(prefix + "."):
            number, _, field = name[len(prefix) + 1 :].partition(".")
            if number.isascii() and number.isdigit():
                found.setdefault(int(number), {})[field] = str(value)
    return [found[number] for number in sorted(found)]


def values(params: Mapping[str, Any], prefix: str) -> list[str]:
    """Return a list of plain values."""
    return [member[""] for member in members_of(params, prefix) if "" in member]


def members(params: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Return the tags of a form: prefix.1.Key, prefix.1.Value, ..."""
    return {
        member["Key"]: member.get("Value", "")
        for member in members_of(params, prefix) if "Key" in member
    }


class Map(dict[str, str]):
    """A map of the API, which XML writes as entries of key and value."""


def xml(name: str, value: Any) -> str:
    """Return a value as an element: text, numbers, booleans, lists, maps, structures (dict)."""
    return f"<{name}>{_inside(value)}</{name}>"


def _inside(value: Any) -> str:
    if isinstance(value, Map):
        return "".join(xml("entry", {"key": k, "value": v}) for k, v in value.items())
    if isinstance(value, dict):
        return "".join(xml(k, v) for k, v in value.items() if v is not None)
    if isinstance(value, list | tuple):
        return "".join(xml("member", v) for v in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))
