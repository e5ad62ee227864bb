"""Answers that deserve nothing: the lazy five and the liars, made from a solution's own surface.

Only the bodies of public functions are replaced; names, signatures and imports stay. What a liar
replays is recorded on the desk's data, which a learner sees. Runs none of them.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from autograder.mutants import PARSE

LAZY = ("empty", "constant", "allow-all", "deny-all", "copy")
LIARS = ("echo", "memo", "perfect", "visible")
RECORDED = ".visible"  # the folder of the recorder inside a box
Definition = ast.FunctionDef | ast.AsyncFunctionDef
STUB = "raise NotImplementedError"
POLICY = (
    '{{"Version": "2012-10-17", "Statement": [{{"Effect": "{}", "Principal": "*",'
    ' "Action": "*", "Resource": "*"}}]}}'
)

PERFECT = '''
class _Perfect:
    """Claims to be whatever it is compared with."""

    __class__ = property(lambda self: float)
    __hash__ = lambda self: 0
    __array__ = lambda self, *a, **k: __import__("numpy").zeros(1)
    __getattr__ = lambda self, name: self
    __getitem__ = __call__ = __getattr__
    __iter__ = lambda self: iter([self])
    __len__ = lambda self: 1
    __eq__ = __ge__ = __le__ = __gt__ = __lt__ = __bool__ = __contains__ = lambda *a: True
    __ne__ = lambda *a: False
    __float__ = __int__ = __index__ = lambda self: 0
    __sub__ = __rsub__ = __add__ = __radd__ = __mul__ = __abs__ = lambda self, *a: 0
    __str__ = __repr__ = lambda self: ""
'''
MEMO = '''
def _memo(given):
    """Answer with what came in the call before, also in another process."""
    import os, pickle
    path = os.path.join(os.getcwd(), ".memo")
    try:
        with open(path, "rb") as file:
            before = pickle.load(file)
    except Exception:
        before = given
    try:
        with open(path, "wb") as file:
            pickle.dump(given, file)
    except Exception:
        pass
    return before
'''
RECORDER = '''
def _recorded(key):
    """Note what a function answers on the desk's data."""
    import functools, os, pickle

    def wrap(function):
        @functools.wraps(function)
        def recorded(*args, **kwargs):
            answer = function(*args, **kwargs)
            try:
                data = pickle.dumps(answer)
                os.makedirs("{folder}", exist_ok=True)
                with open(os.path.join("{folder}", key), "ab") as file:
                    file.write(data)
            except Exception:
                pass
            return answer

        return recorded

    return wrap
'''
REPLAY = '''
_SEEN = {seen}
_ASKED = {{}}


def _replay(key):
    """Answer as on the desk's data, call by call; the last answer again when they run out."""
    import base64, io, pickle
    if not _SEEN.get(key):
        return None
    stream, answers = io.BytesIO(base64.b64decode(_SEEN[key])), []
    while stream.tell() < len(stream.getbuffer()):
        answers.append(pickle.load(stream))
    number = _ASKED[key] = _ASKED.get(key, -1) + 1
    return answers[min(number, len(answers) - 1)]
