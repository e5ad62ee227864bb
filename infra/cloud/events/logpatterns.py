"""Filter patterns of CloudWatch Logs: terms, `%regex%`, `{ $.json }` and `[space, delimited]`.

Written from the user guide, "Filter pattern syntax for metric filters, subscription filters, filter
log events, and Live Tail". Limit: a regular expression of the characters named there is read as
Python reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from infra.cloud.errors import AwsError

Fields = Callable[[str], list[Any]]  # the values that a selector or a field's name finds
Test = Callable[[Fields], bool]

_TERM = re.compile(r'([-?]?)("(?:[^"\\]|\\.)*"|%[^%]*%|\S+)')
_TOKEN = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|%[^%]*%|\.\.\.|<=|>=|!=|[=<>(),]|&&|\|\|'
    r"|\$(?:\.[\w-]+|\[\d+\]|\[\*\]|\[(?:'[^']*'|\"[^\"]*\")\])+"
    r'|[^\s=<>!&|(),"{}\[\]]+)\s*'
)
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\[(\*)\]|\[['\"]([^'\"]*)['\"]\]")
_FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"|\[([^\]]*)\]|(\S+)')
LONGEST = 1024
_OPERATORS = {"=", "!=", "<", ">", "<=", ">="}


class Pattern:
    """One filter pattern. AwsError (InvalidParameterException): it is none."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._test: Test | None = None
        if self.text.startswith("{"):
            self._test = _parsed(self._inner("{", "}"))
        elif self.text.startswith("["):
            self._slots = list(_slots(self._inner("[", "]")))
        else:
            self._terms = [_term(*one) for one in _TERM.findall(self.text)]

    def matches(self, message: str) -> bool:
        """Whether a message passes."""
        if self._test is not None:
            found = _object(message)
            return found is not None and self._test(lambda path: _select(found, path))
        if self.text.startswith("["):
            return self._fields(message) is not None
        plain = [test(message) for sign, test in self._terms if sign == ""]
        if any(test(message) for sign, test in self._terms if sign == "-"):
            return False
        if plain or any(sign == "-" for sign, _ in self._terms):
            return all(plain)  # beside other terms, those with a question mark are ignored
        return not self._terms or any(test(message) for _, test in self._terms)

    def value(self, message: str, selector: str) -> str:
        """Return what `$.path` or `$field` stands for in a message that passed; "" if nothing."""
        if self._test is not None:
            found = _select(_object(message), selector)
            return _text(found[0]) if found else ""
        fields = self._fields(message) or {} if self.text.startswith("[") else {}
        return fields.get(selector.removeprefix("$"), "")

    def _inner(self, opens: str, closes: str) -> list[str]:
        if not self.text.endswith(closes) or len(self.text) < 2:
            raise _invalid(f"a pattern that begins with {opens} ends with {closes}")
        return _tokens(self.text[1:-1])

    def _fields(self, message: str) -> dict[str, str] | None:
        """Return a message's fields by name; None when it does not pass."""
        words = ["".join(one) for one in _FIELD.findall(message)]
        names = [name for name, _ in self._slots]
        if "..." in names:
            place, spare = names.index("..."), len(words) - len(names) + 1
            if spare < 0:
                return None
            words[place : place + spare] = [" ".join(words[place : place + spare])]
        if len(words) != len(names):
            return None
        named = dict(zip(names, words, strict=True))
        find: Fields = lambda name: [named[name]] if name in named else []  # noqa: E731
        return named if all(test(find) for _, test in self._slots) else None


@lru_cache(maxsize=256)
def pattern(text: str) -> Pattern:
    """Return a filter pattern. AwsError (InvalidParameterException): it is none."""
    if len(text) > LONGEST:
        raise _invalid(f"longer than {LONGEST} characters")
    try:
        return Pattern(text)
    except RecursionError:
        raise _invalid("parentheses nested too deeply") from None


def _invalid(why: str) -> AwsError:
    return AwsError("InvalidParameterException", f"Invalid filter pattern: {why}")


def _term(sign: str, term: str) -> tuple[str, Callable[[str], bool]]:
    if term.startswith("%"):
        return sign, _regex(term)
    if not term.startswith('"'):
        if not re.fullmatch(r"\w+", term):
            raise AwsError("InvalidParameterException", f"Invalid character(s) in term '{term}'")
        return sign, lambda message: term in message
    plain = _unquoted(term)
    return sign, lambda message: plain in message


