"""Metrics that services of this cloud publish about themselves, kept by the engine.

Limit: values only, no statistic sets; whoever calls `put` holds the door's lock. No metric math:
who asks for it is told so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch, forms
from infra.cloud.errors import AwsError
from infra.cloud.island import forward

if TYPE_CHECKING:
    from infra.cloud.calls import Call
    from infra.cloud.errors import Answer
    from infra.cloud.inside import Inside


def put(
    inside: Inside, region: str, namespace: str, dimensions: Mapping[str, str],
    values: Mapping[str, float],
) -> None:
    """Publish values of metrics with the same dimensions, at the cloud's time."""
    same = {
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Timestamp": datetime.fromtimestamp(inside.clock.now(), UTC).replace(tzinfo=None),
    }
    dispatch.backend("monitoring", region).put_metric_data(namespace, [
        {"MetricName": name, "Value": value, **same} for name, value in values.items()
    ])


def later(
    inside: Inside, region: str, namespace: str, dimensions: Mapping[str, str],
    values: Mapping[str, float],
) -> None:
    """Publish values soon: for who may hold another lock."""
    def publish() -> None:
        with inside.door.lock:
            put(inside, region, namespace, dimensions, values)

    inside.agenda.soon(publish)


def get_data(call: Call, inside: Inside) -> Answer:
    """Answer GetMetricData, unless it asks for more than another query's values."""
    queries = call.params.get("MetricDataQueries")
    form = forms.members_of(call.params, "MetricDataQueries.member")
    found: list[Any] = queries if isinstance(queries, list) else form
    ids = {one.get("Id") for one in found}
    for one in found:
        text = one.get("Expression")
        if text and text not in ids:
            raise AwsError(
                "NotImplemented", "This cloud's cloudwatch:GetMetricData computes no expression: "
                f"{text!r}. Ask for the metrics by MetricStat.", 501,
            )
    return forward(call)
