"""Event patterns: does this event match? EventBridge's rules, also used by filters of sources.

As the EventBridge user guide describes them: exact values, prefix, suffix, equals-ignore-case,
wildcard, anything-but (also of these), numeric, exists, cidr and $or. Limit: no limit on length
or complexity is enforced.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.cloud.errors import AwsError

_ABSENT = object()
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, "=": lambda a, b: a == b,
    ">=": lambda a, b: a >= b, ">": lambda a, b: a > b,
}


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Return whether an event matches a pattern that `check` has accepted."""
    if not isinstance(event, Mapping):
        return False
    return all(_field(name, wanted, event) for name, wanted in pattern.items())


def _field(name: str, wanted: Any, event: Mapping[str, Any]) -> bool:
    if name == "$or" and isinstance(wanted, list):
        return any(matches(one, event) for one in wanted)
    value = event.get(name, _ABSENT)
    if isinstance(wanted, Mapping):
        return _nested(wanted, value)
    if isinstance(value, Mapping):
        return False
    if isinstance(value, list):
        found = [one for one in value if not isinstance(one, Mapping)]
        if not found:
            return any(_one(filter_, _ABSENT) for filter_ in wanted)
        return any(_one(filter_, one) for filter_ in wanted for one in found)
    return any(_one(filter_, value) for filter_ in wanted)


def _nested(wanted: Mapping[str, Any], value: Any) -> bool:
    if isinstance(value, list):
        return any(_nested(wanted, one) for one in value)
    return matches(wanted, value if isinstance(value, Mapping) else {})


def _one(wanted: Any, value: Any) -> bool:
    """Compare one value with one entry of a pattern's list."""
    if isinstance(wanted, Mapping):
        ((kind, argument),) = wanted.items()
        if kind == "exists":
            return bool(argument) == (value is not _ABSENT)
        return value is not _ABSENT and _TESTS[kind](argument, value)
    return value is not _ABSENT and _same(wanted, value)


