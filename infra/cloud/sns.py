"""SNS: what a call needs, and deliveries that ask the queue's policy first, as SNS's own do.

`DELIVER[protocol]` takes what a service of ours delivers: it is called under the door's lock with
the subscription and the notification, and must only take note. Limit: mail, SMS and mobile pushes
are recorded, not sent; http endpoints are refused: nothing leaves this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch, island, marks, verdicts
from infra.cloud.calls import Call, Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError
from infra.cloud.iam import Principal
from infra.cloud.inside import Inside, Later
from infra.cloud.island import Served

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

PROTOCOLS = {
    "sqs", "lambda", "email", "email-json", "sms", "application", "firehose", "http", "https",
}
SERVICE = "sns.amazonaws.com"
Deliver = Callable[[Inside, Any, dict[str, Any]], None]
DELIVER: dict[str, Deliver] = {}
_MAIL = {"email", "email-json"}
_inside: list[Inside] = []


def needs(call: Call) -> list[Need]:
    """Return what a call needs; one about a subscription needs the right on its topic."""
    subscription = call.params.get("SubscriptionArn")
    if subscription and "TopicArn" not in call.params:
        return [island.need(call, ":".join(str(subscription).split(":")[:6]))]
    keys = {f"sns:{name.lower()}": call.params[name]
            for name in ("Protocol", "Endpoint") if name in call.params}
    return [island.need(call, arn, context=keys) for arn in island.resources(call)]


def answer(call: Call, inside: Inside) -> Answer | Later:
    """Answer one call."""
    mend()
    _inside[:] = [inside]
    check = _CHECKS.get(call.operation)
    if check is not None:
        check(call)
    answer = _unconfirmed(call, island.forward(call))
    return _numbered(call, answer) if call.operation.startswith("Publish") else answer


def _numbered(call: Call, answer: Answer) -> Answer:
    """Number what was published to a FIFO topic, in rising order, as SNS does."""
    topic = dispatch.backend("sns", call.region).topics.get(str(call.params.get("TopicArn")))
    if answer.status != 200 or topic is None or not topic.arn.endswith(".fifo"):
        return answer

    def number(found: re.Match[bytes]) -> bytes:
        topic.numbered = getattr(topic, "numbered", 10**19) + 1
        return found[0] + f"<SequenceNumber>{topic.numbered}</SequenceNumber>".encode()

    answer.body = re.sub(rb"<MessageId>[^<]*</MessageId>", number, answer.body)
    return answer


def _unconfirmed(call: Call, answer: Answer) -> Answer:
    """Say of a subscription by mail that nobody has confirmed it: no mail was sent."""
    if answer.status == 200 and call.operation == "Subscribe":
        arn = call.params.get("Protocol") in _MAIL and _arn_in(answer.body)
        if arn:
            kept = dispatch.backend("sns", call.region).subscriptions[arn]
            kept.attributes["PendingConfirmation"] = "true"
            kept.attributes["ConfirmationWasAuthenticated"] = "false"
        if arn and str(call.params.get("ReturnSubscriptionArn", "")).lower() != "true":
            answer.body = answer.body.replace(arn.encode(), b"pending confirmation")
    if answer.status == 200 and call.operation.startswith("ListSubscriptions"):
        for arn, kept in dispatch.backend("sns", call.region).subscriptions.items():
            if kept.attributes.get("PendingConfirmation") == "true":
                answer.body = answer.body.replace(arn.encode(), b"PendingConfirmation")
    return answer


def _arn_in(body: bytes) -> str:
    found = re.search(rb"arn:aws:sns:[^<\"]+", body)
    return found[0].decode() if found else ""


def _check_publish(call: Call) -> None:
    if not call.params.get("Message"):
        raise AwsError("InvalidParameter", "Invalid parameter: Empty message")
    topic = call.params.get("TopicArn") or call.params.get("TargetArn") or ""
    if topic.count(":") == 5 and topic not in dispatch.backend("sns", call.region).topics:
        raise AwsError("NotFound", "Topic does not exist", 404)
    if call.params.get("MessageStructure") == "json":
        _check_structure(str(call.params["Message"]))


def _check_structure(text: str) -> None:
    wrong = "Invalid parameter: Message Structure - "
    try:
        parts = json.loads(text)
    except ValueError:
        raise AwsError(
            "InvalidParameter", f"{wrong}JSON message body failed to parse"
        ) from None
    if not isinstance(parts, dict) or "default" not in parts:
        raise AwsError("InvalidParameter", f"{wrong}No default entry in JSON message body")


def _check_subscribe(call: Call) -> None:
    protocol = str(call.params.get("Protocol", ""))
    if protocol not in PROTOCOLS:
        raise AwsError(
            "InvalidParameter", "Invalid parameter: Amazon SNS does not support this protocol "
            f"string: {protocol}",
        )
    if protocol in {"http", "https"}:
        raise AwsError(
            "NotImplemented", "This cloud delivers to sqs and lambda: nothing leaves this machine.",
            501,
        )
    for number in range(1, 20):
        name = call.params.get(f"Attributes.entry.{number}.key")
        if name == "FilterPolicy":
            _check_filter(call.params.get(f"Attributes.entry.{number}.value"))


def _check_attribute(call: Call) -> None:
    if call.params.get("AttributeName") == "FilterPolicy":
        _check_filter(call.params.get("AttributeValue"))


def _check_filter(text: Any) -> None:
    try:
        parsed = json.loads(text) if text else {}
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise AwsError(
            "InvalidParameter", "Invalid parameter: FilterPolicy: failed to parse JSON object."
        )


def _check_unsubscribe(call: Call) -> None:
    arn = str(call.params.get("SubscriptionArn", ""))
    if arn.count(":") < 5:
        raise AwsError(
            "InvalidParameter", "Invalid parameter: SubscriptionArn Reason: An ARN must have at "
            f"least 6 elements, not {arn.count(':') + 1}",
        )


_CHECKS: dict[str, Callable[[Call], None]] = {
    "Publish": _check_publish, "Subscribe": _check_subscribe, "Unsubscribe": _check_unsubscribe,
    "SetSubscriptionAttributes": _check_attribute,
}


# --- deliveries ---------------------------------------------------------------------------------

@cache
def mend() -> None:
    """Let every delivery pass `_deliver`; sign with one key, not with one a subscription."""
    from moto.sns import models as engine

    models: Any = engine
    publish = models.Subscription.publish

    def published(self: Any, message: str, message_id: str, **more: Any) -> None:
        matcher = self._filter_policy_matcher
        if matcher is None or matcher.matches(more.get("message_attributes"), message):
            _deliver(publish, self, message, message_id, more)

    models.Subscription.publish = published
    models.Subscription.private_key = lambda self: key()


@cache
def key() -> RSAPrivateKey:
    """Return the key that every notification is signed with."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _deliver(
    publish: Callable[..., None], subscription: Any, message: str, message_id: str,
    more: dict[str, Any],
) -> None:
    attributes = subscription.attributes
    raw = str(attributes.get("RawMessageDelivery", "")).lower() == "true"
    attributes["RawMessageDelivery"] = raw
    if subscription.protocol == "sqs":
        if may_send(subscription.endpoint, subscription.topic.arn):
            publish(subscription, message, message_id, **more)
        else:
            _bury(subscription, message, message_id, more)
    elif subscription.protocol in DELIVER and _inside:
        if more.get("message_structure") == "json":
            message = subscription._parse_message_structure(message, subscription.protocol)
        data = subscription.get_post_data(
            message, message_id, more.get("subject"), more.get("message_attributes")
        )
        DELIVER[subscription.protocol](_inside[0], subscription, data)