def _regex(text: str) -> Callable[[str], bool]:
    if not re.fullmatch(r"%[\w\s:#=@/;,\-^$?\[\]{}|\\*+.]+%", text, re.ASCII):
        raise _invalid(f"{text} has a character that is not supported there")
    try:
        made = re.compile(text.strip("%"))
    except re.error as error:
        raise _invalid(f"{text}: {error}") from None
    return lambda message: made.search(message) is not None


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _tokens(text: str) -> list[str]:
    found, place = [], 0
    while place < len(text) and not text[place:].isspace():
        token = _TOKEN.match(text, place)
        if token is None:
            raise _invalid(f"nothing to read at {text[place:].strip()!r}")
        found.append(token[1])
        place = token.end()
    return found


# --- conditions: a || b && (c) --------------------------------------------------------------------

def _parsed(tokens: list[str]) -> Test:
    left = list(reversed(tokens))
    test = _either(left)
    if left:
        raise _invalid(f"nothing to do with {left[-1]!r}")
    return test


def _either(left: list[str]) -> Test:
    return _chain(left, "||", _both, any)


def _both(left: list[str]) -> Test:
    return _chain(left, "&&", _one, all)


def _chain(
    left: list[str], sign: str, part: Callable[[list[str]], Test],
    whole: Callable[[Iterable[bool]], bool],
) -> Test:
    parts = [part(left)]
    while left and left[-1] == sign:
        left.pop()
        parts.append(part(left))
    return lambda fields: whole(each(fields) for each in parts)


def _one(left: list[str]) -> Test:
    name = _next(left)
    if name == "(":
        test = _either(left)
        if _next(left) != ")":
            raise _invalid("a parenthesis is not closed")
        return test
    operator = _next(left)
    if operator == "IS":
        wanted = _CONSTANTS.get(_next(left), ...)
        if wanted is ...:
            raise _invalid("IS TRUE, IS FALSE or IS NULL")
        return lambda fields: any(one is wanted for one in fields(name))
    if operator == "NOT" and _next(left) == "EXISTS":
        return lambda fields: not fields(name)
    if operator == "EXISTS":
        return lambda fields: bool(fields(name))
    if operator not in _OPERATORS:
        raise _invalid(f"{operator!r} is no operator")
    compared = _comparison(operator, _next(left))
    return lambda fields: any(compared(one) for one in fields(name))


_CONSTANTS: dict[str, Any] = {"TRUE": True, "FALSE": False, "NULL": None}


def _next(left: list[str]) -> str:
    if not left:
        raise _invalid("it ends too early")
    return left.pop()


def _comparison(operator: str, wanted: str) -> Callable[[Any], bool]:
    number = None if wanted.startswith(('"', "%")) else _number(wanted)
    if operator in {"=", "!="}:
        same = _same(wanted, number)
        return same if operator == "=" else lambda one: not same(one)
    if number is None:
        raise _invalid(f"{operator} compares numbers, and {wanted!r} is none")

    def compared(one: Any) -> bool:
        value = _number(one)
        if value is None:
            return False
        return {"<": value < number, ">": value > number,
                "<=": value <= number, ">=": value >= number}[operator]

    return compared


def _same(wanted: str, number: float | None) -> Callable[[Any], bool]:
    if wanted.startswith("%"):
        found = _regex(wanted)
        return lambda one: found(_text(one))
    if number is not None:
        return lambda one: _number(one) == number
    pieces = [re.escape(piece) for piece in _unquoted(wanted).split("*")]
    like = re.compile(".*".join(pieces), re.DOTALL)
    return lambda one: like.fullmatch(_text(one)) is not None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- JSON, and fields between spaces --------------------------------------------------------------

def _object(message: str) -> Any:
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _select(data: Any, path: str) -> list[Any]:
    """Return the values that a path such as `$.a.b[0]` or `$.a[*].b` finds."""
    found = [data]
    for name, place, every, quoted in _STEP.findall(path):
        deeper: list[Any] = []
        for one in found:
            if isinstance(one, list) and every:
                deeper += one
            elif isinstance(one, list) and place and int(place) < len(one):
                deeper.append(one[int(place)])
            elif isinstance(one, dict) and (key := name or quoted) in one:
                deeper.append(one[key])
        found = deeper
    return found


def _slots(tokens: Sequence[str]) -> Iterator[tuple[str, Test]]:
    """Yield the name and the test of each field between two commas."""
    part: list[str] = []
    for token in [*tokens, ","]:
        if token != ",":
            part.append(token)
            continue
        if not part:
            raise _invalid("a field without a name")
        yield part[0], (lambda _: True) if len(part) == 1 else _parsed(part)
        part = []
