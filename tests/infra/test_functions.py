"""Lambda by boto3: what a function sees, answers and leaves behind; who may call it."""

from __future__ import annotations

import base64
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from autograder.sandbox import Launcher, Limits
from infra.cloud.fixtures import Cloud, allow, loopback, private_cloud
from tests.infra.client import code
from tests.infra.compute import bodies, function, invoke, open_queue, package, queue, role
from tests.infra.test_lent import Folder

ECHO = "def handler(event, context):\n    return event\n"
COUNT = """
import os
seen = 0
def handler(event, context):
    global seen
    seen += 1
    with open("/tmp/seen", "a") as file:
        file.write("x")
    return [seen, os.path.getsize("/tmp/seen")]
"""
FAIL = "def handler(event, context):\n    raise ValueError('no such parcel')\n"


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener, run="here") as made:
        yield made


def test_a_function_sees_its_event_and_its_context(cloud: Cloud) -> None:
    arn = function(cloud, "look", """
import os
def handler(event, context):
    return {
        "event": event, "arn": context.invoked_function_arn, "name": context.function_name,
        "memory": context.memory_limit_in_mb, "version": context.function_version,
        "time": 0 < context.get_remaining_time_in_millis() <= 60_000,
        "id": len(context.aws_request_id), "group": context.log_group_name,
        "mode": os.environ["MODE"], "region": os.environ["AWS_REGION"],
    }
""", Environment={"Variables": {"MODE": "test"}}, MemorySize=256)
    assert invoke(cloud, "look", {"parcels": [1, "zwei"]}) == {
        "event": {"parcels": [1, "zwei"]}, "arn": arn, "name": "look", "memory": "256",
        "version": "$LATEST", "time": True, "id": 36, "group": "/aws/lambda/look",
        "mode": "test", "region": cloud.region,
    }


def test_an_environment_stays_warm_until_the_code_changes(cloud: Cloud) -> None:
    function(cloud, "warm", COUNT)
    assert [invoke(cloud, "warm") for _ in range(3)] == [[1, 1], [2, 2], [3, 3]]
    changed = COUNT.replace("seen = 0", "seen = 10")
    cloud.client("lambda").update_function_code(FunctionName="warm", ZipFile=package(changed))
    assert invoke(cloud, "warm") == [11, 1]


def test_two_events_at_once_need_two_environments(cloud: Cloud) -> None:
    """Each waits until the other is there: with one environment neither would end."""
    function(cloud, "pair", """
import boto3, time
def handler(event, context):
    s3 = boto3.client("s3")
    s3.put_object(Bucket="meeting", Key=event, Body=b"")
    while s3.list_objects_v2(Bucket="meeting")["KeyCount"] < 2:
        time.sleep(0.05)
    return event
""", "s3:*", MemorySize=512)
    cloud.bucket("meeting")
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda e: invoke(cloud, "pair", e), "ab")) == ["a", "b"]


def test_a_function_has_its_roles_rights_and_no_others(cloud: Cloud) -> None:
    function(cloud, "reader", """
import boto3
from botocore.exceptions import ClientError
def handler(event, context):
    s3 = boto3.client("s3")
    try:
        s3.put_object(Bucket="shelf", Key="new", Body=b"x")
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    who = boto3.client("sts").get_caller_identity()["Arn"]
    return [s3.get_object(Bucket="shelf", Key="k")["Body"].read().decode(), refused, who]
""", "s3:GetObject", MemorySize=512)
    cloud.bucket("shelf")
    cloud.client("s3").put_object(Bucket="shelf", Key="k", Body=b"kept")
    kept, refused, who = invoke(cloud, "reader")
    assert (kept, refused) == ("kept", "AccessDenied")
    assert who.endswith(":assumed-role/reader-role/reader")


def test_a_failure_is_told_with_its_type_and_trace(cloud: Cloud) -> None:
    function(cloud, "fails", FAIL)
    error, told = invoke(cloud, "fails")
    assert (error, told["errorType"], told["errorMessage"]) == (
        "Unhandled", "ValueError", "no such parcel",
    )
    assert "line 2, in handler" in told["stackTrace"][0]


