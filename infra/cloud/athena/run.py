"""One query from its text to its outcome: select, insert, create table as, unload, explain.

Limit: what only changes the catalog is in `ddl`; results are written as Athena writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from infra.cloud.athena import ddl, dialect, plan, statements, values, writing
from infra.cloud.athena.asks import Wire
from infra.cloud.athena.catalog import Catalog
from infra.cloud.athena.engine import BATCH
from infra.cloud.athena.failures import QueryError
from infra.cloud.athena.lake import Lake
from infra.cloud.athena.statements import Statement

RESULT = "result"
_LITERAL = (
    exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.Cast, exp.DataType, exp.Interval, exp.Var,
    exp.DataTypeParam, exp.Array, exp.IntervalSpan,
)


@dataclass
class Run:
    """A query at work. `job` has the query, its parameters, and where results go."""

    wire: Wire
    catalog: Catalog
    engine: Any
    job: dict[str, Any]
    lake: Lake = field(init=False)

    def __post_init__(self) -> None:
        self.lake = Lake(self.wire, self.catalog, self.engine)

    def answer(self, text: str) -> dict[str, Any]:
        """Run a statement. QueryError: it fails, and why."""
        statement = statements.read(text)
        if statement.kind == "execute":
            return self._execute(statement)
        if statement.kind in {"prepare", "deallocate"}:
            self.wire.ask(statement.kind, name=statement.name, text=statement.rest)
            return self._table(ddl.NOTHING)
        if statement.kind == "explain":
            return self._explain(statement)
        if statement.tree is not None:
            self._bind(statement.tree, self.job.get("parameters") or [])
        if statement.kind == "select":
            assert statement.tree is not None
            return self._select(statement.tree)
        if statement.kind in {"insert", "ctas", "unload"}:
            return writing.WRITERS[statement.kind](self, statement)
        return self._table(ddl.answer(self.catalog, statement, self.columns_of))

    def failed(self, error: QueryError) -> dict[str, Any]:
        """Return the outcome of a query that fails."""
        return {
            "failed": str(error), "category": error.category, "scanned": self.lake.scanned,
            "kind": error.kind,
        }

    def sql(self, tree: exp.Expr) -> str:
        """Plan a query, show its scans to the engine, and return the engine's text."""
        made = plan.make(tree, self.catalog)
        for scan in made.scans:
            self.lake.show(scan)
            self._within_cutoff()
        return dialect.duck(made.tree)

    def columns_of(self, tree: exp.Expr) -> list[tuple[str, str]]:
        """Return names and engine types of what a query yields; it reads no data."""
        made = plan.make(tree, self.catalog)
        for scan in made.scans:
            self.lake.outline(scan)
        rows = self.engine.execute(f"DESCRIBE {dialect.duck(made.tree)}").fetchall()
        return [(row[0], row[1]) for row in rows]

    def _within_cutoff(self) -> None:
        most = self.job.get("cutoff")
        if most and self.lake.scanned > most:
            raise QueryError("", "Bytes scanned limit was exceeded")

    def _select(self, tree: exp.Expr) -> dict[str, Any]:
        found = self.engine.execute(self.sql(tree))
        names = [d[0] for d in found.description]
        kinds = [str(d[1]) for d in found.description]
        count = 0
        path = self.wire.inside("out", RESULT)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(values.quoted(list(names)))
            while rows := found.fetchmany(BATCH):
                count += len(rows)
                for row in rows:
                    file.write(values.quoted([
                        values.text(v, k) for v, k in zip(row, kinds, strict=True)
                    ]))
        return {"columns": _described(names, kinds), "rows": count, "file": RESULT, "form": "csv"}

    def _table(self, rows: tuple[list[str], list[list[str]]]) -> dict[str, Any]:
        """Return the outcome of a statement that lists: text, tabs, no header."""
        names, lines = rows
        with open(self.wire.inside("out", RESULT), "w", encoding="utf-8", newline="") as file:
            file.writelines("\t".join(line) + "\n" for line in lines)
        kinds = ["VARCHAR"] * len(names)
        return {
            "columns": _described(names, kinds), "rows": len(lines), "file": RESULT, "form": "txt"
        }

    def _explain(self, statement: Statement) -> dict[str, Any]:
        inner = statements.read(statement.rest)
        if inner.tree is None:
            raise QueryError("", "EXPLAIN shows queries only")
        made = plan.make(inner.tree, self.catalog)
        lines = [["Scans:"]]
        for scan in made.scans:
            table = f"{scan.table['DatabaseName']}.{scan.table['Name']}"
            reads = ", ".join(sorted(scan.columns)) or "no column"
            lines.append([f"  {table}: {reads}"])
            if scan.predicate is not None:
                lines.append([f"    partitions: {scan.predicate.sql('athena')}"])
            self.lake.outline(scan)
        rows = self.engine.execute(f"EXPLAIN {dialect.duck(made.tree)}").fetchall()
        lines += [[line] for row in rows for line in str(row[1]).splitlines()]
        return self._table((["Query Plan"], lines))

    def _execute(self, statement: Statement) -> dict[str, Any]:
        text = self.wire.ask("prepared", name=statement.name)
        if statement.rest:
            given = plan.parse(f"SELECT {statement.rest}")
            self.job["parameters"] = [e.sql("athena") for e in given.expressions]
        return self.answer(str(text))

    def _bind(self, tree: exp.Expr, parameters: list[str]) -> None:
        """Put the parameters where the question marks are."""
        marks = sorted(
            (node for node in tree.find_all(exp.Placeholder) if not node.this),
            key=lambda n: _order(tree, n),
        )
        if len(marks) != len(parameters):
            raise QueryError(
                "INVALID_PARAMETER_USAGE",
                f"Incorrect number of parameters: expected {len(marks)} "
                f"but found {len(parameters)}",
            )
        for mark, text in zip(marks, parameters, strict=True):
            mark.replace(_literal(text))


def _order(tree: exp.Expr, wanted: exp.Expr) -> int:
    return next(n for n, node in enumerate(tree.dfs()) if node is wanted)


def _literal(text: str) -> exp.Expr:
    try:
        found = sqlglot.parse_one(f"SELECT {text}", read="athena")
    except SqlglotError:
        found = exp.Select()
    if len(found.expressions) != 1 or not all(
        isinstance(node, _LITERAL) for node in found.expressions[0].walk()
    ):
        raise QueryError("INVALID_PARAMETER_USAGE", f"Not a literal: {text[:80]}")
    return found.expressions[0]  # type: ignore[no-any-return]


def _described(names: list[str], kinds: list[str]) -> list[dict[str, Any]]:
    rows = []
    for name, engine_kind in zip(names, kinds, strict=True):
        kind, precision, scale = values.kind(engine_kind)
        rows.append({"Name": name, "Type": kind, "Precision": precision, "Scale": scale})
    return rows
