"""SQS: what a call needs, long polling without the door's lock, FIFO as the documentation has it.

Timeouts, delays and the five minutes of deduplication follow the cloud's clock (`cloud.advance`).
Limit: a queue's own encryption asks for no KMS key.
"""

from __future__ import annotations

import json
import re
import time
from functools import cache
from typing import Any

from infra.cloud import dispatch, island
from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside, Later
from infra.cloud.island import Served
from infra.cloud.table import is_form

_POLL_SECONDS = 0.05
_DEDUPLICATED = 300.0
# What XML 1.0 can carry, which is what a message may consist of.
_ODD = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Attribute -> lowest and highest value.
_RANGES = {
    "DelaySeconds": (0, 900), "MaximumMessageSize": (1024, 1048576),
    "MessageRetentionPeriod": (60, 1209600), "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43200), "KmsDataKeyReusePeriodSeconds": (60, 86400),
}
_ATTRIBUTES = {
    *_RANGES, "Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "FifoQueue",
    "SqsManagedSseEnabled", "ContentBasedDeduplication", "DeduplicationScope",
    "FifoThroughputLimit",
}
_time = time.time
# The unique id of whoever sends; "" for a service of AWS, for which the engine has an id.
_sender = ""


def answer(call: Call, inside: Inside) -> Answer | Later:
    """Answer one call."""
    global _time, _sender
    mend()
    _time = inside.clock.now
    if call.operation == "ReceiveMessage":
        return _receive(call, inside)
    if call.operation in {"CreateQueue", "SetQueueAttributes"}:
        _check_attributes(call.params.get("Attributes"))
    for body in _bodies(call):
        _check_body(body)
    _sender = call.principal.id
    try:
        return island.forward(call)
    finally:
        _sender = ""


def _bodies(call: Call) -> list[Any]:
    if call.operation == "SendMessage":
        return [call.params.get("MessageBody")]
    if call.operation == "SendMessageBatch":
        entries = call.params.get("Entries") or []
        return [one.get("MessageBody") for one in entries if isinstance(one, dict)]
    return []


