"""Questions that schemathesis makes from an OpenAPI document, and what is wrong with the replies.

    python probe.py openapi.json http://127.0.0.1:8080

`cases` draws bodies that the document allows and bodies that it forbids; `faults` holds the
replies to the document. Knows one operation: POST /v1/score.
"""

from __future__ import annotations

import json
import sys
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

Document = dict[str, Any]
Exchange = dict[str, Any]  # "body" (JSON text), "status", "type", "reply" (text)


def operation(document: Document) -> dict[str, Any]:
    """Return what the document says of POST /v1/score."""
    found: dict[str, Any] = document["paths"]["/v1/score"]["post"]
    return found


def resolved(document: Document, node: Any, depth: int = 0) -> Any:
    """Return a schema with its references within the document replaced by what they name."""
    if depth > 20:
        raise ValueError("the document refers to itself")
    if isinstance(node, list):
        return [resolved(document, one, depth + 1) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(path := node.get("$ref"), str):
        place: Any = document
        for name in path.removeprefix("#/").split("/"):
            place = place[name]
        return resolved(document, place, depth + 1)
    return {name: resolved(document, one, depth + 1) for name, one in node.items()}


def schema(document: Document) -> dict[str, Any]:
    """Return the schema of a question's body."""
    content = operation(document)["requestBody"]["content"]["application/json"]
    found: dict[str, Any] = resolved(document, content["schema"])
    return found


def validator(found: Any) -> Any:
    """Return what holds a value to a schema, formats too."""
    return jsonschema_rs.Draft202012Validator(found, validate_formats=True)


def allows(document: Document, bodies: list[Any]) -> list[bool]:
    """Return for each body whether the document lets it be sent."""
    check = validator(schema(document))
    return [check.is_valid(body) for body in bodies]


def cases(document: Document, number: int, start: int) -> list[str]:
    """Return bodies as JSON texts, the same for the same start: allowed ones, then forbidden."""
    asked = schemathesis.openapi.from_dict(document)["/v1/score"]["POST"]
    found: dict[str, None] = {}
    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

        @seed(start)
        @settings(
            max_examples=number, phases=[Phase.generate], database=None, deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(asked.as_strategy(generation_mode=mode))
        def keep(case: Any) -> None:
            if isinstance(case.body, dict | list | str | int | float):
                found[json.dumps(case.body)] = None

        keep()
    return list(found)


def faults(document: Document, exchanges: list[Exchange]) -> list[str]:
    """Return what is wrong: crashed, status, type, shape, loose, refused or accepted.

    Loose is what the document says of a reply when the same without a field, or with a field of
    another type, would be as true.
    """
    check = validator(schema(document))
    return sorted({fault for one in exchanges for fault in wrong(document, check, one)})


def wrong(document: Document, check: Any, exchange: Exchange) -> list[str]:
    """Return what is wrong with one reply."""
    status = exchange["status"]
    if status >= 500 and status != 503:
        return ["crashed"]
    told = operation(document)["responses"].get(str(status))
    if told is None:
        return ["status"]
    content = resolved(document, told).get("content", {})
    kind = exchange["type"].partition(";")[0].strip()
    if kind not in content:
        return ["type"]
    found = []
    reply, form = json.loads(exchange["reply"]), validator(content[kind].get("schema", {}))
    if not form.is_valid(reply):
        found.append("shape")
    elif any(form.is_valid(one) for one in bent(reply, status)):
        found.append("loose")
    try:
        allowed = check.is_valid(json.loads(exchange["body"], parse_constant=unheard))
    except ValueError:
        allowed = False
    if allowed and status in (400, 422):
        found.append("refused")
    if not allowed and status == 200:
        found.append("accepted")
    return found


def bent(reply: Any, status: int) -> list[Any]:
    """Return what should not pass for this reply: no object, and for an answer what lacks a field
    or has it in another type.
    """
    if not isinstance(reply, dict) or status != 200:
        return [7]
    lacking = [{name: reply[name] for name in reply if name != left} for left in reply]
    return [7, *lacking, *(reply | {name: {"odd": 1}} for name in reply)]


def unheard(name: str) -> float:
    """Refuse NaN and Infinity, which JSON does not know."""
    raise ValueError(name)


def main(file: str, url: str) -> int:
    """Ask a running service, print what is wrong, return how much."""
    with open(file, encoding="utf-8") as source:
        document = json.load(source)
    place, exchanges = urlsplit(url), []
    for body in cases(document, 40, 1):
        connection = HTTPConnection(place.hostname or "", place.port, timeout=30)
        connection.request("POST", "/v1/score", body, {"content-type": "application/json"})
        reply = connection.getresponse()
        kind = reply.getheader("content-type", "")
        exchange = {"body": body, "status": reply.status, "type": kind}
        exchanges.append({**exchange, "reply": reply.read().decode()})
        connection.close()
        for fault in faults(document, exchanges[-1:]):
            print(fault, reply.status, body)
    return len(faults(document, exchanges))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
