"""Types that carry messages: SQS queues, SNS topics and subscriptions, and the policies of both.

Limit: as in `kinds`.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.stacks.kinds import (
    Already,
    Clients,
    Kind,
    Props,
    arn,
    changed_tags,
    known_or_none,
    listed,
    mapping,
    tags,
)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


def _like(text: str, wanted: Any) -> Any:
    """Return a service's text as the type of value that a template would hold there."""
    if isinstance(wanted, dict) or text.startswith("{"):
        return json.loads(text)
    return text


# --- SQS ----------------------------------------------------------------------------------------

_QUEUE_LATER = (
    "VisibilityTimeout", "DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled", "ContentBasedDeduplication",
    "DeduplicationScope", "FifoThroughputLimit",
)


def _make_queue(clients: Clients, props: Props) -> str:
    sqs, name = clients("sqs"), props["QueueName"]
    if known_or_none(lambda: sqs.get_queue_url(QueueName=name)):
        raise Already(name)
    wanted = {key: _text(props[key]) for key in (*_QUEUE_LATER, "FifoQueue") if key in props}
    if wanted.get("FifoQueue") == "false":
        del wanted["FifoQueue"]
    made = sqs.create_queue(QueueName=name, Attributes=wanted, tags=mapping(props.get("Tags")))
    return str(made["QueueUrl"])


_DEFAULTS = {
    "VisibilityTimeout": "30", "DelaySeconds": "0", "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "RedrivePolicy": "",
}


def _set_queue(clients: Clients, url: str, old: Props, new: Props) -> None:
    sqs = clients("sqs")
    changed = {
        key: _text(new[key]) if key in new else _DEFAULTS.get(key, "")
        for key in _QUEUE_LATER if old.get(key) != new.get(key)
    }
    if changed:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=changed)
    off, on = changed_tags(old, new)
    if off:
        sqs.untag_queue(QueueUrl=url, TagKeys=off)
    if on:
        sqs.tag_queue(QueueUrl=url, Tags=on)


def _read_queue(clients: Clients, url: str) -> Props | None:
    sqs = clients("sqs")
    found = known_or_none(
        lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    )
    if found is None:
        return None
    props: Props = {key: _like(text, None) for key, text in found.items() if key in _QUEUE_LATER}
    props["QueueName"] = url.rsplit("/", 1)[-1]
    if found.get("FifoQueue") == "true":
        props["FifoQueue"] = True
    props["Tags"] = tags(sqs.list_queue_tags(QueueUrl=url).get("Tags") or {})
    return props


def _drop_queue(clients: Clients, url: str, props: Props) -> None:
    clients("sqs").delete_queue(QueueUrl=url)


def _queue_arn(_: Clients, url: str, __: Props, region: str) -> str:
    return f"arn:aws:sqs:{region}:{ACCOUNT}:{url.rsplit('/', 1)[-1]}"


_QUEUE = Kind(
    "AWS::SQS::Queue", listed(*_QUEUE_LATER, "Tags", always=("QueueName", "FifoQueue")),
    _make_queue, _read_queue, _set_queue, _drop_queue, "QueueName", "QueueUrl", longest=80,
    suffix=lambda props: ".fifo" if _text(props.get("FifoQueue", "")) == "true" else "",
    attributes={"Arn": _queue_arn, "QueueUrl": lambda c, i, p, r: i,
                "QueueName": lambda c, i, p, r: i.rsplit("/", 1)[-1]},
)  # fmt: skip


def _policy(service: str, many: str, put: Any) -> Kind:
    """Return the type of a policy that several queues or topics share."""
    def make(clients: Clients, props: Props) -> str:
        for one in props[many]:
            put(clients(service), one, json.dumps(props["PolicyDocument"]))
        return f"{service}-policy-{uuid.uuid4().hex[:12]}"

    def change(clients: Clients, _: str, old: Props, new: Props) -> None:
        for one in old[many]:
            if one not in new[many]:
                put(clients(service), one, "")
        make(clients, new)

    def drop(clients: Clients, _: str, props: Props) -> None:
        for one in props.get(many) or ():
            put(clients(service), one, "")

    name = {"sqs": "AWS::SQS::QueuePolicy", "sns": "AWS::SNS::TopicPolicy"}[service]
    return Kind(name, listed("PolicyDocument", many), make, lambda c, i: {}, change, drop,
                required=("PolicyDocument", many))


def _put_queue_policy(sqs: Any, url: str, text: str) -> None:
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})


