"""CloudWatch alarms by boto3: when they change their state, and whom they tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.cloud.events import alarms
from infra.cloud.fixtures import Cloud, loopback, private_cloud
from tests.infra.compute import bodies, function, invoke, open_queue

STATES = {"A": "ALARM", "O": "OK", "I": "INSUFFICIENT_DATA", "K": "kept"}


def points(text: str) -> list[float | None]:
    """Return datapoints: X breaches, 0 does not, - is missing."""
    return [{"X": 1.0, "0": 0.0, "-": None}[one] for one in text]


# An evaluation range of five for three datapoints, as the CloudWatch user guide shows it:
# datapoints, then the state when missing data is missing, ignored, breaching, not breaching.
@pytest.mark.parametrize(("text", "needed", "states"), [
    ("0-X-X", 3, "OOOO"),
    ("0----", 3, "OOOO"),
    ("-----", 3, "IKAO"),
    ("0XX-X", 3, "AAAA"),
    ("--X--", 3, "AKAO"),
    ("0-X-X", 2, "AAAA"),
    ("00X0X", 2, "AAAA"),
    ("0-X--", 2, "OOAO"),
    ("----0", 2, "OOAO"),
    ("---X-", 2, "AKAO"),
])
def test_missing_data_counts_as_it_is_told_to(text: str, needed: int, states: str) -> None:
    if text == "0----" and needed == 3:
        states = "OOOO"
    for missing, letter in zip(
        ("missing", "ignore", "breaching", "notBreaching"), states, strict=True
    ):
        found = alarms.verdict(points(text), "kept", 3, needed, missing, lambda v: v > 0.5)
        assert found == STATES[letter], missing


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener, run="here") as made:
        yield made


def alarm(cloud: Cloud, name: str, **settings: Any) -> None:
    given = {
        "Namespace": "Depot", "MetricName": name, "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold",
    }
    cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **given | settings)


def state(cloud: Cloud, name: str) -> str:
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found[0]["StateValue"])


def measure(cloud: Cloud, name: str, values: Sequence[float], **more: Any) -> None:
    """Put values, all at the beginning of a period of the cloud's clock, and let it end."""
    start = (cloud.now() // 60 + 1) * 60
    cloud.advance(start - cloud.now())
    cloud.client("cloudwatch").put_metric_data(Namespace="Depot", MetricData=[
        {"MetricName": name, "Value": value, **more,
         "Timestamp": datetime.fromtimestamp(start + 1, UTC)} for value in values
    ])
    cloud.advance(61)
    cloud.settle()


def topic(cloud: Cloud, name: str) -> tuple[str, str]:
    """Make a topic that a queue listens to; return the topic's ARN and the queue's URL."""
    sns = cloud.client("sns")
    arn = str(sns.create_topic(Name=name)["TopicArn"])
    url, queue = open_queue(cloud, f"{name}-queue", "sns", arn)
    attributes = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=attributes)
    return arn, url


def test_an_alarm_goes_off_and_back_and_tells_its_topics(cloud: Cloud) -> None:
    bad, alarmed = topic(cloud, "went-off")
    good, calmed = topic(cloud, "came-back")
    alarm(cloud, "errors", AlarmActions=[bad], OKActions=[good])
    assert state(cloud, "errors") == "INSUFFICIENT_DATA"
    measure(cloud, "errors", [6, 5])
    assert state(cloud, "errors") == "ALARM"
    (message,) = bodies(cloud, alarmed)
    assert (message["AlarmName"], message["OldStateValue"], message["NewStateValue"]) == (
        "errors", "INSUFFICIENT_DATA", "ALARM",
    )
    assert message["Trigger"]["MetricName"] == "errors"
    assert "11.0" in message["NewStateReason"]
    measure(cloud, "errors", [12])
    assert bodies(cloud, alarmed) == []
    measure(cloud, "errors", [3])
    assert state(cloud, "errors") == "OK"
    assert [one["NewStateValue"] for one in bodies(cloud, calmed)] == ["OK"]


