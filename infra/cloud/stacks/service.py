"""CloudFormation's API: reads a request, does it with the caller's rights, answers in its XML.

What makes or changes resources answers when it is done, so waiters return at once. Limit: the
operations of `_WORK` and `_LOOK`; templates from a URL come out of this cloud's S3.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud import forms, island, rights
from infra.cloud.calls import Call, Context, Need, resource_tags
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError, namespace
from infra.cloud.forms import xml
from infra.cloud.inside import Inside, Later
from infra.cloud.island import Served
from infra.cloud.stacks import book, drift, rollback, sets, views
from infra.cloud.stacks.book import SETTLED, Book
from infra.cloud.stacks.changes import Forecast
from infra.cloud.stacks.deploy import Deployment
from infra.cloud.stacks.request import SERVICE, Request
from infra.cloud.stacks.template import invalid
from infra.cloud.stacks.work import reason

Result = Mapping[str, Any]
_ANYWHERE = {
    "ListStacks", "ListExports", "ListImports", "ValidateTemplate",
    "DescribeStackDriftDetectionStatus",
}
_ENDED = {
    "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", sets.REVIEW,
    "UPDATE_ROLLBACK_FAILED",
}


def needs(call: Call) -> list[Need]:
    """Return what a call needs: the right on its stack, and on a role that it hands over."""
    if call.operation not in _WORK | _LOOK:
        raise AwsError("NotImplemented", f"This cloud has no cloudformation:{call.operation}.", 501)
    passed = call.params.get("RoleARN")
    roles = [rights.pass_role(str(passed), SERVICE)] if passed else []
    keys: Context = {f"cloudformation:{key.lower()}": str(call.params[key])
                     for key in ("TemplateURL", "RoleARN", "ChangeSetName") if key in call.params}
    arn = _arn(call)
    stack = book.of(call.region).stacks.get(arn)
    if stack is not None:
        keys |= resource_tags(stack.plan.tags)
    return [island.need(call, arn, context=keys), *roles]


def _arn(call: Call) -> str:
    name = str(call.params.get("StackName") or "")
    if not name and str(call.params.get("ChangeSetName", "")).startswith("arn:"):
        one = book.of(call.region).sets.get(str(call.params["ChangeSetName"]))
        name = one.stack.id if one is not None else ""
    if not name or call.operation in _ANYWHERE:
        return "*"
    found = book.of(call.region).find(name)
    plain = f"arn:aws:cloudformation:{call.region}:{ACCOUNT}:stack/{name}/*"
    return found.id if found is not None else name if name.startswith("arn:") else plain


def answer(call: Call, inside: Inside) -> Answer | Later:
    """Answer one call; what works on resources does so without the door's lock."""
    kept = book.of(call.region)
    if call.operation in _LOOK:
        return _written(call.operation, _LOOK[call.operation](kept, call.params))
    return partial(_work, call, inside, kept)


def _work(call: Call, inside: Inside, kept: Book) -> Answer:
    try:
        return _written(call.operation, _WORK[call.operation](Request(call, inside, kept)))
    except ClientError as error:  # a service that had to be asked first says no
        code = error.response["Error"]["Code"]
        raise AwsError(code, reason(error), 403 if "Denied" in code else 400) from None


def _written(operation: str, result: Result) -> Answer:
    inner = xml(f"{operation}Result", dict(result))
    rest = xml("ResponseMetadata", {"RequestId": str(uuid.uuid4())})
    body = f'<{operation}Response xmlns="{namespace("cloudformation")}">{inner}{rest}'
    return Answer(200, {"content-type": "text/xml"}, f"{body}</{operation}Response>".encode())


# --- stacks -------------------------------------------------------------------------------------

def _create(request: Request) -> Result:
    name = request.text("StackName")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", name):
        raise invalid(f"1 validation error detected: Value '{name}' at 'stackName' failed to "
                      "satisfy constraint: Member must satisfy regular expression pattern: "
                      "[a-zA-Z][-a-zA-Z0-9]*")
    plan = request.plan()
    stack, work = request.fresh(name, plan), request.work(plan.role)
    Forecast(work, stack, plan).changes()
    request.book.add(stack)
    Deployment(
        work, stack, "CREATE", retreat=stack.rollback, new_too=request.flag("RetainExceptOnCreate")
    ).run(plan)
    if stack.status == "ROLLBACK_COMPLETE" and request.params.get("OnFailure") == "DELETE":
        rollback.tear_down(work, stack, set())
    return {"StackId": stack.id}


