"""From a queue to a function: batches are read with the function's role and deleted on success.

What fails stays in the queue until its visibility timeout ends, and goes to the queue's own
dead-letter queue by its redrive policy. Limit: one batch at a time for each mapping.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.events.delivery import Actor, perform
from infra.cloud.events.mappings import Mapping, later

if TYPE_CHECKING:
    from infra.cloud.inside import Inside
    from infra.cloud.lambdas.functions import Version

MOST = 10  # messages of one call


def drain(inside: Inside, one: Mapping) -> None:
    """Hand everything that is visible to the function, batch by batch."""
    window = int(one.settings.get("MaximumBatchingWindowInSeconds") or 0)
    while waiting := _visible(inside, one):
        if window and waiting < one.size and not _ripe(inside, one, window):
            return
        version = one.version()
        if not _batch(inside, one, version):
            break
    _wait_for_the_next(inside, one)


def _ripe(inside: Inside, one: Mapping, window: int) -> bool:
    """Whether the first message has waited for the window; if not, come back then."""
    with inside.door.lock:
        first = min((m.sent_timestamp for m in _queue(one).messages), default=0) / 1000
    if inside.clock.now() >= first + window:
        return True
    later(inside, one, first + window)
    return False


def _queue(one: Mapping) -> Any:
    _, _, _, region, _, name = one.source.split(":", 5)
    return dispatch.backend("sqs", region).queues.get(name)


def _visible(inside: Inside, one: Mapping) -> int:
    with inside.door.lock:
        queue = _queue(one)
        return len(queue.messages) if queue is not None else 0


def _batch(inside: Inside, one: Mapping, version: Version) -> bool:
    """Run one batch; False when nothing could be read or the function has no room."""
    actor = Actor("lambda.amazonaws.com", one.source, version.kept.role)
    try:
        messages = _receive(inside, one, actor)
    except AwsError as error:
        one.result = f"PROBLEM: {error.code}"
        return False
    wanted = [(m, r) for m in messages for r in [_record(one, m)] if one.wants(_opened(r))]
    _delete(inside, one, actor, [m for m in messages if not any(m is w for w, _ in wanted)])
    if not wanted:
        return bool(messages)
    from infra.cloud.lambdas import invocations

    try:
        outcome = invocations.runtime(inside).invoke(version, {"Records": [r for _, r in wanted]})
    except AwsError:
        one.result = "PROBLEM: Function call failed"
        return False
    failed = failures(outcome.payload, [r["messageId"] for _, r in wanted], one.partly)
    if outcome.error or failed is None:
        one.result = "PROBLEM: Function call failed"
        return True
    one.result = "OK"
    _delete(inside, one, actor, [m for m, r in wanted if r["messageId"] not in failed])
    return True


def failures(payload: bytes, known: list[str], partly: bool) -> set[str] | None:
    """Return which records a function says have failed; None: all of them."""
    if not partly:
        return set()
    try:
        told = json.loads(payload)
        listed = (told or {}).get("batchItemFailures") or []
        names = {one["itemIdentifier"] for one in listed}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return names if names <= set(known) else None


def _receive(inside: Inside, one: Mapping, actor: Actor) -> list[dict[str, Any]]:
    """Return up to a batch of messages."""
    found: list[dict[str, Any]] = []
    while len(found) < one.size:
        wanted = min(MOST, one.size - len(found))
        params: dict[str, Any] = {
            "QueueUrl": _url(one), "MaxNumberOfMessages": wanted,
            "AttributeNames": ["All"], "MessageAttributeNames": ["All"], "WaitTimeSeconds": 0,
        }
        answer = perform(inside, actor, "sqs", "ReceiveMessage", params, one.region)
        got = json.loads(answer.body or b"{}").get("Messages") or []
        found += got
        if len(got) < wanted or not _visible(inside, one):
            break
    return found


def _delete(
    inside: Inside, one: Mapping, actor: Actor, messages: list[dict[str, Any]]
) -> None:
    for start in range(0, len(messages), MOST):
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages[start:start + MOST])
        ]
        params = {"QueueUrl": _url(one), "Entries": entries}
        perform(inside, actor, "sqs", "DeleteMessageBatch", params, one.region)


def _url(one: Mapping) -> str:
    name = one.source.rsplit(":", 1)[-1]
    return f"https://sqs.{one.region}.amazonaws.com/{ACCOUNT}/{name}"


def _record(one: Mapping, message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"], "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message.get("MD5OfBody", ""), "eventSource": "aws:sqs",
        "eventSourceARN": one.source, "awsRegion": one.region,
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    found = {"dataType": value.get("DataType", "String"), "stringListValues": [],
             "binaryListValues": []}
    for theirs, ours in (("StringValue", "stringValue"), ("BinaryValue", "binaryValue")):
        if theirs in value:
            found[ours] = value[theirs]
    return found


def _opened(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as filters see it: its body as data, where it is JSON."""
    try:
        return record | {"body": json.loads(record["body"])}
    except ValueError:
        return record


def _wait_for_the_next(inside: Inside, one: Mapping) -> None:
    """Come back when a hidden or delayed message becomes visible."""
    with inside.door.lock:
        queue = _queue(one)
        now = 1000 * inside.clock.now()
        moments = [
            max(m.visible_at, m.delayed_until) for m in (queue._messages if queue else ())
        ]
    coming = [moment for moment in moments if moment >= now]
    if coming:
        later(inside, one, min(coming) / 1000 + 0.002)
