"""From a log group to a function: what a subscription filter lets through, as Lambda gets it.

Limit: a filter's pattern as FilterLogEvents reads it; a batch that a function may not be given is
lost, as in AWS after its retries.
"""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.events.delivery import Actor, Target, send
from infra.cloud.island import forward

if TYPE_CHECKING:
    from infra.cloud.calls import Call
    from infra.cloud.errors import Answer
    from infra.cloud.inside import Inside

SERVICE = "logs.amazonaws.com"
_cloud: list[Inside] = []


def answer(call: Call, inside: Inside) -> Answer:
    """Answer a call after which a filter may have something to deliver."""
    _cloud[:] = [inside]
    mend()
    return forward(call)


def revive(inside: Inside, _: Any) -> None:
    """Let filters that were kept deliver before anything is put by a call."""
    _cloud[:] = [inside]
    mend()


@cache
def mend() -> None:
    """Let the filter's pattern count, and functions run here: the engine asks Docker for them."""
    from moto.logs import models as engine
    from moto.logs.utils import EventMessageFilter

    models: Any = engine
    first = models.LogStream._send_log_events

    def sent(
        stream: Any, service: str, destination_arn: str, filter_name: str, log_events: Any
    ) -> None:
        kept = stream.log_group.subscription_filters[filter_name]
        pattern = EventMessageFilter(kept.filter_pattern)
        events = [one for one in log_events if pattern.matches(one["message"])]
        if events and service == "lambda":
            _deliver(stream, destination_arn, filter_name, events)
        elif events:
            first(stream, service, destination_arn, filter_name, events)

    models.LogStream._send_log_events = sent


def _deliver(stream: Any, function: str, name: str, events: list[dict[str, Any]]) -> None:
    """Send events to a function. Under the door's lock."""
    group = stream.log_group.name
    data = {
        "messageType": "DATA_MESSAGE", "owner": ACCOUNT, "logGroup": group,
        "logStream": stream.log_stream_name, "subscriptionFilters": [name], "logEvents": events,
    }
    packed = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
    source = f"arn:aws:logs:{stream.region}:{ACCOUNT}:log-group:{group}:*"
    body = json.dumps({"awslogs": {"data": packed}})
    for inside in _cloud:
        send(inside, Actor(SERVICE, source), Target(function), body)