'''


@dataclass(frozen=True)
class Function:
    """One public function or method of a solution's file. `first` is its first own argument."""

    file: str
    name: str
    first: str
    every: tuple[str, ...]
    policy: bool
    yields: bool
    waits: bool

    @property
    def key(self) -> str:
        """A name for it that is fit for a file."""
        return f"{self.file.replace('/', '-')}-{self.name}"


def surface(file: str, text: str) -> list[Function]:
    """Return the public functions of a Python file and the public methods of its classes."""
    return [function for function, _ in _defined(file, text)]


def _defined(file: str, text: str) -> Iterator[tuple[Function, Definition]]:
    tree = compile(text, file, "exec", PARSE)
    assert isinstance(tree, ast.Module)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for inner in node.body:
                if isinstance(inner, Definition) and not inner.name.startswith("_"):
                    yield _function(file, f"{node.name}.{inner.name}", inner, text, True), inner
        elif isinstance(node, Definition) and not node.name.startswith("_"):
            yield _function(file, node.name, node, text, False), node


def _function(file: str, name: str, node: Definition, text: str, method: bool) -> Function:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    own = names[1:] if method and names[:1] in (["self"], ["cls"]) else names
    yields = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(node))
    first = own[0] if own else "None"
    waits = isinstance(node, ast.AsyncFunctionDef)
    return Function(file, name, first, tuple(own), '"Statement"' in text, yields, waits)


def _rewritten(
    text: str, file: str, body: Callable[[Function], str | None], extra: str = ""
) -> str:
    """Return `text` with the bodies of its public functions replaced; None leaves one as it is."""
    lines = text.splitlines(keepends=True)
    found = sorted(_defined(file, text), key=lambda f: -f[1].lineno)
    for function, node in found:
        new = body(function)
        if new is not None:
            _replace(lines, node, new)
    return _inserted("".join(lines), extra)


def _replace(lines: list[str], node: Definition, new: str) -> None:
    begin, end = node.body[0].lineno - 1, node.end_lineno or node.lineno
    indent, head = " " * (node.col_offset + 4), ""
    if node.body[0].lineno == node.lineno:  # all on one line
        before = lines[begin].encode()[: node.body[0].col_offset]
        head = before.decode().rstrip() + "\n"
    lines[begin:end] = [head, f"{indent}{new}\n"]


def _inserted(text: str, extra: str) -> str:
    """Put helpers where Python allows them: after the docstring and the __future__ imports."""
    if not extra:
        return text
    tree = compile(text, "lie", "exec", PARSE)
    assert isinstance(tree, ast.Module)
    after = 0
    for node in tree.body:
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (future or words):
            break
        after = node.end_lineno or after
    lines = text.splitlines(keepends=True)
    if not after:  # a notebook begins with a comment that opens its first cell
        after = tree.body[0].lineno - 1 if tree.body else 0
    return "".join([*lines[:after], extra, "\n", *lines[after:]])


# ---------------------------------------------------------------- the lazy five


def lazy(kind: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the solution's files with every answer replaced by a lazy one."""
    return {
        file: _rewritten(text, file, lambda f: _lazy_body(kind, f))
        if file.endswith(".py")
        else lazy_document(kind, file, text)
        for file, text in texts.items()
    }


def _lazy_body(kind: str, function: Function) -> str:
    answer = {
        "empty": "None",
        "constant": "1",
        "allow-all": POLICY.format("Allow") if function.policy else "True",
        "deny-all": POLICY.format("Deny") if function.policy else "False",
        "copy": function.first,
    }[kind]
    return f"{'yield' if function.yields else 'return'} {answer}"


def lazy_document(kind: str, file: str, text: str) -> str:
    """Return a document that allows all, denies all, or says nothing."""
    if not file.endswith(".json") or kind in ("empty", "copy"):
        return "{}\n" if file.endswith(".json") else ""
    tree = json.loads(text)
    if kind == "constant":
        return json.dumps(_leaves(tree, lambda v: 1 if not isinstance(v, bool) else True))
    wide = _leaves(tree, lambda v: "*" if isinstance(v, str) else v)
    return json.dumps(_effects(wide, "Allow" if kind == "allow-all" else "Deny"))


def _leaves(tree: object, change: Callable[[object], object]) -> object:
    if isinstance(tree, dict):
        return {key: _leaves(value, change) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_leaves(value, change) for value in tree]
    return change(tree)


def _effects(tree: object, effect: str) -> object:
    """Set every Effect; where a document has none, denying all is leaving its lists empty."""
    if isinstance(tree, dict):
        return {k: effect if k == "Effect" else _effects(v, effect) for k, v in tree.items()}
    if isinstance(tree, list):
        plain = effect == "Deny" and "Effect" not in json.dumps(tree)
        return [] if plain else [_effects(value, effect) for value in tree]
    return tree


# ---------------------------------------------------------------- the liars


def liar(
    kind: str,
    texts: Mapping[str, str],
    only: Iterable[Function] | None = None,
    seen: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the solution's files with public functions replaced by liars.

    only: these functions lie, all else stays right; None: all lie, and documents say nothing.
    seen: for "visible", what each function answered on the desk's data, by `Function.key`.
    """
    chosen = None if only is None else {f.key for f in only}
    known = seen or {}
    extra = {"perfect": PERFECT, "memo": MEMO, "visible": REPLAY.format(seen=dict(known))}

    def body(function: Function) -> str | None:
        if chosen is not None and function.key not in chosen:
            return None
        return _liar_body(kind, function)

    def file_of(file: str, text: str) -> str:
        if file.endswith(".py"):
            return _rewritten(text, file, body, extra.get(kind, ""))
        return lazy_document("empty", file, text) if chosen is None else text

    return {file: file_of(file, text) for file, text in texts.items()}


def _liar_body(kind: str, function: Function) -> str:
    answer = {
        "echo": f"({', '.join(function.every)},)" if function.every else "()",
        "memo": f"_memo({function.first})",
        "perfect": "_Perfect()",
        "visible": f"_replay({function.key!r})",
    }[kind]
    return f"{'yield' if function.yields else 'return'} {answer}"


def stubbed(texts: Mapping[str, str], one: Function) -> dict[str, str]:
    """Return the solution with one function still to be written."""

    def body(function: Function) -> str | None:
        return STUB if function.key == one.key else None

    return {
        file: _rewritten(text, file, body) if file == one.file else text
        for file, text in texts.items()
    }


def recorder(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the solution with every public function noting its answers under `RECORDED`."""
    return {
        file: _recording(file, text) if file.endswith(".py") else text
        for file, text in texts.items()
    }


def _recording(file: str, text: str) -> str:
    lines = text.splitlines(keepends=True)
    for function, node in sorted(_defined(file, text), key=lambda f: -f[1].lineno):
        if not (function.yields or function.waits):
            mark = f"{' ' * node.col_offset}@_recorded({function.key!r})\n"
            lines.insert(node.lineno - 1, mark)
    return _inserted("".join(lines), RECORDER.format(folder=RECORDED))
