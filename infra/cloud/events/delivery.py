"""Services that act for somebody: one call of another service, allowed, done and logged.

A rule, a topic, a bucket or a schedule reaches its target here: as the service itself, which the
target's own policy must allow, or with the rights of a role that it was given. Limit: within one
region and account; what cannot be delivered goes to the dead-letter queue if there is one, once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch, routes, state, sts, verdicts
from infra.cloud.calls import Call, Caller, Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError, access_denied
from infra.cloud.iam import Document, Principal

if TYPE_CHECKING:
    from infra.cloud.inside import Inside


@dataclass(frozen=True)
class Actor:
    """Who delivers: a service by its principal's name, for a resource; or a role's session."""

    service: str
    source: str = ""
    role: str = ""

    def principal(self) -> Principal:
        """Return the principal. AwsError: the role does not exist."""
        if not self.role:
            return Principal("service", self.service, "")
        found = state.role_by_arn(self.role)
        if found is None:
            raise AwsError("AccessDenied", f"There is no role {self.role}.", 403)
        return sts.role_principal(found, self.service.partition(".")[0])

    def context(self) -> dict[str, str]:
        """Return the condition keys that tell for whom a service acts."""
        if self.role or not self.source:
            return {}
        return {
            "aws:sourcearn": self.source, "aws:sourceaccount": ACCOUNT, "aws:sourceowner": ACCOUNT,
        }


@dataclass(frozen=True)
class Target:
    """Where something goes: an ARN, and what the kind of target asks for besides."""

    arn: str
    dead_letters: str = ""
    group: str = ""  # of a FIFO queue
    partition: str = ""  # of a stream
    attributes: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""
    name: str = ""  # of an execution


def send(inside: Inside, actor: Actor, target: Target, body: str) -> None:
    """Deliver soon, on a thread of the cloud's own."""
    inside.agenda.soon(lambda: attempt(inside, actor, target, body))


def attempt(inside: Inside, actor: Actor, target: Target, body: str) -> bool:
    """Deliver now; what fails goes to the dead-letter queue. Not under the door's lock."""
    try:
        deliver(inside, actor, target, body)
    except AwsError as error:
        if target.dead_letters:
            told = {
                "ERROR_CODE": error.code, "ERROR_MESSAGE": error.message, "TARGET_ARN": target.arn,
            }
            words = {k: {"DataType": "String", "StringValue": v} for k, v in told.items()}
            attempt(inside, actor, Target(target.dead_letters, attributes=words), body)
        return False
    return True


def deliver(inside: Inside, actor: Actor, target: Target, body: str) -> Answer:
    """Deliver now. AwsError: refused, or the target is not there."""
    service, operation, params = request(target, body)
    region = target.arn.split(":")[3] or inside.region
    return perform(inside, actor, service, operation, params, region)


def request(target: Target, body: str) -> tuple[str, str, dict[str, Any]]:
    """Return the call that a delivery is. AwsError: nothing can be delivered there."""
    kind, last = target.arn.split(":")[2], target.arn.rsplit(":", 1)[-1]
    if kind == "lambda":
        data = {"FunctionName": target.arn, "InvocationType": "Event", "Payload": body.encode()}
        return "lambda", "Invoke", data
    if kind == "sqs":
        return "sqs", "SendMessage", _message(target, last, body)
    if kind == "sns":
        subject = {"Subject": target.subject} if target.subject else {}
        return "sns", "Publish", {"TopicArn": target.arn, "Message": body, **subject}
    if kind == "states":
        name = {"name": target.name} if target.name else {}
        return "states", "StartExecution", {"stateMachineArn": target.arn, "input": body, **name}
    if kind == "kinesis":
        import base64

        return "kinesis", "PutRecord", {
            "StreamName": last.partition("/")[2], "PartitionKey": target.partition or "0",
            "Data": base64.b64encode(body.encode()).decode(),
        }
    if kind == "events" and last.startswith("event-bus/"):
        return "events", "PutEvents", {"Entries": [_entry(last.partition("/")[2], body)]}
    if kind == "logs":
        return "logs", "PutLogEvents", _lines(target.arn, body)
    raise AwsError("InvalidTarget", f"This cloud delivers nothing to {target.arn}.")


def _message(target: Target, queue: str, body: str) -> dict[str, Any]:
    url = f"https://sqs.{target.arn.split(':')[3]}.amazonaws.com/{ACCOUNT}/{queue}"
    params: dict[str, Any] = {"QueueUrl": url, "MessageBody": body}
    if target.group:
        params["MessageGroupId"] = target.group
    if target.attributes:
        params["MessageAttributes"] = dict(target.attributes)
    return params