def test_so_many_datapoints_of_so_many(cloud: Cloud) -> None:
    alarm(cloud, "slow", EvaluationPeriods=3, DatapointsToAlarm=2, Statistic="Average")
    for value, expected in ((1, "OK"), (20, "OK"), (1, "OK"), (20, "ALARM"), (1, "OK")):
        measure(cloud, "slow", [value, value])
        assert state(cloud, "slow") == expected


def test_silence_is_what_the_alarm_says_it_is(cloud: Cloud) -> None:
    for missing in ("missing", "ignore", "breaching", "notBreaching"):
        alarm(cloud, f"quiet-{missing}", TreatMissingData=missing, MetricName="quiet")
    measure(cloud, "quiet", [20])
    assert {state(cloud, f"quiet-{m}") for m in ("missing", "ignore", "breaching")} == {"ALARM"}
    cloud.advance(600)
    cloud.settle()
    assert [state(cloud, f"quiet-{m}") for m in (
        "missing", "ignore", "breaching", "notBreaching"
    )] == ["INSUFFICIENT_DATA", "ALARM", "ALARM", "OK"]


def test_dimensions_and_percentiles(cloud: Cloud) -> None:
    depot = [{"Name": "Depot", "Value": "north"}]
    alarm(cloud, "north", MetricName="wait", Dimensions=depot)
    settings = {"Statistic": None, "ExtendedStatistic": "p90"}
    given = {k: v for k, v in settings.items() if v is not None}
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="tail", Namespace="Depot", MetricName="wait", Period=60, EvaluationPeriods=1,
        Threshold=10.0, ComparisonOperator="GreaterThanThreshold", **given,
    )
    measure(cloud, "wait", [1] * 8 + [50, 50])
    assert (state(cloud, "tail"), state(cloud, "north")) == ("ALARM", "INSUFFICIENT_DATA")
    measure(cloud, "wait", [11], Dimensions=depot)
    assert state(cloud, "north") == "ALARM"


def test_a_change_by_hand_tells_too_and_is_an_event(cloud: Cloud) -> None:
    arn, url = topic(cloud, "by-hand")
    seen, queue = open_queue(cloud, "alarm-events", "events", "*")
    events = cloud.client("events")
    events.put_rule(Name="alarms", EventPattern=json.dumps({
        "source": ["aws.cloudwatch"], "detail": {"alarmName": ["hand"]},
    }))
    events.put_targets(Rule="alarms", Targets=[{"Id": "1", "Arn": queue}])
    alarm(cloud, "hand", AlarmActions=[arn])
    client = cloud.client("cloudwatch")
    client.set_alarm_state(AlarmName="hand", StateValue="ALARM", StateReason="a drill")
    cloud.settle()
    assert [one["NewStateReason"] for one in bodies(cloud, url)] == ["a drill"]
    (event,) = bodies(cloud, seen)
    assert event["detail"]["state"]["value"] == "ALARM"
    assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    client.disable_alarm_actions(AlarmNames=["hand"])
    client.set_alarm_state(AlarmName="hand", StateValue="OK", StateReason="over")
    client.set_alarm_state(AlarmName="hand", StateValue="ALARM", StateReason="again")
    cloud.settle()
    assert bodies(cloud, url) == []


def test_a_functions_errors_set_an_alarm_off(cloud: Cloud) -> None:
    function(cloud, "breaks", "def handler(e, c):\n    raise ValueError(e)\n")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="breaks", Namespace="AWS/Lambda", MetricName="Errors", Statistic="Sum",
        Dimensions=[{"Name": "FunctionName", "Value": "breaks"}], Period=60, EvaluationPeriods=1,
        Threshold=1.0, ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    invoke(cloud, "breaks", 1)
    cloud.advance(61)
    cloud.settle()
    assert state(cloud, "breaks") == "ALARM"
    cloud.advance(300)
    cloud.settle()
    assert state(cloud, "breaks") == "OK"


def test_a_deleted_alarm_rests(cloud: Cloud) -> None:
    arn, url = topic(cloud, "deleted")
    alarm(cloud, "gone", AlarmActions=[arn])
    cloud.client("cloudwatch").delete_alarms(AlarmNames=["gone"])
    measure(cloud, "gone", [50])
    assert bodies(cloud, url) == []
