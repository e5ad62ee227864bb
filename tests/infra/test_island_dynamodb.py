"""DynamoDB by boto3: rights per table and action, conditions, transactions, numbers, streams."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from infra.cloud import dynamodb
from infra.cloud.fixtures import allow, loopback, private_cloud


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        db = made.client("dynamodb")
        for name in ("runs", "models"):
            db.create_table(
                TableName=name, BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[
                    {"AttributeName": "id", "AttributeType": "S"},
                    {"AttributeName": "state", "AttributeType": "S"},
                ],
                GlobalSecondaryIndexes=[{
                    "IndexName": "by-state", "Projection": {"ProjectionType": "ALL"},
                    "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                }],
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            )
        yield made


def arn(cloud, tail: str) -> str:
    return f"arn:aws:dynamodb:{cloud.region}:{cloud.account}:table/{tail}"


def put(name: str, **more: object) -> dict:
    return {"PutRequest": {"Item": {"id": {"S": name}, **more}}}


def code(raised) -> str:
    return raised.value.response["Error"]["Code"]


def test_a_condition_that_fails_shows_what_is_there(cloud) -> None:
    db = cloud.client("dynamodb")
    db.put_item(TableName="runs", Item={"id": {"S": "one"}, "n": {"N": "1"}})
    with pytest.raises(db.exceptions.ConditionalCheckFailedException) as refused:
        db.put_item(
            TableName="runs", Item={"id": {"S": "one"}},
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.response["Item"]["n"] == {"N": "1"}


def test_numbers_come_back_as_dynamodb_writes_them(cloud) -> None:
    db, key = cloud.client("dynamodb"), {"id": {"S": "number"}}
    for given, kept in (("1.10", "1.1"), ("1e2", "100"), ("-0", "0"), ("0.5", "0.5")):
        db.put_item(TableName="runs", Item=key | {"n": {"N": given}})
        assert db.get_item(TableName="runs", Key=key)["Item"]["n"] == {"N": kept}
    for wrong in ("1" * 39, "1e126", "1e-131"):
        with pytest.raises(ClientError) as refused:
            db.put_item(TableName="runs", Item=key | {"n": {"N": wrong}})
        assert code(refused) == "ValidationException"


def test_what_no_expression_uses_is_refused(cloud) -> None:
    db = cloud.client("dynamodb")
    with pytest.raises(ClientError, match=r"unused in expressions: keys: \{:b\}"):
        db.scan(
            TableName="runs", FilterExpression="n = :a",
            ExpressionAttributeValues={":a": {"N": "1"}, ":b": {"N": "2"}},
        )


def test_an_index_key_has_the_type_of_its_index(cloud) -> None:
    db = cloud.client("dynamodb")
    wrong = put("typed", state={"N": "1"})
    with pytest.raises(ClientError, match="Type mismatch for Index Key state"):
        db.batch_write_item(RequestItems={"runs": [wrong]})
    with pytest.raises(ClientError, match="Too many items"):
        db.batch_write_item(RequestItems={"runs": [put(str(i)) for i in range(26)]})


def test_a_token_makes_a_transaction_happen_once(cloud) -> None:
    db = cloud.client("dynamodb")

    def add(amount: str) -> None:
        db.transact_write_items(ClientRequestToken="token-1", TransactItems=[{"Update": {
            "TableName": "runs", "Key": {"id": {"S": "sum"}}, "UpdateExpression": "ADD n :a",
            "ExpressionAttributeValues": {":a": {"N": amount}},
        }}])

    add("1")
    add("1")
    assert db.get_item(TableName="runs", Key={"id": {"S": "sum"}})["Item"]["n"] == {"N": "1"}
    with pytest.raises(db.exceptions.IdempotentParameterMismatchException):
        add("2")
    cloud.advance(601)
    add("1")
    assert db.get_item(TableName="runs", Key={"id": {"S": "sum"}})["Item"]["n"] == {"N": "2"}


def test_a_cancelled_transaction_leaves_nothing(cloud) -> None:
    db = cloud.client("dynamodb")
    check = {"ConditionCheck": {
        "TableName": "runs", "Key": {"id": {"S": "nobody"}},
        "ConditionExpression": "attribute_exists(id)",
    }}
    made = {"Put": {"TableName": "models", "Item": {"id": {"S": "half"}}}}
    with pytest.raises(db.exceptions.TransactionCanceledException) as refused:
        db.transact_write_items(TransactItems=[made, check])
    reasons = [reason["Code"] for reason in refused.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed"]
    assert "Item" not in db.get_item(TableName="models", Key={"id": {"S": "half"}})


@pytest.mark.parametrize("key", ["id", "id and place"])
def test_a_cancelled_transaction_undoes_every_kind_of_write(cloud, key) -> None:
    db, name, parts = cloud.client("dynamodb"), f"undone-{len(key)}", key.split(" and ")
    db.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": part, "KeyType": kind}
                   for part, kind in zip(parts, ("HASH", "RANGE"), strict=False)],
        AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part in parts],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )  # fmt: skip

    def at(one: str) -> dict:
        return {part: {"S": one if part == parts[-1] else "depot"} for part in parts}

    for one in "abcd":
        db.put_item(TableName=name, Item={**at(one), "n": {"L": [{"N": "1"}]}})
    before = db.scan(TableName=name)["Items"]
    more = {"UpdateExpression": "SET n[0] = n[0] + :one", "TableName": name,
            "ExpressionAttributeValues": {":one": {"N": "1"}}}  # fmt: skip
    writes = [
        {"Update": {**more, "Key": at("a")}},
        {"Put": {"TableName": name, "Item": at("b")}},
        {"Delete": {"TableName": name, "Key": at("c")}},
        {"Put": {"TableName": name, "Item": {part: {"S": "new"} for part in parts}}},
    ]
    no = {"ConditionCheck": {"TableName": name, "Key": at("d"),
                             "ConditionExpression": "attribute_not_exists(n)"}}  # fmt: skip
    with pytest.raises(db.exceptions.TransactionCanceledException):
        db.transact_write_items(TransactItems=[*writes, no])
    assert db.scan(TableName=name)["Items"] == before
    db.transact_write_items(TransactItems=writes)
    found = {one[parts[-1]]["S"]: one.get("n") for one in db.scan(TableName=name)["Items"]}
    assert found == {"a": {"L": [{"N": "2"}]}, "b": None, "d": {"L": [{"N": "1"}]}, "new": None}

    streams = cloud.client("dynamodbstreams")
    stream = streams.list_streams(TableName=name)["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]
    iterator = streams.get_shard_iterator(
        StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    told = [r["eventName"] for r in streams.get_records(ShardIterator=iterator)["Records"]]
    assert told == ["INSERT"] * 4 + ["MODIFY", "MODIFY", "REMOVE", "INSERT"]


def test_a_transaction_copies_what_it_writes_and_nothing_else() -> None:
    from moto.dynamodb.models import DynamoDBBackend

    table = DynamoDBBackend("us-east-1", "123456789012").create_table(
        "many", schema=[{"AttributeName": "id", "KeyType": "HASH"}],
        attr=[{"AttributeName": "id", "AttributeType": "S"}], throughput={}, streams={},
        indexes=[], global_indexes=[], billing_mode="PAY_PER_REQUEST", sse_specification=None,
        tags=[], deletion_protection_enabled=False, warm_throughput=None,
    )  # fmt: skip
    for number in range(50):
        table.put_item({"id": {"S": str(number)}})
    odd = [None, {}, {"id": 7}, {"id": {"N": "x"}}, {"other": {"S": "1"}}]
    made = dynamodb._without(table, [{"id": {"S": "7"}}, {"id": {"S": "absent"}}, *odd])
    own = [k.value for k, item in made.items.items() if item is not table.items[k]]
    assert own == ["7"]
    assert made.items is not table.items


def test_a_stream_tells_of_changes_in_order(cloud) -> None:
    db, streams = cloud.client("dynamodb"), cloud.client("dynamodbstreams")
    stream = streams.list_streams(TableName="models")["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]
    iterator = streams.get_shard_iterator(
        StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
    )["ShardIterator"]
    for n in ("1", "1", "2"):  # the second changes nothing, and is not told
        db.put_item(TableName="models", Item={"id": {"S": "m"}, "n": {"N": n}})
    db.delete_item(TableName="models", Key={"id": {"S": "m"}})
    records = streams.get_records(ShardIterator=iterator)["Records"]
    assert [r["eventName"] for r in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert {r["awsRegion"] for r in records} == {cloud.region}
    numbers = [int(r["dynamodb"]["SequenceNumber"]) for r in records]
    assert numbers == sorted(numbers)
    reader = cloud.identity("stream-reader", [allow(["dynamodb:GetRecords"], [stream])])
    cloud.client("dynamodbstreams", reader).get_records(ShardIterator=iterator)
    with pytest.raises(ClientError, match="dynamodb:ListStreams"):
        cloud.client("dynamodbstreams", reader).list_streams()


def test_batches_need_every_table_and_transactions_every_action(cloud) -> None:
    who = cloud.identity("writer", [
        allow(["dynamodb:BatchWriteItem", "dynamodb:PutItem"], [arn(cloud, "runs")]),
    ])
    db = cloud.client("dynamodb", who)
    db.batch_write_item(RequestItems={"runs": [put("b")]})
    with pytest.raises(ClientError, match="table/models"):
        db.batch_write_item(RequestItems={"runs": [put("b")], "models": [put("b")]})
    db.transact_write_items(
        TransactItems=[{"Put": {"TableName": "runs", "Item": {"id": {"S": "t"}}}}]
    )
    with pytest.raises(ClientError, match="dynamodb:DeleteItem"):
        db.transact_write_items(
            TransactItems=[{"Delete": {"TableName": "runs", "Key": {"id": {"S": "t"}}}}]
        )


def test_an_index_is_a_resource_of_its_own(cloud) -> None:
    who = cloud.identity("by-id", [allow(["dynamodb:Query"], [arn(cloud, "runs")])])
    asked = {
        "TableName": "runs", "IndexName": "by-state", "KeyConditionExpression": "#s = :s",
        "ExpressionAttributeNames": {"#s": "state"},
        "ExpressionAttributeValues": {":s": {"S": "new"}},
    }
    with pytest.raises(ClientError, match="table/runs/index/by-state"):
        cloud.client("dynamodb", who).query(**asked)


def test_leading_keys_divide_a_table_between_users(cloud) -> None:
    own = allow(["dynamodb:*Item", "dynamodb:Query"], [arn(cloud, "runs")])
    own["Statement"][0]["Condition"] = {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    db = cloud.client("dynamodb", cloud.identity("alice", [own]))
    db.put_item(TableName="runs", Item={"id": {"S": "alice"}})
    query = {"TableName": "runs", "KeyConditionExpression": "id = :who"}
    db.query(**query, ExpressionAttributeValues={":who": {"S": "alice"}})
    for refused in (
        lambda: db.put_item(TableName="runs", Item={"id": {"S": "bob"}}),
        lambda: db.query(**query, ExpressionAttributeValues={":who": {"S": "bob"}}),
    ):
        with pytest.raises(ClientError) as error:
            refused()
        assert code(error) == "AccessDeniedException"


def test_a_tables_own_policy_lets_somebody_in(cloud) -> None:
    import json

    who = cloud.identity("guest", [])
    with pytest.raises(ClientError, match="dynamodb:GetItem"):
        cloud.client("dynamodb", who).get_item(TableName="models", Key={"id": {"S": "x"}})
    policy = allow(["dynamodb:GetItem"], [arn(cloud, "models")])
    policy["Statement"][0]["Principal"] = {"AWS": who.arn}
    cloud.client("dynamodb").put_resource_policy(
        ResourceArn=arn(cloud, "models"), Policy=json.dumps(policy)
    )
    cloud.client("dynamodb", who).get_item(TableName="models", Key={"id": {"S": "x"}})


def test_tags_count_on_request_and_on_the_table(cloud) -> None:
    policy = allow(["dynamodb:CreateTable", "dynamodb:DeleteTable"])
    policy["Statement"][0]["Condition"] = {"StringEquals": {"aws:RequestTag/team": "a"}}
    tagged = allow(["dynamodb:DescribeTable"])
    tagged["Statement"][0]["Condition"] = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    db = cloud.client("dynamodb", cloud.identity("team-a", [policy, tagged]))
    wanted = {
        "TableName": "teams", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    with pytest.raises(ClientError, match="CreateTable"):
        db.create_table(**wanted)
    db.create_table(**wanted, Tags=[{"Key": "team", "Value": "a"}])
    db.describe_table(TableName="teams")
    with pytest.raises(ClientError, match="DescribeTable"):
        db.describe_table(TableName="runs")


def test_what_is_absent_says_so(cloud) -> None:
    with pytest.raises(ClientError, match="This cloud has no dynamodb:ExecuteStatement"):
        cloud.client("dynamodb").execute_statement(Statement="SELECT * FROM runs")