@pytest.mark.parametrize(("source", "handler", "kind", "words"), [
    ("import nothing_like_it\n", "app.handler", "Runtime.ImportModuleError", "nothing_like_it"),
    ("def other(e, c): pass\n", "app.handler", "Runtime.HandlerNotFound", "missing on module"),
    ("def handler(:\n", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module"),
    ("def handler(e, c):\n    return {1, 2}\n", "app.handler", "Runtime.MarshalError", "set"),
    ("import sys\ndef handler(e, c):\n    sys.exit(3)\n", "app.handler", "Runtime.ExitError",
     "exit status 3"),
    ("raise RuntimeError('at import')\n", "app.handler", "RuntimeError", "at import"),
    ("def handler(e, c):\n    return 'x' * 7_000_000\n", "app.handler",
     "Function.ResponseSizeTooLarge", "6291556"),
])
def test_what_the_runtime_finds_wrong(
    cloud: Cloud, request: pytest.FixtureRequest, source: str, handler: str, kind: str, words: str
) -> None:
    name = "wrong-" + kind.replace(".", "-")
    function(cloud, name, source, Handler=handler)
    error, told = invoke(cloud, name)
    assert (error, told["errorType"]) == ("Unhandled", kind)
    assert words in told["errorMessage"]


def test_a_function_past_its_time_is_killed_and_the_next_starts_anew(cloud: Cloud) -> None:
    function(cloud, "slow", """
import time
def handler(event, context):
    print("begun")
    time.sleep(event)
    return "done"
""", Timeout=1)
    error, told = invoke(cloud, "slow", 600)
    assert (error, told["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "Task timed out after 1.00 seconds" in told["errorMessage"]
    cloud.client("lambda").update_function_configuration(FunctionName="slow", Timeout=60)
    assert invoke(cloud, "slow", 0) == "done"
    log = "".join(lines(cloud, "slow"))
    assert "begun" in log
    assert "Status: timeout" in log


def test_a_function_over_its_memory_is_killed(cloud: Cloud) -> None:
    function(cloud, "fat", """
import time
kept = []
def handler(event, context):
    kept.append(b"x" * (300 << 20))
    time.sleep(30)
""", MemorySize=128)
    error, told = invoke(cloud, "fat")
    assert (error, told["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "signal: killed" in told["errorMessage"]
    assert "Error Type: Runtime.OutOfMemory" in lines(cloud, "fat")[-1]


def lines(cloud: Cloud, name: str) -> list[str]:
    """Return the log lines of a function."""
    found = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")
    return [one["message"] for one in found["events"]]


def test_the_log_has_start_end_and_report(cloud: Cloud) -> None:
    function(cloud, "talks", "def handler(e, c):\n    print('hello', e)\n    print('again')\n")
    client = cloud.client("lambda", read_timeout=120)
    done = client.invoke(FunctionName="talks", Payload=b'"you"', LogType="Tail")
    tail = base64.b64decode(done["LogResult"]).decode()
    assert [line.split(" ")[0].strip() for line in tail.splitlines()] == [
        "START", "hello", "again", "END", "REPORT",
    ]
    assert "".join(lines(cloud, "talks")) == tail
    assert "Init Duration" in tail
    assert done["ExecutedVersion"] == "$LATEST"
    client.invoke(FunctionName="talks", Payload=b"1")
    assert "Init Duration" not in lines(cloud, "talks")[-1]


def test_without_the_right_there_is_no_log(cloud: Cloud) -> None:
    who = role(cloud, "mute-role")
    cloud.client("lambda").create_function(
        FunctionName="mute", Runtime="python3.12", Role=who, Handler="app.handler",
        Code={"ZipFile": package(ECHO)},
    )
    assert invoke(cloud, "mute", 1) == 1
    found = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/mute")
    assert found["logGroups"] == []


def test_the_bill_gets_requests_and_gigabyte_seconds(cloud: Cloud) -> None:
    arn = function(cloud, "billed", ECHO, MemorySize=512, Tags={"lab": "x"})
    invoke(cloud, "billed", 1)
    used = [one for one in cloud.usage_records if one.resource == arn]
    assert {(one.item, one.unit, one.tags["lab"]) for one in used} == {
        ("requests", "request", "x"), ("duration", "GB-second", "x"),
    }
    (size,) = (one.exact for one in used if one.item == "duration")
    assert size > 0
    assert size % (size.__class__("0.0005")) == 0  # whole milliseconds of half a GB


def test_versions_keep_their_code_and_aliases_share_the_calls(cloud: Cloud) -> None:
    arn = function(cloud, "shop", "def handler(e, c):\n    return [1, c.invoked_function_arn]\n")
    client = cloud.client("lambda", read_timeout=120)
    assert client.publish_version(FunctionName="shop")["Version"] == "1"
    client.update_function_code(
        FunctionName="shop", ZipFile=package("def handler(e, c):\n    return [2, None]\n")
    )
    assert client.publish_version(FunctionName="shop")["Version"] == "2"
    client.create_alias(
        FunctionName="shop", Name="live", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}},
    )
    assert invoke(cloud, "shop", Qualifier="1") == [1, f"{arn}:1"]
    assert invoke(cloud, f"{arn}:2")[0] == 2
    seen = [invoke(cloud, "shop", Qualifier="live")[0] for _ in range(20)]
    assert (seen.count(1), seen.count(2)) == (15, 5)
    assert code(client.invoke, FunctionName="shop", Qualifier="9") == "ResourceNotFoundException"


def test_no_reserved_concurrency_is_no_call(cloud: Cloud) -> None:
    function(cloud, "closed", ECHO)
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName="closed", ReservedConcurrentExecutions=0)
    assert code(client.invoke, FunctionName="closed") == "TooManyRequestsException"
    client.delete_function_concurrency(FunctionName="closed")
    assert invoke(cloud, "closed", 5) == 5


def test_who_may_call(cloud: Cloud) -> None:
    arn = function(cloud, "private", ECHO)
    nobody = cloud.identity("nobody")
    caller = cloud.identity("caller", [allow(["lambda:InvokeFunction"], [arn])])
    assert code(
        cloud.client("lambda", nobody).invoke, FunctionName="private"
    ) == "AccessDeniedException"
    client = cloud.client("lambda", caller, read_timeout=120)
    assert client.invoke(FunctionName="private", Payload=b"1")["StatusCode"] == 200
    assert code(client.invoke, FunctionName="private", Qualifier="$LATEST") == (
        "AccessDeniedException"
    )
    assert code(client.get_function, FunctionName="private") == "AccessDeniedException"
    assert code(client.list_functions) == "AccessDeniedException"


def test_making_a_function_needs_the_right_to_give_its_role(cloud: Cloud) -> None:
    who = role(cloud, "given-role")
    maker = cloud.identity("maker", [allow(["lambda:CreateFunction"])])
    wanted: dict[str, Any] = {
        "FunctionName": "made", "Runtime": "python3.11", "Role": who, "Handler": "app.handler",
        "Code": {"ZipFile": package(ECHO)},
    }
    assert code(cloud.client("lambda", maker).create_function, **wanted) == "AccessDeniedException"
    assert cloud.log[-1].action == "lambda:CreateFunction"
    trusted = cloud.identity("trusted", [allow(["lambda:CreateFunction", "iam:PassRole"])])
    cloud.client("lambda", trusted).create_function(**wanted)


@pytest.mark.parametrize(("change", "error"), [
    ({"Runtime": "nodejs22.x"}, "InvalidParameterValueException"),
    ({"Role": "arn:aws:iam::123456789012:role/none"}, "InvalidParameterValueException"),
    ({"Timeout": 901}, "ValidationException"),
    ({"MemorySize": 64}, "ValidationException"),
    ({"FunctionName": "no spaces"}, "ValidationException"),
])
def test_what_cannot_be_made(cloud: Cloud, change: dict[str, Any], error: str) -> None:
    wanted: dict[str, Any] = {
        "FunctionName": "never", "Runtime": "python3.11", "Handler": "app.handler",
        "Code": {"ZipFile": package(ECHO)}, **change,
    }
    if "Role" not in change:
        wanted["Role"] = role(cloud, f"never-{sorted(change)[0]}")
    client = cloud.client("lambda", parameter_validation=False)
    assert code(client.create_function, **wanted) == error


def test_bad_calls(cloud: Cloud) -> None:
    function(cloud, "strict", ECHO)
    client = cloud.client("lambda")
    big = json.dumps("x" * (1 << 20)).encode()
    for arguments, error in (
        ({"Payload": b"{nothing"}, "InvalidRequestContentException"),
        ({"Payload": json.dumps("x" * (6 << 20)).encode()}, "RequestEntityTooLargeException"),
        ({"Payload": big, "InvocationType": "Event"}, "RequestEntityTooLargeException"),
        ({"FunctionName": "unknown"}, "ResourceNotFoundException"),
    ):
        assert code(client.invoke, **({"FunctionName": "strict"} | arguments)) == error
    assert client.invoke(FunctionName="strict", InvocationType="DryRun")["StatusCode"] == 204


def test_code_may_come_from_a_bucket(cloud: Cloud) -> None:
    cloud.bucket("packages")
    cloud.client("s3").put_object(Bucket="packages", Key="f.zip", Body=package(ECHO))
    cloud.client("lambda").create_function(
        FunctionName="stored", Runtime="python3.11", Role=role(cloud, "stored-role"),
        Handler="app.handler", Code={"S3Bucket": "packages", "S3Key": "f.zip"},
    )
    assert invoke(cloud, "stored", {"a": 1}) == {"a": 1}


def test_a_failed_event_is_tried_three_times_then_buried(cloud: Cloud) -> None:
    url, letters = queue(cloud, "dead-events")
    target, told = queue(cloud, "told-events")
    function(cloud, "asked", FAIL, "sqs:SendMessage", DeadLetterConfig={"TargetArn": letters})
    client = cloud.client("lambda")
    assert client.get_function_configuration(FunctionName="asked")["DeadLetterConfig"] == {
        "TargetArn": letters,
    }
    client.put_function_event_invoke_config(
        FunctionName="asked", DestinationConfig={"OnFailure": {"Destination": told}}
    )
    done = client.invoke(FunctionName="asked", InvocationType="Event", Payload=b'{"id": 7}')
    assert done["StatusCode"] == 202
    for seconds, runs in ((0, 1), (60, 2), (60, 2), (60, 3)):
        cloud.advance(seconds)
        cloud.settle()
        assert sum("START" in line for line in lines(cloud, "asked")) == runs
    assert bodies(cloud, url) == [{"id": 7}]
    (record,) = bodies(cloud, target)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"id": 7}
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_a_success_goes_to_its_destination_if_the_role_may(cloud: Cloud) -> None:
    url, told = queue(cloud, "glad-events")
    for name, rights in (("glad", ["sqs:SendMessage"]), ("sad", [])):
        function(cloud, name, ECHO, *rights)
        client = cloud.client("lambda")
        client.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": told}}
        )
        client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(name))
    cloud.settle()
    (record,) = bodies(cloud, url)
    assert (record["requestPayload"], record["requestContext"]["condition"]) == ("glad", "Success")
    refused = [c for c in cloud.log if c.operation == "SendMessage" and c.error == "AccessDenied"]
    assert "sad-role" in refused[-1].principal


