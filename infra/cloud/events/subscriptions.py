"""What filters make of a log group's events: batches for a function, values of a metric.

Limit: a batch that a function may not be given is lost, as in AWS after its retries. A metric
filter's default is published for a batch of events of which none passes.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.events.delivery import Actor, Target, send
from infra.cloud.events.logpatterns import Pattern, pattern
from infra.cloud.island import forward

if TYPE_CHECKING:
    from infra.cloud.calls import Call
    from infra.cloud.errors import Answer
    from infra.cloud.inside import Inside

SERVICE = "logs.amazonaws.com"
RETENTION = {
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
}  # days, from the reference of PutRetentionPolicy
_cloud: list[Inside] = []


def answer(call: Call, inside: Inside) -> Answer:
    """Answer a call of a filter, or after which one may have something to do."""
    _cloud[:] = [inside]
    mend()
    if "filterPattern" in call.params:
        pattern(str(call.params["filterPattern"]))
    if call.operation != "PutMetricFilter":
        return forward(call)
    kept = dispatch.backend("logs", call.region)
    name, group = call.params.get("filterName"), call.params.get("logGroupName")
    if group not in kept.groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    found = forward(call)
    if found.status == 200:
        *others, made = kept.filters.metric_filters
        kept.filters.metric_filters = [
            one for one in others if (one["filterName"], one["logGroupName"]) != (name, group)
        ] + [made]
        made["creationTime"] = int(inside.clock.now() * 1000)
    return found


def delete_group(call: Call, _: Inside) -> Answer:
    """Answer DeleteLogGroup; its metric filters end with it."""
    found = forward(call)
    if found.status == 200:
        filters = dispatch.backend("logs", call.region).filters
        filters.metric_filters = [
            one for one in filters.metric_filters
            if one["logGroupName"] != call.params.get("logGroupName")
        ]  # fmt: skip
    return found


def put_retention(call: Call, _: Inside) -> Answer:
    """Answer PutRetentionPolicy. InvalidParameterException: a number of days there is not."""
    days = call.params.get("retentionInDays")
    if days not in RETENTION:
        raise AwsError(
            "InvalidParameterException", f"1 validation error detected: Value '{days}' at "
            "'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: "
            f"{sorted(RETENTION)}",
        )
    return forward(call)


def revive(inside: Inside, _: Any) -> None:
    """Let filters that were kept deliver before anything is put by a call."""
    _cloud[:] = [inside]
    mend()


@cache
def mend() -> None:
    """Read patterns as AWS does, let a subscription's count and a metric filter publish; functions
    run here, for which the engine would ask Docker.
    """
    from moto.logs import models as engine

    models: Any = engine
    models.EventMessageFilter = lambda text: pattern(text or "")
    send_first, put_first = models.LogStream._send_log_events, models.LogStream.put_log_events
    described = models.LogGroup.to_describe_dict

    def sent(
        stream: Any, service: str, destination_arn: str, filter_name: str, log_events: Any
    ) -> None:
        kept = stream.log_group.subscription_filters[filter_name]
        wanted = pattern(kept.filter_pattern)
        events = [one for one in log_events if wanted.matches(one["message"])]
        if events and service == "lambda":
            _deliver(stream, destination_arn, filter_name, events)
        elif events:
            send_first(stream, service, destination_arn, filter_name, events)

    def put(stream: Any, log_events: list[dict[str, Any]]) -> Any:
        token = put_first(stream, log_events)
        _publish(stream, log_events)
        return token

    def told(group: Any) -> dict[str, Any]:
        return {**described(group), "metricFilterCount": len(_filters(group))}

    models.LogStream._send_log_events = sent
    models.LogStream.put_log_events = put
    models.LogGroup.to_describe_dict = told


def _filters(group: Any) -> list[dict[str, Any]]:
    every = dispatch.backend("logs", group.region).filters.metric_filters
    return [one for one in every if one["logGroupName"] == group.name]


def _publish(stream: Any, events: list[dict[str, Any]]) -> None:
    """Publish what metric filters make of new events, at the events' times."""
    for one in _filters(stream.log_group) if events else []:
        wanted = pattern(one["filterPattern"])
        passed = [event for event in events if wanted.matches(event["message"])]
        for made in one["metricTransformations"]:
            counted = passed
            if not passed and "defaultValue" in made:
                made = made | {"metricValue": made["defaultValue"], "dimensions": {}}
                counted = events[-1:]
            data = [d for event in counted if (d := _datum(made, wanted, event)) is not None]
            if data:
                watch = dispatch.backend("monitoring", stream.region)
                watch.put_metric_data(made["metricNamespace"], data)


def _datum(
    made: dict[str, Any], wanted: Pattern, event: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the value that an event gives to a metric; None when it holds no number."""
    def of(text: str) -> str:
        return wanted.value(event["message"], text) if text.startswith("$") else text

    number = re.fullmatch(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", of(str(made["metricValue"])))
    if number is None or not math.isfinite(float(number[0])):
        return None
    dimensions = [
        {"Name": name, "Value": found}
        for name, text in (made.get("dimensions") or {}).items() if (found := of(text))
    ]  # fmt: skip
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).replace(tzinfo=None)
    return {"MetricName": made["metricName"], "Value": float(number[0]), "Dimensions": dimensions,
            "Timestamp": moment, "Unit": made.get("unit", "None")}  # fmt: skip


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
