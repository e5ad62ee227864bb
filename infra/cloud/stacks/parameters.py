"""The parameters of a template: what a request gives, held against what the template declares.

Limit: strings, numbers and lists of them; no types that name things of other services.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.cloud.stacks.intrinsics import text
from infra.cloud.stacks.template import invalid, malformed

TYPES = ("String", "Number", "CommaDelimitedList", "List<Number>")


def values(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every parameter. AwsError: one is missing, unknown or not allowed."""
    declared = template.get("Parameters") or {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = sorted(n for n, d in declared.items() if n not in given and "Default" not in d)
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    return {n: _value(n, d, text(given.get(n, d.get("Default")))) for n, d in declared.items()}


def shown(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as they may be told: what says NoEcho as stars."""
    declared = template.get("Parameters") or {}
    return {
        name: "****" if secret(declared.get(name) or {})
        else ",".join(value) if isinstance(value, list) else str(value)
        for name, value in values.items()
    }


def secret(declared: Mapping[str, Any]) -> bool:
    """Whether a parameter is declared NoEcho."""
    return str(declared.get("NoEcho", False)).lower() == "true"


def _value(name: str, declared: Mapping[str, Any], given: str) -> Any:
    kind = declared["Type"]
    if kind not in TYPES:
        raise invalid(f"This cloud's CloudFormation takes no parameter of type {kind} ({name}); it "
                      f"takes {', '.join(TYPES)}")
    many = kind in {"CommaDelimitedList", "List<Number>"}
    found = [part.strip() for part in given.split(",")] if many else [given]
    try:
        wrong = next((one for value in found for one in _wrong(declared, kind, value)), "")
    except (ValueError, TypeError, re.error):
        raise malformed(f"the constraints of parameter {name} cannot be read") from None
    if wrong and "ConstraintDescription" in declared:
        raise invalid(f"Parameter {name} failed to satisfy constraint: "
                      f"{declared['ConstraintDescription']}")
    if wrong:
        raise invalid(f"Parameter '{name}' must {wrong}")
    return found if many else given


def _wrong(declared: Mapping[str, Any], kind: str, value: str) -> Iterator[str]:
    """Yield what a value must be and is not."""
    if "Number" in kind:
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value):
            yield "be a number"
            return
        if float(value) < float(declared.get("MinValue", value)):
            yield f"be a number not less than {declared['MinValue']}"
        if float(value) > float(declared.get("MaxValue", value)):
            yield f"be a number not greater than {declared['MaxValue']}"
    allowed = declared.get("AllowedValues")
    if allowed is not None and value not in list(map(text, allowed)):
        yield "be one of AllowedValues"
    pattern = declared.get("AllowedPattern")
    if pattern and not re.fullmatch(str(pattern), value):
        yield f"match pattern {pattern}"
    if len(value) < int(declared.get("MinLength", 0)):
        yield f"contain at least {declared['MinLength']} characters"
    if len(value) > int(declared.get("MaxLength", len(value))):
        yield f"contain at most {declared['MaxLength']} characters"
