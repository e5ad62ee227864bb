"""CloudFormation: change sets, imports of what was made by hand, drift."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import loopback, private_cloud
from tests.infra.stacks import bucket, outputs, physical, queue, reasons, status, template, told


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


@pytest.fixture
def formation(cloud):
    return cloud.client("cloudformation", read_timeout=600)  # a first call may load a lot


def changes(formation, stack: str, name: str, body: str, **more: object) -> list[tuple[str, ...]]:
    """Make a change set; return action, resource and replacement of each change."""
    formation.create_change_set(
        StackName=stack, ChangeSetName=name, TemplateBody=body, **more)
    found = formation.describe_change_set(StackName=stack, ChangeSetName=name)["Changes"]
    parts = ("Action", "LogicalResourceId", "Replacement")
    return [tuple(one["ResourceChange"].get(part, "") for part in parts) for one in found]


# --- change sets --------------------------------------------------------------------------------

def test_a_change_set_makes_a_stack_only_when_executed(cloud, formation) -> None:
    body = template({"Queue": queue(QueueName="from-set")})
    assert changes(formation, "set", "first", body, ChangeSetType="CREATE") == [
        ("Add", "Queue", ""),
    ]
    assert status(formation, "set") == "REVIEW_IN_PROGRESS"
    assert "from-set" not in cloud.state("sqs")
    formation.get_waiter("change_set_create_complete").wait(
        StackName="set", ChangeSetName="first")
    formation.execute_change_set(StackName="set", ChangeSetName="first")
    assert status(formation, "set") == "CREATE_COMPLETE"
    assert "from-set" in cloud.state("sqs")
    formation.delete_stack(StackName="set")


def test_a_change_set_tells_what_will_be_replaced(cloud, formation) -> None:
    first = template({
        "Same": queue(), "Wait": queue(VisibilityTimeout=1), "Name": queue(QueueName="old-name"),
        "Gone": queue(), "Value": {"Type": "AWS::SSM::Parameter", "Properties": {
            "Name": "/v", "Type": "String", "Value": {"Ref": "Name"}}},
        "Alias": {"Type": "AWS::S3::BucketPolicy", "Properties": {
            "Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource":
                 {"Fn::Sub": "${Bucket.Arn}/*"}}]}}},
        "Bucket": bucket("the-old-bucket"),
    })
    formation.create_stack(StackName="told", TemplateBody=first)
    parsed = json.loads(first)
    resources = parsed["Resources"]
    resources["Wait"]["Properties"]["VisibilityTimeout"] = 2
    resources["Name"]["Properties"]["QueueName"] = "new-name"
    resources["Bucket"]["Properties"]["BucketName"] = "the-new-bucket"
    del resources["Gone"]
    resources["More"] = queue()
    found = changes(formation, "told", "next", json.dumps(parsed))
    assert sorted(found) == [
        ("Add", "More", ""), ("Modify", "Alias", "Conditional"), ("Modify", "Bucket", "True"),
        ("Modify", "Name", "True"), ("Modify", "Value", "False"), ("Modify", "Wait", "False"),
        ("Remove", "Gone", ""),
    ]
    details = {
        one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"].get("Details", [])
        for one in formation.describe_change_set(
            StackName="told", ChangeSetName="next")["Changes"]
    }
    assert details["Wait"][0]["Target"] == {
        "Attribute": "Properties", "Name": "VisibilityTimeout", "RequiresRecreation": "Never"}
    assert details["Value"][0]["ChangeSource"] == "ResourceReference"
    assert details["Value"][0]["CausingEntity"] == "Name"
    assert "old-name" in cloud.state("sqs")
    formation.execute_change_set(StackName="told", ChangeSetName="next")
    assert status(formation, "told") == "UPDATE_COMPLETE"
    assert "new-name" in cloud.state("sqs")
    assert "old-name" not in cloud.state("sqs")
    formation.delete_stack(StackName="told")


def test_a_set_without_changes_fails_and_cannot_be_executed(formation) -> None:
    body = template({"Queue": queue()})
    formation.create_stack(StackName="still", TemplateBody=body)
    assert changes(formation, "still", "none", body) == []
    told_of = formation.describe_change_set(StackName="still", ChangeSetName="none")
    assert (told_of["Status"], told_of["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in told_of["StatusReason"]
    with pytest.raises(ClientError) as refused:
        formation.execute_change_set(StackName="still", ChangeSetName="none")
    assert refused.value.response["Error"]["Code"] == "InvalidChangeSetStatus"
    formation.delete_stack(StackName="still")


def test_an_update_makes_other_sets_void(formation) -> None:
    formation.create_stack(StackName="void", TemplateBody=template({"A": queue()}))
    changes(formation, "void", "later", template({"A": queue(), "B": queue()}))
    formation.update_stack(StackName="void", TemplateBody=template({"A": queue(DelaySeconds=1)}))
    assert formation.list_change_sets(StackName="void")["Summaries"] == []
    with pytest.raises(ClientError, match=r"ChangeSet \[later\] does not exist"):
        formation.execute_change_set(StackName="void", ChangeSetName="later")
    formation.delete_stack(StackName="void")


def test_tags_alone_are_a_change(cloud, formation) -> None:
    body = template({"Queue": queue()})
    formation.create_stack(StackName="tags", TemplateBody=body)
    found = changes(formation, "tags", "t", body, Tags=[{"Key": "team", "Value": "a"}])
    assert found == [("Modify", "Queue", "False")]
    formation.execute_change_set(StackName="tags", ChangeSetName="t")
    url = physical(formation, "tags", "Queue")
    assert cloud.client("sqs").list_queue_tags(QueueUrl=url)["Tags"] == {"team": "a"}
    formation.delete_stack(StackName="tags")


# --- imports ------------------------------------------------------------------------------------

def importing(name: str, resource: str = "Data") -> dict[str, object]:
    return {"ChangeSetType": "IMPORT", "ResourcesToImport": [{
        "ResourceType": "AWS::S3::Bucket", "LogicalResourceId": resource,
        "ResourceIdentifier": {"BucketName": name}}]}


def by_hand(cloud, name: str):
    """Make a bucket with data and a second version, as somebody once did in the console."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": cloud.region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        s3.put_object(Bucket=name, Key="ledger", Body=body)
    return s3


