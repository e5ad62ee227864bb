"""Lambda behind the door: the engine keeps functions, invocations and event sources are ours.

Limit: Python in zip packages; no layers, function URLs, streaming, VPCs, or provisioned
concurrency: what is asked for of these is kept by the engine and changes nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from infra.cloud import state
from infra.cloud.calls import Call, Need, request_tags, resource_tags
from infra.cloud.errors import Answer, AwsError
from infra.cloud.events import mappings
from infra.cloud.inside import Inside, Later
from infra.cloud.island import Served, Work, forward, plain
from infra.cloud.lambdas import functions, invocations, journal, queued

if TYPE_CHECKING:
    from infra.cloud.lambdas.functions import Version

MIB = 1 << 20
LONGEST_EVENT = 6 * MIB  # of a call that waits for the answer
LONGEST_QUEUED = 1 * MIB  # of one that does not
ACTIONS = {
    "Invoke": "InvokeFunction", "InvokeAsync": "InvokeAsync", "ListTags": "ListTags",
    "GetFunctionConfiguration": "GetFunctionConfiguration",
}
_GIVE_ROLE = {"CreateFunction", "UpdateFunctionConfiguration"}
_KEEP = {"CreateFunction", "UpdateFunctionConfiguration"}


def needs(call: Call) -> list[Need]:
    """Return what a call must be allowed to do."""
    action = f"lambda:{ACTIONS.get(call.operation, call.operation)}"
    if call.operation in mappings.OPERATIONS:
        return mappings.needs(call, action)
    name = call.params.get("FunctionName") or _of_arn(call)
    if not name:
        return [Need(action, "*")]
    region, plain_name, given = functions.parts(str(name), call.region)
    qualifier = given or str(call.params.get("Qualifier") or "")
    resource = functions.arn(region, plain_name, qualifier)
    found = [Need(action, resource, _context(call, region, plain_name), functions.policy(
        region, plain_name
    ))]
    role = call.params.get("Role")
    if call.operation in _GIVE_ROLE and role:
        found.append(Need("iam:PassRole", role, {"iam:passedtoservice": "lambda.amazonaws.com"}))
    return found


def _of_arn(call: Call) -> str:
    """Return the function that a call about tags names by its ARN."""
    named = str(call.params.get("Resource") or "")
    return named if ":function:" in named else ""


def _context(call: Call, region: str, name: str) -> dict[str, Any]:
    kept = functions.latest(region, name)
    given = call.params.get("Tags")
    tags = request_tags(given) if isinstance(given, dict) else {}
    return {**tags, **(resource_tags(kept.tags) if kept is not None else {})}


def answer(call: Call, inside: Inside) -> Answer | Later:
    """Answer one call."""
    own = OWN.get(call.operation)
    if own is not None:
        return own(call, inside)
    if call.operation in _KEEP:
        _check(call)
    done = forward(call)
    if call.operation in _KEEP and done.status < 300:
        kept = functions.find(call.region, call.params["FunctionName"]).kept
        functions.keep(kept, call.params)
    return _complete(call, done)


def _check(call: Call) -> None:
    """Refuse what this cloud cannot run, in words that say so."""
    params, creates = call.params, call.operation == "CreateFunction"
    if creates and params.get("PackageType", "Zip") != "Zip":
        raise _invalid("This cloud runs functions from zip packages; images it does not run.")
    runtime = params.get("Runtime")
    if (creates or runtime is not None) and not str(runtime or "").startswith("python3."):
        raise _invalid(
            f"Value {runtime} at 'runtime' failed: this cloud runs python3.x functions only."
        )
    role = params.get("Role")
    if role is not None:
        found = state.role_by_arn(role)
        if found is None or not _trusts_lambda(found):
            raise _invalid("The role defined for the function cannot be assumed by Lambda.")
    for name, low, high in (("Timeout", 1, 900), ("MemorySize", 128, 10240)):
        value = params.get(name)
        if value is not None and not low <= int(value) <= high:
            raise AwsError(
                "ValidationException", f"1 validation error detected: Value '{value}' at "
                f"'{name[0].lower()}{name[1:]}' failed to satisfy constraint: "
                f"Member must have value from {low} to {high}",
            )


def _trusts_lambda(role: Any) -> bool:
    document = state.document(role.assume_role_policy_document)
    return "lambda.amazonaws.com" in json.dumps(document)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


def _complete(call: Call, done: Answer) -> Answer:
    """Add to a description of a function what the engine does not keep."""
    if done.status >= 300 or call.operation not in {
        "CreateFunction", "GetFunction", "GetFunctionConfiguration", "UpdateFunctionConfiguration",
    }:
        return done
    told = json.loads(done.body)
    settings = told.get("Configuration", told)
    kept = functions.latest(call.region, settings["FunctionName"])
    if kept is not None:
        settings.update(functions.extras(kept))
    return Answer(done.status, done.headers, json.dumps(told).encode())


# --- invoking -----------------------------------------------------------------------------------


def invoke(call: Call, inside: Inside) -> Answer | Later:
    """Invoke: wait for the answer, accept the event, or check only."""
    params = call.params
    version = functions.find(
        call.region, params["FunctionName"], str(params.get("Qualifier") or "")
    )
    kind = params.get("InvocationType", "RequestResponse")
    event = _event(params, kind)
    if kind == "DryRun":
        return Answer(204)
    context = _client_context(params)
    if kind == "Event":
        _, name, given = functions.parts(params["FunctionName"], call.region)
        queued.accept(inside, queued.Event(
            version.kept.region, name, given or str(params.get("Qualifier") or ""), event,
            inside.clock.now(), context,
        ))
        return Answer(202)
    if kind != "RequestResponse":
        raise AwsError("InvalidParameterValueException", f"There is no invocation type {kind!r}.")
    tail = params.get("LogType") == "Tail"
    return lambda: _run(inside, version, event, context, tail)


def _run(inside: Inside, version: Version, event: Any, context: Any, tail: bool) -> Answer:
    with inside.agenda.occupied():
        outcome = invocations.runtime(inside).invoke(version, event, context)
    headers = {
        "content-type": "application/json", "x-amz-executed-version": outcome.version,
        "x-amzn-requestid": outcome.request_id,
    }
    if outcome.error:
        headers["x-amz-function-error"] = outcome.error
    if tail:
        end = outcome.log.encode()[-journal.TAIL:]
        headers["x-amz-log-result"] = base64.b64encode(end).decode()
    return Answer(200, headers, outcome.payload)


def _event(params: Mapping[str, Any], kind: str) -> Any:
    body = params.get("Payload") or b""
    limit = LONGEST_QUEUED if kind == "Event" else LONGEST_EVENT
    if len(body) > limit:
        raise AwsError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation", 413,
        )
    try:
        return json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        raise AwsError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from None


def _client_context(params: Mapping[str, Any]) -> Any:
    given = params.get("ClientContext")
    if not given:
        return None
    try:
        return json.loads(base64.b64decode(given))
    except ValueError:
        raise AwsError("InvalidRequestContentException", "The client context is no JSON.") from None


def invoke_async(call: Call, inside: Inside) -> Answer:
    """InvokeAsync, the old way to queue an event."""
    call.params |= {"InvocationType": "Event", "Payload": call.params.get("InvokeArgs", b"")}
    invoke(call, inside)
    return plain({}, 202)


def delete_function(call: Call, inside: Inside) -> Answer:
    """DeleteFunction; what listens to its event sources goes with its idle environments."""
    found = functions.find(call.region, call.params["FunctionName"])
    done = forward(call)
    name = found.kept.function_name
    if done.status < 300 and functions.latest(call.region, name) is None:
        inside.agenda.soon(invocations.runtime(inside).close)
    return done


OWN: dict[str, Callable[[Call, Inside], Answer | Later]] = {
    "Invoke": invoke, "InvokeAsync": invoke_async, "DeleteFunction": delete_function,
    **mappings.WORK,
}
WORK: Mapping[str, Work] = OWN
SERVED = Served(
    "lambda", needs, answer, OWN, hold=mappings.known, revive=mappings.revive
)
