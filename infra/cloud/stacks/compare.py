"""When do two descriptions of a resource say the same, and where do they differ?

Limit: compares values, asks nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.cloud.stacks.kinds import ALWAYS, Kind

_LARGE = 10**15  # what has more digits is no amount of anything
# Properties that hold a document: in it every key counts, not only those of the template.
_WHOLE = re.compile(r"(Document|Policy|Policies|Definition|String|Pattern|Variables|Parameters)$")


def replaces(kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a change cannot be made in place."""
    return any(
        kind.recreates(name, old.get(name), new.get(name)) == ALWAYS
        for name in set(old) | set(new) if not same(old.get(name), new.get(name))
    )


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same: templates may write numbers and booleans as text."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other or plain(one) == plain(other))


def plain(value: Any) -> Any:
    """Return a scalar as the text that templates and services agree on."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < _LARGE else value
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d{1,20})?", value):
        return f"{float(value):.12g}" if "." in value else value
    return value


def differences(expected: Any, actual: Any, path: str) -> Iterator[dict[str, str]]:
    """Yield where a service has something else than a template says.

    What only the service says is no difference, but for lists and inside documents.
    """
    whole = bool(_WHOLE.search(path.split("/")[1]))
    return _differences(expected, actual, path, whole)


def _differences(expected: Any, actual: Any, path: str, whole: bool) -> Iterator[dict[str, str]]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(set(expected) | (set(actual) if whole else set())):
            inner = f"{path}/{key}"
            yield from _differences(expected.get(key), actual.get(key), inner, whole)
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _lists(expected, actual, path, whole)
    elif not same(expected, actual):
        kind = "REMOVE" if actual is None else "ADD" if expected is None else "NOT_EQUAL"
        yield {
            "PropertyPath": path, "ExpectedValue": _text(expected), "ActualValue": _text(actual),
            "DifferenceType": kind,
        }


def _lists(expected: list[Any], actual: list[Any], path: str, whole: bool) -> Iterator[
    dict[str, str]
]:
    """Pair what agrees, then what is left over in order."""
    spare, missing = list(actual), []
    for number, one in enumerate(expected):
        found = next((a for a in spare if not any(_differences(one, a, path, whole))), None)
        if found is None:
            missing.append((number, one))
        else:
            spare.remove(found)
    for number, one in missing:
        inner = f"{path}/{number}"
        yield from _differences(one, spare.pop(0) if spare else None, inner, whole)
    for number, one in enumerate(spare, len(expected)):
        yield from _differences(None, one, f"{path}/{number}", whole)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return json.dumps(value) if isinstance(value, dict | list) else str(plain(value))