def test_a_bucket_with_data_is_imported_untouched(cloud, formation) -> None:
    by_hand(cloud, "by-hand")
    before = cloud.state("s3")["by-hand"]
    formation.create_stack(StackName="grown", TemplateBody=template({"Queue": queue()}))
    held = bucket("by-hand", DeletionPolicy="Retain")
    body = template({"Queue": queue(), "Data": held})
    mark = len(cloud.log)
    assert changes(formation, "grown", "import", body, **importing("by-hand")) == [
        ("Import", "Data", ""),
    ]
    formation.execute_change_set(StackName="grown", ChangeSetName="import")
    formation.get_waiter("stack_import_complete").wait(StackName="grown")
    assert cloud.state("s3")["by-hand"] == before
    asked = {call.operation for call in cloud.log_since(mark) if call.service == "s3"}
    assert all(name.startswith(("Get", "Head", "List")) for name in asked)
    assert physical(formation, "grown", "Data") == "by-hand"
    assert ("Data", "IMPORT_COMPLETE") in told(formation, "grown")
    assert drift(formation, "grown")["Data"][0] == "IN_SYNC"
    held["Properties"]["VersioningConfiguration"] = {"Status": "Enabled"}
    formation.update_stack(StackName="grown", TemplateBody=template({
        "Queue": queue(), "Data": held}, Outputs={"Name": {"Value": {"Ref": "Data"}}}))
    assert outputs(formation, "grown") == {"Name": "by-hand"}
    assert cloud.state("s3")["by-hand"] == before
    formation.delete_stack(StackName="grown")
    assert cloud.state("s3")["by-hand"] == before


def test_an_import_makes_a_stack_of_its_own(cloud, formation) -> None:
    by_hand(cloud, "alone")
    body = template({"Data": bucket("alone", DeletionPolicy="Delete")})
    changes(formation, "own", "import", body, **importing("alone"))
    formation.execute_change_set(StackName="own", ChangeSetName="import")
    assert status(formation, "own") == "IMPORT_COMPLETE"
    formation.delete_stack(StackName="own")
    assert status(formation, "own") == "DELETE_FAILED"  # it holds data
    assert "alone" in cloud.state("s3")


