"""EventBridge by boto3: which events match, what targets get, when schedules fire."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.cloud.errors import AwsError
from infra.cloud.events import patterns, schedules
from infra.cloud.fixtures import Cloud, allow, loopback, private_cloud
from tests.infra.client import code
from tests.infra.compute import bodies, function, open_queue, queue, role
from tests.infra.test_event_sources import TOLD, let_in, told

EVENT = {
    "version": "0", "id": "1", "detail-type": "Parcel Moved", "source": "larkmoor.depot",
    "account": "123456789012", "time": "2026-01-01T00:00:00Z", "region": "eu-central-1",
    "resources": ["arn:aws:s3:::parcels"],
    "detail": {
        "state": "late", "weight": 3.5, "count": 0, "ip": "10.0.3.7", "fragile": True,
        "note": None, "empty": "", "file": "in/A-7.CSV", "stops": [{"town": "Ulm"}, {"town": "Au"}],
        "tags": ["red", "new"],
    },
}


@pytest.mark.parametrize(("detail", "verdict"), [
    ({"state": ["late", "lost"]}, True),
    ({"state": ["lost"]}, False),
    ({"weight": [3.5]}, True),
    ({"weight": ["3.5"]}, False),
    ({"fragile": [True]}, True),
    ({"fragile": [1]}, False),
    ({"note": [None]}, True),
    ({"empty": [""]}, True),
    ({"note": [""]}, False),
    ({"file": [{"prefix": "in/"}]}, True),
    ({"file": [{"prefix": "out/"}]}, False),
    ({"file": [{"prefix": {"equals-ignore-case": "IN/"}}]}, True),
    ({"file": [{"suffix": ".csv"}]}, False),
    ({"file": [{"suffix": {"equals-ignore-case": ".csv"}}]}, True),
    ({"state": [{"equals-ignore-case": "LATE"}]}, True),
    ({"file": [{"wildcard": "in/*-*.CSV"}]}, True),
    ({"file": [{"wildcard": "*/B*"}]}, False),
    ({"state": [{"anything-but": "late"}]}, False),
    ({"state": [{"anything-but": ["lost", "found"]}]}, True),
    ({"weight": [{"anything-but": [3.5, 4]}]}, False),
    ({"file": [{"anything-but": {"prefix": "in/"}}]}, False),
    ({"file": [{"anything-but": {"suffix": [".txt", ".md"]}}]}, True),
    ({"file": [{"anything-but": {"wildcard": "*.CSV"}}]}, False),
    ({"missing": [{"anything-but": "x"}]}, False),
    ({"weight": [{"numeric": [">", 0, "<=", 3.5]}]}, True),
    ({"weight": [{"numeric": ["<", 3.5]}]}, False),
    ({"count": [{"numeric": ["=", 0]}]}, True),
    ({"state": [{"numeric": ["=", 0]}]}, False),
    ({"state": [{"exists": True}]}, True),
    ({"missing": [{"exists": False}]}, True),
    ({"state": [{"exists": False}]}, False),
    ({"ip": [{"cidr": "10.0.0.0/16"}]}, True),
    ({"ip": [{"cidr": "10.1.0.0/16"}]}, False),
    ({"tags": ["new"]}, True),
    ({"tags": ["old"]}, False),
    ({"stops": {"town": ["Au"]}}, True),
    ({"stops": {"town": ["Bonn"]}}, False),
    ({"$or": [{"state": ["lost"]}, {"weight": [{"numeric": [">", 3]}]}]}, True),
    ({"$or": [{"state": ["lost"]}, {"weight": [{"numeric": [">", 9]}]}]}, False),
    ({"state": ["late"], "tags": ["old"]}, False),
])
def test_a_pattern_matches(detail: dict[str, Any], verdict: bool) -> None:
    pattern = patterns.check(json.dumps({"source": ["larkmoor.depot"], "detail": detail}))
    assert patterns.matches(pattern, EVENT) is verdict


@pytest.mark.parametrize("text", [
    "not json", "[]", "{}", '{"source": "a"}', '{"source": []}', '{"source": [["a"]]}',
    '{"source": [{"prefix": 1}]}', '{"source": [{"near": "a"}]}', '{"a": [{"numeric": [">"]}]}',
    '{"a": [{"numeric": ["~", 1]}]}', '{"a": [{"exists": "yes"}]}', '{"a": [{"cidr": "x"}]}',
    '{"a": [{"prefix": "x", "suffix": "y"}]}', '{"a": [{"anything-but": {"numeric": [1]}}]}',
    '{"a": [{"wildcard": "**"}]}', '{"$or": ["a"]}', '{"a": [{"anything-but": []}]}',
])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(AwsError, match="Event pattern is not valid"):
        patterns.check(text)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("text", "after", "expected"), [
    ("rate(5 minutes)", "2026-01-01T00:00:00", "2026-01-01T00:05:00"),
    ("rate(1 day)", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
    ("cron(0 10 * * ? *)", "2026-01-01T10:00:00", "2026-01-02T10:00:00"),
    ("cron(15 12 * * ? *)", "2026-01-01T10:00:00", "2026-01-01T12:15:00"),
    ("cron(0 18 ? * MON-FRI *)", "2026-01-03T10:00:00", "2026-01-05T18:00:00"),
    ("cron(0/10 * ? * MON-FRI *)", "2026-01-02T23:50:00", "2026-01-05T00:00:00"),
    ("cron(0 9 ? * 2#1 *)", "2026-01-06T10:00:00", "2026-02-02T09:00:00"),
    ("cron(0 9 L * ? *)", "2026-02-01T10:00:00", "2026-02-28T09:00:00"),
    ("cron(0 9 ? * 6L *)", "2026-02-01T10:00:00", "2026-02-27T09:00:00"),
    ("cron(0 9 31W * ? *)", "2026-01-15T00:00:00", "2026-01-30T09:00:00"),
    ("cron(0 9 1W * ? *)", "2026-02-15T00:00:00", "2026-03-02T09:00:00"),
    ("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
    ("cron(0 8,20 1 JAN,JUL ? 2027)", "2026-01-01T00:00:00", "2027-01-01T08:00:00"),
    ("cron(0 8 * * ? 2020)", "2026-01-01T00:00:00", None),
    ("at(2026-05-01T00:00:00)", "2026-01-01T00:00:00", "2026-05-01T00:00:00"),
    ("at(2026-05-01T00:00:00)", "2026-06-01T00:00:00", None),
])
def test_the_next_time_of_a_schedule(text: str, after: str, expected: str | None) -> None:
    found = schedules.following(text, moment(after), moment(after))
    assert found == (moment(expected) if expected else None)


def test_a_time_zone_moves_and_changes_its_clocks() -> None:
    def following(text: str, after: str, zone: str) -> str:
        found = schedules.following(text, moment(after), 0.0, zone)
        assert found is not None
        return datetime.fromtimestamp(found, UTC).isoformat()[:16]

    nine = "cron(0 9 * * ? *)"
    assert following(nine, "2026-03-28T12:00:00", "Europe/Berlin") == "2026-03-29T07:00"
    assert following(nine, "2026-03-27T12:00:00", "Europe/Berlin") == "2026-03-28T08:00"
    skipped = "cron(30 2 * * ? *)"  # half past two is left out on that night
    assert following(skipped, "2026-03-28T12:00:00", "Europe/Berlin") == "2026-03-30T00:30"
    once = "at(2026-05-01T00:00:00)"
    assert following(once, "2026-01-01T00:00:00", "America/New_York") == "2026-05-01T04:00"


@pytest.mark.parametrize("text", [
    "rate(0 minutes)", "rate(1 minutes)", "rate(2 minute)", "rate(5 weeks)", "every day",
    "cron(0 10 * * *)", "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(61 10 * * ? *)",
    "cron(0 10 X * ? *)", "at(2026-05-01T00:00:00)", "",
])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        schedules.check(text)


# --- in a cloud ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener, run="here") as made:
        yield made


def rule(cloud: Cloud, name: str, targets: list[dict[str, Any]], **settings: Any) -> str:
    """Make a rule with targets; return its ARN."""
    client = cloud.client("events")
    arn = str(client.put_rule(Name=name, **settings)["RuleArn"])
    client.put_targets(Rule=name, Targets=[{"Id": str(n), **t} for n, t in enumerate(targets)])
    return arn


def put(cloud: Cloud, source: str, detail: dict[str, Any], kind: str = "Parcel Moved") -> None:
    done = cloud.client("events").put_events(Entries=[
        {"Source": source, "DetailType": kind, "Detail": json.dumps(detail)},
    ])
    assert done["FailedEntryCount"] == 0
    cloud.settle()


def test_an_event_reaches_what_lets_its_rule_in(cloud: Cloud) -> None:
    url, arn = open_queue(cloud, "moved", "events", "arn:aws:events:*:*:rule/moved")
    shut, closed = queue(cloud, "closed")
    dead, letters = open_queue(cloud, "dead-rules", "events", "*")
    handler = function(cloud, "on-moved", TOLD.replace('event["Records"][0]', "event"))
    made = rule(cloud, "moved", [
        {"Arn": arn}, {"Arn": handler}, {"Arn": closed, "DeadLetterConfig": {"Arn": letters}},
    ], EventPattern=json.dumps({"source": ["depot"], "detail": {"state": ["late"]}}))
    let_in(cloud, "on-moved", "events", made)
    put(cloud, "depot", {"state": "late", "n": 1})
    put(cloud, "depot", {"state": "fine", "n": 2})
    put(cloud, "other", {"state": "late", "n": 3})
    (event,) = bodies(cloud, url)
    assert (event["source"], event["detail"], event["detail-type"], event["region"]) == (
        "depot", {"state": "late", "n": 1}, "Parcel Moved", cloud.region,
    )
    assert [one["detail"]["n"] for one in told(cloud, "on-moved")] == [1]
    assert bodies(cloud, shut) == []
    assert [one["detail"]["n"] for one in bodies(cloud, dead)] == [1]
    refused = [c for c in cloud.log if c.resource == closed and c.error == "AccessDenied"]
    assert [c.principal for c in refused] == ["events.amazonaws.com"]


def test_a_target_gets_what_its_input_says(cloud: Cloud) -> None:
    url, arn = open_queue(cloud, "inputs", "events", "*")
    transformer = {
        "InputPathsMap": {"n": "$.detail.n", "who": "$.detail.who[0].name", "all": "$.detail"},
        "InputTemplate": '{"text": "<who> has <n>", "n": <n>, "all": <all>, '
                         '"rule": <aws.events.rule-name>}',
    }
    rule(cloud, "inputs", [
        {"Arn": arn, "Input": '{"constant": true}'}, {"Arn": arn, "InputPath": "$.detail.n"},
        {"Arn": arn, "InputTransformer": transformer},
    ], EventPattern=json.dumps({"source": ["inputs"]}))
    put(cloud, "inputs", {"n": 7, "who": [{"name": "Ada"}]})
    found = sorted(bodies(cloud, url), key=str)
    assert 7 in found
    assert {"constant": True} in found
    assert {
        "text": "Ada has 7", "n": 7, "all": {"n": 7, "who": [{"name": "Ada"}]}, "rule": "inputs",
    } in found


def test_a_rule_starts_a_machine_with_its_role(cloud: Cloud) -> None:
    who = role(cloud, "runner", service="states")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    client = cloud.client("stepfunctions")
    arn = client.create_state_machine(name="ruled", definition=definition, roleArn=who)[
        "stateMachineArn"
    ]
    may = role(cloud, "starts", "states:StartExecution", service="events")
    may_not = role(cloud, "starts-not", service="events")
    rule(cloud, "starts", [{"Arn": arn, "RoleArn": may, "InputPath": "$.detail"},
                           {"Arn": arn, "RoleArn": may_not}],
         EventPattern=json.dumps({"source": ["starts"]}))
    put(cloud, "starts", {"n": 1})
    found = client.list_executions(stateMachineArn=arn)["executions"]
    inputs = [client.describe_execution(executionArn=e["executionArn"])["input"] for e in found]
    assert [json.loads(one) for one in inputs] == [{"n": 1}]


def test_buses_are_apart_and_a_rule_can_be_switched_off(cloud: Cloud) -> None:
    url, arn = open_queue(cloud, "apart", "events", "*")
    client = cloud.client("events")
    client.create_event_bus(Name="depot")
    pattern = json.dumps({"source": ["apart"]})
    client.put_rule(Name="apart", EventBusName="depot", EventPattern=pattern)
    client.put_targets(Rule="apart", EventBusName="depot", Targets=[{"Id": "1", "Arn": arn}])

    def send(bus: str) -> int:
        client.put_events(Entries=[{
            "Source": "apart", "DetailType": "x", "Detail": "{}", "EventBusName": bus,
        }])
        cloud.settle()
        return len(bodies(cloud, url))

    assert (send("default"), send("depot")) == (0, 1)
    client.disable_rule(Name="apart", EventBusName="depot")
    assert send("depot") == 0
    client.enable_rule(Name="apart", EventBusName="depot")
    assert send("depot") == 1


def test_a_schedule_fires_by_the_clouds_clock(cloud: Cloud) -> None:
    url, arn = open_queue(cloud, "ticks", "events", "*")
    made = rule(cloud, "ticks", [{"Arn": arn}], ScheduleExpression="rate(5 minutes)")
    cloud.settle()
    assert bodies(cloud, url) == []
    cloud.advance(3600)
    cloud.settle()
    found = bodies(cloud, url)
    assert len(found) == 12
    assert {(one["source"], one["detail-type"], one["resources"][0]) for one in found} == {
        ("aws.events", "Scheduled Event", made),
    }
    assert len({one["time"] for one in found}) == 12
    client = cloud.client("events")
    client.disable_rule(Name="ticks")
    cloud.advance(3600)
    cloud.settle()
    assert bodies(cloud, url) == []
    client.put_rule(Name="ticks", ScheduleExpression="rate(30 minutes)")
    cloud.advance(3600)
    cloud.settle()
    assert len(bodies(cloud, url)) == 2
    client.remove_targets(Rule="ticks", Ids=["0"])
    client.delete_rule(Name="ticks")
    cloud.advance(3600)
    cloud.settle()
    assert bodies(cloud, url) == []


def schedule(cloud: Cloud, name: str, expression: str, arn: str, who: str, **more: Any) -> None:
    target = {"Arn": arn, "RoleArn": who, **more.pop("Target", {})}
    cloud.client("scheduler").create_schedule(
        Name=name, ScheduleExpression=expression, Target=target,
        FlexibleTimeWindow={"Mode": "OFF"}, **more,
    )


def test_a_schedule_of_its_own_fires_once_or_again(cloud: Cloud) -> None:
    url, arn = queue(cloud, "planned")
    who = role(cloud, "planner", "sqs:SendMessage", service="scheduler")
    soon = datetime.fromtimestamp(cloud.now() + 600, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    once = {"ActionAfterCompletion": "DELETE", "Target": {"Input": '{"once": true}'}}
    schedule(cloud, "once", f"at({soon})", arn, who, **once)
    again = '{"at": "<aws.scheduler.scheduled-time>"}'
    schedule(cloud, "again", "rate(1 hour)", arn, who, Target={"Input": again})
    cloud.advance(500)
    cloud.settle()
    assert bodies(cloud, url) == []
    cloud.advance(7300)
    cloud.settle()
    found = bodies(cloud, url)
    assert found.count({"once": True}) == 1
    assert len({one["at"] for one in found if "at" in one}) == 2
    client = cloud.client("scheduler")
    assert [one["Name"] for one in client.list_schedules()["Schedules"]] == ["again"]
    client.delete_schedule(Name="again")
    cloud.advance(7200)
    cloud.settle()
    assert bodies(cloud, url) == []


def test_a_schedule_may_call_any_service_its_role_may(cloud: Cloud) -> None:
    url, _ = queue(cloud, "universal")
    who = role(cloud, "caller", "sqs:SendMessage", service="scheduler")
    target = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    words = json.dumps({"QueueUrl": url, "MessageBody": "by hand"})
    schedule(cloud, "universal", "rate(1 hour)", target, who, Target={"Input": words})
    cloud.advance(3601)
    cloud.settle()
    assert bodies(cloud, url) == ["by hand"]


def test_what_cannot_be_scheduled(cloud: Cloud) -> None:
    url, arn = queue(cloud, "unplanned")
    good = role(cloud, "scheduling", "sqs:SendMessage", service="scheduler")
    other = role(cloud, "not-scheduling", service="lambda")
    events, scheduler = cloud.client("events"), cloud.client("scheduler")
    for wrong in ({"EventPattern": "{"}, {"ScheduleExpression": "rate(1 minutes)"}, {}):
        name = code(events.put_rule, Name="wrong", **wrong)
        assert name in {"InvalidEventPatternException", "ValidationException"}
    for expression, who in (("rate(0 minutes)", good), ("rate(1 hour)", other)):
        assert code(
            scheduler.create_schedule, Name="wrong", ScheduleExpression=expression,
            Target={"Arn": arn, "RoleArn": who}, FlexibleTimeWindow={"Mode": "OFF"},
        ) == "ValidationException"
    scheduler.create_schedule(  # its reference asks for no singular, a rule's does
        Name="plural", ScheduleExpression="rate(1 hours)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": good},
    )
    cloud.advance(3601)
    cloud.settle()
    assert len(bodies(cloud, url)) == 1


def test_a_pattern_can_be_tried(cloud: Cloud) -> None:
    client = cloud.client("events")
    pattern = json.dumps({"detail": {"weight": [{"numeric": [">", 3]}]}})
    assert client.test_event_pattern(EventPattern=pattern, Event=json.dumps(EVENT))["Result"]
    light = EVENT | {"detail": {"weight": 1}}
    tried = client.test_event_pattern(EventPattern=pattern, Event=json.dumps(light))
    assert tried["Result"] is False
    assert code(
        client.test_event_pattern, EventPattern='{"a": 1}', Event=json.dumps(EVENT)
    ) == "InvalidEventPatternException"


def test_a_bucket_tells_the_default_bus(cloud: Cloud) -> None:
    cloud.bucket("watched")
    cloud.client("s3").put_bucket_notification_configuration(
        Bucket="watched", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url, arn = open_queue(cloud, "seen", "events", "*")
    rule(cloud, "seen", [{"Arn": arn}], EventPattern=json.dumps({
        "source": ["aws.s3"], "detail-type": ["Object Created"],
        "detail": {"object": {"key": [{"prefix": "in/"}]}},
    }))
    for key in ("in/a b", "out/b"):
        cloud.client("s3").put_object(Bucket="watched", Key=key, Body=b"x")
    cloud.settle()
    assert [one["detail"]["object"]["key"] for one in bodies(cloud, url)] == ["in/a b"]


def test_iam_holds_for_events_and_schedules(cloud: Cloud) -> None:
    bus = f"arn:aws:events:{cloud.region}:{cloud.account}:event-bus/default"
    sender = cloud.identity("event-sender", [allow(["events:PutEvents"], [bus])])
    client = cloud.client("events", sender)
    client.put_events(Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}"}])
    assert code(client.put_rule, Name="x", ScheduleExpression="rate(1 day)") == (
        "AccessDeniedException"
    )
    planner = cloud.identity("plan-maker", [allow(["scheduler:*"])])
    who = role(cloud, "not-given", service="scheduler")
    _, arn = queue(cloud, "not-planned")
    assert code(
        cloud.client("scheduler", planner).create_schedule, Name="y",
        ScheduleExpression="rate(1 day)", Target={"Arn": arn, "RoleArn": who},
        FlexibleTimeWindow={"Mode": "OFF"},
    ) == "AccessDeniedException"


def test_a_wildcard_says_what_a_regular_expression_would() -> None:
    texts = ["".join(one) for n in range(5) for one in itertools.product("ab", repeat=n)]
    for n in range(1, 5):
        for wanted in map("".join, itertools.product("ab*", repeat=n)):
            expression = re.compile(wanted.replace("*", ".*"))
            found = [patterns._wildcard(wanted, text) for text in texts]
            assert found == [bool(expression.fullmatch(text)) for text in texts], wanted


def test_a_wildcard_full_of_stars_ends() -> None:
    """A regular expression of it would not, in this world's time."""
    wanted = {"source": [{"wildcard": "*a" * 400 + "*b"}]}
    assert not patterns.matches(wanted, {"source": "a" * 5000})
    assert patterns.matches(wanted, {"source": "a" * 5000 + "b"})