def _put_topic_policy(sns: Any, topic: str, text: str) -> None:
    own = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "SNS:Publish",
           "Resource": topic}
    text = text or json.dumps({"Version": "2008-10-17", "Statement": [own]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=text)


# --- SNS ----------------------------------------------------------------------------------------

_TOPIC_LATER = ("DisplayName", "KmsMasterKeyId", "ContentBasedDeduplication")


def _make_topic(clients: Clients, props: Props) -> str:
    sns, name = clients("sns"), props["TopicName"]
    there = f"arn:aws:sns:{sns.meta.region_name}:{ACCOUNT}:{name}"
    if known_or_none(lambda: sns.get_topic_attributes(TopicArn=there)):
        raise Already(name)
    wanted = {key: _text(props[key]) for key in (*_TOPIC_LATER, "FifoTopic") if key in props}
    made = sns.create_topic(Name=name, Attributes=wanted, Tags=tags(mapping(props.get("Tags"))))
    return str(made["TopicArn"])


def _subscribe(clients: Clients, topic: str, old: Props, new: Props) -> None:
    for one in new.get("Subscription") or ():
        if one not in (old.get("Subscription") or ()):
            clients("sns").subscribe(
                TopicArn=topic, Protocol=one["Protocol"], Endpoint=one["Endpoint"]
            )


def _set_topic(clients: Clients, topic: str, old: Props, new: Props) -> None:
    sns = clients("sns")
    for key in _TOPIC_LATER:
        if old.get(key) != new.get(key):
            sns.set_topic_attributes(
                TopicArn=topic, AttributeName=key, AttributeValue=_text(new.get(key, ""))
            )
    _subscribe(clients, topic, old, new)
    off, on = changed_tags(old, new)
    if off:
        sns.untag_resource(ResourceArn=topic, TagKeys=off)
    if on:
        sns.tag_resource(ResourceArn=topic, Tags=tags(on))


def _read_topic(clients: Clients, topic: str) -> Props | None:
    sns = clients("sns")
    found = known_or_none(lambda: sns.get_topic_attributes(TopicArn=topic)["Attributes"])
    if found is None:
        return None
    props = {key: found[key] for key in _TOPIC_LATER if found.get(key)}
    props["TopicName"] = topic.rsplit(":", 1)[-1]
    props["Tags"] = tags(sns.list_tags_for_resource(ResourceArn=topic)["Tags"])
    return props


def _drop_topic(clients: Clients, topic: str, props: Props) -> None:
    clients("sns").delete_topic(TopicArn=topic)


_TOPIC = Kind(
    "AWS::SNS::Topic",
    listed(*_TOPIC_LATER, "Subscription", "Tags", always=("TopicName", "FifoTopic")),
    _make_topic, _read_topic, _set_topic, _drop_topic, "TopicName", "TopicArn", longest=256,
    suffix=lambda props: ".fifo" if _text(props.get("FifoTopic", "")) == "true" else "",
    attributes={"TopicArn": lambda c, i, p, r: i,
                "TopicName": lambda c, i, p, r: i.rsplit(":", 1)[-1]},
)  # fmt: skip

_SUBSCRIBED = ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")


def _make_subscription(clients: Clients, props: Props) -> str:
    made = clients("sns").subscribe(
        TopicArn=props["TopicArn"], Protocol=props["Protocol"], Endpoint=props.get("Endpoint", ""),
        Attributes={key: _text(props[key]) for key in _SUBSCRIBED if key in props},
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def _set_subscription(clients: Clients, id_: str, old: Props, new: Props) -> None:
    for key in _SUBSCRIBED:
        if old.get(key) != new.get(key):
            clients("sns").set_subscription_attributes(
                SubscriptionArn=id_, AttributeName=key, AttributeValue=_text(new.get(key, ""))
            )


def _read_subscription(clients: Clients, id_: str) -> Props | None:
    found = known_or_none(
        lambda: clients("sns").get_subscription_attributes(SubscriptionArn=id_)["Attributes"]
    )
    if found is None:
        return None
    keys = ("TopicArn", "Protocol", "Endpoint", *_SUBSCRIBED)
    return {key: _like(str(found[key]), None) for key in keys if key in found}


def _drop_subscription(clients: Clients, id_: str, props: Props) -> None:
    clients("sns").unsubscribe(SubscriptionArn=id_)


_SUBSCRIPTION = Kind(
    "AWS::SNS::Subscription",
    listed(*_SUBSCRIBED, always=("TopicArn", "Protocol", "Endpoint")),
    _make_subscription, _read_subscription, _set_subscription, _drop_subscription,
    identifier="Arn", attributes={"Arn": arn("sns", "{id}")},
)  # fmt: skip

KINDS = (
    _QUEUE, _policy("sqs", "Queues", _put_queue_policy), _TOPIC,
    _policy("sns", "Topics", _put_topic_policy), _SUBSCRIPTION,
)  # fmt: skip
