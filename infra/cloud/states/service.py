"""Step Functions behind the door: the engine keeps machines and runs them with their role.

Limit: what moto's interpreter knows of the Amazon States Language; there are no activities, and
express executions leave no history of their own.
"""

from __future__ import annotations

import copy
import json
import uuid
from typing import TYPE_CHECKING, Any

from infra.cloud import island, state
from infra.cloud.calls import Call, Need
from infra.cloud.errors import Answer, AwsError
from infra.cloud.island import Served, forward, plain
from infra.cloud.states import engine

if TYPE_CHECKING:
    from infra.cloud.inside import Inside, Later

SERVICE = "states.amazonaws.com"
LONGEST_INPUT = 262_144
_ABSENT = {
    "TestState", "CreateActivity", "DeleteActivity", "DescribeActivity", "ListActivities",
    "GetActivityTask",
}
LONGEST_SYNC = 300.0  # seconds of the cloud's clock that an express execution may take


def needs(call: Call) -> list[Need]:
    """Return what a call must be allowed to do; giving a role is a right of its own."""
    found = island.need_of_table(call)
    role = call.params.get("roleArn")
    if role:
        found.append(Need("iam:PassRole", str(role), {"iam:passedtoservice": SERVICE}))
    return found


def answer(call: Call, inside: Inside) -> Answer | Later:
    """Answer one call."""
    engine.follow(inside)
    if call.operation in {"CreateStateMachine", "UpdateStateMachine"}:
        _check_role(call)
    if call.operation == "StartExecution":
        _check_input(call)
        return _start(call)
    if call.operation == "StartSyncExecution":
        _check_input(call)
        return _start_sync(call, inside)
    if call.operation in _ABSENT:
        raise AwsError("NotImplemented", f"This cloud has no states:{call.operation}.", 501)
    if call.operation == "StopExecution":
        return _stop(call)
    return forward(call)


def _check_role(call: Call) -> None:
    role = call.params.get("roleArn")
    if role is None:
        return
    found = state.role_by_arn(str(role))
    if found is None or SERVICE not in json.dumps(
        state.document(found.assume_role_policy_document)
    ):
        raise AwsError(
            "AccessDeniedException",
            f"Neither the global service principal {SERVICE}, nor the regional one is authorized "
            f"to assume the provided role.",
        )


def _check_input(call: Call) -> None:
    text = call.params.get("input")
    if text is None:
        return
    if len(str(text).encode()) > LONGEST_INPUT:
        raise AwsError("InvalidExecutionInput", "Execution input exceeds 262144 bytes.")
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AwsError(
            "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
        ) from None


def _machine(call: Call) -> Any:
    from moto.stepfunctions.responses import get_backend

    from infra.cloud.dispatch import ACCOUNT

    arn = str(call.params.get("stateMachineArn"))
    backend = get_backend(ACCOUNT, call.region)
    for one in backend.state_machines:
        if arn == one.arn or arn.startswith(f"{one.arn}:"):
            return one
    raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def _start(call: Call) -> Answer:
    """Start an execution; one without a name gets one."""
    call.params["name"] = call.params.get("name") or str(uuid.uuid4())
    return forward(call)


def _stop(call: Call) -> Answer:
    """Stop an execution, for the error and the cause that are given: the engine forgets them."""
    arn = call.params.get("executionArn")
    for machine in engine.backends()[call.region].state_machines:
        for one in machine.executions:
            if one.exec_arn == arn and one.stop_date is None:
                one.error, one.cause = call.params.get("error"), call.params.get("cause")
    return forward(call)


def _start_sync(call: Call, inside: Inside) -> Answer | Later:
    """StartSyncExecution: start an express execution and wait for its end."""
    machine = _machine(call)
    if str(machine.type or "STANDARD").upper() != "EXPRESS":
        raise AwsError(
            "StateMachineTypeNotSupported",
            f"This operation is not supported by this type of state machine: '{machine.arn}'",
        )
    call.operation = "StartExecution"
    call.headers |= {"x-amz-target": "AWSStepFunctions.StartExecution"}
    done = _start(call)
    if done.status >= 300:
        return done
    arn = json.loads(done.body)["executionArn"]
    (execution,) = (one for one in machine.executions if one.exec_arn == arn)
    return lambda: _result(inside, execution)


def _result(inside: Inside, execution: Any) -> Answer:
    end = inside.clock.now() + LONGEST_SYNC
    with inside.agenda.occupied():
        while execution.stop_date is None and inside.clock.now() < end:
            engine._progress()[0].wait(0.5)
    told = dict(execution.to_describe_output())
    told["status"] = str(getattr(told["status"], "value", told["status"]))
    if execution.stop_date is None:
        told["status"] = "TIMED_OUT"
    for name in ("startDate", "stopDate"):
        if told.get(name) is not None:
            told[name] = told[name].timestamp()
    told["billingDetails"] = {"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64}
    return plain({name: value for name, value in told.items() if value is not None})


def hold(_: Inside) -> dict[str, list[Any]]:
    """Return the machines of each region, without their executions."""
    found = {}
    for region, backend in engine.backends().items():
        machines = [copy.copy(one) for one in backend.state_machines]
        for one in machines:
            one.executions, one.backend = [], None
        found[region] = machines
    return found


def revive(inside: Inside, held: dict[str, list[Any]] | None) -> None:
    """Take the machines of a kept cloud over; what they had run is forgotten."""
    if held:
        engine.follow(inside)
    for region, machines in (held or {}).items():
        backend = engine.backends()[region]
        for one in machines:
            one.backend = backend
        backend.state_machines[:] = machines


SERVED = Served("states", needs, answer, hold=hold, revive=revive)
