"""Mutants of Python: cosmic-ray's operators on the lines that a learner writes. Runs none of them.

Left out, because they change nothing that a check could see: `is` for `==` and back, and anything
inside an annotation. Document-like dicts in Python get the operators of `documents` as well.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from autograder.documents import Edit, document_edits, literal_edits
from autograder.starter import BEGIN, END

SAMPLE = 60
NEED_ARGUMENTS = ("core/VariableReplacer", "core/VariableInserter")
SAME_TO_A_CHECK = ("Eq_Is", "NotEq_IsNot", "Is_Eq", "IsNot_NotEq")
PARSE = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


@dataclass(frozen=True)
class Mutant:
    """One changed file of a solution. `change` says how, in a line."""

    file: str
    line: int
    change: str
    text: str


@dataclass(frozen=True)
class Spot:
    """Where one operator applies."""

    file: str
    line: int
    column: int
    operator: str
    occurrence: int


def mutants(texts: Mapping[str, str], seed: str, count: int = SAMPLE) -> list[Mutant]:
    """Return a sample of mutants of a solution, spread over its places and fixed by `seed`."""
    draw = random.Random(seed)
    spots: list[Spot | tuple[str, Edit]] = []
    for file, text in sorted(texts.items()):
        lines = learners_lines(text)
        if file.endswith(".py"):
            spots += [s for s in python_spots(file, text) if s.line in lines]
            spots += [(file, edit) for edit in literal_edits(text) if edit.line in lines]
        else:
            spots += [(file, edit) for edit in document_edits(file, text)]
    found: list[Mutant] = []
    for spot in _spread(spots, draw):
        if len(found) >= count:
            break
        mutant = _mutant(spot, texts)
        if mutant is not None and mutant.text != texts[mutant.file]:
            found.append(mutant)
    return found


def _spread(spots: list[Any], draw: random.Random) -> Iterator[Any]:
    """Yield one spot of each place, then a second of each, and so on."""
    draw.shuffle(spots)
    rounds: dict[object, int] = {}
    order = []
    for number, spot in enumerate(spots):
        place = _place(spot)
        rounds[place] = rounds.get(place, -1) + 1
        order.append((rounds[place], number, spot))
    for _, _, spot in sorted(order, key=lambda o: o[:2]):
        yield spot


def _place(spot: Spot | tuple[str, Edit]) -> object:
    if isinstance(spot, Spot):
        return spot.file, spot.line, spot.column
    return spot[0], spot[1].line, spot[1].what


def _mutant(spot: Spot | tuple[str, Edit], texts: Mapping[str, str]) -> Mutant | None:
    if not isinstance(spot, Spot):
        file, edit = spot
        return Mutant(file, edit.line, edit.what, edit.text)
    from cosmic_ray.mutating import mutate_code

    try:
        text = mutate_code(texts[spot.file], _operators()[spot.operator], spot.occurrence)
    except AttributeError:  # the exception operator stumbles over dotted names
        return None
    if text is None or not _compiles(text):
        return None
    return Mutant(spot.file, spot.line, _change(texts[spot.file], text), text)


def _compiles(text: str) -> bool:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            compile(text, "mutant", "exec", PARSE)
        except SyntaxError:
            return False
    return True


def _change(old: str, new: str) -> str:
    """Return the first line that differs, before and after."""
    pairs = zip(old.splitlines(), new.splitlines(), strict=False)
    before, after = next(((a, b) for a, b in pairs if a != b), ("a line", "removed"))
    return f"{before.strip()}  ->  {after.strip()}"[:200]


def learners_lines(text: str) -> set[int]:
    """Return the numbers of the lines inside solution blocks; all lines when there is none."""
    inside, found = False, set()
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if BEGIN.match(line):
            inside = True
        elif END.match(line):
            inside = False
        elif inside:
            found.add(number)
    return found or set(range(1, len(lines) + 1))


@cache
def _operators() -> dict[str, Any]:
    from cosmic_ray.plugins import get_operator, operator_names

    return {
        name: get_operator(name)()
        for name in sorted(operator_names())
        if name not in NEED_ARGUMENTS and not name.endswith(SAME_TO_A_CHECK)
    }


def python_spots(file: str, text: str) -> list[Spot]:
    """Return every place of a Python file where an operator applies."""
    from cosmic_ray.ast import ast_nodes, get_ast

    nodes = list(ast_nodes(get_ast(text)))
    annotated = _annotations(text)
    found = []
    for name, operator in _operators().items():
        occurrence = 0
        for node in nodes:
            for (line, column), _ in operator.mutation_positions(node):
                if not any(a <= (line, column) < b for a, b in annotated):
                    found.append(Spot(file, line, column, name, occurrence))
                occurrence += 1
    return found


def _annotations(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where annotations begin and end: nothing runs there."""
    tree = compile(text, "solution", "exec", PARSE)
    found = []
    for node in ast.walk(tree):
        for one in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(one, ast.expr):
                end = (one.end_lineno or one.lineno, one.end_col_offset or one.col_offset)
                found.append(((one.lineno, one.col_offset), end))
    return found
