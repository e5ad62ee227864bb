"""Metrics that services of this cloud publish about themselves, kept by the engine.

Limit: values only, no statistic sets; whoever calls `put` holds the door's lock. No metric math:
who asks for it is told so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
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


def answer(call: Call, _: Inside) -> Answer:
    """Answer a call that reads metrics, each once and by whole minutes."""
    mend()
    return forward(call)


@cache
def mend() -> None:
    """List a metric once, not once a value; let periods begin where the asked range does.

    Limit: a range begins on a whole minute, also one of more than fifteen days ago.
    """
    from moto.cloudwatch import models as engine

    models: Any = engine
    first = models.CloudWatchBackend.get_metric_statistics

    def listed(
        kept: Any, metric_name: str, namespace: str, dimensions: list[dict[str, str]]
    ) -> list[Any]:
        found: dict[Any, Any] = {}
        for one in kept.get_all_metrics():
            if one.filter(namespace=namespace, name=metric_name, dimensions=dimensions):
                same = frozenset((each.name, each.value) for each in one.dimensions)
                found.setdefault((one.namespace, one.name, same), one)
        return list(found.values())

    def statistics(
        kept: Any, namespace: str, metric_name: str, start_time: datetime, end_time: datetime,
        period: int, stats: Sequence[str], dimensions: Any, unit: str | None = None,
    ) -> list[Any]:
        start = start_time.replace(second=0, microsecond=0)
        every = first(
            kept, namespace, metric_name, start, end_time, period, stats, dimensions, unit
        )
        made: dict[int, Any] = {}
        for data in (one.metric_data for one in every):
            for datum in data:
                place = int((datum.timestamp - start) / timedelta(seconds=period))
                if place not in made:
                    begins = start + place * timedelta(seconds=period)
                    made[place] = models.Statistics(stats, begins)
                made[place].metric_data.append(datum)
                made[place].unit = datum.unit
        return [made[place] for place in sorted(made)]

    models.CloudWatchBackend.get_filtered_metrics = listed
    models.CloudWatchBackend.get_metric_statistics = statistics