def test_a_function_cannot_reach_past_its_cloud(cloud: Cloud) -> None:
    function(cloud, "curious", """
import os, socket
def handler(event, context):
    found = {}
    for name, what in (("host", lambda: open(event)),
                       ("net", lambda: socket.create_connection(("192.0.2.1", 80), 1))):
        try:
            what()
            found[name] = "open"
        except OSError as error:
            found[name] = "closed"
    return found
""")
    assert invoke(cloud, "curious", __file__) == {"host": "closed", "net": "closed"}


@pytest.mark.parametrize("box", [False, True], ids=["stand-in", "box"])
def test_a_function_runs_in_a_room_that_was_lent(box: bool) -> None:
    """As in a graded run: the cloud's parent opens the sandbox."""
    opened: list[Any] = []
    with contextlib.ExitStack() as stack:
        boxes = stack.enter_context(Launcher("exec")) if box else None

        def room(cpu: float, memory: int) -> Any:
            limits = Limits(cpu=min(cpu, 60), memory=max(memory, 256) << 20)
            opened.append(Folder() if boxes is None else boxes.open({}, limits))
            return opened[-1]

        listener = stack.enter_context(loopback())
        lent = stack.enter_context(private_cloud(listener, run=room))
        function(lent, "lent", COUNT.replace("/tmp/", "./"), MemorySize=256)
        lent.client("lambda").invoke(FunctionName="lent", InvocationType="Event", Payload=b"1")
        lent.settle()
        assert invoke(lent, "lent") == [2, 2]
        assert len(opened) == 1


def test_a_cloud_without_a_broker_says_so() -> None:
    with loopback() as listener, private_cloud(listener) as plain:
        function(plain, "f", ECHO)
        error, told = invoke(plain, "f")
    assert error == "Unhandled"
    assert "this cloud runs no programs" in told["errorMessage"]


def test_a_queue_policy_is_what_lets_a_service_in(cloud: Cloud) -> None:
    url, arn = open_queue(cloud, "open-to-s3", "s3", "arn:aws:s3:::mine")
    for name in ("mine", "other"):
        cloud.bucket(name)
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3 = cloud.client("s3")
    assert code(
        s3.put_bucket_notification_configuration, Bucket="other",
        NotificationConfiguration=wanted,
    ) == "InvalidArgument"
    s3.put_bucket_notification_configuration(Bucket="mine", NotificationConfiguration=wanted)
    cloud.settle()
    assert [one["Event"] for one in bodies(cloud, url)] == ["s3:TestEvent"]