def _same(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    numbers = isinstance(wanted, int | float) and isinstance(value, int | float)
    return bool(wanted == value) and (numbers or type(wanted) is type(value))


def _prefix(wanted: Any, value: Any) -> bool:
    return _ends(wanted, value, str.startswith)


def _suffix(wanted: Any, value: Any) -> bool:
    return _ends(wanted, value, str.endswith)


def _ends(wanted: Any, value: Any, test: Callable[[str, str], bool]) -> bool:
    if not isinstance(value, str):
        return False
    if isinstance(wanted, Mapping):
        return test(value.lower(), str(wanted["equals-ignore-case"]).lower())
    return test(value, wanted)


def _ignore_case(wanted: Any, value: Any) -> bool:
    return isinstance(value, str) and value.lower() == str(wanted).lower()


def _wildcard(wanted: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    first, *middle = _between_stars(wanted)
    if not middle:
        return value == first
    last, at = middle.pop(), len(first)
    if not value.startswith(first):
        return False
    for piece in middle:  # each once, leftmost first: many stars must not take for ever
        at = value.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return value.endswith(last) and at + len(last) <= len(value)


def _between_stars(wanted: str) -> list[str]:
    """Return the plain text between the stars; a backslash makes the next star or itself plain."""
    pieces = [""]
    for part in re.findall(r"\\[\\*]|\*|[^\\*]+|\\", wanted):
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += part[1:] if part[0] == "\\" and len(part) > 1 else part
    return pieces


def _numeric(wanted: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(_COMPARE[o](value, n) for o, n in zip(wanted[::2], wanted[1::2], strict=True))


def _cidr(wanted: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _anything_but(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        ((kind, argument),) = wanted.items()
        several = argument if isinstance(argument, list) else [argument]
        return not any(_TESTS[kind](one, value) for one in several)
    several = wanted if isinstance(wanted, list) else [wanted]
    return not any(_same(one, value) for one in several)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": _prefix, "suffix": _suffix, "equals-ignore-case": _ignore_case,
    "wildcard": _wildcard, "numeric": _numeric, "cidr": _cidr, "anything-but": _anything_but,
}
_UNDER_BUT = {"prefix", "suffix", "equals-ignore-case", "wildcard"}


# --- is it a pattern? ---------------------------------------------------------------------------


def check(text: Any, code: str = "InvalidEventPatternException") -> dict[str, Any]:
    """Return a pattern from its JSON text. AwsError with that code tells what is wrong with it."""
    try:
        pattern = json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise _wrong(code, f"Invalid JSON: {error}") from None
    if not isinstance(pattern, dict):
        raise _wrong(code, "Filter is not an object")
    try:
        _check_object(pattern)
    except ValueError as error:
        raise _wrong(code, str(error)) from None
    return pattern


def _wrong(code: str, why: str) -> AwsError:
    return AwsError(code, f"Event pattern is not valid. Reason: {why}")


def _check_object(pattern: Mapping[str, Any]) -> None:
    if not pattern:
        raise ValueError("Empty objects are not allowed")
    for name, wanted in pattern.items():
        if name == "$or" and isinstance(wanted, list):
            for one in wanted:
                if not isinstance(one, dict):
                    raise ValueError('"$or" must be an array of objects')
                _check_object(one)
        elif isinstance(wanted, dict):
            _check_object(wanted)
        elif isinstance(wanted, list):
            _check_list(wanted)
        else:
            raise ValueError(f'"{name}" must be an object or an array')


def _check_list(wanted: list[Any]) -> None:
    if not wanted:
        raise ValueError("Empty arrays are not allowed")
    for one in wanted:
        if isinstance(one, list):
            raise ValueError("Match value must be String, number, true, false, or null")
        if isinstance(one, dict):
            _check_test(one)


def _check_test(test: Mapping[str, Any]) -> None:
    if len(test) != 1:
        raise ValueError("Only one key allowed in match expression")
    ((kind, argument),) = test.items()
    if kind == "exists":
        if not isinstance(argument, bool):
            raise ValueError("exists match pattern must be either true or false.")
        return
    if kind not in _TESTS:
        raise ValueError(f"Unrecognized match type {kind}")
    _CHECKS[kind](argument)


def _check_text(argument: Any) -> None:
    if isinstance(argument, dict) and set(argument) == {"equals-ignore-case"}:
        argument = argument["equals-ignore-case"]
    if not isinstance(argument, str):
        raise ValueError("prefix/suffix match pattern must be a string")


def _check_plain(argument: Any) -> None:
    if not isinstance(argument, str):
        raise ValueError("match pattern must be a string")


def _check_wildcard(argument: Any) -> None:
    _check_plain(argument)
    if "**" in argument:
        raise ValueError("Consecutive wildcard characters are not allowed")


def _check_numeric(argument: Any) -> None:
    if not isinstance(argument, list) or not argument or len(argument) % 2:
        raise ValueError("Value of numeric must be an array of operators and numbers.")
    for operator, number in zip(argument[::2], argument[1::2], strict=True):
        if operator not in _COMPARE:
            raise ValueError(f"Unrecognized numeric range operator: {operator}")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError("Value of an operator must be numeric")


def _check_cidr(argument: Any) -> None:
    try:
        ipaddress.ip_network(argument, strict=False)
    except ValueError:
        raise ValueError(f"Malformed CIDR, one '/' required: {argument}") from None


def _check_but(argument: Any) -> None:
    if isinstance(argument, dict):
        if len(argument) != 1 or not set(argument) <= _UNDER_BUT:
            raise ValueError(f"Unsupported anything-but pattern: {sorted(argument)}")
        ((kind, inner),) = argument.items()
        for one in inner if isinstance(inner, list) else [inner]:
            _CHECKS[kind](one)
        return
    several = argument if isinstance(argument, list) else [argument]
    if not several or any(isinstance(one, dict | list) for one in several):
        raise ValueError("Inside anything but list, only strings and numbers are allowed.")


_CHECKS: dict[str, Callable[[Any], None]] = {
    "prefix": _check_text, "suffix": _check_text, "equals-ignore-case": _check_plain,
    "wildcard": _check_wildcard, "numeric": _check_numeric, "cidr": _check_cidr,
    "anything-but": _check_but,
}