def _entry(bus: str, body: str) -> dict[str, Any]:
    event = json.loads(body)
    return {
        "Source": event.get("source", ""), "DetailType": event.get("detail-type", ""),
        "Detail": json.dumps(event.get("detail", {})), "EventBusName": bus,
        "Resources": event.get("resources", []),
    }


def _lines(arn: str, body: str) -> dict[str, Any]:
    group = arn.split(":log-group:")[-1].removesuffix(":*")
    stamp = int(1000 * time.time())
    return {
        "logGroupName": group, "logStreamName": f"events-{stamp}",
        "logEvents": [{"timestamp": stamp, "message": body}],
    }


def perform(
    inside: Inside, actor: Actor, service: str, operation: str, params: Mapping[str, Any],
    region: str,
) -> Answer:
    """Make one call as this actor; it is authorised and logged as any other. AwsError: refused."""
    from infra.cloud import registry

    call = _call(inside, actor, service, operation, params, region)
    record: dict[str, Any] = {"action": "", "resource": "", "status": 200, "error": ""}
    try:
        with inside.door.lock:
            for need in registry.needs(service)(call):
                record |= {"action": need.action, "resource": need.resource}
                _require(call, actor, need)
            if service == "logs":
                _stream(call)
            answer = registry.ISLANDS[service].answer(call, inside)
        done = answer() if callable(answer) else answer
        if done.status >= 300:
            raise _failure(done)
    except AwsError as error:
        record |= {"status": error.status, "error": error.code}
        raise
    finally:
        _note(inside, call, actor, record)
    return done


def _call(
    inside: Inside, actor: Actor, service: str, operation: str, params: Mapping[str, Any],
    region: str,
) -> Call:
    from infra.cloud.table import ENTRIES

    entry = ENTRIES[service]
    model = routes.model(entry.model)
    if entry.also and operation not in model.operation_names:
        model = routes.model(entry.also)
    prefix = model.metadata.get("targetPrefix", "")
    kind = "application/x-amz-json-1.1"
    headers = {"x-amz-target": f"{prefix}.{operation}", "content-type": kind}
    return Call(
        service, region, operation, dict(params), Caller(actor.principal(), ""), headers=headers,
        secure=True, time=inside.clock.now(), real_time=inside.clock.real(),
    )


def _require(call: Call, actor: Actor, need: Need) -> None:
    need = replace(
        need, context={**need.context, **actor.context()},
        policy=need.policy if need.policy is not None else resource_policy(need.resource),
    )
    context = call.context() | {"aws:viaawsservice": "true"}
    decision = verdicts.decide(call.principal, need, context)
    if not decision.allowed:
        raise access_denied(call.service, verdicts.refusal(call, need, decision))


def resource_policy(arn: str) -> Document | None:
    """Return the policy of a queue or topic or function; None: it has none."""
    _, _, kind, region, _, name = [*arn.split(":", 5), "", "", "", "", ""][:6]
    if kind == "sqs":
        found = dispatch.backend("sqs", region).queues.get(name)
        text = getattr(found, "policy", None) if found is not None else None
    elif kind == "sns":
        found = dispatch.backend("sns", region).topics.get(arn)
        text = found.policy if found is not None else None
    elif kind == "lambda":
        from infra.cloud.lambdas import functions

        return functions.policy(region, functions.parts(arn, region)[1])
    else:
        return None
    return state.document(text) if text else None


def _stream(call: Call) -> None:
    """A rule makes the stream that it writes to."""
    backend = dispatch.backend("logs", call.region)
    backend.ensure_log_stream(call.params["logGroupName"], call.params["logStreamName"])


def _failure(answer: Answer) -> AwsError:
    from infra.cloud.objects import error_code

    try:
        told = json.loads(answer.body)
        code = str(told.get("__type", "Failure")).rpartition("#")[2]
        message = str(told.get("message") or told.get("Message") or "")
    except ValueError:
        code, message = error_code(answer) or "Failure", ""
    return AwsError(code, message, answer.status)


def _note(inside: Inside, call: Call, actor: Actor, record: Mapping[str, Any]) -> None:
    inside.log.add(
        **record, time=call.real_time, service=call.service, operation=call.operation,
        principal=call.principal.arn or actor.service, key_id="", received=0, bytes=0, tls=True,
        by="service", virtual=call.time, detail=actor.source,
    )
