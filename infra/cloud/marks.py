"""What hangs on a resource of an island: the tags it has or is to have, and its own policy.

Limit: knows where moto keeps them, for the services listed below; what is not there has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cloud import dispatch, state
from infra.cloud.calls import Context, request_tags, resource_tags
from infra.cloud.forms import members
from infra.cloud.iam import Document


@dataclass(frozen=True)
class Marks:
    """The tags and the policy of one resource."""

    tags: Mapping[str, str] = field(default_factory=dict)
    policy: Document | None = None


def context(params: Mapping[str, Any], marks: Marks) -> Context:
    """Return the condition keys of a request's tags and of a resource's."""
    keys = request_tags(carried(params)) | resource_tags(marks.tags)
    dropped = params.get("TagKeys") or params.get("tagKeys") or params.get("TagKeyList")
    if isinstance(dropped, list):
        keys["aws:tagkeys"] = [str(name) for name in dropped]
    return keys


def carried(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that a request brings, in whichever of AWS's forms it writes them."""
    given = params.get("Tags") or params.get("tags") or params.get("TagList")
    if isinstance(given, dict):
        return {str(k): str(v) for k, v in given.items()}
    if isinstance(given, list):
        return dict(_pair(tag) for tag in given if isinstance(tag, dict))
    return members(params, "Tags.member") or members(params, "Tag")


def _pair(tag: Mapping[str, Any]) -> tuple[str, str]:
    key = next((tag[k] for k in ("Key", "key", "TagKey") if k in tag), "")
    value = next((tag[k] for k in ("Value", "value", "TagValue") if k in tag), "")
    return str(key), str(value)


def of(service: str, region: str, arn: str) -> Marks:
    """Return what hangs on a resource; nothing for one that does not exist."""
    parts = arn.split(":", 5)
    reader = _READERS.get(service)
    if reader is None or len(parts) < 6 or "*" in arn:
        return Marks()
    where = parts[3] if parts[3] in dispatch.regions() else region
    return reader(dispatch.backend(service, where), parts[5], arn)


def _policy(text: Any) -> Document | None:
    return state.document(text) if text else None


def _queue(store: Any, name: str, arn: str) -> Marks:
    queue = store.queues.get(name)
    return Marks(queue.tags, _policy(queue.policy)) if queue is not None else Marks()


def _topic(store: Any, name: str, arn: str) -> Marks:
    topic = store.topics.get(arn)
    return Marks(state.pairs(topic._tags), _policy(topic.policy)) if topic is not None else Marks()


def _table(store: Any, name: str, arn: str) -> Marks:
    table = store.tables.get(name.split("/")[1]) if "/" in name else None
    if table is None:
        return Marks()
    policy = store.resource_policies.get(arn.split("/index/")[0])
    return Marks(state.pairs(table.tags), _policy(policy.policy_doc if policy else None))


def _log_group(store: Any, name: str, arn: str) -> Marks:
    group = store.groups.get(name.removeprefix("log-group:").partition(":")[0])
    return _tagged(store, name, group.arn) if group is not None else Marks()


def _parameter(store: Any, name: str, arn: str) -> Marks:
    kept = store._resource_tags.get("Parameter", {})
    plain = name.removeprefix("parameter/")
    return Marks(dict(kept.get(plain) or kept.get("/" + plain) or {}))


def _repository(store: Any, name: str, arn: str) -> Marks:
    found = store.repositories.get(name.removeprefix("repository/"))
    if found is None:
        return Marks()
    tags = store.tagger.list_tags_for_resource(arn)["tags"]
    return Marks(dict(map(_pair, tags)), _policy(found.policy))


def _stream(store: Any, name: str, arn: str) -> Marks:
    stream = store.streams.get(name.partition("/")[2])
    return Marks(stream.tags) if stream is not None else Marks()


def _event(store: Any, name: str, arn: str) -> Marks:
    bus = store.event_buses.get(name.removeprefix("event-bus/"))
    tags = store.tagger.get_tag_dict_for_resource(arn)
    return Marks(tags, _policy(bus.policy if bus is not None else None))


def _tagged(store: Any, name: str, arn: str) -> Marks:
    return Marks(store.tagger.get_tag_dict_for_resource(arn))


_READERS: dict[str, Callable[[Any, str, str], Marks]] = {
    "sqs": _queue, "sns": _topic, "dynamodb": _table, "logs": _log_group, "ssm": _parameter,
    "ecr": _repository, "kinesis": _stream, "monitoring": _tagged,
    "events": _event, "firehose": _tagged, "glue": _tagged,
}
