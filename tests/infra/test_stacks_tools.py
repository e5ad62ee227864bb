"""CloudFormation's tools: cfn-lint reads templates, checks ask what stacks hold and cost."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from infra.cloud import formation
from infra.cloud.errors import AwsError
from infra.cloud.fixtures import loopback, private_cloud
from infra.cloud.formation import Held
from tests.infra.stacks import EVERYTHING, bucket, physical, queue, status, template


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


def test_cfn_lint_reads_a_template_in_a_sandbox(tmp_path) -> None:
    whole = tmp_path / "good.yaml"
    whole.write_text(EVERYTHING)
    assert [one for one in formation.lint(whole) if one.level == "Error"] == []
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "Resources:\n  Data:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketNam: x\n")
    found = formation.lint(wrong)
    assert [(one.rule, one.line) for one in found] == [("E3002", 5)]
    assert "BucketNam" in found[0].text


def test_what_cfn_lint_cannot_do_is_an_error_with_its_words() -> None:
    with pytest.raises(formation.LintError, match="No module named"):
        formation._remarks("python: No module named cfnlint")


def test_checks_ask_what_a_stack_holds_changes_and_lost(cloud) -> None:
    client = cloud.client("cloudformation")
    client.create_stack(StackName="asked", TemplateBody=template({
        "Queue": queue(QueueName="asked", VisibilityTimeout=30), "Data": bucket("asked-data")}))
    assert formation.inventory(cloud, "asked")["Data"] == Held("AWS::S3::Bucket", "asked-data")
    assert formation.drift(client, "asked") == {}
    url = physical(client, "asked", "Queue")
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "9"})
    cloud.client("s3").delete_bucket(Bucket="asked-data")
    assert formation.drift(client, "asked") == {"Queue": ("/VisibilityTimeout",), "Data": ("",)}
    client.create_change_set(StackName="asked", ChangeSetName="next", TemplateBody=template({
        "Queue": queue(QueueName="renamed", VisibilityTimeout=30)}))
    assert formation.changes(client, "asked", "next") == {
        "Queue": ("Modify", "True"), "Data": ("Remove", ""),
    }
    client.delete_stack(StackName="asked")
    with pytest.raises(LookupError, match="no stack 'asked'"):
        formation.inventory(cloud, "asked")


def test_a_template_has_a_price_before_it_is_deployed() -> None:
    body = template({
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {}}},
        "Second": {"Type": "AWS::KMS::Key", "Condition": "Two"},
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {
            "Tags": [{"Key": "team", "Value": "b"}]}},
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}},
        "Queue": queue(),
    }, Parameters={"Keys": {"Type": "Number", "Default": 1}},
        Conditions={"Two": {"Fn::Equals": [{"Ref": "Keys"}, "2"]}})
    one = formation.cost(body, tags={"team": "a"})
    assert one.total == Decimal("1.4")
    assert formation.cost(body, {"Keys": "2"}).total == Decimal("2.4")
    assert formation.cost(body, hours=73).total == Decimal("0.14")
    assert [line.resource for line in one.unpriced] == ["Alarm"]
    assert {line.resource: line.tags["team"] for line in one.lines} == {
        "Key": "a", "Secret": "b", "Alarm": "a"}
    with pytest.raises(AwsError, match="do not exist in the template"):
        formation.cost(body, {"Nobody": "1"})


FORK = """
import sys
import infra.cloud.islands
from infra.cloud.door import Door
from infra.cloud.keys import RootKey
from infra.cloud.stacks import book
from tests.infra.stacks import EVERYTHING, NAMED

opened = []
sys.addaudithook(lambda event, args: opened.append((event, str(args[0])))
                 if event in ("open", "import", "socket.connect") else None)
formation = Door(RootKey()).inside.own_client("cloudformation")
formation.create_stack(StackName="warm", TemplateBody=EVERYTHING, Capabilities=NAMED)
formation.detect_stack_drift(StackName="warm")
stack = book.of("eu-central-1").find("warm")
print(stack.status, sorted({one.drift for one in stack.resources.values()}))
formation.delete_stack(StackName="warm")
print(stack.status)
print([name for event, name in opened if event != "import"])
"""


def test_a_fork_of_the_warm_process_deploys_without_reading_a_file() -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", FORK], stdout=subprocess.PIPE, text=True, cwd=root,
                          env=os.environ | {"PYTHONPATH": root, "HOME": "/nonexistent"})
    assert done.stdout.splitlines() == [
        "CREATE_COMPLETE ['IN_SYNC', 'NOT_CHECKED']", "DELETE_COMPLETE", "[]",
    ]


def test_what_is_deployed_is_on_its_stacks_status(cloud) -> None:
    client = cloud.client("cloudformation")
    client.create_stack(StackName="listed", TemplateBody=template({"Q": queue()}))
    assert status(client, "listed") == "CREATE_COMPLETE"
    held = cloud.state("cloudformation")["listed"]
    assert held["status"] == "CREATE_COMPLETE"
    assert held["resources"]["Q"]["type"] == "AWS::SQS::Queue"
    client.delete_stack(StackName="listed")
