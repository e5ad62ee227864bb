"""What the islands hold, as plain data, for a judge to read back: tables, queues, groups, stacks.

Limit: values of items and messages are in it as AWS's JSON writes them; parameters' values are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.cloud import dispatch, state


def _dynamodb(region: str) -> dict[str, Any]:
    return {name: {
        "arn": table.table_arn, "billing": table.billing_mode,
        "key": [part["AttributeName"] for part in table.schema],
        "indexes": [index.name for index in (*table.global_indexes, *table.indexes)],
        "stream": (table.stream_specification or {}).get("StreamViewType", ""),
        "protected": bool(table.deletion_protection_enabled), "tags": state.pairs(table.tags),
        "items": [item.to_json()["Attributes"] for item in table.all_items()],
    } for name, table in dispatch.backend("dynamodb", region).tables.items()}


def _sqs(region: str) -> dict[str, Any]:
    return {name: {
        "arn": queue.queue_arn, "fifo": bool(queue.fifo_queue), "tags": dict(queue.tags),
        "visibility": int(queue.visibility_timeout), "redrive": queue.redrive_policy or None,
        "policy": state.document(queue.policy) if queue.policy else None,
        "messages": [message.body for message in queue._messages],
        "in_flight": sum(not message.visible for message in queue._messages),
    } for name, queue in dispatch.backend("sqs", region).queues.items()}


def _sns(region: str) -> dict[str, Any]:
    store = dispatch.backend("sns", region)
    return {topic.name: {
        "arn": arn, "policy": state.document(topic.policy), "tags": state.pairs(topic._tags),
        "published": [message[1] for message in topic.sent_notifications],
        "subscriptions": [
            {"protocol": one.protocol, "endpoint": one.endpoint, "filter": one._filter_policy}
            for one in store.subscriptions.values() if one.topic.arn == arn
        ],
    } for arn, topic in store.topics.items()}


def _logs(region: str) -> dict[str, Any]:
    store = dispatch.backend("logs", region)
    return {name: {
        "arn": group.arn, "retention": int(group.retention_in_days or 0) or None,
        "key": group.kms_key_id or "", "tags": store.tagger.get_tag_dict_for_resource(group.arn),
        "streams": {title: [event.message for event in stream.events]
                    for title, stream in group.streams.items()},
    } for name, group in store.groups.items()}


def _monitoring(region: str) -> dict[str, Any]:
    store = dispatch.backend("monitoring", region)
    return {
        "alarms": {name: {
            "arn": alarm.alarm_arn, "state": alarm.state_value, "metric": alarm.metric_name,
            "namespace": alarm.namespace, "threshold": alarm.threshold,
            "comparison": alarm.comparison_operator, "period": alarm.period,
            "actions": list(alarm.alarm_actions or ()),
        } for name, alarm in store.alarms.items()},
        "data": [{
            "namespace": one.namespace, "name": one.name, "value": one.value,
            "dimensions": {d.name: d.value for d in one.dimensions or ()},
        } for one in store.metric_data],
    }


def _events(region: str) -> dict[str, Any]:
    return {bus: {
        "policy": state.document(found.policy) if found.policy else None,
        "rules": {name: {
            "arn": rule.arn, "state": rule.state, "schedule": rule.scheduled_expression,
            "pattern": rule.event_pattern.dump(), "targets": [dict(t) for t in rule.targets],
        } for name, rule in found.rules.items()},
    } for bus, found in dispatch.backend("events", region).event_buses.items()}


def _ssm(region: str) -> dict[str, Any]:
    kept = dispatch.backend("ssm", region)._parameters
    return {name: {
        "type": versions[-1].parameter_type, "version": versions[-1].version,
        "key": versions[-1].keyid or "",
    } for name, versions in dict.items(kept) if not name.startswith("/aws/")}


def _ecr(region: str) -> dict[str, Any]:
    return {name: {
        "arn": found.arn, "mutability": found.image_tag_mutability,
        "scan": bool((found.image_scanning_configuration or {}).get("scanOnPush")),
        "policy": state.document(found.policy) if found.policy else None,
        "tags": sorted(tag for image in found.images for tag in image.image_tags or () if tag),
    } for name, found in dispatch.backend("ecr", region).repositories.items()}


def _kinesis(region: str) -> dict[str, Any]:
    return {name: {
        "arn": stream.arn, "mode": stream.stream_mode["StreamMode"], "tags": dict(stream.tags),
        "shards": {shard: len(found.records) for shard, found in stream.shards.items()},
    } for name, stream in dispatch.backend("kinesis", region).streams.items()}


def _budgets(region: str) -> dict[str, Any]:
    kept = dispatch.backend("budgets").budgets.get(dispatch.ACCOUNT, {})
    return {name: {"limit": dict(found.budget["BudgetLimit"])} for name, found in kept.items()}


def _cloudformation(region: str) -> dict[str, Any]:
    from infra.cloud.stacks import book

    return {stack.name: {
        "id": stack.id, "status": stack.status, "tags": dict(stack.plan.tags),
        "outputs": {name: one["value"] for name, one in stack.outputs.items()},
        "resources": {n: {"type": r.type, "id": r.id} for n, r in stack.resources.items()},
    } for stack in book.of(region).live()}


READERS: dict[str, Callable[[str], Any]] = {
    "dynamodb": _dynamodb, "sqs": _sqs, "sns": _sns, "logs": _logs, "monitoring": _monitoring,
    "events": _events, "ssm": _ssm, "ecr": _ecr, "kinesis": _kinesis, "budgets": _budgets,
    "cloudformation": _cloudformation,
}
