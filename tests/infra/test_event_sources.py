"""What calls a function: queues, streams, topics, buckets; batches, failures, orders, rights."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.cloud.fixtures import Cloud, allow, loopback, private_cloud
from tests.infra.client import code
from tests.infra.compute import bodies, function, invoke, open_queue, queue, role

QUEUE_RIGHTS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
STREAM_RIGHTS = (
    "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream",
    "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream",
    "sqs:SendMessage",
)
# Notes each event's records in the log; fails on those that say so.
NOTE = """
import base64, json
def read(record):
    if "kinesis" in record:
        return base64.b64decode(record["kinesis"]["data"]).decode()
    if "dynamodb" in record:
        return record["eventName"] + record["dynamodb"]["Keys"]["id"]["S"]
    return record["body"]
def handler(event, context):
    found = [read(one) for one in event["Records"]]
    print("GOT " + json.dumps(found))
    if any("bad" in one for one in found):
        raise ValueError("bad")
"""
# The same, but tells which records failed.
PARTLY = NOTE.replace(
    '    if any("bad" in one for one in found):\n        raise ValueError("bad")\n',
    '    failed = [o["messageId"] for o in event["Records"] if "bad" in read(o)]\n'
    '    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}\n',
)


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener, run="here") as made:
        yield made


def got(cloud: Cloud, name: str) -> list[list[str]]:
    """Return the batches that a function has seen."""
    found = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")
    texts = (one["message"] for one in found["events"])
    return [json.loads(text[4:]) for text in texts if text.startswith("GOT ")]


def flat(batches: list[list[str]]) -> list[str]:
    """Return the records of all batches, in order."""
    return [one for batch in batches for one in batch]


def listen(cloud: Cloud, name: str, source: str, **settings: Any) -> str:
    """Map a source to a function; return the mapping's id."""
    made = cloud.client("lambda").create_event_source_mapping(
        FunctionName=name, EventSourceArn=source, **settings
    )
    return str(made["UUID"])


def send(cloud: Cloud, url: str, *texts: str) -> None:
    entries = [{"Id": str(n), "MessageBody": text} for n, text in enumerate(texts)]
    cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


