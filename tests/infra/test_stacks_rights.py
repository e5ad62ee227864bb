"""CloudFormation acts with the caller's rights, or those of a role that it is handed."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import allow, loopback, private_cloud
from tests.infra.stacks import BROKEN, bucket, physical, queue, reasons, status, template

TRUST = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"},
    "Action": "sts:AssumeRole"}]}  # fmt: skip


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


@pytest.fixture
def formation(cloud):
    return cloud.client("cloudformation", read_timeout=600)  # a first call may load a lot


def test_what_the_caller_may_not_do_the_stack_cannot(cloud, formation) -> None:
    who = cloud.identity("deployer", [allow(["cloudformation:*", "sqs:*"])])
    mine, mark = cloud.client("cloudformation", who), len(cloud.log)
    mine.create_stack(StackName="denied", TemplateBody=template({
        "Queue": queue(QueueName="mine"), "Bucket": bucket("not-mine", DependsOn="Queue")}))
    assert status(formation, "denied") == "ROLLBACK_COMPLETE"
    assert "not authorized to perform: s3:CreateBucket" in reasons(formation, "denied")
    assert cloud.state("s3") == {}
    assert cloud.state("sqs") == {}
    calls = [(c.action, c.principal, c.by) for c in cloud.log_since(mark) if c.service != (
        "cloudformation")]
    assert ("sqs:CreateQueue", who.arn, "service") in calls
    assert ("s3:CreateBucket", who.arn, "service") in calls


def test_a_role_does_what_the_caller_may_not(cloud, formation) -> None:
    role = cloud.role("builder", TRUST, [allow(["s3:*"])])
    who = cloud.identity(
        "passer", [allow(["cloudformation:*"]), allow(["iam:PassRole"], [role.arn])])
    mark = len(cloud.log)
    cloud.client("cloudformation", who).create_stack(
        StackName="by-role", RoleARN=role.arn, TemplateBody=template({"B": bucket("by-role")}))
    assert status(formation, "by-role") == "CREATE_COMPLETE"
    made = next(c for c in cloud.log_since(mark) if c.operation == "CreateBucket")
    assert made.principal.endswith(":assumed-role/builder/AWSCloudFormation")
    who_else = cloud.identity("other", [allow(["cloudformation:DeleteStack"])])
    cloud.client("cloudformation", who_else).delete_stack(StackName="by-role")
    assert "by-role" not in cloud.state("s3")  # the stack's role deletes, too


def test_a_user_makes_roles_through_a_stack_but_not_beyond_its_rights(cloud, formation) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
    for name, rights, end in (
        ("maker", ["cloudformation:*", "iam:*"], "CREATE_COMPLETE"),
        ("looker", ["cloudformation:*", "iam:Get*"], "ROLLBACK_COMPLETE"),
    ):
        who = cloud.identity(name, [allow(rights)])
        cloud.client("cloudformation", who).create_stack(
            StackName=name, Capabilities=["CAPABILITY_IAM"], TemplateBody=template({"Role": role}))
        assert status(formation, name) == end
    formation.delete_stack(StackName="maker")


def test_handing_over_a_role_is_a_right(cloud) -> None:
    role = cloud.role("guarded", TRUST, [allow(["s3:*"])])
    who = cloud.identity("no-passer", [allow(["cloudformation:*"])])
    with pytest.raises(ClientError, match="iam:PassRole"):
        cloud.client("cloudformation", who).create_stack(
            StackName="no", RoleARN=role.arn, TemplateBody=template({"B": bucket()}))


def test_a_role_that_does_not_trust_cloudformation_is_refused(cloud, formation) -> None:
    other = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole"}]}
    role = cloud.role("untrusting", other, [allow(["s3:*"])])
    with pytest.raises(ClientError, match="is invalid or cannot be assumed"):
        formation.create_stack(
            StackName="no", RoleARN=role.arn, TemplateBody=template({"B": bucket()}))
    assert "no" not in cloud.state("cloudformation")


def test_rights_are_on_single_stacks_and_their_tags(cloud, formation) -> None:
    formation.create_stack(StackName="shop-a", TemplateBody=template({"Q": queue()}),
                           Tags=[{"Key": "team", "Value": "shop"}])
    formation.create_stack(StackName="hr-a", TemplateBody=template({"Q": queue()}))
    arn = f"arn:aws:cloudformation:{cloud.region}:{cloud.account}:stack/shop-*"
    reader = cloud.client("cloudformation", cloud.identity("reader", [
        allow(["cloudformation:DescribeStacks"], [arn])]))
    assert reader.describe_stacks(StackName="shop-a")["Stacks"]
    with pytest.raises(ClientError) as refused:
        reader.describe_stacks(StackName="hr-a")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    tagged = allow(["cloudformation:*"])
    tagged["Statement"][0]["Condition"] = {"StringEquals": {"aws:ResourceTag/team": "shop"}}
    member = cloud.client("cloudformation", cloud.identity("member", [tagged]))
    assert member.describe_stack_events(StackName="shop-a")["StackEvents"]
    with pytest.raises(ClientError, match="cloudformation:DescribeStackEvents"):
        member.describe_stack_events(StackName="hr-a")


def test_a_rollback_that_is_refused_can_be_continued(cloud, formation) -> None:
    """The update takes from its own role the right to undo it."""
    role = cloud.role("undoer", TRUST, [allow(["sqs:*", "iam:*", "sns:*"])])
    first = template({"Queue": queue(QueueName="stuck", VisibilityTimeout=10)})
    formation.create_stack(StackName="stuck", TemplateBody=first, RoleARN=role.arn)
    frozen = {"Effect": "Deny", "Action": "sqs:SetQueueAttributes", "Resource": "*"}
    second = template({
        "Queue": queue(QueueName="stuck", VisibilityTimeout=99),
        "Freeze": {"Type": "AWS::IAM::Policy", "DependsOn": "Queue", "Properties": {
            "PolicyName": "freeze", "Roles": ["undoer"],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [frozen]}}},
        "Broken": BROKEN | {"DependsOn": "Freeze"},
    })
    formation.update_stack(
        StackName="stuck", TemplateBody=second, Capabilities=["CAPABILITY_IAM"])
    assert status(formation, "stuck") == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(ClientError, match="UPDATE_ROLLBACK_FAILED state and can not be updated"):
        formation.update_stack(StackName="stuck", TemplateBody=first)
    formation.continue_update_rollback(StackName="stuck")
    assert status(formation, "stuck") == "UPDATE_ROLLBACK_FAILED"
    cloud.client("iam").delete_role_policy(RoleName="undoer", PolicyName="freeze")
    formation.continue_update_rollback(StackName="stuck")
    assert status(formation, "stuck") == "UPDATE_ROLLBACK_COMPLETE"
    found = cloud.client("sqs").get_queue_attributes(
        QueueUrl=physical(formation, "stuck", "Queue"), AttributeNames=["VisibilityTimeout"])
    assert found["Attributes"] == {"VisibilityTimeout": "10"}
    formation.delete_stack(StackName="stuck")


def test_drift_that_may_not_be_looked_for_is_said_to_have_failed(cloud, formation) -> None:
    formation.create_stack(StackName="hidden", TemplateBody=template({"B": bucket("hidden-b")}))
    who = cloud.identity("blind", [allow(["cloudformation:*"])])
    mine = cloud.client("cloudformation", who)
    made = mine.detect_stack_drift(StackName="hidden")["StackDriftDetectionId"]
    done = mine.describe_stack_drift_detection_status(StackDriftDetectionId=made)
    assert done["DetectionStatus"] == "DETECTION_FAILED"
    assert "[B]" in done["DetectionStatusReason"]
    with pytest.raises(ClientError, match=r"\(403\)|AccessDenied"):
        mine.detect_stack_resource_drift(StackName="hidden", LogicalResourceId="B")
    formation.delete_stack(StackName="hidden")


def test_stacks_stand_in_their_region(cloud) -> None:
    who = cloud.identity("far-away", [allow(["*"])])
    there = boto3.client(
        "cloudformation", region_name="us-east-1", endpoint_url=cloud.url,
        aws_access_key_id=who.key_id, aws_secret_access_key=who.secret)
    there.create_stack(StackName="far", TemplateBody=template({"Q": queue(QueueName="far")}))
    assert physical(there, "far", "Q").startswith("https://sqs.us-east-1.")
    assert "far" not in cloud.state("sqs")
    assert "far" not in cloud.state("cloudformation")
