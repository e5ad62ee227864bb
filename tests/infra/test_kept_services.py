"""What computes and what is declared survives, too: functions, clocks, stacks, endpoints."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

import infra.cloud.islands  # noqa: F401  (loads every back end before the first fork)
from infra.cloud.fixtures import Cloud, loopback, private_cloud
from tests.infra.compute import function, invoke, queue, role
from tests.infra.sagemaker_cases import SERVE, Lab, lab
from tests.infra.stacks import bucket, template
from tests.infra.stacks import queue as queue_part
from tests.infra.test_kept import kill

ECHO = "def handler(event, context):\n    return event\n"
OPEN = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}
WAIT = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 900, "End": True}}}


def furnish(cloud: Cloud) -> dict[str, Any]:
    """Put something into every service that acts by itself."""
    at = cloud.client
    function(cloud, "echo", ECHO, "sqs:*")
    at("lambda").publish_version(FunctionName="echo")
    at("lambda").create_alias(FunctionName="echo", Name="live", FunctionVersion="1")
    source, source_arn = queue(cloud, "source", VisibilityTimeout="60")
    at("lambda").create_event_source_mapping(EventSourceArn=source_arn, FunctionName="echo")
    heard, heard_arn = queue(cloud, "heard")
    sender = role(cloud, "sender", "sqs:SendMessage", service="scheduler")
    at("scheduler").create_schedule(
        Name="ticks", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": heard_arn, "RoleArn": sender, "Input": "tick"},
    )
    told, told_arn = queue(cloud, "told")
    at("sqs").set_queue_attributes(QueueUrl=told, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": told_arn}]})})
    at("events").put_rule(Name="rings", ScheduleExpression="rate(5 minutes)")
    at("events").put_targets(Rule="rings", Targets=[{"Id": "1", "Arn": told_arn}])
    at("cloudwatch").put_metric_alarm(
        AlarmName="high", Namespace="n", MetricName="m", Statistic="Sum", Period=60, Threshold=1,
        EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    at("cloudwatch").set_alarm_state(AlarmName="high", StateValue="ALARM", StateReason="by hand")
    machine = at("stepfunctions").create_state_machine(
        name="waits", definition=json.dumps(WAIT), roleArn=role(cloud, "walks", service="states"),
    )["stateMachineArn"]
    at("stepfunctions").start_execution(stateMachineArn=machine, name="under-way")
    at("athena").create_work_group(Name="team")
    at("athena").create_named_query(
        Name="n", Database="d", QueryString="SELECT 1", WorkGroup="team")
    at("s3").create_bucket(
        Bucket="lake", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    at("firehose").create_delivery_stream(
        DeliveryStreamName="scans", S3DestinationConfiguration={
            "BucketARN": "arn:aws:s3:::lake",
            "RoleARN": role(cloud, "writes", "s3:PutObject", service="firehose")})
    at("firehose").put_record(DeliveryStreamName="scans", Record={"Data": b"waits"})
    return {"source": source, "heard": heard, "told": told, "machine": machine}


def messages(cloud: Cloud, url: str) -> int:
    """How many messages a queue holds."""
    found = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def test_what_acts_by_itself_goes_on(tmp_path: Path, capfd: Any) -> None:
    path = str(tmp_path / "kept.bin")
    with loopback() as listener, private_cloud(listener, run="here") as cloud:
        cloud.keep(path)
        made = furnish(cloud)
        cloud.keep(path)
        kill(cloud)
    assert "not kept" not in capfd.readouterr().err
    with loopback() as listener, private_cloud(listener, run="here") as cloud:
        cloud.keep(path)
        at = cloud.client
        assert invoke(cloud, "echo:live", {"a": 1}) == {"a": 1}
        at("sqs").send_message(QueueUrl=made["source"], MessageBody="x")
        cloud.settle()
        assert messages(cloud, made["source"]) == 0
        alarm, = at("cloudwatch").describe_alarms()["MetricAlarms"]
        assert alarm["StateValue"] == "ALARM"
        cloud.advance(301)
        cloud.settle()
        assert (messages(cloud, made["heard"]), messages(cloud, made["told"])) == (5, 1)
        (found,) = at("s3").list_objects_v2(Bucket="lake")["Contents"]
        assert at("s3").get_object(Bucket="lake", Key=found["Key"])["Body"].read() == b"waits"
        alarm, = at("cloudwatch").describe_alarms()["MetricAlarms"]
        assert alarm["StateValue"] == "OK"
        steps = at("stepfunctions")
        assert steps.list_executions(stateMachineArn=made["machine"])["executions"] == []
        again = steps.start_execution(stateMachineArn=made["machine"], name="under-way")
        cloud.settle()
        cloud.advance(901)
        cloud.settle()
        ended = steps.describe_execution(executionArn=again["executionArn"])
        assert ended["status"] == "SUCCEEDED"
        groups = [one["Name"] for one in at("athena").list_work_groups()["WorkGroups"]]
        assert sorted(groups) == ["primary", "team"]
        assert len(at("athena").list_named_queries(WorkGroup="team")["NamedQueryIds"]) == 1


def test_a_stack_goes_on_from_where_it_was(tmp_path: Path) -> None:
    path, body = str(tmp_path / "kept.bin"), {"Data": bucket("kept-data"), "Queue": queue_part()}
    with loopback() as listener, private_cloud(listener) as cloud:
        cloud.keep(path)
        stacks = cloud.client("cloudformation")
        stacks.create_stack(StackName="kept", TemplateBody=template(body))
        stacks.create_change_set(StackName="kept", ChangeSetName="next", TemplateBody=template(
            body | {"More": queue_part()}))
        cloud.keep(path)
        kill(cloud)
    with loopback() as listener, private_cloud(listener) as cloud:
        cloud.keep(path)
        stacks = cloud.client("cloudformation")
        found, = stacks.describe_stacks()["Stacks"]
        assert found["StackStatus"] == "CREATE_COMPLETE"
        stacks.execute_change_set(StackName="kept", ChangeSetName="next")
        stacks.get_waiter("stack_update_complete").wait(StackName="kept")
        held = stacks.list_stack_resources(StackName="kept")["StackResourceSummaries"]
        assert [one["LogicalResourceId"] for one in held] == ["Data", "Queue", "More"]
        stacks.delete_stack(StackName="kept")
        assert cloud.state("s3") == {}


def test_an_operation_on_a_stack_that_was_under_way_has_failed(tmp_path: Path) -> None:
    """The cloud dies while the stack waits for keys that take long to make."""
    path = str(tmp_path / "kept.bin")
    slow = {"Type": "AWS::KMS::Key", "DependsOn": "Data", "Properties": {
        "KeySpec": "RSA_4096", "KeyUsage": "SIGN_VERIFY", "KeyPolicy": OPEN}}
    body = template({"Data": bucket("kept-data")} | {f"Key{n}": slow for n in range(9)})
    with loopback() as listener, private_cloud(listener) as cloud:
        cloud.keep(path)
        stacks = cloud.client("cloudformation", retries={"total_max_attempts": 1})
        asked = {"StackName": "kept", "TemplateBody": body}
        maker = threading.Thread(target=given_up, args=(stacks,), kwargs=asked)
        maker.start()
        looks = cloud.client("cloudformation")
        Lab.until(lambda: held(looks), lambda found: found.get("Data") == "CREATE_COMPLETE")
        cloud.keep(path)
        kill(cloud)
        maker.join()
    with loopback() as listener, private_cloud(listener) as cloud:
        cloud.keep(path)
        stacks = cloud.client("cloudformation")
        found, = stacks.describe_stacks()["Stacks"]
        assert found["StackStatus"] == "CREATE_FAILED"
        assert "ended meanwhile" in found["StackStatusReason"]
        stacks.delete_stack(StackName="kept")
        assert stacks.describe_stacks()["Stacks"] == []
        assert cloud.state("s3") == {}


def given_up(stacks: Any, **asked: Any) -> None:
    """Create a stack in a cloud that does not live to answer."""
    with contextlib.suppress(BotoCoreError):
        stacks.create_stack(**asked)


def held(stacks: Any) -> dict[str, str]:
    """Return the statuses of the stack's resources; none before there is a stack."""
    try:
        found = stacks.list_stack_resources(StackName="kept")["StackResourceSummaries"]
    except ClientError:
        return {}
    return {one["LogicalResourceId"]: one["ResourceStatus"] for one in found}


