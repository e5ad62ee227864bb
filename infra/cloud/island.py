"""A service that the engine keeps whole: read by its model, allowed by its table, passed on.

    SERVED = island("sqs")
    SERVED = island("events", own={"PutEvents": put_events}, needs=needs)

`own` answers single operations in the engine's place, `needs` replaces the table's reading.
Limit: one kind of resource a call unless the service says more; engine errors pass unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from infra.cloud import dispatch, forms, marks, rest, routes
from infra.cloud.calls import Call, Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer
from infra.cloud.inside import Inside, Later
from infra.cloud.routes import Operation
from infra.cloud.sigv4 import Pairs
from infra.cloud.table import ENTRIES, is_form
from infra.cloud.usage import Usage

Needs = Callable[[Call], list[Need]]
Work = Callable[[Call, Inside], Answer | Later]
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Served:
    """One service behind the door.

    `orders` are what a judge may tell it by `Cloud.tell`; `meter` says what runs now and would be
    billed if it ended. `hold` returns what a kept cloud writes of what moto does not hold, as data;
    `revive` takes that over (None: nothing was held) and sets clocks again: see `snapshot`.
    """

    name: str
    needs: Needs
    answer: Work
    own: Mapping[str, Work] = field(default_factory=dict)
    orders: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    meter: Callable[[Inside], list[Usage]] = lambda _: []
    hold: Callable[[Inside], Any] | None = None
    revive: Callable[[Inside, Any], None] | None = None


def island(
    name: str, *, own: Mapping[str, Work] | None = None, needs: Needs | None = None,
    revive: Callable[[Inside, Any], None] | None = None,
) -> Served:
    """Return a service that moto keeps, with some operations of our own."""
    mine = dict(own or {})

    def answer(call: Call, inside: Inside) -> Answer | Later:
        return mine[call.operation](call, inside) if call.operation in mine else forward(call)

    return Served(name, needs or need_of_table, answer, mine, revive=revive)


def need_of_table(call: Call) -> list[Need]:
    """Return the needs of a call: its operation on each resource that a parameter names."""
    return [need(call, one) for one in resources(call)]


def need(
    call: Call, arn: str, name: str = "", context: Mapping[str, str | Sequence[str]] | None = None
) -> Need:
    """Return one need: an action (the call's own unless named) on a resource, with its marks."""
    found = marks.of(call.service, call.region, arn)
    keys = marks.context(call.params, found) | dict(context or {})
    return Need(name or action(call), arn, keys, found.policy)


def action(call: Call) -> str:
    """Return the IAM action of a call."""
    entry = ENTRIES[call.service]
    return f"{entry.prefix}:{entry.actions.get(call.operation, call.operation)}"


def resources(call: Call) -> list[str]:
    """Return the ARNs of what a call speaks of; `*` where no parameter names it."""
    for parameter, template in ENTRIES[call.service].resources.items():
        given = call.params.get(parameter)
        names = [given] if isinstance(given, str) else given
        names = names or forms.values(call.params, f"{parameter}.member")
        if isinstance(names, list) and names:
            return [arn(template, str(name), call.region) for name in names]
    return ["*"]


def arn(template: str, value: str, region: str) -> str:
    """Return the ARN that a name, a URL or an ARN stands for."""
    if value.startswith("arn:"):
        return value
    name = value.rsplit("/", 1)[-1] if "://" in value else value
    return template.format(region=region, account=ACCOUNT, name=name)


def read(
    service: str, method: str, path: str, query: Pairs, headers: Mapping[str, str], body: bytes
) -> Operation:
    """Return the operation of a request, by the protocol that the service speaks."""
    entry = ENTRIES[service]
    if entry.protocol in {"query", "ec2"} or is_form(service, headers):
        return routes.query(entry.model, body)
    if entry.protocol == "rest-json":
        return rest.read(entry.model, method, path, query, headers, body)
    if path != "/" and is_rest(service):
        return rest.read(entry.also, method, path, query, headers, body)
    second = entry.also and _prefix(headers) == routes.model(entry.also).metadata.get(
        "targetPrefix"
    )
    return routes.target(entry.also if second else entry.model, headers, body)


def is_rest(service: str) -> bool:
    """Whether a service, or the second model that shares its name, is called by paths."""
    entry = ENTRIES[service]
    return "rest-json" in (
        entry.protocol, entry.also and routes.model(entry.also).metadata["protocol"]
    )


def _prefix(headers: Mapping[str, str]) -> str:
    return headers.get("x-amz-target", "").partition(".")[0]


def forward(call: Call) -> Answer:
    """Pass a call on to the engine."""
    entry = ENTRIES[call.service]
    kind = {"content-type": call.headers.get("content-type", "application/json")}
    if entry.protocol == "rest-json":
        return dispatch.call(
            entry.name, call.region, call.method, call.path, call.query, kind, call.body
        )
    if entry.protocol in {"query", "ec2"} or is_form(call.service, call.headers):
        version = routes.model(entry.model).metadata["apiVersion"]
        form = urlencode({"Action": call.operation, "Version": version, **call.params})
        return dispatch.call(
            entry.name, call.region, "POST", headers={"content-type": _FORM}, body=form.encode()
        )
    kind["x-amz-target"] = call.headers["x-amz-target"]
    own = not entry.also or call.operation in routes.model(entry.model).operation_names
    body = json.dumps(call.params).encode()
    return dispatch.call(
        entry.name if own else entry.also, call.region, "POST", headers=kind, body=body
    )


def plain(data: Mapping[str, Any], status: int = 200) -> Answer:
    """Return an answer of a service that speaks JSON."""
    body = json.dumps(data, default=str).encode()
    return Answer(status, {"content-type": "application/x-amz-json-1.1"}, body)
