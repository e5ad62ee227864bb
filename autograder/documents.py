"""Mutants of documents: JSON by its tree, YAML, HCL and SQL by their lines. Runs none of them.

Five ways to be wrong: a key dropped, a boolean flipped, a right widened to `*`, an action swapped,
a bound loosened. In Python the same on dicts that are written out.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

SWAPS = {
    "Allow": "Deny", "Deny": "Allow", "allow": "deny", "deny": "allow", "Get": "Put", "Put": "Get",
    "read": "write", "write": "read", "true": "false", "false": "true", "INNER": "LEFT",
    "LEFT": "INNER", "AND": "OR", "MIN": "MAX", "MAX": "MIN", "SUM": "COUNT", "ASC": "DESC",
    "DESC": "ASC", "UNION": "UNION ALL", "StringEquals": "StringNotEquals", "EXISTS": "NOT EXISTS",
}  # fmt: skip
TEXTS = (".yaml", ".yml", ".tf", ".hcl", ".sql", ".rego", ".ini", ".conf")
ACTION = re.compile(r"^[a-z][a-z0-9-]+:[A-Za-z*]+$")
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Edit:
    """One changed document. `what` says how, in a line."""

    line: int
    what: str
    text: str


def document_edits(file: str, text: str) -> list[Edit]:
    """Return all mutants of a document; none for kinds that have no operators."""
    if file.endswith(".json"):
        return list(_json_edits(text))
    if file.endswith(TEXTS):
        return list(_line_edits(text, sql=file.endswith(".sql")))
    return []


# ---------------------------------------------------------------- JSON


def _json_edits(text: str) -> Iterator[Edit]:
    tree = json.loads(text)
    for path in _paths(tree):
        name = ".".join(map(str, path))
        for what, change in _changes(_at(tree, path)):
            yield Edit(1, f"{name}: {what}", _changed(text, path, change))
        yield Edit(1, f"{name}: dropped", _changed(text, path, None))


def _paths(tree: Any, above: Path = ()) -> Iterator[Path]:
    items: list[tuple[str | int, Any]] = []
    if isinstance(tree, dict):
        items = list(tree.items())
    elif isinstance(tree, list):
        items = list(enumerate(tree))
    for key, value in items:
        yield (*above, key)
        yield from _paths(value, (*above, key))


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _changes(value: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Yield what can become of a leaf."""
    if isinstance(value, bool):
        yield "flipped", lambda v: not v
    elif isinstance(value, int | float):
        yield "ten times as much", lambda v: v * 10 if v else 1
    elif isinstance(value, str):
        if value != "*":
            yield "widened to *", lambda _: "*"
        if ACTION.match(value) and not value.endswith(":*"):
            yield "widened to every action", lambda v: f"{v.partition(':')[0]}:*"
        swapped = _swap(value)
        if swapped != value:
            yield f"swapped for {swapped}", lambda _: swapped


def _swap(value: str) -> str:
    """Swap the first known word of a text, also inside s3:GetObject."""
    for old, new in SWAPS.items():
        pattern = rf"(?<![A-Za-z]){old}(?![a-z])"
        if re.search(pattern, value):
            return re.sub(pattern, new, value, count=1)
    return value


def _changed(text: str, path: Path, change: Callable[[Any], Any] | None) -> str:
    tree = json.loads(text)
    parent, key = _at(tree, path[:-1]), path[-1]
    if change is None:
        del parent[key]
    else:
        parent[key] = change(parent[key])
    return json.dumps(tree, indent=2) + "\n"


# ---------------------------------------------------------------- YAML, HCL, SQL


def _line_edits(text: str, sql: bool) -> Iterator[Edit]:
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        bare = line.strip()
        if not bare or bare.startswith(("#", "--", "//")):
            continue
        for what, new in _line_changes(line, sql):
            if new != line:
                changed = "".join([*lines[:number], new, *lines[number + 1 :]])
                yield Edit(number + 1, f"{bare}: {what}"[:200], changed)


def _line_changes(line: str, sql: bool) -> Iterator[tuple[str, str]]:
    if sql and re.match(r"\s*(AND|OR|ORDER BY|LIMIT|HAVING)\b", line, re.IGNORECASE):
        yield "dropped", "\n"
    if not sql and re.match(r"\s*[\w\"'-]+\s*[:=]\s*[^\s{\[|>].*$", line):
        yield "dropped", "\n"
    if not sql and re.match(r"\s*- \S", line):
        yield "dropped", "\n"
    for old, new in SWAPS.items():
        if re.search(rf"\b{old}\b", line):
            yield f"{old} for {new}", re.sub(rf"\b{old}\b", new, line, count=1)
    for old, new in (("<=", "<"), (">=", ">"), ("DISTINCT ", "")):
        if sql and old in line:
            yield f"{old} for {new or 'nothing'}", line.replace(old, new, 1)
    if found := re.search(r"(?<![\w.])\d+(?![\w.])", line):
        more = str(int(found[0]) * 10 or 1)
        yield "ten times as much", line[: found.start()] + more + line[found.end() :]
    if found := re.search(r"\"[^\"$*]*:[^\"$]*\"", line):
        yield "widened to *", line[: found.start()] + '"*"' + line[found.end() :]


# ---------------------------------------------------------------- dicts in Python


def literal_edits(text: str) -> list[Edit]:
    """Return mutants of dicts written out in Python: keys dropped, rights widened or swapped."""
    tree = compile(text, "solution", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            found += list(_dict_edits(text, node))
    return sorted(found, key=lambda e: (e.line, e.what))


def _dict_edits(text: str, node: ast.Dict) -> Iterator[Edit]:
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            continue
        cut = _replaced(text, key, value, "**{}")
        yield Edit(key.lineno, f"{key.value!r}: dropped", cut)
        for leaf in ast.walk(value):
            if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                yield from _text_edits(text, key.value, leaf)


def _text_edits(text: str, key: str, leaf: ast.Constant) -> Iterator[Edit]:
    value = str(leaf.value)
    if ACTION.match(value) and not value.endswith(":*"):
        wide = f"{value.partition(':')[0]}:*"
        yield Edit(
            leaf.lineno, f"{key!r}: {value} -> {wide}", _replaced(text, leaf, leaf, f"{wide!r}")
        )
    swapped = SWAPS.get(value, value)
    if swapped != value:
        changed = _replaced(text, leaf, leaf, f"{swapped!r}")
        yield Edit(leaf.lineno, f"{key!r}: {value} -> {swapped}", changed)


def _replaced(text: str, first: ast.expr, last: ast.expr, new: str) -> str:
    """Replace what stands between two nodes; columns of the tree count UTF-8 bytes."""
    data, starts = text.encode(), [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    begin = starts[first.lineno - 1] + first.col_offset
    end = starts[(last.end_lineno or last.lineno) - 1] + (last.end_col_offset or 0)
    return (data[:begin] + new.encode() + data[end:]).decode()