def left(cloud: Cloud, url: str) -> tuple[int, int]:
    """Return how many messages are visible and how many are in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return int(found["Attributes"][names[0]]), int(found["Attributes"][names[1]])


# --- queues -------------------------------------------------------------------------------------


def test_messages_come_in_batches_and_are_deleted(cloud: Cloud) -> None:
    url, arn = queue(cloud, "orders")
    function(cloud, "takes", NOTE, *QUEUE_RIGHTS)
    send(cloud, url, "a", "b", "c", "d", "e")
    listen(cloud, "takes", arn, BatchSize=2)
    cloud.settle()
    assert sorted(flat(got(cloud, "takes"))) == ["a", "b", "c", "d", "e"]
    assert max(map(len, got(cloud, "takes"))) == 2
    assert left(cloud, url) == (0, 0)
    calls = [c for c in cloud.log if c.by == "service" and c.service == "sqs"]
    assert {"ReceiveMessage", "DeleteMessageBatch"} == {c.operation for c in calls}
    assert all("takes-role" in c.principal for c in calls)


def test_nothing_is_asked_of_an_idle_queue(cloud: Cloud) -> None:
    url, arn = queue(cloud, "idle")
    function(cloud, "waits", NOTE, *QUEUE_RIGHTS)
    listen(cloud, "waits", arn)
    cloud.settle()
    mark = len(cloud.log)
    cloud.advance(3600)
    cloud.settle()
    assert [c.operation for c in cloud.log_since(mark) if c.by == "service"] == []
    send(cloud, url, "now")
    cloud.settle()
    assert got(cloud, "waits") == [["now"]]


def test_a_failed_batch_comes_back_and_ends_in_the_dead_letter_queue(cloud: Cloud) -> None:
    dead, letters = queue(cloud, "dead")
    url, arn = queue(cloud, "tried", VisibilityTimeout="30", RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": letters, "maxReceiveCount": 2}
    ))
    function(cloud, "trips", NOTE, *QUEUE_RIGHTS)
    listen(cloud, "trips", arn)
    send(cloud, url, "bad one")
    cloud.settle()
    assert (got(cloud, "trips"), left(cloud, url)) == ([["bad one"]], (0, 1))
    cloud.advance(31)
    cloud.settle()
    assert len(got(cloud, "trips")) == 2
    cloud.advance(31)
    cloud.settle()
    assert (len(got(cloud, "trips")), left(cloud, url)) == (2, (0, 0))
    assert bodies(cloud, dead) == ["bad one"]


def test_only_what_failed_comes_back(cloud: Cloud) -> None:
    url, arn = queue(cloud, "mixed", VisibilityTimeout="30")
    function(cloud, "sorts", PARTLY, *QUEUE_RIGHTS)
    send(cloud, url, "good", "bad", "fine")
    listen(cloud, "sorts", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    cloud.settle()
    assert [sorted(batch) for batch in got(cloud, "sorts")] == [["bad", "fine", "good"]]
    assert left(cloud, url) == (0, 1)
    cloud.advance(31)
    cloud.settle()
    assert got(cloud, "sorts")[1:] == [["bad"]]


def test_a_mapping_can_rest_and_be_removed(cloud: Cloud) -> None:
    url, arn = queue(cloud, "pausing")
    function(cloud, "pauses", NOTE, *QUEUE_RIGHTS)
    name = listen(cloud, "pauses", arn, Enabled=False)
    client = cloud.client("lambda")
    send(cloud, url, "first")
    cloud.settle()
    assert client.get_event_source_mapping(UUID=name)["State"] == "Disabled"
    assert left(cloud, url) == (1, 0)
    client.update_event_source_mapping(UUID=name, Enabled=True)
    cloud.settle()
    assert got(cloud, "pauses") == [["first"]]
    found = client.list_event_source_mappings(FunctionName="pauses")["EventSourceMappings"]
    assert [one["UUID"] for one in found] == [name]
    client.delete_event_source_mapping(UUID=name)
    send(cloud, url, "second")
    cloud.settle()
    assert left(cloud, url) == (1, 0)
    assert code(client.get_event_source_mapping, UUID=name) == "ResourceNotFoundException"


def test_filters_drop_what_is_not_wanted(cloud: Cloud) -> None:
    url, arn = queue(cloud, "filtered")
    function(cloud, "picks", NOTE, *QUEUE_RIGHTS)
    pattern = json.dumps({"body": {"kind": ["parcel"], "weight": [{"numeric": [">", 2]}]}})
    listen(cloud, "picks", arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    heavy = json.dumps({"kind": "parcel", "weight": 3})
    send(cloud, url, heavy, json.dumps({"kind": "parcel", "weight": 1}), "no json")
    cloud.settle()
    assert (flat(got(cloud, "picks")), left(cloud, url)) == ([heavy], (0, 0))


def test_a_window_lets_a_batch_grow(cloud: Cloud) -> None:
    url, arn = queue(cloud, "growing")
    function(cloud, "gathers", NOTE, *QUEUE_RIGHTS)
    listen(cloud, "gathers", arn, BatchSize=100, MaximumBatchingWindowInSeconds=300)
    for text in ("a", "b", "c"):
        send(cloud, url, text)
    cloud.settle()
    assert left(cloud, url) == (3, 0)
    cloud.advance(301)
    cloud.settle()
    assert sorted(flat(got(cloud, "gathers"))) == ["a", "b", "c"]
    assert len(got(cloud, "gathers")) == 1


def test_the_role_must_be_allowed_to_read(cloud: Cloud) -> None:
    _, arn = queue(cloud, "secret")
    function(cloud, "blind", NOTE)
    client = cloud.client("lambda")
    for name, source, error in (
        ("blind", arn, "InvalidParameterValueException"),
        ("blind", arn + "-none", "InvalidParameterValueException"),
        ("none", arn, "ResourceNotFoundException"),
        ("blind", "arn:aws:mq:eu-central-1:123456789012:x", "InvalidParameterValueException"),
    ):
        assert code(
            client.create_event_source_mapping, FunctionName=name, EventSourceArn=source
        ) == error


# --- streams ------------------------------------------------------------------------------------


def stream(cloud: Cloud, name: str, shards: int = 1) -> str:
    cloud.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
    return f"arn:aws:kinesis:{cloud.region}:{cloud.account}:stream/{name}"


def put(cloud: Cloud, name: str, *texts: str) -> None:
    client = cloud.client("kinesis")
    for text in texts:
        client.put_record(StreamName=name, Data=text.encode(), PartitionKey="same")


def test_a_shard_keeps_its_order_from_the_oldest_or_from_now(cloud: Cloud) -> None:
    arn = stream(cloud, "clicks")
    put(cloud, "clicks", "a", "b")
    for name, start in (("oldest", "TRIM_HORIZON"), ("newest", "LATEST")):
        function(cloud, name, NOTE, *STREAM_RIGHTS)
        listen(cloud, name, arn, StartingPosition=start, BatchSize=2)
    cloud.settle()
    put(cloud, "clicks", "c", "d", "e")
    cloud.settle()
    assert flat(got(cloud, "oldest")) == ["a", "b", "c", "d", "e"]
    assert flat(got(cloud, "newest")) == ["c", "d", "e"]


def test_a_bad_record_blocks_its_shard_until_it_is_given_up(cloud: Cloud) -> None:
    arn = stream(cloud, "blocked")
    url, told = queue(cloud, "given-up")
    function(cloud, "stuck", NOTE, *STREAM_RIGHTS)
    put(cloud, "blocked", "a", "bad", "c")
    listen(
        cloud, "stuck", arn, StartingPosition="TRIM_HORIZON", BatchSize=1, MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": told}},
    )
    cloud.settle()
    assert got(cloud, "stuck") == [["a"], ["bad"], ["bad"], ["bad"], ["c"]]
    (record,) = bodies(cloud, url)
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["KinesisBatchInfo"]["batchSize"] == 1
    assert record["KinesisBatchInfo"]["streamArn"] == arn


def test_halving_a_batch_finds_the_bad_record(cloud: Cloud) -> None:
    arn = stream(cloud, "halved")
    function(cloud, "halves", NOTE, *STREAM_RIGHTS)
    put(cloud, "halved", "a", "b", "bad", "d")
    listen(
        cloud, "halves", arn, StartingPosition="TRIM_HORIZON", MaximumRetryAttempts=0,
        BisectBatchOnFunctionError=True,
    )
    cloud.settle()
    assert got(cloud, "halves") == [
        ["a", "b", "bad", "d"], ["a", "b"], ["bad", "d"], ["bad"], ["d"],
    ]


def test_without_a_limit_the_shard_waits(cloud: Cloud) -> None:
    arn = stream(cloud, "patient")
    function(cloud, "patience", NOTE, *STREAM_RIGHTS)
    listen(cloud, "patience", arn, StartingPosition="TRIM_HORIZON", BatchSize=1)
    put(cloud, "patient", "bad", "c")
    cloud.settle()
    before = len(got(cloud, "patience"))
    cloud.advance(60)
    cloud.settle()
    assert len(got(cloud, "patience")) > before
    assert {tuple(batch) for batch in got(cloud, "patience")} == {("bad",)}


def test_a_tables_changes_reach_a_function(cloud: Cloud) -> None:
    table = cloud.client("dynamodb")
    made = table.create_table(
        TableName="runs", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    function(cloud, "follows", NOTE, *STREAM_RIGHTS)
    listen(cloud, "follows", made["LatestStreamArn"], StartingPosition="TRIM_HORIZON")
    table.put_item(TableName="runs", Item={"id": {"S": "a"}})
    table.put_item(TableName="runs", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    table.delete_item(TableName="runs", Key={"id": {"S": "a"}})
    cloud.settle()
    assert flat(got(cloud, "follows")) == ["INSERTa", "MODIFYa", "REMOVEa"]


# --- topics and buckets -------------------------------------------------------------------------

TOLD = """
import json
def handler(event, context):
    print("GOT " + json.dumps([json.dumps(event["Records"][0], sort_keys=True)]))