def may_send(queue_arn: str, topic_arn: str) -> bool:
    """Whether a queue exists and its policy lets this topic in; the log keeps a refusal."""
    queue = dispatch.backend("sqs", queue_arn.split(":")[3]).queues.get(queue_arn.split(":")[-1])
    if queue is None:
        return False
    context = {
        "aws:sourcearn": topic_arn, "aws:sourceaccount": ACCOUNT, "aws:securetransport": "true",
    }
    policy = marks.of("sqs", "", queue_arn).policy
    need = Need("sqs:SendMessage", queue_arn, context, policy)
    allowed = verdicts.decide(Principal("service", SERVICE, ""), need, {}).allowed
    if _inside:
        _record(_inside[0], queue_arn, allowed)
    return allowed


def _record(inside: Inside, queue_arn: str, allowed: bool) -> None:
    inside.log.add(
        queue_arn, time=inside.clock.real(), service="sqs", operation="SendMessage",
        action="sqs:SendMessage", principal=SERVICE, key_id="",
        status=200 if allowed else 403, error="" if allowed else "AccessDenied", received=0,
        bytes=0, tls=True, by="service", virtual=inside.clock.now(),
        detail="" if allowed else "the queue's policy does not let the topic in",
    )


def _bury(subscription: Any, message: str, message_id: str, more: dict[str, Any]) -> None:
    """Send what could not be delivered to the subscription's dead-letter queue, if it has one."""
    policy = subscription.attributes.get("RedrivePolicy")
    target = json.loads(policy).get("deadLetterTargetArn", "") if policy else ""
    if not target or not may_send(target, subscription.topic.arn):
        return
    data = subscription.get_post_data(
        message, message_id, more.get("subject"), more.get("message_attributes")
    )
    queue = dispatch.backend("sqs", target.split(":")[3])
    queue.send_message(target.split(":")[-1], json.dumps(data))


SERVED = Served("sns", needs, answer)
