"""From a topic to a function: SNS invokes what is subscribed with the protocol lambda.

Limit: one record an event, as with SNS itself; what a function cannot take is not kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from infra.cloud.events.delivery import Actor, Target, send

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

SERVICE = "sns.amazonaws.com"


def deliver(inside: Inside, subscription: Any, data: dict[str, Any]) -> None:
    """Send a notification to a function. Under the door's lock."""
    record = {
        "EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": subscription.arn,
        "Sns": {
            "Type": "Notification", "MessageId": data["MessageId"], "TopicArn": data["TopicArn"],
            "Subject": data.get("Subject"), "Message": data["Message"],
            "Timestamp": data["Timestamp"], "SignatureVersion": data.get("SignatureVersion", "1"),
            "Signature": data.get("Signature", ""),
            "SigningCertUrl": data.get("SigningCertURL", ""),
            "UnsubscribeUrl": data.get("UnsubscribeURL", ""),
            "MessageAttributes": data.get("MessageAttributes", {}),
        },
    }
    policy = json.loads(subscription.attributes.get("RedrivePolicy") or "{}")
    target = Target(subscription.endpoint, policy.get("deadLetterTargetArn", ""))
    send(inside, Actor(SERVICE, subscription.topic.arn), target, json.dumps({"Records": [record]}))
