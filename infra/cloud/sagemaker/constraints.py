"""Checks parameters against the service's model, and says what is wrong as the service does.

Limit: what the model knows: required members, types, lengths, ranges, patterns, enumerations.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from infra.cloud.errors import AwsError
from infra.cloud.routes import model

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "long": int, "float": (int, float), "double": (int, float),
    "boolean": bool, "list": list, "map": dict, "structure": dict,
}


def check(service: str, operation: str, params: dict[str, Any]) -> None:
    """Raise ValidationException for parameters that the model does not allow."""
    shape = model(service).operation_model(operation).input_shape
    wrong = _structure(shape, params, "") if shape is not None else []
    if wrong:
        errors = "error" if len(wrong) == 1 else "errors"
        text = "; ".join(wrong)
        raise AwsError(
            "ValidationException", f"{len(wrong)} validation {errors} detected: {text}"
        )


def _structure(shape: Any, value: dict[str, Any], path: str) -> list[str]:
    wrong = [
        f"Value at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
        for name in shape.required_members if value.get(name) is None
    ]
    for name, one in value.items():
        if name in shape.members and one is not None:
            wrong += _value(shape.members[name], one, _join(path, name))
    return wrong


def _value(shape: Any, value: Any, path: str) -> list[str]:
    kind = _TYPES.get(shape.type_name)
    right = kind is None or isinstance(value, kind)
    if not right or (isinstance(value, bool) and shape.type_name != "boolean"):
        raise AwsError("SerializationException", f"{path} is not of type {shape.type_name}.")
    wrong = [
        f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {must}"
        for must in _broken(shape, value)
    ]
    if shape.type_name == "structure":
        wrong += _structure(shape, value, path)
    elif shape.type_name == "list":
        for number, one in enumerate(value, 1):
            wrong += _value(shape.member, one, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for name, one in value.items():
            wrong += _value(shape.key, name, path) + _value(shape.value, one, f"{path}.{name}")
    return wrong


def _broken(shape: Any, value: Any) -> list[str]:
    limits = shape.metadata
    sized = isinstance(value, str | list | dict)
    amount, what = (len(value), "have length ") if sized else (value, "have value ")
    found = []
    if isinstance(amount, int | float) and not isinstance(amount, bool):
        if "min" in limits and amount < limits["min"]:
            found.append(f"{what}greater than or equal to {limits['min']}")
        if "max" in limits and amount > limits["max"]:
            found.append(f"{what}less than or equal to {limits['max']}")
    if isinstance(value, str):
        if "pattern" in limits and not _matches(limits["pattern"], value):
            found.append(f"satisfy regular expression pattern: {limits['pattern']}")
        if "enum" in limits and value not in limits["enum"]:
            found.append(f"satisfy enum value set: [{', '.join(limits['enum'])}]")
    return found


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:  # Java's classes such as \p{L}, which Python's re does not know
        return None


def _matches(pattern: str, value: str) -> bool:
    found = _pattern(pattern)
    return found is None or found.fullmatch(value) is not None


def _join(path: str, name: str) -> str:
    first = name[:1].lower() + name[1:]
    return f"{path}.{first}" if path else first
