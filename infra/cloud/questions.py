"""What a call of the policy simulator asks, read from its form and checked as IAM checks it.

Limit: errors are IAM's codes; where its words are not published, ours say what is wrong.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from infra.cloud.calls import Context
from infra.cloud.conditions import instant, number
from infra.cloud.documents import fault
from infra.cloud.errors import AwsError
from infra.cloud.forms import members_of, values
from infra.cloud.simulation import Source

_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9]+")
_TEXT = re.compile(r"[\t\n\r\u0020-\u00ff]+")
_KEY = re.compile(r"[^:\s]+:\S+")
_LONGEST = 131072


def refused(message: str) -> AwsError:
    """Return the error that the simulator answers bad input with."""
    return AwsError("InvalidInput", message)


def actions(params: dict[str, Any]) -> list[str]:
    """Return ActionNames."""
    found = values(params, "ActionNames.member")
    if not found:
        raise refused("ActionNames must name an action.")
    for name in found:
        if not _ACTION.fullmatch(name) or len(name) > 128:
            raise refused(f"Invalid action name: {name}. It is written as iam:CreateUser.")
    return found


def resources(params: dict[str, Any]) -> list[str]:
    """Return ResourceArns; none are the same as "*" alone."""
    found = values(params, "ResourceArns.member")
    for name in found:
        if name != "*" and (not name.startswith("arn:") or name.count(":") < 5):
            raise refused(f"ResourceNames are not in a valid ARN format: {name}.")
    return [] if found == ["*"] else found


def policy_inputs(params: dict[str, Any], name: str) -> list[Source]:
    """Return the policies of a parameter: a list of texts, or ResourcePolicy's one."""
    single = name == "ResourcePolicy"
    texts = [params[name]] if single and name in params else values(params, f"{name}.member")
    found = []
    for place, text in enumerate(texts, 1):
        title = name if single else f"{name}.{place}"
        wrong = fault(text, "any resource" if single else "identity")
        if wrong or len(text) > _LONGEST or not _TEXT.fullmatch(text):
            raise refused(f"{title}: {wrong or 'too long, or of characters not allowed'}.")
        kind = "resource" if single else "none"
        found.append(Source(title, kind, text, json.loads(text)))
    return found


def context(params: dict[str, Any]) -> Context:
    """Return ContextEntries as the request's context."""
    found: Context = {}
    for entry in members_of(params, "ContextEntries.member"):
        name = entry.get("ContextKeyName", "")
        if not _KEY.fullmatch(name) or not 5 <= len(name) <= 256:
            raise refused(f"Invalid context key name: {name}")
        kind = entry.get("ContextKeyType", "")
        prefix = "ContextKeyValues.member"
        found[name.lower()] = _value(name, kind, values(entry, prefix))
    return found


def _value(name: str, kind: str, given: list[str]) -> str | list[str]:
    plain = kind.removesuffix("List")
    if plain not in _CHECKS:
        raise refused(f"ContextKeyType of {name} is none: {kind!r}.")
    if not kind.endswith("List") and len(given) != 1:
        raise refused(f"{name} is of type {kind} and takes one value.")
    for value in given:
        try:
            _CHECKS[plain](value)
        except ValueError:
            raise refused(f"{name} is of type {kind}, and {value!r} is none.") from None
    return given if kind.endswith("List") else given[0]


def _boolean(value: str) -> None:
    if value.lower() not in {"true", "false"}:
        raise ValueError(value)


_CHECKS: dict[str, Callable[[str], Any]] = {
    "string": str, "numeric": number, "boolean": _boolean, "date": instant,
    "ip": lambda value: ipaddress.ip_network(value, strict=False),
    "binary": lambda value: base64.b64decode(value, validate=True),
}


def page(params: dict[str, Any], found: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return one page of what was found, and the marker of the next ("" after the last)."""
    text, marker = str(params.get("MaxItems", "100")), str(params.get("Marker", "0"))
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise AwsError("ValidationError", "MaxItems must be between 1 and 1000.")
    if not marker.isdigit() or int(marker) >= max(1, len(found)):
        raise refused("Marker is not one of an answer to this question.")
    start, end = int(marker), int(marker) + int(text)
    return found[start:end], str(end) if end < len(found) else ""
