"""Metrics that services of this cloud publish about themselves, kept by the engine.

Limit: values only, no statistic sets; whoever calls `put` holds the door's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.cloud import dispatch

if TYPE_CHECKING:
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
