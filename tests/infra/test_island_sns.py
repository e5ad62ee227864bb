"""SNS by boto3: fan-out to queues that let it, filters, dead letters, rights."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import allow, loopback, private_cloud


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


def queue(cloud, name: str, *, topic: str = "") -> tuple[str, str]:
    """Make a queue that lets a topic in; return its URL and ARN."""
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:{name}"
    statement = {
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    attributes = {"Policy": policy} if topic else {}
    return cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn


def messages(cloud, url: str) -> list[str]:
    found = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", [])]


def kind(name: str) -> dict:
    return {"kind": {"DataType": "String", "StringValue": name}}


def test_a_topic_reaches_the_queues_that_let_it_in(cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    (let, let_arn), (shut, shut_arn) = queue(cloud, "let", topic=topic), queue(cloud, "shut")
    for arn in (let_arn, shut_arn):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    mark = len(cloud.log)
    sns.publish(TopicArn=topic, Message="hello", Subject="s")
    (body,) = messages(cloud, let)
    data = json.loads(body)
    assert (data["Message"], data["Subject"], data["TopicArn"]) == ("hello", "s", topic)
    assert messages(cloud, shut) == []
    (refused,) = [c for c in cloud.log_since(mark) if c.error == "AccessDenied"]
    assert (refused.principal, refused.resource) == ("sns.amazonaws.com", shut_arn)


def test_filters_choose_and_raw_is_raw(cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="filtered")["TopicArn"]
    url, arn = queue(cloud, "some", topic=topic)
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={
        "FilterPolicy": json.dumps({"kind": ["a", {"prefix": "b"}]}),
        "RawMessageDelivery": "true",
    })["SubscriptionArn"]
    for name in ("a", "bz", "c"):
        sns.publish(TopicArn=topic, Message=name, MessageAttributes=kind(name))
    assert messages(cloud, url) == ["a", "bz"]
    sns.set_subscription_attributes(
        SubscriptionArn=made, AttributeName="RawMessageDelivery", AttributeValue="false"
    )
    sns.publish(TopicArn=topic, Message="wrapped", MessageAttributes=kind("a"))
    assert json.loads(messages(cloud, url)[0])["Message"] == "wrapped"


def test_what_cannot_be_delivered_is_buried(cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="lossy")["TopicArn"]
    url, grave = queue(cloud, "grave", topic=topic)
    gone = grave.replace(":grave", ":never-made")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=gone, Attributes={
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": grave}),
    })
    sns.publish(TopicArn=topic, Message="lost")
    assert json.loads(messages(cloud, url)[0])["Message"] == "lost"


def test_what_sns_refuses(cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="strict")["TopicArn"]
    for code, wrong in (
        ("NotFound", lambda: sns.publish(TopicArn=topic + "x", Message="m")),
        ("InvalidParameter", lambda: sns.publish(TopicArn=topic, Message="")),
        ("InvalidParameter", lambda: sns.subscribe(TopicArn=topic, Protocol="pigeon")),
        ("InvalidParameter", lambda: sns.subscribe(
            TopicArn=topic, Protocol="email", Endpoint="a@example.org",
            Attributes={"FilterPolicy": "[1]"},
        )),
        ("NotImplemented", lambda: sns.subscribe(
            TopicArn=topic, Protocol="https", Endpoint="https://example.org"
        )),
    ):  # fmt: skip
        with pytest.raises(ClientError) as refused:
            wrong()
        assert refused.value.response["Error"]["Code"] == code


def test_the_owners_default_policy_lets_no_user_in(cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="ours")["TopicArn"]
    nobody = cloud.identity("nobody", [])
    with pytest.raises(ClientError, match="SNS:Publish") as refused:
        cloud.client("sns", nobody).publish(TopicArn=topic, Message="m")
    assert refused.value.response["Error"]["Code"] == "AuthorizationError"
    writer = cloud.identity("writer", [allow(["sns:Publish"], [topic])])
    cloud.client("sns", writer).publish(TopicArn=topic, Message="m")
    batch = [{"Id": "1", "Message": "m"}]
    cloud.client("sns", writer).publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)


def test_subscribing_can_be_limited_to_a_protocol(cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="limited")["TopicArn"]
    _, arn = queue(cloud, "limited", topic=topic)
    policy = allow(["sns:Subscribe"], [topic])
    policy["Statement"][0]["Condition"] = {"StringEquals": {"sns:Protocol": "sqs"}}
    who = cloud.client("sns", cloud.identity("subscriber", [policy]))
    who.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    with pytest.raises(ClientError, match="SNS:Subscribe"):
        who.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.org")
