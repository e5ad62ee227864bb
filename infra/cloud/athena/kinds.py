"""Athena's types of a statement, from its first words, before anybody has read it.

Limit: a guess that the API shows; `statements` decides what it is.
"""

from __future__ import annotations

import re


def group_of(text: str) -> tuple[str, str]:
    """Return Athena's types of a statement from its first words, before it is read."""
    words = re.findall(r"[A-Za-z]+", without_comments(text)[:200].upper())[:6]
    first = words[0] if words else ""
    if first == "CREATE":
        rest = re.search(r"\bAS\s+(SELECT|WITH|\()", text, re.I)
        made = "CREATE_TABLE_AS_SELECT" if rest else "_".join(words[:2])
        return "DDL", "CREATE_VIEW" if "VIEW" in words else made
    if first in {"DROP", "ALTER"}:
        return "DDL", "_".join(words[:2])
    if first in {"SHOW", "DESCRIBE", "DESC", "EXPLAIN", "MSCK"}:
        return "UTILITY", "_".join(words[:2]) if first == "SHOW" else first
    if first in {"PREPARE", "DEALLOCATE"}:
        return "UTILITY", first
    return "DML", "SELECT" if first in {"WITH", "VALUES", "TABLE", ""} else first


def without_comments(text: str) -> str:
    """Return a statement without the comments in front of it."""
    return re.sub(r"^(?:\s*(?:--[^\n]*\n|/\*.*?\*/))+", "", text, flags=re.S)