KEPT = bucket("taken", DeletionPolicy="Retain")
IMPORTS = {
    "no policy": (bucket("taken"), "taken", "must have DeletionPolicy attribute"),
    "not there": (bucket("nowhere", DeletionPolicy="Retain"), "nowhere", "nowhere does not exist"),
    "another name": (bucket("other", DeletionPolicy="Retain"), "taken", "is called other"),
    "new ones too": (KEPT, "taken", r"modify or add \[Resources\]"),
    "outputs too": (KEPT, "taken", r"modify or add \[Outputs\]"),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_imports_that_are_refused(cloud, formation, case) -> None:
    if "taken" not in cloud.state("s3"):
        by_hand(cloud, "taken")
    held, name, words = IMPORTS[case]
    more = {"Queue": queue()} if case == "new ones too" else {}
    said = {"Outputs": {"O": {"Value": "x"}}} if case == "outputs too" else {}
    with pytest.raises(ClientError, match=words):
        changes(formation, "refused", "i", template({"Data": held, **more}, **said),
                **importing(name))
    assert "refused" not in cloud.state("cloudformation")


def test_what_a_stack_holds_no_other_imports(cloud, formation) -> None:
    formation.create_stack(StackName="owner", TemplateBody=template({"B": bucket("owned")}))
    with pytest.raises(ClientError, match="already exists in stack"):
        changes(formation, "thief", "i", template({"Data": bucket(
            "owned", DeletionPolicy="Retain")}), **importing("owned"))
    formation.delete_stack(StackName="owner")


# --- drift --------------------------------------------------------------------------------------

def drift(formation, name: str) -> dict[str, tuple[str, list[tuple[str, str, str]]]]:
    """Detect drift; return status and (path, kind, actual) of each resource."""
    made = formation.detect_stack_drift(StackName=name)["StackDriftDetectionId"]
    done = formation.describe_stack_drift_detection_status(StackDriftDetectionId=made)
    assert done["DetectionStatus"] == "DETECTION_COMPLETE"
    found = formation.describe_stack_resource_drifts(StackName=name)["StackResourceDrifts"]
    return {one["LogicalResourceId"]: (one["StackResourceDriftStatus"], [
        (d["PropertyPath"], d["DifferenceType"], d["ActualValue"])
        for d in one["PropertyDifferences"]]) for one in found}


def test_drift_names_what_somebody_changed(cloud, formation) -> None:
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::drifts/*"}]}
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole"}]}
    body = template({
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {
            "BucketName": "drifts", "PublicAccessBlockConfiguration": dict.fromkeys((
                "BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls",
                "RestrictPublicBuckets"), True)}},
        "Queue": queue(VisibilityTimeout=30, Tags=[{"Key": "team", "Value": "a"}]),
        "Gone": queue(QueueName="gone"),
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": trust,
            "Policies": [{"PolicyName": "read", "PolicyDocument": policy}]}},
    })
    formation.create_stack(StackName="drifts", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    assert {one for one, _ in drift(formation, "drifts").values()} == {"IN_SYNC"}
    sqs, queue_url = cloud.client("sqs"), physical(formation, "drifts", "Queue")
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={
        "VisibilityTimeout": "99", "DelaySeconds": "5"})
    sqs.tag_queue(QueueUrl=queue_url, Tags={"owner": "me"})
    sqs.delete_queue(QueueUrl=physical(formation, "drifts", "Gone"))
    cloud.client("s3").delete_public_access_block(Bucket="drifts")
    wider = json.loads(json.dumps(policy).replace("s3:GetObject", "s3:*"))
    cloud.client("iam").put_role_policy(
        RoleName=physical(formation, "drifts", "Role"), PolicyName="read",
        PolicyDocument=json.dumps(wider))
    found = drift(formation, "drifts")
    assert found["Gone"] == ("DELETED", [])
    assert found["Queue"] == ("MODIFIED", [
        ("/VisibilityTimeout", "NOT_EQUAL", "99"),
        ("/Tags/1", "ADD", '{"Key": "owner", "Value": "me"}'),
    ])  # DelaySeconds is not in the template
    assert found["Bucket"] == ("MODIFIED", [("/PublicAccessBlockConfiguration", "REMOVE", "null")])
    assert found["Role"] == ("MODIFIED", [
        ("/Policies/0/PolicyDocument/Statement/0/Action", "NOT_EQUAL", "s3:*")])
    info = formation.describe_stacks(StackName="drifts")["Stacks"][0]["DriftInformation"]
    assert info["StackDriftStatus"] == "DRIFTED"
    only = formation.describe_stack_resource_drifts(
        StackName="drifts", StackResourceDriftStatusFilters=["DELETED"])["StackResourceDrifts"]
    assert [one["LogicalResourceId"] for one in only] == ["Gone"]


def test_drift_of_one_resource_settles_that_of_the_stack(cloud, formation) -> None:
    formation.create_stack(StackName="single", TemplateBody=template({
        "Queue": queue(VisibilityTimeout=30)}))
    url = physical(formation, "single", "Queue")
    for timeout, one, whole in (("31", "MODIFIED", "DRIFTED"), ("30", "IN_SYNC", "IN_SYNC")):
        cloud.client("sqs").set_queue_attributes(
            QueueUrl=url, Attributes={"VisibilityTimeout": timeout})
        found = formation.detect_stack_resource_drift(
            StackName="single", LogicalResourceId="Queue")["StackResourceDrift"]
        assert found["StackResourceDriftStatus"] == one
        stack = formation.describe_stacks(StackName="single")["Stacks"][0]
        assert stack["DriftInformation"]["StackDriftStatus"] == whole
    formation.delete_stack(StackName="single")


def test_a_stack_whose_resource_is_gone_is_deleted_all_the_same(cloud, formation) -> None:
    formation.create_stack(StackName="lost", TemplateBody=template({"Queue": queue()}))
    cloud.client("sqs").delete_queue(QueueUrl=physical(formation, "lost", "Queue"))
    made = formation.describe_stacks(StackName="lost")["Stacks"][0]["StackId"]
    formation.delete_stack(StackName="lost")
    assert status(formation, made) == "DELETE_COMPLETE", reasons(formation, made)