"""


def told(cloud: Cloud, name: str) -> list[dict[str, Any]]:
    """Return the records that a function has seen."""
    return [json.loads(batch[0]) for batch in got(cloud, name)]


def let_in(cloud: Cloud, name: str, service: str, source: str) -> None:
    cloud.client("lambda").add_permission(
        FunctionName=name, StatementId=service, Action="lambda:InvokeFunction",
        Principal=f"{service}.amazonaws.com", SourceArn=source,
    )


def test_a_topic_invokes_the_functions_that_let_it_in(cloud: Cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    for name in ("hears", "deaf"):
        arn = function(cloud, name, TOLD)
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    let_in(cloud, "hears", "sns", topic)
    sns.publish(TopicArn=topic, Message="fresh", Subject="bread")
    cloud.settle()
    (record,) = told(cloud, "hears")
    assert record["EventSource"] == "aws:sns"
    assert (record["Sns"]["Message"], record["Sns"]["Subject"]) == ("fresh", "bread")
    refused = [c for c in cloud.log if c.resource.endswith(":deaf") and c.status == 403]
    assert refused[0].principal == "sns.amazonaws.com"


def notify(cloud: Cloud, bucket: str, arn: str, *events: str, **rules: str) -> None:
    filters = [{"Name": name, "Value": value} for name, value in rules.items()]
    one: dict[str, Any] = {"LambdaFunctionArn": arn, "Events": list(events)}
    if filters:
        one["Filter"] = {"Key": {"FilterRules": filters}}
    cloud.client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [one]}
    )


def test_a_bucket_tells_of_the_objects_that_are_meant(cloud: Cloud) -> None:
    cloud.bucket("inbox")
    arn = function(cloud, "opens", TOLD)
    let_in(cloud, "opens", "s3", "arn:aws:s3:::inbox")
    notify(cloud, "inbox", arn, "s3:ObjectCreated:*", prefix="in/", suffix=".csv")
    s3 = cloud.client("s3")
    for key in ("in/one day.csv", "in/a.txt", "out/a.csv"):
        s3.put_object(Bucket="inbox", Key=key, Body=b"12345")
    s3.copy_object(Bucket="inbox", Key="in/b.csv", CopySource="inbox/out/a.csv")
    s3.delete_object(Bucket="inbox", Key="in/b.csv")
    cloud.settle()
    records = sorted(told(cloud, "opens"), key=lambda record: record["s3"]["object"]["sequencer"])
    assert [(r["eventName"], r["s3"]["object"]["key"]) for r in records] == [
        ("ObjectCreated:Put", "in/one+day.csv"), ("ObjectCreated:Copy", "in/b.csv"),
    ]
    assert records[0]["s3"]["object"]["size"] == 5
    assert records[0]["s3"]["bucket"]["arn"] == "arn:aws:s3:::inbox"


def test_a_refused_put_tells_nobody(cloud: Cloud) -> None:
    cloud.bucket("quiet")
    arn = function(cloud, "listens", TOLD)
    let_in(cloud, "listens", "s3", "arn:aws:s3:::quiet")
    notify(cloud, "quiet", arn, "s3:ObjectCreated:*")
    stranger = cloud.identity("stranger", [allow(["s3:GetObject"])])
    put_object = cloud.client("s3", stranger).put_object
    assert code(put_object, Bucket="quiet", Key="k", Body=b"") == "AccessDenied"
    cloud.settle()
    assert cloud.client("logs").describe_log_groups(
        logGroupNamePrefix="/aws/lambda/listens"
    )["logGroups"] == []


def test_a_bucket_needs_the_functions_permission(cloud: Cloud) -> None:
    cloud.bucket("shut")
    arn = function(cloud, "keeps-shut", TOLD)
    with pytest.raises(Exception, match="Unable to validate the following destination"):
        notify(cloud, "shut", arn, "s3:ObjectCreated:*")
    found = cloud.client("s3").get_bucket_notification_configuration(Bucket="shut")
    assert "LambdaFunctionConfigurations" not in found


def test_a_bucket_tells_queues_too(cloud: Cloud) -> None:
    cloud.bucket("posting")
    url, arn = open_queue(cloud, "posted", "s3", "arn:aws:s3:::posting")
    cloud.client("s3").put_bucket_notification_configuration(
        Bucket="posting", NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectRemoved:*"]}],
        },
    )
    cloud.client("s3").put_object(Bucket="posting", Key="k", Body=b"")
    cloud.client("s3").delete_object(Bucket="posting", Key="k")
    cloud.settle()
    found = [one for one in bodies(cloud, url) if "Records" in one]
    assert [one["Records"][0]["eventName"] for one in found] == ["ObjectRemoved:Delete"]


def test_a_queue_deleted_under_a_mapping_stops_nothing_else(cloud: Cloud) -> None:
    url, arn = queue(cloud, "vanishing")
    function(cloud, "stays", NOTE, *QUEUE_RIGHTS)
    listen(cloud, "stays", arn)
    cloud.client("sqs").delete_queue(QueueUrl=url)
    cloud.settle()
    assert invoke(cloud, "stays", {"Records": []}) is None


def test_a_role_that_lost_its_right_reads_nothing(cloud: Cloud) -> None:
    url, arn = queue(cloud, "revoked")
    function(cloud, "loses", NOTE, *QUEUE_RIGHTS)
    name = listen(cloud, "loses", arn)
    cloud.client("iam").delete_role_policy(RoleName="loses-role", PolicyName="policy-0")
    send(cloud, url, "kept")
    cloud.settle()
    assert left(cloud, url) == (1, 0)
    told = cloud.client("lambda").get_event_source_mapping(UUID=name)["LastProcessingResult"]
    assert told == "PROBLEM: AccessDenied"
    assert role(cloud, "unused").endswith("unused")
