"""Where the engine tells us that something happened: the one module that takes its methods over.

A message was sent, a record put, an object made, a rule or alarm set. The engine calls what is
put here in place of its own deliveries, under the door's lock, and it must only take note. Limit:
one cloud a process, as the engine has it; `follow` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from infra.cloud import sns, sqs
from infra.cloud.events import alarms, buckets, mappings, queues, rules, streams, topics

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

# Loaded here: the process of a graded cloud can import nothing later.
READERS = (queues, streams)
_cloud: list[Inside] = []


def follow(inside: Inside) -> None:
    """Let what happens in the engine be told to this cloud from now on."""
    _cloud[:] = [inside]
    _hook()


def _tell(what: Callable[..., None], *arguments: Any) -> None:
    if _cloud:
        what(_cloud[0], *arguments)


def _after(place: Any, name: str, then: Callable[..., None]) -> None:
    """Call `then` with a method's result and its own arguments when it has run."""
    first = getattr(place, name)

    def both(*arguments: Any, **named: Any) -> Any:
        result = first(*arguments, **named)
        then(result, *arguments, **named)
        return result

    setattr(place, name, both)


@cache
def _hook() -> None:
    sqs.mend()
    sns.mend()
    sns.DELIVER["lambda"] = topics.deliver
    _queues()
    _streams()
    _buckets()
    _rules()
    _alarms()


def _queues() -> None:
    from moto.sqs import models as engine

    models: Any = engine

    def sent(_: None, queue: Any, *rest: Any) -> None:
        _tell(mappings.stirred, queue.queue_arn)

    _after(models.Queue, "add_message", sent)

    def shown(_: None, backend: Any, queue_name: str, *rest: Any, **named: Any) -> None:
        sent(None, backend.get_queue(queue_name))

    _after(models.SQSBackend, "change_message_visibility", shown)


def _streams() -> None:
    from moto.dynamodb.models import table as engine
    from moto.kinesis import models

    kinesis, dynamodb = models, engine

    def put(_: Any, stream: Any, *rest: Any, **named: Any) -> None:
        _tell(mappings.stirred, stream.arn)

    def changed(_: None, shard: Any, *rest: Any) -> None:
        table = shard.table
        _tell(mappings.stirred, f"{table.table_arn}/stream/{table.latest_stream_label}")

    _after(kinesis.Stream, "put_record", put)
    _after(dynamodb.StreamShard, "add", changed)


def _buckets() -> None:
    from moto.s3 import notifications as engine

    notifications: Any = engine

    def happened(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        _tell(buckets.happened, engine.S3NotificationEvent(event_name), bucket, key)

    def accepted(account_id: str, bucket: Any) -> None:
        _tell(buckets.accepted, bucket)

    notifications.send_event, notifications.send_test_event = happened, accepted


def _rules() -> None:
    from moto.events import models as engine

    models: Any = engine

    def offered(rule: Any, event: Any, transform_input: bool = True) -> None:
        _tell(rules.given, rule, event)

    def put(rule: Any, *_: Any, **__: Any) -> None:
        _tell(rules.arm, rule)

    def switched(_: None, rule: Any) -> None:
        _tell(rules.arm, rule)

    models.Rule.send_to_targets = offered
    _after(models.EventsBackend, "put_rule", put)
    _after(models.Rule, "enable", switched)
    _after(models.Rule, "disable", switched)


def _alarms() -> None:
    from moto.cloudwatch import models as engine

    models: Any = engine

    def now() -> datetime:
        moment = _cloud[0].clock.now() if _cloud else datetime.now(UTC).timestamp()
        return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)

    def made(alarm: Any, *_: Any, **__: Any) -> None:
        if alarm is not None:
            _tell(alarms.made, alarm)

    first = models.CloudWatchBackend.set_alarm_state

    def put(backend: Any, alarm_name: str, *rest: Any, **named: Any) -> None:
        kept = backend.alarms.get(alarm_name)
        before = kept.state_value if kept is not None else ""
        first(backend, alarm_name, *rest, **named)
        if kept is not None and kept.state_value != before and _cloud:
            alarms.announce(_cloud[0], kept, before, _cloud[0].clock.now())

    models.utcnow = now
    models.CloudWatchBackend.set_alarm_state = put
    _after(models.CloudWatchBackend, "put_metric_alarm", made)