def test_models_come_back_jobs_have_failed_endpoints_answer_again(tmp_path: Path) -> None:
    path = str(tmp_path / "kept.bin")
    with lab(tmp_path) as one:
        one.cloud.keep(path)
        image = one.make_image("serves", serve=SERVE)
        one.model(image, "kept")
        one.config("kept", ("AllTraffic", "kept", 1))
        one.sm.create_endpoint(EndpointName="kept", EndpointConfigName="kept")
        one.serving("kept")
        one.sm.create_model_package_group(ModelPackageGroupName="family")
        slow = one.make_image("slow", train="import time; print('up', flush=True); time.sleep(99)")
        one.sm.create_training_job(**one.job(slow, "slow"))
        one.said("up")
        one.cloud.keep(path)
        kill(one.cloud)
    with loopback() as listener, private_cloud(listener, run="here") as cloud:
        cloud.keep(path)
        one = object.__new__(Lab)
        one.cloud = cloud
        one.__post_init__()
        job = one.sm.describe_training_job(TrainingJobName="slow")
        assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
        assert "ended meanwhile" in job["FailureReason"]
        groups = one.sm.list_model_package_groups()["ModelPackageGroupSummaryList"]
        assert [group["ModelPackageGroupName"] for group in groups] == ["family"]
        assert one.serving("kept")["EndpointStatus"] == "InService"
        assert one.ask("kept", b"7")["body"] == "7"