def _check_body(body: Any) -> None:
    if not body:
        raise AwsError("MissingParameter", "The request must contain the parameter MessageBody.")
    if isinstance(body, str) and _ODD.search(body):
        raise AwsError(
            "InvalidMessageContents", "Invalid characters found. Valid unicode characters are "
            "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )


def _check_attributes(given: Any) -> None:
    if not isinstance(given, dict):
        return
    for name, value in given.items():
        if name not in _ATTRIBUTES:
            raise AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")
        low, high = _RANGES.get(name, (0, 0))
        if high and not (str(value).isdecimal() and low <= int(value) <= high):
            raise AwsError(
                "InvalidAttributeValue", f"Invalid value for the parameter {name}."
            )


# --- long polling -------------------------------------------------------------------------------

def _receive(call: Call, inside: Inside) -> Answer | Later:
    """Answer at once what is there; else wait for a message, without the door's lock."""
    queue = _queue(call)
    asked: Any = call.params.get("WaitTimeSeconds")
    if asked is None:
        asked = getattr(queue, "receive_message_wait_time_seconds", 0)
    if not str(asked).isdecimal() or int(asked) > 20:
        raise AwsError(
            "InvalidParameterValue", f"Value {asked} for parameter WaitTimeSeconds is invalid. "
            "Reason: Must be >= 0 and <= 20, if provided.",
        )
    call.params["WaitTimeSeconds"] = "0" if is_form("sqs", call.headers) else 0
    first = island.forward(call)
    if queue is None or int(asked) == 0 or first.status != 200 or _has_messages(first):
        return first
    return lambda: _wait(call, inside, int(asked), first)


def _wait(call: Call, inside: Inside, seconds: int, found: Answer) -> Answer:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not _has_messages(found):
        time.sleep(_POLL_SECONDS)
        with inside.door.lock:
            queue = _queue(call)
            if queue is None or queue.messages:
                found = island.forward(call)
            if found.status != 200:
                break
    return found


def _has_messages(answer: Answer) -> bool:
    if answer.body.startswith(b"<"):
        return b"<Message>" in answer.body
    return bool(json.loads(answer.body or b"{}").get("Messages"))


def _queue(call: Call) -> Any | None:
    name = str(call.params.get("QueueUrl", "")).rsplit("/", 1)[-1]
    return dispatch.backend("sqs", call.region).queues.get(name)


# --- FIFO ---------------------------------------------------------------------------------------

@cache
def mend() -> None:
    """Give the engine the cloud's clock, FIFO queues a memory, messages their whole story."""
    from moto.sqs import models as engine

    models: Any = engine
    models.unix_time_millis = lambda *_: _time() * 1000
    models.unix_time = lambda *_: int(_time())  # a queue's own times are whole seconds
    add = models.Queue.add_message

    def added(self: Any, message: Any) -> None:
        if self.fifo_queue and _known(self, message):
            return
        add(self, message)

    def kept(self: Any, queue_name: str, message: Any) -> bool:
        """Tell whether a message is young enough; the engine reckons every attribute for it."""
        seconds = self.get_queue(queue_name).message_retention_period
        return bool(message.sent_timestamp / 1000 + seconds > models.unix_time())

    models.Queue.add_message = added
    models.SQSBackend.is_message_valid_based_on_retention_period = kept
    _mend_attributes(models)


def _mend_attributes(models: Any) -> None:
    """Have messages tell who sent them and which queue gave them up."""
    from moto.sqs import responses as module

    responses: Any = module

    send, add, receive, answer_with = (
        models.SQSBackend.send_message, models.Queue.add_message,
        models.SQSBackend.receive_message, responses.SQSResponse.receive_message,
    )  # fmt: skip
    giving_up: list[str] = []  # the ARN of the queue that is being read
    handed: list[Any] = []  # what it hands out

    def sent(self: Any, *values: Any, **named: Any) -> Any:
        message = send(self, *values, **named)
        message.sender_id = _sender or message.sender_id
        return message

    def added(self: Any, message: Any) -> None:
        if giving_up:
            message.given_up_by = giving_up[0]
        add(self, message)

    def received(self: Any, queue_name: str, *values: Any, **named: Any) -> Any:
        giving_up.append(self.get_queue(queue_name).queue_arn)
        try:
            handed[:] = receive(self, queue_name, *values, **named)
        finally:
            giving_up.clear()
        return list(handed)

    def answered(self: Any) -> Any:
        result = answer_with(self)
        wanted = {*self._get_param("MessageSystemAttributeNames", []),
                  *self._get_param("AttributeNames", [])}
        if wanted & {"All", "DeadLetterQueueSourceArn"}:
            for told, message in zip(result.result.get("Messages", ()), handed, strict=False):
                if source := getattr(message, "given_up_by", ""):
                    told.setdefault("Attributes", {})["DeadLetterQueueSourceArn"] = source
        return result

    models.SQSBackend.send_message, models.SQSBackend.receive_message = sent, received
    models.Queue.add_message, responses.SQSResponse.receive_message = added, answered


def _known(queue: Any, message: Any) -> bool:
    """Number a message; a duplicate within five minutes gets the first one's id and number.

    Also after the first was received and deleted: the engine forgets it then. A message that
    comes back from elsewhere (to a dead-letter queue) has its number already.
    """
    sent: dict[str, tuple[float, str, str]] = queue.__dict__.setdefault("sent", {})
    key = message.deduplication_id or message.id
    if queue.__dict__.get("deduplication_scope", "") == "messageGroup":
        key = f"{message.group_id}\0{key}"
    when, name, number = sent.get(key, (0.0, "", ""))
    if name and name != message.id and _time() - when < _DEDUPLICATED:
        message.id, message.sequence_number = name, number
        return True
    queue.last_number = getattr(queue, "last_number", 18_850_000_000_000_000_000) + 256
    message.sequence_number = str(queue.last_number)
    sent[key] = (_time(), message.id, message.sequence_number)
    return False


SERVED = Served("sqs", island.need_of_table, answer)
