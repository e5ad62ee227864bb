"""What a query reads: which tables, which of their columns, which of their partitions.

Every table in it becomes a scan with a name of its own, so that a self-join counts twice.
Limit: what the optimiser cannot push down to a table is read in full and filtered by the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, SqlglotError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from infra.cloud.athena import catalog as glue
from infra.cloud.athena.catalog import Catalog
from infra.cloud.athena.dialect import refuse_foreign
from infra.cloud.athena.failures import QueryError, at

DEEPEST_VIEW = 10
MOST_NODES = 20_000


@dataclass
class Scan:
    """One reading of one table. `columns` are those in its files; `predicate` may be None."""

    name: str
    table: dict[str, Any]
    columns: set[str] = field(default_factory=set)
    predicate: exp.Expr | None = None


@dataclass
class Plan:
    """A query over scans, its types known where they can be."""

    tree: exp.Expr
    scans: list[Scan]


def parse(text: str) -> exp.Expr:
    """Return one statement. QueryError: it is none, or more than one."""
    try:
        found = [one for one in sqlglot.parse(text, read="athena") if one is not None]
    except (ParseError, TokenError) as error:
        raise _syntax(error) from None
    except RecursionError:
        raise QueryError("SYNTAX_ERROR", "The statement is nested too deeply") from None
    if len(found) != 1:
        raise QueryError("", "Only one sql statement is allowed. Got: " + text[:80])
    return found[0]


def _syntax(error: SqlglotError) -> QueryError:
    details = getattr(error, "errors", None) or [{}]
    one = details[0]
    place = one.get("line") or 1, one.get("col") or 1
    word = str(one.get("highlight") or "<EOF>")
    return QueryError("", at(*place, f"mismatched input '{word}'"))


def make(tree: exp.Expr, catalog: Catalog) -> Plan:
    """Plan a query. QueryError: a table or column is not there, or it is no query of Athena's."""
    refuse_foreign(tree)
    _expand_views(tree, catalog)
    if sum(1 for _ in tree.walk()) > MOST_NODES:
        raise QueryError("QUERY_TEXT_TOO_LARGE", "The query has too many parts")
    scans = _name_scans(tree, catalog)
    schema: dict[str, object] = {scan.name: _schema(scan.table) for scan in scans}
    _name_outputs(tree)
    qualified = _qualified(tree, schema)
    _reads(qualified.copy(), scans, schema)
    return Plan(annotate_types(qualified, schema=schema, dialect="athena"), scans)


def _schema(table: dict[str, Any]) -> object:
    """Return all columns with types that the optimiser reads."""
    hive = glue.columns(table) | glue.keys(table)
    return {
        name: exp.DataType.build(kind, dialect="hive").sql("athena")
        for name, kind in hive.items() if glue.engine_type(kind)
    }


def _physical(tree: exp.Expr) -> list[exp.Table]:
    """Return the tables that are no common table expressions."""
    found: dict[int, exp.Table] = {}
    for scope in _scopes(tree):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                found[id(source)] = source
    return list(found.values())


def _scopes(tree: exp.Expr) -> list[Scope]:
    try:
        return traverse_scope(tree)
    except (OptimizeError, RecursionError) as error:
        raise _resolution(error) from None


def _expand_views(tree: exp.Expr, catalog: Catalog) -> None:
    for _ in range(DEEPEST_VIEW):
        views = [
            (node, found) for node in _physical(tree)
            if glue.is_view(found := catalog.table(node.db, node.name))
        ]
        if not views:
            return
        for node, table in views:
            inner = parse(glue.view_sql(table))
            for one in _physical(inner):
                if not one.db:
                    one.set("db", exp.to_identifier(table["DatabaseName"]))
            node.replace(exp.Subquery(
                this=inner, alias=exp.TableAlias(this=exp.to_identifier(node.alias_or_name))
            ))
    raise QueryError("VIEW_IS_RECURSIVE", "A view reads itself, or views lie too deep")


