"""Rules on the Python of checks.py and conftest.py, read as syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from autograder.lint import Found, rule
from autograder.manifest import Lab

CLOCKS = ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns")
EXCUSE = re.compile(r"#\s*lint:\s*([\w-]+)\s+because\s+\S+")


class Source:
    """One Python file of a lab: its tree and the excuses beside its lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        self.lines = text.splitlines()
        try:
            self.tree = ast.parse(text)
        except SyntaxError:  # the rule `loads` says so
            self.tree = ast.Module([], [])

    def functions(self) -> Iterator[ast.FunctionDef]:
        """Return all functions, inner ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))

    def excused(self, node: ast.AST, name: str) -> bool:
        """Tell whether a line of a node says why it breaks a rule."""
        lines = self.lines[_line(node) - 1 : getattr(node, "end_lineno", _line(node))]
        return any(found[1] == name for line in lines if (found := EXCUSE.search(line)))


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


def sources(lab: Lab) -> list[Source]:
    """Return checks.py and conftest.py."""
    return [Source(lab.folder / name) for name in ("checks.py", "conftest.py")]


def _asserts(source: Source) -> Iterator[tuple[ast.FunctionDef, ast.Assert]]:
    for function in source.functions():
        for node in ast.walk(function):
            if isinstance(node, ast.Assert):
                yield function, node


@rule("message")
def message(lab: Lab) -> Found:
    """Every assert of a check has a message of one line.

    The message is all that a learner sees of a graded run. It says what was expected in words, what
    to look at, and asks one question. More than a line drowns the comparison that pytest shows.
    """
    source = sources(lab)[0]
    for _, node in _asserts(source):
        if source.excused(node, "message"):
            continue
        if node.msg is None:
            yield source.path, node.lineno, "this assert has no message"
        elif any("\n" in text for text in _texts(node.msg)):
            yield source.path, node.lineno, "this message has more than one line"


def _texts(node: ast.AST) -> list[str]:
    return [
        n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]


@rule("fixed-message")
def fixed_message(lab: Lab) -> Found:
    """A message shows no value that came from a fixture or from the learner.

    Graded runs use inputs that the learner must not see. A message may hold names that run over
    constants written in the check itself, and nothing else.
    """
    source = sources(lab)[0]
    for function, node in _asserts(source):
        if node.msg is None or source.excused(node, "fixed-message"):
            continue
        for name in _shown(node.msg):
            if name not in _constants(function):
                what = f"the message shows {name!r}, which may hold an input: use fixed words"
                yield source.path, node.lineno, what


def _shown(message: ast.expr) -> set[str]:
    """Return what a message interpolates: names, or the text of anything larger."""
    if isinstance(message, ast.Constant):
        return set()
    if not isinstance(message, ast.JoinedStr):
        return {ast.unparse(message)}
    values = [part.value for part in message.values if isinstance(part, ast.FormattedValue)]
    return {v.id if isinstance(v, ast.Name) else ast.unparse(v) for v in values}


def _constants(function: ast.FunctionDef) -> set[str]:
    """Return the names that only ever hold constants written in this function."""
    found: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.For) and _literal(node.iter):
            found |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
        if isinstance(node, ast.Assign) and _literal(node.value):
            found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return found


def _literal(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        plain = isinstance(node.func, ast.Name) and node.func.id in ("range", "enumerate", "zip")
        return plain and all(_literal(a) for a in node.args)
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


@rule("wall-clock")
def wall_clock(lab: Lab) -> Found:
    """No assert compares wall time.

    A busy machine would fail an honest submission. Count calls, bytes, records, steps or CPU; a
    clock may end a loop that waits, never decide a verdict.
    """
    for source in sources(lab):
        for function, node in _asserts(source):
            if not source.excused(node, "wall-clock") and _timed(node.test, _times(function)):
                yield source.path, node.lineno, "this assert depends on the clock on the wall"


def _times(function: ast.FunctionDef) -> set[str]:
    """Return the names that were computed from a clock."""
    found: set[str] = set()
    for _ in range(2):
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and _timed(node.value, found):
                found |= {
                    n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)
                }
    return found


def _timed(expression: ast.AST, names: set[str]) -> bool:
    for node in ast.walk(expression):
        if isinstance(node, ast.Name) and node.id in names:
            return True
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
            owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else "time"
            if name in CLOCKS and owner == "time":
                return True
    return False


@rule("source-text")
def source_text(lab: Lab) -> Found:
    """No check reads the learner's source.

    It judges what the work does. A word that is found or not found in a file says nothing about
    that, and asks for one fixed way of doing it.
    """
    for source in sources(lab):
        for node in ast.walk(source.tree):
            read = isinstance(node, ast.Call) and _reads_code(node)
            if read and not source.excused(node, "source-text"):
                yield source.path, _line(node), "this reads the learner's source text"


def _reads_code(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    if name in ("getsource", "getsourcelines"):
        return True
    texts = [t for argument in call.args for t in _texts(argument)]
    return name in ("read", "open", "read_text") and any(
        text.endswith((".py", ".ipynb")) for text in texts
    )


@rule("seeded")
def seeded(lab: Lab) -> Found:
    """Every draw comes from the fixture `seed` or `rng`.

    Two runs on one seed must agree, in a self-check as in a regrade a year later. The module
    `random`, numpy's global generator and generators without a seed do not.
    """
    for source in sources(lab):
        for node in ast.walk(source.tree):
            if _unseeded(node) and not source.excused(node, "seeded"):
                yield source.path, _line(node), "this draws without the seed of the run"


def _unseeded(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if re.fullmatch(r"(np|numpy)\.random\.[a-z_]+", name) and "default_rng" not in name:
            return True
        makers = ("default_rng", "random.Random", "PCG64", "PCG64DXSM", "SeedSequence")
        return name.endswith(makers) and not node.args and not node.keywords
    return isinstance(node, ast.ImportFrom) and node.module in ("random", "secrets", "uuid")
