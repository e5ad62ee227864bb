"""SQS by boto3: timeouts, dead letters, FIFO, long polling, rights; and its older protocol."""

from __future__ import annotations

import json
import threading

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import allow, loopback, private_cloud


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


def arn(cloud, name: str) -> str:
    return f"arn:aws:sqs:{cloud.region}:{cloud.account}:{name}"


def make(cloud, name: str, **attributes: str) -> str:
    return cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def bodies(cloud, url: str, **more: object) -> list[str]:
    found = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more)
    return [message["Body"] for message in found.get("Messages", [])]


def test_a_message_is_hidden_then_comes_again_then_is_buried(cloud) -> None:
    make(cloud, "dead")
    policy = {"deadLetterTargetArn": arn(cloud, "dead"), "maxReceiveCount": 2}
    url = make(cloud, "work", VisibilityTimeout="600", RedrivePolicy=json.dumps(policy))
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="job")
    assert bodies(cloud, url) == ["job"]
    assert bodies(cloud, url) == []
    cloud.advance(601)
    assert bodies(cloud, url) == ["job"]
    cloud.advance(601)
    assert bodies(cloud, url) == []
    found = cloud.client("sqs").receive_message(
        QueueUrl=url.replace("/work", "/dead"), MessageSystemAttributeNames=["All"])["Messages"]
    assert [one["Body"] for one in found] == ["job"]
    assert found[0]["Attributes"]["DeadLetterQueueSourceArn"] == arn(cloud, "work")


def test_a_message_says_who_sent_it(cloud) -> None:
    ann = cloud.identity("ann", [allow(["sqs:*", "sts:*"])])
    url = make(cloud, "signed")
    sqs, own = cloud.client("sqs", ann), cloud.client("sts", ann).get_caller_identity()["UserId"]
    assert own.startswith("AIDA")
    sqs.send_message(QueueUrl=url, MessageBody="one")
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "2", "MessageBody": "two"}])
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="three")
    found = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["SenderId"])["Messages"]
    senders = {one["Body"]: one["Attributes"]["SenderId"] for one in found}
    assert senders == {"one": own, "two": own, "three": cloud.account}
    assert "DeadLetterQueueSourceArn" not in found[0]["Attributes"]


def test_a_delayed_message_waits(cloud) -> None:
    url = make(cloud, "late", DelaySeconds="300")
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    assert bodies(cloud, url) == []
    cloud.advance(301)
    assert bodies(cloud, url) == ["x"]


def test_fifo_keeps_order_in_a_group_and_drops_duplicates(cloud) -> None:
    url = make(cloud, "f.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    sqs = cloud.client("sqs")

    def send(body: str, group: str) -> dict:
        return sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)

    first, again = send("1", "a"), send("1", "a")
    assert again["MessageId"] == first["MessageId"]
    assert again["SequenceNumber"] == first["SequenceNumber"]
    send("2", "a")
    send("3", "b")
    got = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]
    assert got["Body"] == "1"
    assert got["Attributes"]["SequenceNumber"] == first["SequenceNumber"]
    assert bodies(cloud, url) == ["3"], "group a waits until its first is done"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert bodies(cloud, url) == ["2"]
    assert send("1", "a")["MessageId"] == first["MessageId"], "also after it was deleted"
    cloud.advance(301)
    assert send("1", "a")["MessageId"] != first["MessageId"]


def test_long_polling_holds_nobody_up(cloud) -> None:
    """While one waits for a message, another sends it: the cloud's lock is free."""
    url, got = make(cloud, "slow"), []
    waiting = threading.Thread(
        target=lambda: got.extend(bodies(cloud, url, WaitTimeSeconds=20)), daemon=True
    )
    waiting.start()
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="at last")
    waiting.join(timeout=60)
    assert got == ["at last"]


def test_what_sqs_refuses(cloud) -> None:
    sqs, url = cloud.client("sqs"), make(cloud, "strict")
    for code, wrong in (
        ("MissingParameter", lambda: sqs.send_message(QueueUrl=url, MessageBody="")),
        ("InvalidMessageContents", lambda: sqs.send_message(QueueUrl=url, MessageBody="\x01")),
        ("InvalidParameterValue", lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=21)),
        ("InvalidAttributeName", lambda: make(cloud, "odd", Colour="red")),
        ("InvalidAttributeValue", lambda: make(cloud, "odd", VisibilityTimeout="43201")),
        ("ReceiptHandleIsInvalid", lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle="no")),
        ("AWS.SimpleQueueService.NonExistentQueue", lambda: sqs.get_queue_url(QueueName="none")),
    ):
        with pytest.raises(ClientError) as refused:
            wrong()
        assert refused.value.response["Error"]["Code"] == code


def test_a_batch_needs_the_right_to_send(cloud) -> None:
    url = make(cloud, "batch")
    sender = cloud.identity("batcher", [allow(["sqs:SendMessage"], [arn(cloud, "batch")])])
    entry = {"Id": "1", "MessageBody": "x"}
    sent = cloud.client("sqs", sender).send_message_batch(QueueUrl=url, Entries=[entry])
    assert len(sent["Successful"]) == 1
    with pytest.raises(ClientError, match="sqs:ReceiveMessage"):
        cloud.client("sqs", sender).receive_message(QueueUrl=url)


def test_a_queues_policy_lets_in_and_shuts_out(cloud) -> None:
    guest = cloud.identity("guest", [])
    boss = cloud.identity("boss", [allow(["sqs:*"])])
    allowed = allow(["sqs:SendMessage"], [arn(cloud, "shared")])["Statement"][0]
    denied = allowed | {"Effect": "Deny", "Action": "sqs:PurgeQueue", "Principal": "*"}
    policy = {"Version": "2012-10-17", "Statement": [
        allowed | {"Principal": {"AWS": guest.arn}}, denied,
    ]}
    url = make(cloud, "shared", Policy=json.dumps(policy))
    cloud.client("sqs", guest).send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(ClientError, match="sqs:GetQueueAttributes"):
        cloud.client("sqs", guest).get_queue_attributes(QueueUrl=url)
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        cloud.client("sqs", boss).purge_queue(QueueUrl=url)


def test_clients_of_the_query_protocol_are_served(cloud) -> None:
    """botocore speaks JSON to SQS today; programs of before 2023 send forms."""
    import time
    from http.client import HTTPConnection
    from urllib.parse import urlencode

    from infra.cloud import sigv4

    host = "{}:{}".format(*cloud.address)

    def ask(**form: str) -> tuple[int, str]:
        body = urlencode({"Version": "2012-11-05", **form}).encode()
        headers = {"host": host, "content-type": "application/x-www-form-urlencoded"}
        message = sigv4.Message("POST", "/", [], headers, body)
        who = cloud.root
        signed = sigv4.sign(message, who.key_id, who.secret, cloud.region, "sqs", time.time())
        connection = HTTPConnection(*cloud.address, timeout=30)
        connection.request("POST", "/", body, headers | signed)
        answer = connection.getresponse()
        status, text = answer.status, answer.read().decode()
        connection.close()
        return status, text

    status, text = ask(Action="CreateQueue", QueueName="old")
    assert status == 200
    assert "<QueueUrl>" in text
    status, text = ask(Action="SendMessage", QueueUrl="http://x/1/none", MessageBody="x")
    assert status == 400
    assert "NonExistentQueue</Code>" in text
    status, text = ask(Action="NoSuchAction")
    assert "<Code>InvalidAction</Code>" in text
