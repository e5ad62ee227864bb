"""IAM condition operators: does a statement's Condition block hold for a request context?

Limit: an operator or key that is not known here never matches; it never raises.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Context = Mapping[str, str | Sequence[str]]
Expand = Callable[[str], "str | None"]

# Stand-ins for the escapes ${*} ${?} ${$}, so that they are compared as plain characters.
LITERAL = {"*": "\ue000", "?": "\ue001", "$": "\ue002"}
_BACK = str.maketrans({mark: char for char, mark in LITERAL.items()})


def plain(text: str) -> str:
    """Return `text` with the stand-ins of escaped characters put back."""
    return text.translate(_BACK)


@lru_cache(maxsize=4096)
def _between_stars(glob: str, flags: int) -> tuple[tuple[re.Pattern[str], int], ...]:
    """Return what stands between the stars: a pattern of fixed length, and that length."""
    found = []
    for part in glob.split("*"):
        text = "".join("." if c == "?" else re.escape(plain(c)) for c in part)
        found.append((re.compile(text, flags | re.DOTALL), len(part)))
    return tuple(found)


def like(value: str, glob: str, *, ignore_case: bool = False) -> bool:
    """Whether `value` matches an IAM pattern, in which * and ? are wild.

    Looks for each piece once, leftmost first: a pattern full of stars must not take for ever.
    """
    pieces = _between_stars(glob, re.IGNORECASE if ignore_case else 0)
    first, _ = pieces[0]
    if len(pieces) == 1:
        return first.fullmatch(value) is not None
    found = first.match(value)
    for piece, _ in pieces[1:-1]:
        found = piece.search(value, found.end()) if found is not None else None
    last, length = pieces[-1]
    start = len(value) - length
    return found is not None and found.end() <= start and bool(last.fullmatch(value, start))


def arn_like(value: str, glob: str) -> bool:
    """Compare two ARNs part by part: no * reaches over a colon among the first five."""
    have, want = value.split(":", 5), glob.split(":", 5)
    if len(have) != 6 or len(want) != 6:
        return glob == "*"
    return all(like(h, w) for h, w in zip(have, want, strict=True))


_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)


def number(text: str) -> float:
    """Return an integer or decimal value; raise ValueError for anything else."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is no number")
    return float(text)


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def test(value: str, want: str) -> bool:
        try:
            return compare(number(value), number(want))
        except ValueError:
            return False

    return test


def instant(text: str) -> float:
    """Return seconds since the epoch for an IAM date: ISO 8601 as W3C has it, or a number."""
    try:
        return number(text)
    except ValueError:
        whole = text + "-01" if _MONTH.fullmatch(text) else text
        moment = datetime.fromisoformat(whole.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _date(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def test(value: str, want: str) -> bool:
        try:
            return compare(instant(value), instant(want))
        except ValueError:
            return False

    return test


def _address(value: str, want: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(want, strict=False)
    except ValueError:
        return False


def _binary(value: str, want: str) -> bool:
    try:
        return base64.b64decode(value, validate=True) == base64.b64decode(want, validate=True)
    except (ValueError, binascii.Error):
        return False


TESTS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda value, want: value == plain(want),
    "stringequalsignorecase": lambda value, want: value.casefold() == plain(want).casefold(),
    "stringlike": like,
    "numericequals": _number(lambda a, b: a == b),
    "numericlessthan": _number(lambda a, b: a < b),
    "numericlessthanequals": _number(lambda a, b: a <= b),
    "numericgreaterthan": _number(lambda a, b: a > b),
    "numericgreaterthanequals": _number(lambda a, b: a >= b),
    "dateequals": _date(lambda a, b: a == b),
    "datelessthan": _date(lambda a, b: a < b),
    "datelessthanequals": _date(lambda a, b: a <= b),
    "dategreaterthan": _date(lambda a, b: a > b),
    "dategreaterthanequals": _date(lambda a, b: a >= b),
    "bool": lambda value, want: value.lower() == want.lower(),
    "binaryequals": _binary,
    "ipaddress": _address,
    "arnequals": arn_like,
    "arnlike": arn_like,
}
NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}


# Operators whose values may hold policy variables. Documentation contradicts itself about Bool.
FILLED = ("string", "arn", "bool")


def listed(value: Any) -> list[Any]:
    """Return a policy element as a list: policies write one value without brackets."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def text(value: Any) -> str:
    """Return a JSON value as IAM compares it: true is "true", 3 is "3"."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def holds(block: Mapping[str, Any], context: Context, expand: Expand) -> bool:
    """Whether every operator and every key of a Condition block matches `context`."""
    if not isinstance(block, Mapping):
        return False
    return all(
        isinstance(keys, Mapping)
        and all(_matches(operator, key, want, context, expand) for key, want in keys.items())
        for operator, keys in block.items()
    )


def _matches(operator: str, key: str, want: Any, context: Context, expand: Expand) -> bool:
    quantifier, name, if_exists = _split(operator)
    values = _values(context, key)
    if name == "null":
        nothing = values is None
        return not if_exists and all(nothing == (text(w).lower() == "true") for w in listed(want))
    wanted = [text(w) for w in listed(want)]
    if name.startswith(FILLED):
        wanted = [e for w in wanted if (e := expand(w)) is not None]
    if values is None:
        return _absent(quantifier, name, if_exists)
    negated = name in NEGATED
    test = TESTS.get(NEGATED.get(name, name))
    if test is None:
        return False

    def one(value: str) -> bool:
        return any(test(value, w) for w in wanted) != negated

    if quantifier == "forallvalues":
        return all(one(value) for value in values)
    if quantifier == "foranyvalue" or not negated:
        return any(one(value) for value in values)
    return all(one(value) for value in values)


def _split(operator: str) -> tuple[str, str, bool]:
    quantifier, colon, name = operator.lower().rpartition(":")
    if_exists = name.endswith("ifexists")
    return (quantifier if colon else ""), name.removesuffix("ifexists"), if_exists


def _absent(quantifier: str, name: str, if_exists: bool) -> bool:
    """The verdict when the request has no such key."""
    if name not in TESTS and name not in NEGATED:
        return False
    if quantifier == "foranyvalue":
        return if_exists
    return if_exists or quantifier == "forallvalues" or name in NEGATED


def _values(context: Context, key: str) -> list[str] | None:
    """Return the values under `key`, which is compared without case; None when absent or empty."""
    value = context.get(key.lower())
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value) or None
