"""The rights that the smaller services ask for, each shown by one who has them and one who not."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import allow, loopback, private_cloud, trusts


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


def arn(cloud, service: str, tail: str) -> str:
    return f"arn:aws:{service}:{cloud.region}:{cloud.account}:{tail}"


def who(cloud, name: str, service: str, *policies: dict):
    return cloud.client(service, cloud.identity(name, list(policies)))


def test_logs_are_divided_by_group_and_stream(cloud) -> None:
    logs = who(
        cloud, "logger", "logs",
        allow(["logs:CreateLogGroup", "logs:FilterLogEvents"],
              [arn(cloud, "logs", "log-group:/app/*:*")]),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"],
              [arn(cloud, "logs", "log-group:/app/a:log-stream:mine")]),
    )  # fmt: skip
    logs.create_log_group(logGroupName="/app/a")
    logs.create_log_stream(logGroupName="/app/a", logStreamName="mine")
    event = [{"timestamp": int(time.time() * 1000), "message": "hello"}]
    logs.put_log_events(logGroupName="/app/a", logStreamName="mine", logEvents=event)
    assert logs.filter_log_events(logGroupName="/app/a")["events"][0]["message"] == "hello"
    for refused in (
        lambda: logs.create_log_group(logGroupName="/other"),
        lambda: logs.create_log_stream(logGroupName="/app/a", logStreamName="theirs"),
        lambda: logs.describe_log_groups(),
    ):
        with pytest.raises(ClientError, match="not authorized"):
            refused()
    with pytest.raises(ClientError, match="This cloud has no logs:StartQuery"):
        cloud.client("logs").start_query(
            logGroupName="/app/a", startTime=0, endTime=1, queryString="fields @message"
        )


def test_metrics_are_divided_by_namespace_and_alarms_by_name(cloud) -> None:
    policy = allow(["cloudwatch:PutMetricData"])
    policy["Statement"][0]["Condition"] = {"StringEquals": {"cloudwatch:namespace": "App"}}
    alarms = allow(["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"],
                   [arn(cloud, "cloudwatch", "alarm:app-*")])
    client = who(cloud, "measurer", "cloudwatch", policy, alarms)
    data = [{"MetricName": "m", "Value": 1.0}]
    client.put_metric_data(Namespace="App", MetricData=data)
    with pytest.raises(ClientError, match="cloudwatch:PutMetricData"):
        client.put_metric_data(Namespace="Other", MetricData=data)
    alarm = {
        "Namespace": "App", "MetricName": "m", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum",
    }
    client.put_metric_alarm(AlarmName="app-high", **alarm)
    with pytest.raises(ClientError, match="alarm:theirs"):
        client.put_metric_alarm(AlarmName="theirs", **alarm)
    with pytest.raises(ClientError, match="alarm:theirs"):
        client.delete_alarms(AlarmNames=["app-high", "theirs"])


def test_events_are_divided_by_bus_and_rules_hand_on_roles(cloud) -> None:
    cloud.client("events").create_event_bus(Name="orders")
    client = who(
        cloud, "sender", "events",
        allow(["events:PutEvents"], [arn(cloud, "events", "event-bus/orders")]),
        allow(["events:PutRule"], [arn(cloud, "events", "rule/orders/*")]),
    )
    entry = {"Source": "shop", "DetailType": "sold", "Detail": "{}"}
    sent = client.put_events(Entries=[entry | {"EventBusName": "orders"}])
    assert sent["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="event-bus/default"):
        client.put_events(Entries=[entry | {"EventBusName": "orders"}, entry])
    rule = {"Name": "r", "EventBusName": "orders", "EventPattern": json.dumps({"source": ["shop"]})}
    client.put_rule(**rule)
    role = cloud.role("target", trusts("*"))
    with pytest.raises(ClientError, match="iam:PassRole"):
        client.put_rule(**rule, RoleArn=role.arn)


def test_parameters_are_divided_by_path_and_need_their_key(cloud) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]
    ssm = cloud.client("ssm")
    ssm.put_parameter(Name="/app/plain", Value="1", Type="String")
    ssm.put_parameter(Name="/app/secret", Value="2", Type="SecureString", KeyId=key["KeyId"])
    path = arn(cloud, "ssm", "parameter/app/*")
    reader = who(cloud, "reader", "ssm", allow(["ssm:GetParameter*"], [path]))
    assert reader.get_parameter(Name="/app/plain")["Parameter"]["Value"] == "1"
    with pytest.raises(ClientError, match="parameter/other"):
        reader.get_parameters(Names=["/app/plain", "/other"])
    with pytest.raises(ClientError, match="kms:Decrypt"):
        reader.get_parameter(Name="/app/secret", WithDecryption=True)
    both = who(
        cloud, "keyed", "ssm", allow(["ssm:GetParameter"], [path]),
        allow(["kms:Decrypt"], [key["Arn"]]),
    )
    found = both.get_parameter(Name="/app/secret", WithDecryption=True)
    assert found["Parameter"]["Value"] == "2"


def test_streams_are_divided_also_by_their_iterators(cloud) -> None:
    kinesis = cloud.client("kinesis")
    iterators = {}
    for name in ("clicks", "sales"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k")
        shard = kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]
        iterators[name] = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    client = who(
        cloud, "clicker", "kinesis",
        allow(["kinesis:GetRecords"], [arn(cloud, "kinesis", "stream/clicks")]),
    )
    records = client.get_records(ShardIterator=iterators["clicks"])["Records"]
    assert [record["Data"] for record in records] == [b"x"]
    with pytest.raises(ClientError, match="stream/sales"):
        client.get_records(ShardIterator=iterators["sales"])


def test_repositories_have_policies_of_their_own(cloud) -> None:
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName="team/model")
    guest = cloud.identity("puller", [])
    with pytest.raises(ClientError, match="ecr:DescribeImages"):
        cloud.client("ecr", guest).describe_images(repositoryName="team/model")
    statement = {"Effect": "Allow", "Principal": {"AWS": guest.arn}, "Action": "ecr:DescribeImages"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    ecr.set_repository_policy(repositoryName="team/model", policyText=json.dumps(policy))
    cloud.client("ecr", guest).describe_images(repositoryName="team/model")


def test_tagging_needs_the_right_on_what_is_tagged(cloud) -> None:
    cloud.client("logs").create_log_group(logGroupName="labelled")
    group = arn(cloud, "logs", "log-group:labelled")
    half = who(cloud, "half", "resourcegroupstaggingapi", allow(["tag:TagResources"]))
    with pytest.raises(ClientError, match="logs:TagResource"):
        half.tag_resources(ResourceARNList=[group], Tags={"team": "a"})
    full = who(
        cloud, "full", "resourcegroupstaggingapi", allow(["tag:TagResources"]),
        allow(["logs:TagResource"], [group]),
    )
    full.tag_resources(ResourceARNList=[group], Tags={"team": "a"})
    tags = cloud.client("logs").list_tags_for_resource(resourceArn=group)["tags"]
    assert tags == {"team": "a"}
    tagger = cloud.client("resourcegroupstaggingapi")
    found = tagger.get_resources(TagFilters=[{"Key": "team", "Values": ["a"]}])
    assert [one["ResourceARN"] for one in found["ResourceTagMappingList"]] == [group]


def test_budgets_know_viewing_and_modifying(cloud) -> None:
    budget = {
        "BudgetName": "lab", "BudgetLimit": {"Amount": "10", "Unit": "USD"},
        "TimeUnit": "MONTHLY", "BudgetType": "COST",
    }
    cloud.client("budgets").create_budget(AccountId=cloud.account, Budget=budget)
    viewer = who(cloud, "viewer", "budgets", allow(["budgets:ViewBudget"]))
    found = viewer.describe_budget(AccountId=cloud.account, BudgetName="lab")["Budget"]
    assert found["BudgetLimit"]["Amount"] == "10"
    with pytest.raises(ClientError, match="budgets:ModifyBudget"):
        viewer.delete_budget(AccountId=cloud.account, BudgetName="lab")


def test_there_are_networks_and_no_machines(cloud) -> None:
    ec2 = cloud.client("ec2")
    assert ec2.describe_availability_zones()["AvailabilityZones"]
    with pytest.raises(ClientError, match="This cloud has no ec2:RunInstances"):
        ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, InstanceType="t3.micro")
    with pytest.raises(ClientError) as refused:
        who(cloud, "nobody", "ec2").describe_vpcs()
    assert refused.value.response["Error"]["Code"] == "UnauthorizedOperation"
