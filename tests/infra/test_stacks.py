"""CloudFormation: stacks are made, changed, rolled back and deleted, by boto3."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import loopback, private_cloud
from infra.cloud.stacks import kinds
from tests.infra.stacks import (
    BROKEN,
    EVERYTHING,
    NAMED,
    bucket,
    outputs,
    physical,
    queue,
    reasons,
    status,
    template,
    told,
)


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


@pytest.fixture
def formation(cloud):
    return cloud.client("cloudformation", read_timeout=600)  # a first call may load a lot


def test_one_of_every_type_is_made_found_unchanged_and_deleted(cloud, formation) -> None:
    made = formation.create_stack(
        StackName="every", TemplateBody=EVERYTHING, Capabilities=NAMED,
        Tags=[{"Key": "team", "Value": "data"}],
    )["StackId"]
    formation.get_waiter("stack_create_complete").wait(StackName="every")
    assert outputs(formation, "every")["Bucket"] == "every-dev-data-bucket"
    resources = formation.list_stack_resources(StackName="every")["StackResourceSummaries"]
    assert {one["ResourceType"] for one in resources} == set(kinds.known())
    assert "OnlyProd" not in {one["LogicalResourceId"] for one in resources}
    queue_url = physical(formation, "every", "Queue")
    assert cloud.client("sqs").list_queue_tags(QueueUrl=queue_url)["Tags"] == {"team": "data"}
    function = physical(formation, "every", "Function")
    config = cloud.client("lambda").get_function_configuration(FunctionName=function)
    assert (config["MemorySize"], config["Timeout"]) == (256, 10)
    secret = cloud.client("secretsmanager").get_secret_value(SecretId="dev/db")["SecretString"]
    assert json.loads(secret)["user"] == "app"
    assert len(json.loads(secret)["password"]) == 20
    formation.detect_stack_drift(StackName="every")
    drifts = formation.describe_stack_resource_drifts(StackName="every")["StackResourceDrifts"]
    assert {one["StackResourceDriftStatus"] for one in drifts} == {"IN_SYNC"}
    assert len(drifts) == 26 - 4  # policies that hang on others are not checked
    formation.delete_stack(StackName="every")
    formation.get_waiter("stack_delete_complete").wait(StackName=made)
    for service in ("s3", "sqs", "sns", "dynamodb", "ssm", "cloudformation"):
        assert cloud.state(service) == {}
    assert cloud.state("iam")["roles"] == {}


def test_a_failed_creation_leaves_nothing(cloud, formation) -> None:
    body = template({"Queue": queue(QueueName="short-lived"), "Broken": BROKEN})
    formation.create_stack(StackName="fails", TemplateBody=body)
    assert status(formation, "fails") == "ROLLBACK_COMPLETE"
    assert "short-lived" not in cloud.state("sqs")
    assert told(formation, "fails")[-6:] == [
        ("Broken", "CREATE_IN_PROGRESS"), ("Broken", "CREATE_FAILED"),
        ("fails", "ROLLBACK_IN_PROGRESS"), ("Queue", "DELETE_IN_PROGRESS"),
        ("Queue", "DELETE_COMPLETE"), ("fails", "ROLLBACK_COMPLETE"),
    ]
    assert "The following resource(s) failed to create: [Broken]. Rollback requested by user." in (
        reasons(formation, "fails")
    )
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        formation.update_stack(StackName="fails", TemplateBody=template({"Queue": queue()}))
    formation.delete_stack(StackName="fails")


def test_what_was_half_made_is_removed_too(cloud, formation) -> None:
    """The bucket is there before its rule is refused."""
    wrong = bucket("half-made")
    wrong["Properties"]["NotificationConfiguration"] = {"QueueConfigurations": [{
        "Event": "s3:ObjectCreated:*", "Queue": "arn:aws:sqs:eu-central-1:123456789012:nowhere",
    }]}
    formation.create_stack(StackName="half", TemplateBody=template({"Bucket": wrong}))
    assert status(formation, "half") == "ROLLBACK_COMPLETE"
    assert "half-made" not in cloud.state("s3")


@pytest.mark.parametrize(
    ("choice", "end", "left"),
    [
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", True),
        ({"DisableRollback": True}, "CREATE_FAILED", True),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE", False),
    ],
)
def test_what_a_failure_leads_to_is_the_callers_choice(cloud, formation, choice, end, left) -> None:
    body = template({"Queue": queue(QueueName="chosen"), "Broken": BROKEN})
    made = formation.create_stack(StackName="chosen", TemplateBody=body, **choice)["StackId"]
    assert status(formation, made) == end
    assert ("chosen" in cloud.state("sqs")) == left
    formation.delete_stack(StackName=made)
    assert "chosen" not in cloud.state("sqs")
    assert status(formation, made) == "DELETE_COMPLETE"


def test_an_update_changes_in_place_replaces_and_removes(cloud, formation) -> None:
    first = template({"A": queue(VisibilityTimeout=10), "B": queue(QueueName="b-1"), "C": queue()})
    formation.create_stack(StackName="moves", TemplateBody=first)
    kept, gone = physical(formation, "moves", "A"), physical(formation, "moves", "C")
    second = template({"A": queue(VisibilityTimeout="20"), "B": queue(QueueName="b-2")})
    formation.update_stack(StackName="moves", TemplateBody=second)
    assert status(formation, "moves") == "UPDATE_COMPLETE"
    assert physical(formation, "moves", "A") == kept
    found = cloud.client("sqs").get_queue_attributes(
        QueueUrl=kept, AttributeNames=["VisibilityTimeout"]
    )["Attributes"]
    assert found == {"VisibilityTimeout": "20"}
    assert {"b-1", gone.rsplit("/", 1)[1]} & set(cloud.state("sqs")) == set()
    assert "b-2" in cloud.state("sqs")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        formation.update_stack(StackName="moves", TemplateBody=second)
    formation.delete_stack(StackName="moves")


def test_a_failed_update_goes_back(cloud, formation) -> None:
    first = template({"Queue": queue(QueueName="back", VisibilityTimeout=10), "B": queue(
        QueueName="b-old")}, Outputs={"Name": {"Value": "before"}})
    formation.create_stack(StackName="back", TemplateBody=first)
    second = template({
        "Queue": queue(QueueName="back", VisibilityTimeout=99), "B": queue(QueueName="b-new"),
        "New": queue(QueueName="new"), "Broken": BROKEN | {"DependsOn": ["Queue", "B", "New"]},
    }, Outputs={"Name": {"Value": "after"}})
    formation.update_stack(StackName="back", TemplateBody=second)
    assert status(formation, "back") == "UPDATE_ROLLBACK_COMPLETE"
    names = set(cloud.state("sqs"))
    assert {"back", "b-old"} <= names
    assert not {"new", "b-new"} & names
    url = physical(formation, "back", "Queue")
    found = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    assert found["Attributes"]["VisibilityTimeout"] == "10"
    assert outputs(formation, "back") == {"Name": "before"}
    assert formation.get_template(StackName="back")["TemplateBody"] == json.loads(first)
    formation.update_stack(StackName="back", TemplateBody=template({"Queue": queue(
        QueueName="back", VisibilityTimeout=5)}))
    assert status(formation, "back") == "UPDATE_COMPLETE"
    formation.delete_stack(StackName="back")


def test_a_key_is_not_replaced_for_another_spec(formation) -> None:
    """As in CloudFormation, whatever UpdateReplacePolicy says: what it encrypted would be lost."""
    def key(spec: str) -> str:
        return template({"Key": {"Type": "AWS::KMS::Key", "Properties": {
            "KeySpec": spec, "KeyUsage": "ENCRYPT_DECRYPT"}}})

    formation.create_stack(StackName="keyed", TemplateBody=key("SYMMETRIC_DEFAULT"))
    kept = physical(formation, "keyed", "Key")
    formation.update_stack(StackName="keyed", TemplateBody=key("RSA_2048"))
    assert status(formation, "keyed") == "UPDATE_ROLLBACK_COMPLETE"
    assert "KeySpec of a KMS key cannot be changed" in str(reasons(formation, "keyed"))
    assert physical(formation, "keyed", "Key") == kept
    formation.delete_stack(StackName="keyed")


def test_a_named_resource_cannot_be_replaced_under_its_name(formation) -> None:
    formation.create_stack(StackName="named", TemplateBody=template({"Q": queue(
        QueueName="named.fifo", FifoQueue=True)}))
    other = template({"Q": queue(QueueName="named.fifo", FifoQueue="false")})
    formation.update_stack(StackName="named", TemplateBody=other)
    assert status(formation, "named") == "UPDATE_ROLLBACK_COMPLETE"
    assert "cannot update a stack when a custom-named resource requires replacing" in (
        reasons(formation, "named")
    )
    formation.delete_stack(StackName="named")


def test_a_bucket_with_objects_is_not_deleted(cloud, formation) -> None:
    formation.create_stack(StackName="full", TemplateBody=template({
        "Bucket": bucket("not-empty"), "Queue": queue(QueueName="emptied")}))
    cloud.client("s3").put_object(Bucket="not-empty", Key="k", Body=b"data")
    formation.delete_stack(StackName="full")
    assert status(formation, "full") == "DELETE_FAILED"
    assert "BucketNotEmpty" in reasons(formation, "full")
    assert "emptied" not in cloud.state("sqs")
    formation.delete_stack(StackName="full", RetainResources=["Bucket"])
    assert cloud.client("s3").get_object(Bucket="not-empty", Key="k")["Body"].read() == b"data"
    with pytest.raises(ClientError, match="Stack with id full does not exist"):
        formation.describe_stacks(StackName="full")


def test_policies_decide_what_stays(cloud, formation) -> None:
    def body(name: str, **more: object) -> str:
        return template({
            "Kept": queue(QueueName="kept") | {"DeletionPolicy": "Retain"},
            "Moved": queue(QueueName=name) | {"UpdateReplacePolicy": "Retain"}, **more,
        })

    formation.create_stack(StackName="stays", TemplateBody=body("one", Out=queue(
        QueueName="out") | {"DeletionPolicy": "Retain"}))
    formation.update_stack(StackName="stays", TemplateBody=body("two"))
    assert {"kept", "one", "two", "out"} <= set(cloud.state("sqs"))
    formation.delete_stack(StackName="stays")
    names = set(cloud.state("sqs"))
    assert {"kept", "one", "out"} <= names
    assert "two" not in names


def test_retain_holds_in_a_failed_creation_unless_except_on_create(cloud, formation) -> None:
    for policy, left in (("Retain", True), ("RetainExceptOnCreate", False)):
        name = f"keeps-{policy.lower()}"
        formation.create_stack(StackName=name, TemplateBody=template({
            "Queue": queue(QueueName=name) | {"DeletionPolicy": policy}, "Broken": BROKEN}))
        assert status(formation, name) == "ROLLBACK_COMPLETE"
        assert (name in cloud.state("sqs")) == left


def test_exports_tie_stacks_together(formation) -> None:
    giver = template({"Queue": queue(QueueName="given")}, Outputs={
        "Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "given-arn"}}})
    formation.create_stack(StackName="giver", TemplateBody=giver)
    taker = template({"P": {"Type": "AWS::SSM::Parameter", "Properties": {
        "Name": "/taken", "Type": "String",
        "Value": {"Fn::ImportValue": {"Fn::Sub": "given-${What}"}}}}},
        Parameters={"What": {"Type": "String", "Default": "arn"}})
    formation.create_stack(StackName="taker", TemplateBody=taker)
    assert formation.list_imports(ExportName="given-arn")["Imports"] == ["taker"]
    assert [one["Name"] for one in formation.list_exports()["Exports"]] == ["given-arn"]
    formation.delete_stack(StackName="giver")
    assert status(formation, "giver") == "CREATE_COMPLETE"
    assert "Export given-arn cannot be deleted as it is in use by taker" in (
        reasons(formation, "giver")
    )
    formation.update_stack(StackName="giver", TemplateBody=template({"Queue": queue(
        QueueName="given")}))
    assert status(formation, "giver") == "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match="Export with name given-arn is already exported by"):
        formation.create_stack(StackName="again", TemplateBody=giver.replace('"given"', '"other"'))
    formation.delete_stack(StackName="taker")
    formation.delete_stack(StackName="giver")
    with pytest.raises(ClientError, match="No export named given-arn found"):
        formation.create_stack(StackName="taker", TemplateBody=taker)


def test_parameters_are_kept_and_hidden(formation) -> None:
    body = template(
        {"P": {"Type": "AWS::SSM::Parameter", "Properties": {
            "Name": "/p", "Type": "String", "Value": {"Ref": "Value"}}}},
        Parameters={"Value": {"Type": "String"}, "Secret": {"Type": "String", "NoEcho": True}},
    )
    given = [{"ParameterKey": "Value", "ParameterValue": "1"},
             {"ParameterKey": "Secret", "ParameterValue": "hush"}]
    formation.create_stack(StackName="p", TemplateBody=body, Parameters=given)
    shown = formation.describe_stacks(StackName="p")["Stacks"][0]["Parameters"]
    assert {one["ParameterKey"]: one["ParameterValue"] for one in shown} == {
        "Value": "1", "Secret": "****",
    }
    formation.update_stack(StackName="p", UsePreviousTemplate=True, Parameters=[
        {"ParameterKey": "Value", "ParameterValue": "2"},
        {"ParameterKey": "Secret", "UsePreviousValue": True}])
    assert status(formation, "p") == "UPDATE_COMPLETE"
    formation.delete_stack(StackName="p")


def test_a_protected_stack_is_not_deleted(formation) -> None:
    formation.create_stack(StackName="guarded", TemplateBody=template({"Q": queue()}),
                           EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        formation.delete_stack(StackName="guarded")
    formation.update_termination_protection(
        StackName="guarded", EnableTerminationProtection=False)
    formation.delete_stack(StackName="guarded")


def test_of_two_creations_at_once_one_makes_the_stack(cloud) -> None:
    def create(number: int) -> str:
        try:
            cloud.client("cloudformation").create_stack(
                StackName="race", TemplateBody=template({"Queue": queue(QueueName="race")}))
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "made"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, range(4))) == ["AlreadyExistsException"] * 3 + ["made"]
    formation = cloud.client("cloudformation")
    assert status(formation, "race") == "CREATE_COMPLETE"
    formation.delete_stack(StackName="race")


def test_a_table_gains_an_index_without_losing_its_items(cloud, formation) -> None:
    def body(*indexes: str) -> str:
        names = ("id", *indexes)
        return template({"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "TableName": "grows", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in names],
        } | ({"GlobalSecondaryIndexes": [{
            "IndexName": f"by-{one}", "KeySchema": [{"AttributeName": one, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}} for one in indexes]} if indexes else {})}})

    formation.create_stack(StackName="grows", TemplateBody=body())
    db = cloud.client("dynamodb")
    db.put_item(TableName="grows", Item={"id": {"S": "1"}, "day": {"S": "monday"}})
    formation.update_stack(StackName="grows", TemplateBody=body("day"))
    assert status(formation, "grows") == "UPDATE_COMPLETE"
    found = db.query(TableName="grows", IndexName="by-day", KeyConditionExpression="#d = :d",
                     ExpressionAttributeNames={"#d": "day"},
                     ExpressionAttributeValues={":d": {"S": "monday"}})["Items"]
    assert [one["id"]["S"] for one in found] == ["1"]
    formation.update_stack(StackName="grows", TemplateBody=body("hour", "place"))
    assert status(formation, "grows") == "UPDATE_ROLLBACK_COMPLETE"
    assert "Cannot perform more than one GSI creation or deletion" in reasons(formation, "grows")
    formation.delete_stack(StackName="grows")


def test_calls_this_cloud_does_not_have_say_so(formation) -> None:
    with pytest.raises(ClientError, match="has no cloudformation:CreateStackSet"):
        formation.create_stack_set(StackSetName="x")
    with pytest.raises(ClientError, match="does not do what NotificationARNs asks for"):
        formation.create_stack(StackName="n", TemplateBody=template({"Q": queue()}),
                               NotificationARNs=["arn:aws:sns:eu-central-1:123456789012:t"])
