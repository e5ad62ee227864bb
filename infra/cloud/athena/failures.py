"""Why a query fails: the kind that Athena names, and a sentence.

Limit: knows the words, not what they are about.
"""

from __future__ import annotations

import re

USER, SYSTEM = 2, 1  # Athena's ErrorCategory
_DUCK = (
    (r"Malformed JSON", "HIVE_CURSOR_ERROR", "Row is not a valid JSON Object - JSONException"),
    (r"[Dd]ivision by zero", "DIVISION_BY_ZERO", "Division by zero"),
    (r"Out of Memory|failed to (allocate|pin)|out of memory", "EXCEEDED_MEMORY_LIMIT",
     "Query exhausted resources at this scale factor"),
    (r"(Could not convert|Conversion Error|Invalid Input Error: (Could not parse|Failed to))",
     "INVALID_CAST_ARGUMENT", ""),
    (r"[Oo]ut of [Rr]ange|[Oo]verflow", "NUMERIC_VALUE_OUT_OF_RANGE", ""),
    (r"Cannot (access|open)|disabled (by|through) configuration|has been locked",
     "PERMISSION_DENIED", "Access Denied: a query reaches the tables of the catalog only"),
    (r"must appear in the GROUP BY", "EXPRESSION_NOT_AGGREGATE", ""),
    (r"No function matches|Cannot (mix|compare|compute|unify)", "TYPE_MISMATCH", ""),
    (r"does not exist", "SYNTAX_ERROR", ""),
)  # fmt: skip


class QueryError(Exception):
    """A query that ends FAILED: `kind` is Trino's name for it."""

    def __init__(self, kind: str, message: str, category: int = USER) -> None:
        super().__init__(f"{kind}: {message}" if kind else message)
        self.kind = kind
        self.message = message
        self.category = category


def of_duckdb(error: Exception) -> QueryError:
    """Return what an error of the engine is called here; its own words lose their source."""
    text = str(error)
    raised = re.search(r"Invalid Input Error: ([A-Z_]{6,}): ([^\n]*)", text)
    if raised:
        return QueryError(raised[1], raised[2])
    first = text.partition("\n")[0]
    first = re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", first)
    for pattern, kind, say in _DUCK:
        if re.search(pattern, text):
            return QueryError(kind, say or first)
    return QueryError("GENERIC_USER_ERROR", first)


def semantic(text: str) -> QueryError:
    """Return what Hive's DDL says of a statement that makes no sense."""
    return QueryError("", f"FAILED: SemanticException {text}")


def execution(text: str) -> QueryError:
    """Return what Hive's DDL says of a statement that cannot be carried out."""
    return QueryError("", f"FAILED: Execution Error, return code 1: {text}")


def at(line: int, column: int, text: str) -> str:
    """Return a sentence with a place in front, as Trino writes it."""
    return f"line {line}:{column}: {text}"
