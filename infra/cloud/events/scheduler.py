"""EventBridge Scheduler: schedules that fire once or again and again, with a role of their own.

The engine keeps schedules and groups. Limit: a flexible window counts as its beginning, a failed
call is not tried again (its dead-letter queue gets it).
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch, state
from infra.cloud.calls import Call, Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError
from infra.cloud.events import schedules
from infra.cloud.events.delivery import Actor, Target, attempt
from infra.cloud.events.rules import stamp
from infra.cloud.island import Served, forward, island
from infra.cloud.island import action as action_of

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

SERVICE = "scheduler.amazonaws.com"
UNIVERSAL = "arn:aws:scheduler:::aws-sdk:"


def needs(call: Call) -> list[Need]:
    """Return what a call must be allowed to do."""
    params, action = call.params, action_of(call)
    group = str(params.get("GroupName") or "default")
    start = f"arn:aws:scheduler:{call.region}:{ACCOUNT}"
    if "Schedule" in call.operation and "Group" not in call.operation and params.get("Name"):
        found = [Need(action, f"{start}:schedule/{group}/{params['Name']}")]
    elif params.get("Name"):
        found = [Need(action, f"{start}:schedule-group/{params['Name']}")]
    else:
        found = [Need(action, str(params.get("ResourceArn") or "*"))]
    role = (params.get("Target") or {}).get("RoleArn")
    if role:
        found.append(Need("iam:PassRole", role, {"iam:passedtoservice": SERVICE}))
    return found


def put(call: Call, inside: Inside) -> Answer:
    """CreateSchedule and UpdateSchedule: refuse what could never fire, set the clock."""
    params = call.params
    try:
        schedules.check(
            params["ScheduleExpression"], params.get("ScheduleExpressionTimezone") or "UTC", True
        )
    except ValueError as error:
        text = f"Invalid Schedule Expression {params['ScheduleExpression']}: {error}."
        raise AwsError("ValidationException", text) from None
    role = state.role_by_arn((params.get("Target") or {}).get("RoleArn", ""))
    if role is None or SERVICE not in json.dumps(state.document(role.assume_role_policy_document)):
        raise AwsError(
            "ValidationException", "The execution role you provide must allow AWS EventBridge "
            "Scheduler to assume the role.",
        )
    done = forward(call)
    if done.status < 300:
        group = dispatch.backend("scheduler", call.region).schedule_groups[
            params.get("GroupName") or "default"
        ]
        kept = group.schedules[params["Name"]]
        kept.rounds = getattr(kept, "rounds", 0) + 1
        after = params.get("ActionAfterCompletion")
        kept.action_after_completion = after or kept.action_after_completion
        _arm(inside, kept)
    return done


def _arm(inside: Inside, kept: Any) -> None:
    begun = _from(kept, inside.clock.now())
    _next(inside, kept, begun, begun, kept.rounds)


def revive(inside: Inside, _: Any) -> None:
    """Set the clocks of all schedules again, counted from now."""
    for backend in dispatch.regional("scheduler"):
        for group in backend.schedule_groups.values():
            for kept in list(group.schedules.values()):
                _arm(inside, kept)


def _from(kept: Any, now: float) -> float:
    start = kept.start_date
    return max(now, float(start)) if start else now


def _next(inside: Inside, kept: Any, after: float, begun: float, number: int) -> None:
    if kept.state != "ENABLED":
        return
    moment = schedules.following(
        kept.schedule_expression, after, begun, kept.schedule_expression_timezone
    )
    over = kept.end_date and moment is not None and moment > float(kept.end_date)
    if moment is not None and not over:
        inside.agenda.at(moment, lambda: _ring(inside, kept, moment, begun, number))
    elif kept.action_after_completion == "DELETE":
        with inside.door.lock:
            _group(kept).schedules.pop(kept.name, None)


def _group(kept: Any) -> Any:
    region = kept.arn.split(":")[3]
    return dispatch.backend("scheduler", region).schedule_groups[kept.group_name]


def _ring(inside: Inside, kept: Any, moment: float, begun: float, number: int) -> None:
    with inside.door.lock:
        there = _group(kept).schedules.get(kept.name) is kept
    if not there or kept.rounds != number:
        return
    _fire(inside, kept, moment)
    _next(inside, kept, moment, begun, number)


def _fire(inside: Inside, kept: Any, moment: float) -> None:
    target = kept.target
    told = {
        "schedule-arn": kept.arn, "scheduled-time": stamp(moment),
        "execution-id": str(uuid.uuid4()), "attempt-number": "1",
    }
    body = str(target.get("Input") or json.dumps({
        "version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event",
        "time": told["scheduled-time"], "resources": [kept.arn], "detail": "{}",
    }))
    for name, value in told.items():
        body = body.replace(f"<aws.scheduler.{name}>", value)
    if target["Arn"].startswith(UNIVERSAL):
        _call(inside, kept, target, body)
        return
    place = Target(
        target["Arn"], (target.get("DeadLetterConfig") or {}).get("Arn", ""),
        (target.get("SqsParameters") or {}).get("MessageGroupId", ""),
        (target.get("KinesisParameters") or {}).get("PartitionKey", ""),
    )
    attempt(inside, Actor(SERVICE, kept.arn, target["RoleArn"]), place, body)


def _call(inside: Inside, kept: Any, target: dict[str, Any], body: str) -> None:
    """A universal target: one call of any service, with the schedule's role."""
    from botocore.exceptions import BotoCoreError, ClientError

    wrong = (ClientError, BotoCoreError, AttributeError, TypeError, ValueError, LookupError)
    service, _, name = target["Arn"].removeprefix(UNIVERSAL).partition(":")
    method = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    try:
        getattr(inside.client(service, target["RoleArn"], "scheduler"), method)(**json.loads(body))
    except wrong as error:
        queue = (target.get("DeadLetterConfig") or {}).get("Arn", "")
        if queue:
            words = {"ERROR_MESSAGE": {"DataType": "String", "StringValue": str(error)[:1000]}}
            actor = Actor(SERVICE, kept.arn, target["RoleArn"])
            attempt(inside, actor, Target(queue, attributes=words), body)


SERVED: Served = island(
    "scheduler", own={"CreateSchedule": put, "UpdateSchedule": put}, needs=needs, revive=revive
)
