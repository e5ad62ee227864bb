"""Change sets, made and executed; among them those that import what somebody made by hand.

Limit: an import takes what is there as it is: whether it is what the template says, drift tells.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from infra.cloud import forms
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.stacks import book, views
from infra.cloud.stacks.book import SETTLED, ChangeSet, Plan, Stack
from infra.cloud.stacks.changes import Forecast
from infra.cloud.stacks.deploy import Deployment
from infra.cloud.stacks.request import Request
from infra.cloud.stacks.template import invalid
from infra.cloud.stacks.work import Work

REVIEW = "REVIEW_IN_PROGRESS"
NOTHING = "The submitted information didn't contain changes. Submit different information to " \
          "create a change set."
Result = Mapping[str, Any]


def create(request: Request) -> Result:
    """CreateChangeSet."""
    kept = request.book
    kind, name = request.text("ChangeSetType") or "UPDATE", request.text("StackName")
    stack = kept.find(name)
    if kind == "CREATE" and stack is not None and stack.status != REVIEW:
        raise invalid(f"Stack [{name}] already exists and cannot be created again with the "
                      f"changeSet [{request.text('ChangeSetName')}].")
    if kind == "UPDATE" and stack is None:
        raise invalid(f"Stack [{name}] does not exist")
    if stack is not None:
        book.ready(stack, SETTLED | {REVIEW})
    plan = request.plan(stack)
    if stack is None:
        stack = request.fresh(name, Plan("", {"Resources": {}}, {}, {}, {}, plan.role))
        stack.status = REVIEW
        made = _forecast(request, stack, kind, plan)
        stack.happened(request.inside.clock.now(), REVIEW, "User Initiated")
        kept.add(stack)
    else:
        made = _forecast(request, stack, kind, plan)
    kept.sets[made.id] = made
    return {"Id": made.id, "StackId": stack.id}


def _forecast(request: Request, stack: Stack, kind: str, plan: Plan) -> ChangeSet:
    title, region = request.text("ChangeSetName"), request.call.region
    if any(one.name == title and one.stack is stack and one.execution == "AVAILABLE"
           for one in request.book.sets.values()):
        raise AwsError("AlreadyExistsException", f"ChangeSet {title} already exists")
    work = request.work(plan.role)
    imported = _imported(request, work, plan) if kind == "IMPORT" else {}
    forecast = Forecast(work, stack, plan)
    found = forecast.changes(imported)
    if kind == "IMPORT":
        _check_import(stack, plan, found)
    made = ChangeSet(
        title, f"arn:aws:cloudformation:{region}:{ACCOUNT}:changeSet/{title}/{uuid.uuid4()}",
        stack, kind, plan, request.inside.clock.now(), found, imported,
        request.text("Description"), request.text("OnStackFailure") != "DO_NOTHING",
    )
    if not found and forecast.outputs == stack.outputs and plan.tags == stack.plan.tags:
        made.status, made.execution, made.reason = "FAILED", "UNAVAILABLE", NOTHING
    return made


def _check_import(stack: Stack, plan: Plan, found: list[dict[str, Any]]) -> None:
    for wrong, what in (
        (any(one["ResourceChange"]["Action"] != "Import" for one in found), "Resources"),
        (plan.template.get("Outputs") != stack.plan.template.get("Outputs"), "Outputs"),
    ):
        if wrong:
            raise invalid(f"As part of the import operation, you cannot modify or add [{what}]")


def _imported(request: Request, work: Work, plan: Plan) -> dict[str, str]:
    """Return logical name -> physical id of what shall be imported, each seen to be there."""
    found: dict[str, str] = {}
    for one in forms.members_of(request.params, "ResourcesToImport.member"):
        name = one.get("LogicalResourceId", "")
        part = plan.template["Resources"].get(name)
        if part is None or part["Type"] != one.get("ResourceType"):
            raise invalid(f"Resource {name} to import is not in the template, with its type")
        if "DeletionPolicy" not in part:
            raise invalid("Resources to import must have DeletionPolicy attribute specified in the "
                          f"template: {name}")
        found[name] = _identified(request, work, part, name, one)
    if not found:
        raise invalid("You must specify resources to import")
    return found


def _identified(
    request: Request, work: Work, part: Mapping[str, Any], name: str, one: Mapping[str, str]
) -> str:
    kind = work.kinds[part["Type"]]
    key = one.get("ResourceIdentifier.entry.1.key", "")
    value = one.get("ResourceIdentifier.entry.1.value", "")
    if not kind.identifier:
        raise invalid(f"Resource type {kind.type} of resource {name} cannot be imported here")
    if key != kind.identifier:
        raise invalid(f"Resource {name} is identified by {kind.identifier}, not by {key}")
    named = (part.get("Properties") or {}).get(kind.naming, value)
    if kind.naming == kind.identifier and isinstance(named, str) and named != value:
        raise invalid(f"Resource {name} is called {named} in the template, {value} in the import")
    for stack in request.book.live():
        if any(r.type == kind.type and r.id == value for r in stack.resources.values()):
            raise invalid(f"Resource {value} already exists in stack {stack.id}")
    if kind.read(work.clients, value) is None:
        raise invalid(f"Resource {name} with identifier {value} does not exist")
    return value


def execute(request: Request) -> Result:
    """ExecuteChangeSet."""
    one = views.change_set(request.book, request.params)
    if one.execution != "AVAILABLE":
        raise AwsError(
            "InvalidChangeSetStatus", f"ChangeSet [{one.id}] cannot be executed in its current "
            f"status of [{one.status}]",
        )
    stack, work = one.stack, request.work(one.plan.role)
    request.book.begin(stack, f"{one.kind}_IN_PROGRESS", SETTLED | {REVIEW})
    deployment = Deployment(
        work, stack, one.kind, retreat=one.rollback and not request.flag("DisableRollback"),
        new_too=request.flag("RetainExceptOnCreate"),
    )
    if one.kind == "UPDATE":
        stack.updated = request.inside.clock.now()
    one.execution = "EXECUTE_IN_PROGRESS"
    request.book.forget_sets(stack)
    deployment.run(one.plan, one.imported)
    done = stack.status == f"{one.kind}_COMPLETE"
    one.execution = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"
    return {}
