"""Where does each statement of a policy's text begin and end? As the policy simulator counts it.

Limit: lines and columns from 1; a beginning is told as the place behind the bracket before it
(or behind the statement before it), an end as the place behind the closing brace, as in AWS's
published examples. Expects a text that json.loads takes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"


@dataclass(frozen=True)
class Place:
    """A line and a column, both from 1."""

    line: int
    column: int


def statements(text: str) -> list[tuple[Place, Place]]:
    """Return beginning and end of each statement, in the order in which they stand."""
    start = _member(text, "Statement")
    if start < 0:
        return []
    if text[start] != "[":
        _, end = _DECODER.raw_decode(text, start)
        return [(_place(text, start + 1), _place(text, end))]
    found, before = [], start + 1
    at = _skip(text, before)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        found.append((_place(text, before), _place(text, end)))
        before = end
        at = _skip(text, end, "," + _SPACE)
    return found


def _member(text: str, wanted: str) -> int:
    """Return where the value of a member of the outermost object begins; -1 without one."""
    found, at = -1, _skip(text, 0)
    if text[at : at + 1] != "{":
        return -1
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at, ":" + _SPACE)
        if name == wanted:
            found = at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at, "," + _SPACE)
    return found


def _skip(text: str, at: int, what: str = _SPACE) -> int:
    while at < len(text) and text[at] in what:
        at += 1
    return at


def _place(text: str, offset: int) -> Place:
    line = text.count("\n", 0, offset) + 1
    return Place(line, offset - (text.rfind("\n", 0, offset) + 1) + 1)
