"""What a judge reads back of the islands is what clients put there."""

from __future__ import annotations

import json
import time

from infra.cloud.fixtures import loopback, private_cloud


def fill(cloud) -> None:
    """Make one thing in every service."""
    cloud.client("dynamodb").create_table(
        TableName="runs", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    cloud.client("dynamodb").put_item(TableName="runs", Item={"id": {"S": "a"}})
    url = cloud.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="job")
    topic = cloud.client("sns").create_topic(Name="news")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.org")
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="app")
    logs.put_retention_policy(logGroupName="app", retentionInDays=7)
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "hello"}
    logs.put_log_events(logGroupName="app", logStreamName="s", logEvents=[event])
    cloud.client("cloudwatch").put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "m", "Value": 2.0}]
    )
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="high", Namespace="App", MetricName="m", Period=60, EvaluationPeriods=1,
        Threshold=1.0, ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
    )
    pattern = json.dumps({"source": ["shop"]})
    cloud.client("events").put_rule(Name="sold", EventPattern=pattern)
    cloud.client("ssm").put_parameter(Name="/app/a", Value="1", Type="String")
    cloud.client("ecr").create_repository(repositoryName="team/model")
    cloud.client("kinesis").create_stream(StreamName="clicks", ShardCount=2)
    cloud.client("budgets").create_budget(AccountId=cloud.account, Budget={
        "BudgetName": "lab", "BudgetLimit": {"Amount": "10", "Unit": "USD"},
        "TimeUnit": "MONTHLY", "BudgetType": "COST",
    })


def test_what_was_made_is_read_back() -> None:
    with loopback() as listener, private_cloud(listener) as cloud:
        fill(cloud)
        assert cloud.state("dynamodb")["runs"]["items"] == [{"id": {"S": "a"}}]
        assert cloud.state("sqs")["jobs"]["messages"] == ["job"]
        assert cloud.state("sns")["news"]["subscriptions"][0]["protocol"] == "email"
        group = cloud.state("logs")["app"]
        assert (group["retention"], group["streams"]) == (7, {"s": ["hello"]})
        watched = cloud.state("monitoring")
        assert watched["alarms"]["high"]["threshold"] == 1.0
        assert watched["data"][0]["value"] == 2.0
        assert json.loads(cloud.state("events")["default"]["rules"]["sold"]["pattern"]) == {
            "source": ["shop"]
        }
        assert cloud.state("ssm") == {"/app/a": {"type": "String", "version": 1, "key": ""}}
        assert cloud.state("ecr")["team/model"]["mutability"] == "MUTABLE"
        assert len(cloud.state("kinesis")["clicks"]["shards"]) == 2
        assert cloud.state("budgets")["lab"]["limit"]["Amount"] == "10"
        assert cloud.state("cloudformation") == {}