def _update(request: Request) -> Result:
    stack = request.book.must(request.text("StackName"))
    book.ready(stack, SETTLED)
    plan = request.plan(stack)
    work = request.work(plan.role)
    forecast = Forecast(work, stack, plan)
    if not forecast.changes() and forecast.outputs == stack.outputs and (
        plan.tags == stack.plan.tags
    ):
        raise invalid("No updates are to be performed.")
    request.book.begin(stack, "UPDATE_IN_PROGRESS", SETTLED)
    stack.updated = request.inside.clock.now()
    request.book.forget_sets(stack)
    Deployment(
        work, stack, "UPDATE", retreat=not request.flag("DisableRollback"),
        new_too=request.flag("RetainExceptOnCreate"),
    ).run(plan)
    return {"StackId": stack.id}


def _continue(request: Request) -> Result:
    stack = request.book.must(request.text("StackName"))
    skip = set(forms.values(request.params, "ResourcesToSkip.member"))
    odd = sorted(skip - {step.resource for step in stack.owed})
    if odd:
        raise invalid(f"Resource {odd[0]} is not one that failed to roll back")
    work = request.work(request.text("RoleARN") or stack.plan.role)
    request.book.begin(stack, "UPDATE_ROLLBACK_IN_PROGRESS", {"UPDATE_ROLLBACK_FAILED"})
    stack.happened(work.now(), "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
    rollback.undo_update(work, stack, stack.owed, "UPDATE", skip)
    return {}


def _delete(request: Request) -> Result:
    stack = request.book.find(request.text("StackName"))
    if stack is None or stack.status == "DELETE_COMPLETE":
        return {}
    if stack.protected:
        raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is "
                      "enabled")
    retain, before = set(forms.values(request.params, "RetainResources.member")), stack.status
    if retain and before != "DELETE_FAILED":
        raise invalid(f"Invalid operation on stack [{stack.id}]. When you specify resources to "
                      "retain, the stack must be in the DELETE_FAILED state")
    work = request.work(request.text("RoleARN") or stack.plan.role)
    request.book.begin(stack, "DELETE_IN_PROGRESS", SETTLED | _ENDED)
    rollback.tear_down(work, stack, retain, before)
    return {}


# --- drift --------------------------------------------------------------------------------------

def _detect(request: Request) -> Result:
    stack = request.book.must(request.text("StackName"))
    made = str(uuid.uuid4())
    request.book.detections[made] = drift.detect(request.work(), stack)
    return {"StackDriftDetectionId": made}


def _detect_one(request: Request) -> Result:
    stack, name = request.book.must(request.text("StackName")), request.text("LogicalResourceId")
    if name not in stack.resources:
        raise invalid(f"Resource {name} does not exist for stack {stack.name}")
    if stack.resources[name].type in drift.SILENT:
        raise invalid(f"Drift detection is not supported for resource {name} of type "
                      f"{stack.resources[name].type}")
    drift.look(request.work(), stack, stack.resources[name])
    return {"StackResourceDrift": views.drift(stack, stack.resources[name])}


def _validate(request: Request) -> Result:
    return views.summary(request.template()[1])


def _summarise(request: Request) -> Result:
    name = request.text("StackName")
    parsed = request.book.must(name).plan.template if name else request.template()[1]
    return views.summary(parsed) | {
        "ResourceTypes": sorted({part["Type"] for part in parsed["Resources"].values()}),
        "ResourceIdentifierSummaries": views.identifiers(parsed),
    }


_WORK: dict[str, Callable[[Request], Result]] = {
    "CreateStack": _create, "UpdateStack": _update, "DeleteStack": _delete,
    "ContinueUpdateRollback": _continue, "CreateChangeSet": sets.create,
    "ExecuteChangeSet": sets.execute, "DetectStackDrift": _detect,
    "DetectStackResourceDrift": _detect_one, "ValidateTemplate": _validate,
    "GetTemplateSummary": _summarise,
}
_LOOK = views.LOOK
def revive(inside: Inside, held: dict[str, Book] | None) -> None:
    """Take the stacks of a kept cloud over."""
    book.revive(held or {}, inside.clock.now())


SERVED = Served(
    "cloudformation", needs, answer, hold=lambda inside: book.hold(), revive=revive
)
