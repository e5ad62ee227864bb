"""Services that the engine keeps whole: read, allowed, logged and answered like the others."""

from __future__ import annotations

import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import allow, loopback, private_cloud


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


def test_a_queue_takes_and_gives(cloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=url)["Messages"]] == ["one"]


def test_a_table_keeps_items(cloud) -> None:
    table = cloud.client("dynamodb")
    table.create_table(
        TableName="runs", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table.put_item(TableName="runs", Item={"id": {"S": "a"}})
    assert table.get_item(TableName="runs", Key={"id": {"S": "a"}})["Item"] == {"id": {"S": "a"}}


def test_iam_holds_on_them_too(cloud) -> None:
    url = cloud.client("sqs").create_queue(QueueName="mine")["QueueUrl"]
    other = cloud.client("sqs").create_queue(QueueName="theirs")["QueueUrl"]
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:mine"
    sender = cloud.identity("sender", [allow(["sqs:SendMessage"], [arn])])
    sqs = cloud.client("sqs", sender)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(ClientError, match="sqs:SendMessage") as refused:
        sqs.send_message(QueueUrl=other, MessageBody="x")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert cloud.log[-1].action == "sqs:SendMessage"
    assert cloud.log[-1].resource.endswith(":theirs")


ASKS = """
import json
from botocore.exceptions import ClientError
from infra.cloud.clock import Clock
from infra.cloud.door import Door
from infra.cloud.fixtures import trusts
from infra.cloud.keys import RootKey

door = Door(RootKey(), Clock())
s3 = door.inside.own_client("s3")
place = {"LocationConstraint": "eu-central-1"}
s3.create_bucket(Bucket="inside", CreateBucketConfiguration=place)
s3.put_object(Bucket="inside", Key="k", Body=b"x" * 100_000)
print(s3.get_object(Bucket="inside", Key="k")["Body"].read() == b"x" * 100_000)
iam = door.inside.own_client("iam")
trust = json.dumps(trusts("*"))
role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
try:
    door.inside.client("s3", role).get_object(Bucket="inside", Key="k")
except ClientError as error:
    print(error.response["Error"]["Code"])
print({record.by for record in door.log.records})
try:
    door.inside.client("s3", role + "nobody")
except LookupError as error:
    print("nobody" in str(error))
"""


def printed(script: str) -> list[str]:
    """Run a script in a process of its own: the engine's state is its process's."""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()


def test_a_service_asks_another_with_a_roles_rights() -> None:
    """Through the door without a socket: rights, log and bytes as for anybody else."""
    assert printed(ASKS) == ["True", "AccessDenied", "{'service'}", "True"]


WATCH = """
import sys, threading
import infra.cloud.islands
from infra.cloud import registry, rounds
from infra.cloud.door import Door
from infra.cloud.keys import RootKey
from botocore.exceptions import ClientError

opened = []
sys.addaudithook(lambda event, args: opened.append((event, str(args[0])))
                 if event in ("open", "import", "socket.connect") else None)
door = Door(RootKey())
for service, call, arguments in rounds.CALLS:
    if rounds.signed(service) in registry.SERVICES:
        try:
            getattr(door.inside.own_client(service), call)(**arguments)
        except ClientError:
            pass
print("opened:", [name for event, name in opened if event != "import"])
print("not warm:", sorted(set(registry.ISLANDS) - {rounds.signed(s) for s, _, _ in rounds.CALLS}))
print("threads:", threading.active_count())
"""


def test_a_fork_of_the_warm_process_reads_no_file_and_starts_no_thread() -> None:
    assert printed(WATCH) == ["opened: []", "not warm: []", "threads: 1"]


def test_nothing_posts_to_an_address_of_a_clients(cloud) -> None:
    """moto would: SNS, Firehose and EventBridge know http endpoints."""
    from infra.cloud import dispatch

    for service in ("sns", "firehose", "events"):
        module = __import__(f"moto.{service}.models", fromlist=["requests"])
        dispatch.backend(service)
        with pytest.raises(ConnectionError, match="opens no connection"):
            module.requests.post("http://127.0.0.1:9/")
