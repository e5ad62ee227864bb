"""Step Functions by boto3: each kind of state, what it calls and with whose rights, its history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.cloud.fixtures import Cloud, allow, loopback, private_cloud
from tests.infra.client import code
from tests.infra.compute import bodies, function, open_queue, queue, role, trust


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener, run="here") as made:
        yield made


def machine(
    cloud: Cloud, name: str, states: dict[str, Any], *actions: str, kind: str = "STANDARD",
    **more: Any,
) -> str:
    """Make a state machine with a role of its own; its first state is the first one given."""
    who = role(cloud, f"{name}-role", *actions, service="states")
    definition = json.dumps({"StartAt": next(iter(states)), "States": states, **more})
    made = cloud.client("stepfunctions").create_state_machine(
        name=name, definition=definition, roleArn=who, type=kind
    )
    return str(made["stateMachineArn"])


def start(cloud: Cloud, arn: str, given: Any = None) -> str:
    done = cloud.client("stepfunctions").start_execution(
        stateMachineArn=arn, input=json.dumps({} if given is None else given)
    )
    return str(done["executionArn"])


def run(cloud: Cloud, arn: str, given: Any = None) -> dict[str, Any]:
    """Run an execution to its end; `output` as data."""
    execution = start(cloud, arn, given)
    cloud.settle()
    return told(cloud, execution)


def told(cloud: Cloud, execution: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=execution)
    if "output" in found:
        found["output"] = json.loads(found["output"])
    return found


def history(cloud: Cloud, execution: str) -> list[str]:
    found = cloud.client("stepfunctions").get_execution_history(executionArn=execution)
    return [event["type"] for event in found["events"]]


def test_states_pass_choose_and_end(cloud: Cloud) -> None:
    arn = machine(cloud, "chooses", {
        "Ask": {"Type": "Choice", "Choices": [
            {"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Large"},
            {"Variable": "$.n", "NumericEquals": 0, "Next": "Broken"},
        ], "Default": "Small"},
        "Large": {"Type": "Pass", "Result": "large", "ResultPath": "$.size", "Next": "Done"},
        "Small": {"Type": "Pass", "Parameters": {"size": "small", "was.$": "$.n"}, "Next": "Done"},
        "Done": {"Type": "Succeed"},
        "Broken": {"Type": "Fail", "Error": "NoParcels", "Cause": "there are none"},
    })
    assert run(cloud, arn, {"n": 11})["output"] == {"n": 11, "size": "large"}
    assert run(cloud, arn, {"n": 3})["output"] == {"size": "small", "was": 3}
    failed = run(cloud, arn, {"n": 0})
    assert (failed["status"], failed["error"], failed["cause"]) == (
        "FAILED", "NoParcels", "there are none",
    )
    assert history(cloud, failed["executionArn"]) == [
        "ExecutionStarted", "ChoiceStateEntered", "ChoiceStateExited", "FailStateEntered",
        "ExecutionFailed",
    ]


def test_parallel_and_map_keep_their_order(cloud: Cloud) -> None:
    double = {"StartAt": "D", "States": {"D": {
        "Type": "Pass", "End": True,
        "Parameters": {"out.$": "States.MathAdd($.n, $.n)"},
    }}}
    arn = machine(cloud, "spreads", {
        "Both": {"Type": "Parallel", "Next": "Each", "ResultPath": "$.both", "Branches": [
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 1, "End": True}}},
            {"StartAt": "B", "States": {"B": {"Type": "Pass", "Result": 2, "End": True}}},
        ]},
        "Each": {"Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.each", "End": True,
                 "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **double}},
    })
    done = run(cloud, arn, {"items": [{"n": n} for n in range(5)]})["output"]
    assert done["both"] == [1, 2]
    assert [one["out"] for one in done["each"]] == [0, 2, 4, 6, 8]


def test_a_wait_ends_by_the_clouds_clock(cloud: Cloud) -> None:
    arn = machine(cloud, "waits", {
        "W": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "End"},
        "End": {"Type": "Succeed"},
    })
    execution = start(cloud, arn, {"seconds": 86400})
    cloud.settle()
    assert told(cloud, execution)["status"] == "RUNNING"
    cloud.advance(86000)
    cloud.settle()
    assert told(cloud, execution)["status"] == "RUNNING"
    cloud.advance(500)
    cloud.settle()
    assert told(cloud, execution)["status"] == "SUCCEEDED"


def test_a_function_is_tried_again_then_caught(cloud: Cloud) -> None:
    arn = function(cloud, "trips-up", """
