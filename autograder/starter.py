"""cut(text) -> text: the starter from the solution. Knows neither files nor the terminal."""

from __future__ import annotations

import re

from autograder.errors import ManifestError

SIGN = r"^(?P<indent>[ \t]*)(?P<sign>#|//|--|;|%|<!--)[#/]*[ \t]*"
BEGIN = re.compile(SIGN + r"BEGIN SOLUTION(?::[ \t]*(?P<todo>.*?))?[ \t]*(?:-->)?$")
END = re.compile(SIGN + r"END SOLUTION[ \t]*(?:-->)?$")


def cut(text: str, python: bool = True) -> str:
    """Return `text` with every solution block replaced by its TODO.

    In Python the block also raises NotImplementedError, so that an open gap says so when called.
    Raises ManifestError for a block that is not closed, not opened, nested or without a text.
    """
    out: list[str] = []
    opened = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        begin = BEGIN.match(line.rstrip("\n"))
        if begin and opened:
            raise _bad(f"a block opens inside the block of line {opened}", number)
        if begin:
            opened = number
            out += _todo(begin, number, python)
        elif END.match(line.rstrip("\n")):
            if not opened:
                raise _bad("END SOLUTION without a BEGIN", number)
            opened = 0
        elif not opened:
            out.append(line)
    if opened:
        raise _bad("BEGIN SOLUTION is never closed", opened)
    return "".join(out)


def _todo(begin: re.Match[str], number: int, python: bool) -> list[str]:
    indent, sign, todo = begin["indent"], begin["sign"], (begin["todo"] or "").strip()
    if not todo:
        raise _bad("BEGIN SOLUTION needs a text: `### BEGIN SOLUTION: what is to be done`", number)
    close = " -->" if sign == "<!--" else ""
    lines = [f"{indent}{sign} TODO: {todo}{close}\n"]
    return [*lines, f"{indent}raise NotImplementedError\n"] if python else lines


def _bad(what: str, number: int) -> ManifestError:
    return ManifestError(what, f"line {number}", "mend the marks of this block")