def _name_scans(tree: exp.Expr, catalog: Catalog) -> list[Scan]:
    scans = []
    for number, node in enumerate(_physical(tree)):
        table = catalog.table(node.db, node.name)
        alias = node.alias or node.name
        scan = Scan(f"scan_{number}", table)
        node.set("this", exp.to_identifier(scan.name))
        node.set("db", None)
        node.set("catalog", None)
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        scans.append(scan)
    for column in tree.find_all(exp.Column):
        if column.args.get("db"):
            column.set("db", None)
            column.set("catalog", None)
    return scans


def _name_outputs(tree: exp.Expr) -> None:
    """Give results without a name the ones that Athena gives: _col0, _col1."""
    first = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    if not isinstance(first, exp.Select):
        return
    for number, one in enumerate(list(first.expressions)):
        if not isinstance(one, exp.Column | exp.Alias | exp.Star | exp.Dot | exp.Aliases):
            one.replace(exp.alias_(one.copy(), f"_col{number}"))


def _qualified(tree: exp.Expr, schema: dict[str, object]) -> exp.Expr:
    try:
        return qualify(
            tree, schema=schema, dialect="athena", quote_identifiers=True,
            validate_qualify_columns=True,
        )
    except (OptimizeError, RecursionError) as error:
        raise _resolution(error) from None
    except SqlglotError as error:
        raise QueryError("SYNTAX_ERROR", str(error).partition("\n")[0]) from None


def _resolution(error: Exception) -> QueryError:
    if isinstance(error, RecursionError):
        return QueryError("SYNTAX_ERROR", "The statement is nested too deeply")
    text = str(error).partition("\n")[0]
    name = text.partition("'")[2].partition("'")[0].replace('"', "").rpartition(".")[2]
    if "could not be resolved" in text or "Unknown column" in text:
        return QueryError("COLUMN_NOT_FOUND", at(1, 8, f"Column '{name}' cannot be resolved"))
    return QueryError("SYNTAX_ERROR", text)


def _reads(
    tree: exp.Expr, scans: list[Scan], schema: dict[str, object]
) -> None:
    """Fill in what each scan reads; where the optimiser gives up, that is everything."""
    by_name = {scan.name: scan for scan in scans}
    try:
        tree = pushdown_projections(pushdown_predicates(tree, dialect="athena"))
        for scope in traverse_scope(tree):
            for alias, source in scope.sources.items():
                if isinstance(source, exp.Table) and source.name in by_name:
                    _read(scope, alias, by_name[source.name])
    except (SqlglotError, RecursionError, KeyError, AttributeError):
        for scan in scans:
            scan.columns, scan.predicate = set(glue.columns(scan.table)), None


def _read(scope: Scope, alias: str, scan: Scan) -> None:
    stored = glue.columns(scan.table)
    scan.columns |= {c.name.lower() for c in scope.source_columns(alias)} & set(stored)
    names = set(glue.keys(scan.table))
    mine = [one for one in _conditions(scope.expression, alias) if _only(one, alias, names)]
    if mine:
        scan.predicate = exp.and_(*[one.copy() for one in mine], copy=False)


def _conditions(select: exp.Expr, alias: str) -> list[exp.Expr]:
    """Return what must hold for a row of a table to count, as far as that is sure.

    An outer join brings rows of NULLs back in: what NULL satisfies proves nothing there.
    """
    if not isinstance(select, exp.Select):
        return []
    joins = select.args.get("joins") or []
    outer = any(join.side for join in joins)
    where = select.args.get("where")
    found = [
        one for one in (_conjuncts(where.this) if where is not None else [])
        if not (outer and one.find(exp.Is))
    ]
    for join in joins:
        if join.alias_or_name == alias and join.side in {"", "LEFT"} and join.args.get("on"):
            found += _conjuncts(join.args["on"])
    return found


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    return list(node.flatten()) if isinstance(node, exp.And) else [node]


def _only(node: exp.Expr, alias: str, names: set[str]) -> bool:
    """Whether an expression speaks of these columns of this table alone."""
    found = list(node.find_all(exp.Column))
    return bool(found) and not node.find(exp.Query) and all(
        c.table == alias and c.name.lower() in names for c in found
    )