def handler(event, context):
    if event["kind"] == "fine":
        return {"got": event}
    raise KeyError(event["kind"])
""")
    states = {
        "Call": {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": arn, "Payload.$": "$"},
            "Retry": [{"ErrorEquals": ["KeyError"], "IntervalSeconds": 60, "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}],
            "ResultSelector": {"payload.$": "$.Payload"}, "End": True,
        },
        "Caught": {"Type": "Pass", "End": True},
    }
    made = machine(cloud, "retries", states, "lambda:InvokeFunction")
    assert run(cloud, made, {"kind": "fine"})["output"] == {"payload": {"got": {"kind": "fine"}}}
    execution = start(cloud, made, {"kind": "bad"})
    cloud.settle()
    assert told(cloud, execution)["status"] == "RUNNING"
    for seconds in (61, 121):  # the second wait is twice as long
        cloud.advance(seconds)
        cloud.settle()
    done = told(cloud, execution)
    assert (done["status"], done["output"]["error"]["Error"]) == ("SUCCEEDED", "KeyError")
    assert history(cloud, execution).count("TaskFailed") == 3


def test_a_task_has_its_machines_rights_and_no_others(cloud: Cloud) -> None:
    url, arn = queue(cloud, "work")
    states = {"Send": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True,
        "Parameters": {"QueueUrl": url, "MessageBody.$": "$"},
    }}
    may = machine(cloud, "may-send", states, "sqs:SendMessage")
    assert run(cloud, may, {"a": 1})["status"] == "SUCCEEDED"
    assert bodies(cloud, url) == [{"a": 1}]
    calls = [c for c in cloud.log if c.operation == "SendMessage" and c.resource == arn]
    assert "assumed-role/may-send-role" in calls[0].principal
    may_not = machine(cloud, "may-not-send", states)
    failed = run(cloud, may_not, {"a": 1})
    assert failed["status"] == "FAILED"
    assert "not authorized to perform: sqs:SendMessage" in failed["cause"]


def test_other_services_are_called_as_they_are(cloud: Cloud) -> None:
    topic = cloud.client("sns").create_topic(Name="results")["TopicArn"]
    url, arn = open_queue(cloud, "results", "sns", topic)
    cloud.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    cloud.client("dynamodb").create_table(
        TableName="results", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    cloud.bucket("results")
    arn = machine(cloud, "calls", {
        "Keep": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem",
                 "Parameters": {"TableName": "results", "Item": {"id": {"S.$": "$.id"}}},
                 "ResultPath": None, "Next": "Store"},
        "Store": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
                  "Parameters": {"Bucket": "results", "Key.$": "$.id", "Body": {"a": 1}},
                  "ResultPath": None, "Next": "Tell"},
        "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
                 "Parameters": {"TopicArn": topic, "Message.$": "$.id"}, "End": True},
    }, "dynamodb:PutItem", "s3:PutObject", "sns:Publish")
    assert run(cloud, arn, {"id": "r1"})["status"] == "SUCCEEDED"
    cloud.settle()
    found = cloud.client("dynamodb").get_item(TableName="results", Key={"id": {"S": "r1"}})
    assert found["Item"] == {"id": {"S": "r1"}}
    assert json.loads(cloud.client("s3").get_object(Bucket="results", Key="r1")["Body"].read()) == {
        "a": 1,
    }
    assert bodies(cloud, url) == ["r1"]


def test_a_machine_waits_for_another(cloud: Cloud) -> None:
    inner = machine(cloud, "inner", {
        "W": {"Type": "Wait", "Seconds": 3600, "Next": "P"},
        "P": {"Type": "Pass", "Result": {"inner": True}, "End": True},
    })
    outer = machine(cloud, "outer", {"Run": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": True,
        "Parameters": {"StateMachineArn": inner}, "ResultSelector": {"out.$": "$.Output"},
    }}, "states:*", "events:*")
    execution = start(cloud, outer)
    cloud.settle()
    assert told(cloud, execution)["status"] == "RUNNING"
    cloud.advance(3601)
    cloud.settle()
    assert told(cloud, execution)["output"] == {"out": {"inner": True}}


def test_a_task_waits_for_its_token(cloud: Cloud) -> None:
    url, _ = queue(cloud, "tokens")
    arn = machine(cloud, "asks", {"Ask": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}, "End": True,
    }}, "sqs:SendMessage")
    client = cloud.client("stepfunctions")
    for send, status in (
        (lambda token: client.send_task_success(taskToken=token, output='{"ok": 1}'), "SUCCEEDED"),
        (lambda token: client.send_task_failure(taskToken=token, error="No", cause="not today"),
         "FAILED"),
    ):
        execution = start(cloud, arn)
        cloud.settle()
        assert told(cloud, execution)["status"] == "RUNNING"
        send(bodies(cloud, url)[0]["token"])
        cloud.settle()
        done = told(cloud, execution)
        assert done["status"] == status
        assert done.get("output", done.get("error")) in ({"ok": 1}, "No")


def test_timeouts_go_by_the_clouds_clock(cloud: Cloud) -> None:
    url, _ = queue(cloud, "never")
    ask = {"Ask": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}, "End": True,
    }}
    task = {"Ask": ask["Ask"] | {"TimeoutSeconds": 600}}
    one = start(cloud, machine(cloud, "task-late", task, "sqs:SendMessage"))
    wait = {"W": {"Type": "Wait", "Seconds": 7200, "End": True}}
    two = start(cloud, machine(cloud, "all-late", wait, TimeoutSeconds=600))
    cloud.settle()
    cloud.advance(601)
    cloud.settle()
    done = told(cloud, one)
    assert (done["status"], done["error"]) == ("FAILED", "States.Timeout")
    assert told(cloud, two)["status"] == "TIMED_OUT"


def test_an_execution_can_be_stopped(cloud: Cloud) -> None:
    arn = machine(cloud, "stops", {"W": {"Type": "Wait", "Seconds": 7200, "End": True}})
    execution = start(cloud, arn)
    cloud.settle()
    client = cloud.client("stepfunctions")
    client.stop_execution(executionArn=execution, error="Enough", cause="by hand")
    cloud.settle()
    assert told(cloud, execution)["status"] == "ABORTED"
    found = client.list_executions(stateMachineArn=arn, statusFilter="ABORTED")["executions"]
    assert [one["executionArn"] for one in found] == [execution]


def test_express_machines_answer_at_once(cloud: Cloud) -> None:
    arn = machine(cloud, "quick", {
        "P": {"Type": "Pass", "Parameters": {"twice.$": "States.MathAdd($.n, $.n)"}, "Next": "C"},
        "C": {"Type": "Choice", "Choices": [
            {"Variable": "$.twice", "NumericGreaterThan": 10, "Next": "No"}], "Default": "Yes"},
        "Yes": {"Type": "Succeed"}, "No": {"Type": "Fail", "Error": "TooMuch"},
    }, kind="EXPRESS")
    client = cloud.client("stepfunctions", inject_host_prefix=False)
    done = client.start_sync_execution(stateMachineArn=arn, input='{"n": 4}')
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"twice": 8})
    done = client.start_sync_execution(stateMachineArn=arn, input='{"n": 6}')
    assert (done["status"], done["error"]) == ("FAILED", "TooMuch")
    slow = machine(cloud, "standard", {"P": {"Type": "Pass", "End": True}})
    assert code(client.start_sync_execution, stateMachineArn=slow) == (
        "StateMachineTypeNotSupported"
    )


def test_jsonata(cloud: Cloud) -> None:
    arn = machine(cloud, "asks-jsonata", {
        "Sum": {"Type": "Pass", "Assign": {"name": "{% $states.input.name %}"},
                "Output": "{% {'total': $sum($states.input.parcels.weight)} %}", "Next": "Ask"},
        "Ask": {"Type": "Choice", "Default": "Light", "Choices": [
            {"Condition": "{% $states.input.total > 5 %}", "Next": "Heavy"}]},
        "Heavy": {"Type": "Succeed", "Output": {"for": "{% $name %}", "heavy": True}},
        "Light": {"Type": "Succeed", "Output": {"for": "{% $name %}", "heavy": False}},
    }, QueryLanguage="JSONata")
    parcels = [{"weight": 2}, {"weight": 4}]
    assert run(cloud, arn, {"name": 'the "big" one', "parcels": parcels})["output"] == {
        "for": 'the "big" one', "heavy": True,
    }
    assert run(cloud, arn, {"name": "x", "parcels": parcels[:1]})["output"]["heavy"] is False


def test_what_cannot_be_made_or_started(cloud: Cloud) -> None:
    client = cloud.client("stepfunctions")
    good = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    who = role(cloud, "good-role", service="states")
    other = role(cloud, "wrong-role", service="ec2")
    for name, definition, arn, error in (
        ("broken", "{not json", who, "InvalidDefinition"),
        ("nothing", '{"StartAt": "P"}', who, "InvalidDefinition"),
        ("no role", good, who, "InvalidName"),
        ("stranger", good, other, "AccessDeniedException"),
    ):
        assert code(
            client.create_state_machine, name=name, definition=definition, roleArn=arn
        ) == error
    made = client.create_state_machine(name="good", definition=good, roleArn=who)
    arn = made["stateMachineArn"]
    assert code(client.start_execution, stateMachineArn=arn, input="{") == "InvalidExecutionInput"
    assert code(client.start_execution, stateMachineArn=arn + "x") == "StateMachineDoesNotExist"
    client.start_execution(stateMachineArn=arn, name="once", input='{"a": 1}')
    assert code(
        client.start_execution, stateMachineArn=arn, name="once", input='{"a": 2}'
    ) == "ExecutionAlreadyExists"


def test_who_may_start_and_who_may_give_a_role(cloud: Cloud) -> None:
    arn = machine(cloud, "guarded", {"P": {"Type": "Pass", "End": True}})
    starter = cloud.identity("starter", [allow(["states:StartExecution"], [arn])])
    client = cloud.client("stepfunctions", starter)
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    assert code(client.describe_execution, executionArn=execution) == "AccessDeniedException"
    maker = cloud.identity("machinist", [allow(["states:*"])])
    given = cloud.role("given", trust("states"), []).arn
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    assert code(
        cloud.client("stepfunctions", maker).create_state_machine, name="sneaky",
        definition=definition, roleArn=given,
    ) == "AccessDeniedException"


def test_the_end_of_an_execution_is_an_event(cloud: Cloud) -> None:
    url, arn = open_queue(cloud, "ended", "events", "*")
    events = cloud.client("events")
    events.put_rule(Name="ended", EventPattern=json.dumps(
        {"source": ["aws.states"], "detail": {"status": ["FAILED"]}}
    ))
    events.put_targets(Rule="ended", Targets=[{"Id": "1", "Arn": arn}])
    made = machine(cloud, "ends", {"F": {"Type": "Fail", "Error": "Because"}})
    execution = run(cloud, made)["executionArn"]
    cloud.settle()
    found = [one["detail"]["executionArn"] for one in bodies(cloud, url)]
    assert found == [execution]
