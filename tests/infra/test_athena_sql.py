"""Semantics of Athena's SQL: 200 cases from Trino's documentation, and those known to differ.

The cases are in tests/infra/sql_cases; `python -m tests.infra.test_athena_sql` writes the table
that `ladder sync` makes a page of.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")

from infra.cloud.athena import dialect, engine, plan, values
from infra.cloud.athena.asks import Wire
from infra.cloud.athena.catalog import Catalog
from infra.cloud.athena.failures import QueryError
from tests.infra.sql_cases import AGREE, DIFFER, FAILS

RESULTS = Path(__file__).parent / "sql_cases" / "results.json"
SAME = [(page, *case) for page, cases in AGREE.items() for case in cases]
OTHER = [(page, *case) for page, cases in DIFFER.items() for case in cases]


class Query:
    """A locked engine and the way from Athena's text to it, without tables."""

    def __init__(self, folder: str) -> None:
        self.engine = engine.open_locked(folder, 256, 1)

    def text(self, expression: str) -> str | None:
        """Return what Athena would print of an expression, or FAILS."""
        import duckdb

        catalog = Catalog(Wire(io.BytesIO(), io.BytesIO()))
        try:
            tree = plan.parse(f"SELECT {expression} AS x")
            found = self.engine.execute(dialect.duck(plan.make(tree, catalog).tree))
            kind = str(found.description[0][1])
            return values.text(found.fetchone()[0], kind)
        except (QueryError, duckdb.Error):
            return FAILS


@pytest.fixture(scope="module")
def query(tmp_path_factory: Any) -> Iterator[Query]:
    made = Query(str(tmp_path_factory.mktemp("athena")))
    yield made
    made.engine.close()


@pytest.mark.parametrize(("page", "expression", "expected"), SAME, ids=[c[1] for c in SAME])
def test_as_documented(query: Query, page: str, expression: str, expected: str | None) -> None:
    assert query.text(expression) == expected


@pytest.mark.parametrize(
    ("page", "expression", "theirs", "ours", "why"), OTHER, ids=[c[1] for c in OTHER])
def test_known_differences_are_as_written(
    query: Query, page: str, expression: str, theirs: str | None, ours: str | None, why: str
) -> None:
    """A difference that goes away must leave the table."""
    assert query.text(expression) == ours != theirs


def test_the_published_table_is_this_one() -> None:
    assert json.loads(RESULTS.read_text()) == table()


def table() -> dict[str, Any]:
    """Return the page: areas with their counts, then what differs."""
    pages = sorted({*AGREE, *DIFFER})
    rows = []
    for page in pages:
        good, bad = len(AGREE.get(page, [])), len(DIFFER.get(page, []))
        rows.append([f"`{page}`", str(good + bad), str(good), str(bad)])
    shown = [
        f"| `{e.replace('|', chr(92) + '|')}` | {_shown(theirs)} | {_shown(ours)} | {why} |"
        for _, e, theirs, ours, why in OTHER
    ]
    after = "\n".join([
        "## What differs, case by case", "",
        "| Expression | The real service | Here | In words |", "|---|---|---|---|", *shown,
    ])
    return {
        "text": [
            f"{len(SAME) + len(OTHER)} expressions with the result that Trino's documentation "
            f"gives them. {len(SAME)} of {len(SAME) + len(OTHER)} agree; the others are below.",
            "Each expression goes the way of a query: read by sqlglot, planned, rewritten, run by "
            "the locked DuckDB, written as Athena writes values. The cases are in "
            "`tests/infra/sql_cases`.",
        ],
        "columns": ["Page of trino.io/docs/current", "Cases", "Agree", "Differ"],
        "rows": rows, "after": [after],
    }


def _shown(value: str | None) -> str:
    return "NULL" if value is None else "an error" if value == FAILS else f"`{value}`"


if __name__ == "__main__":
    RESULTS.write_text(json.dumps(table(), indent=1) + "\n")
    sys.exit(0)
