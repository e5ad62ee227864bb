"""Which operation of a REST service (Lambda, Scheduler, SageMaker's runtime) is this request?

From botocore's models: method, path template, query. Limit: JSON and raw bodies; S3 has its own
reading in `routes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from infra.cloud.errors import AwsError
from infra.cloud.routes import Operation, model
from infra.cloud.sigv4 import Pairs

_LABEL = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True)
class Template:
    """One operation: its path as an expression, and where its parameters are."""

    name: str
    method: str
    path: re.Pattern[str]
    literals: frozenset[tuple[str, str]]
    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # member -> where, name
    payload: str = ""
    weight: int = 0


@cache
def templates(service: str) -> tuple[Template, ...]:
    """Return the operations of a service, the most specific path first."""
    found = [_template(model(service).operation_model(n)) for n in model(service).operation_names]
    return tuple(sorted(found, key=lambda t: -t.weight))


def _template(operation: Any) -> Template:
    uri, _, query = operation.http["requestUri"].partition("?")
    pattern, end = "", 0
    for label in _LABEL.finditer(uri):
        pattern += re.escape(uri[end:label.start()])
        pattern += f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
        end = label.end()
    pattern += re.escape(uri[end:].rstrip("/")) + "/?"
    shape = operation.input_shape
    members = shape.members.items() if shape is not None else ()
    places = {
        name: (details.serialization["location"], details.serialization.get("name", name))
        for name, details in members if "location" in details.serialization
    }
    payload = shape.serialization.get("payload", "") if shape is not None else ""
    literals = frozenset(parse_qsl(query, keep_blank_values=True))
    plain = len(_LABEL.sub("", uri))
    return Template(
        operation.name, operation.http["method"], re.compile(pattern), literals, places, payload,
        plain + 1000 * len(literals),
    )


def read(
    service: str, method: str, path: str, query: Pairs, headers: Mapping[str, str], body: bytes
) -> Operation:
    """Return the operation of a REST request and its parameters; `path` is decoded."""
    given = dict(query)
    for one in templates(service):
        match = one.path.fullmatch(path) if one.method == method else None
        if match and all(given.get(k) == v for k, v in one.literals):
            return Operation(one.name, _parameters(service, one, match, query, headers, body))
    raise AwsError("UnknownOperationException", f"{service} has no {method} {path}.", 404)


def _parameters(
    service: str, one: Template, match: re.Match[str], query: Pairs, headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    labels, given = match.groupdict(), dict(query)
    params: dict[str, Any] = {}
    for member, (where, name) in one.places.items():
        if where == "uri":
            params[member] = labels[name]
        elif where == "querystring" and name in given:
            values = [v for n, v in query if n == name]
            params[member] = values if _many(service, one.name, member) else values[0]
        elif where == "header" and name.lower() in headers:
            params[member] = headers[name.lower()]
    return params | _body(service, one, body)


def _many(service: str, operation: str, member: str) -> bool:
    shape = model(service).operation_model(operation).input_shape
    return bool(shape.members[member].type_name == "list")


def _body(service: str, one: Template, body: bytes) -> dict[str, Any]:
    if one.payload:
        shape = model(service).operation_model(one.name).input_shape.members[one.payload]
        if shape.type_name in {"blob", "string"}:
            return {one.payload: body}
    if not body:
        return {}
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise AwsError("SerializationException", "The body is not JSON.") from None
    if one.payload:
        return {one.payload: data}
    if not isinstance(data, dict):
        raise AwsError("SerializationException", "The body is not a JSON object.")
    return data
