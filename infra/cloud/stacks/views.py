"""What CloudFormation tells of stacks, resources, change sets and drift, as its API writes it.

Limit: reads the book only; lists are whole, there is no second page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from infra.cloud import forms
from infra.cloud.errors import AwsError
from infra.cloud.stacks import kinds, parameters
from infra.cloud.stacks.book import Book, ChangeSet, Plan, Resource, Stack
from infra.cloud.stacks.intrinsics import text
from infra.cloud.stacks.request import capabilities
from infra.cloud.stacks.template import invalid

Params = Mapping[str, Any]


def stamp(seconds: float) -> str | None:
    """Return a time as the API writes it; nothing for one that never was."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _stacks(book: Book, params: Params) -> dict[str, Any]:
    name = str(params.get("StackName") or "")
    found = [book.must(name)] if name else book.live()
    return {"Stacks": [_stack(one) for one in found]}


def _stack(one: Stack) -> dict[str, Any]:
    return {
        "StackId": one.id, "StackName": one.name, "Description": one.description or None,
        "Parameters": _parameters(one.plan), "CreationTime": stamp(one.created),
        "LastUpdatedTime": stamp(one.updated), "DeletionTime": stamp(one.deleted),
        "StackStatus": one.status, "StackStatusReason": one.reason or None,
        "DisableRollback": not one.rollback, "Capabilities": one.plan.capabilities,
        "RoleARN": one.plan.role or None, "EnableTerminationProtection": one.protected,
        "Tags": _tags(one.plan.tags),
        "Outputs": [{
            "OutputKey": name, "OutputValue": output["value"],
            "Description": output["description"] or None, "ExportName": output["export"] or None,
        } for name, output in one.outputs.items()],
        "DriftInformation": _drift_info(one),
    }


def _parameters(plan: Plan) -> list[dict[str, str]]:
    shown = parameters.shown(plan.template, plan.params)
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in shown.items()]


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _drift_info(one: Stack) -> dict[str, Any]:
    return {"StackDriftStatus": one.drift, "LastCheckTimestamp": stamp(one.checked)}


def _list(book: Book, params: Params) -> dict[str, Any]:
    wanted = forms.values(params, "StackStatusFilter.member")
    return {"StackSummaries": [{
        "StackId": one.id, "StackName": one.name, "CreationTime": stamp(one.created),
        "LastUpdatedTime": stamp(one.updated), "DeletionTime": stamp(one.deleted),
        "StackStatus": one.status, "StackStatusReason": one.reason or None,
        "TemplateDescription": one.description or None, "DriftInformation": _drift_info(one),
    } for one in book.stacks.values() if not wanted or one.status in wanted]}


def _events(book: Book, params: Params) -> dict[str, Any]:
    one = book.must(str(params.get("StackName", "")))
    return {"StackEvents": [{
        "StackId": one.id, "EventId": event.id, "StackName": one.name,
        "LogicalResourceId": event.name, "PhysicalResourceId": event.physical,
        "ResourceType": event.type, "Timestamp": stamp(event.time),
        "ResourceStatus": event.status, "ResourceStatusReason": event.reason or None,
    } for event in reversed(one.events)]}


def _resource(stack: Stack, one: Resource, time: str = "Timestamp") -> dict[str, Any]:
    return {
        "StackName": stack.name, "StackId": stack.id, "LogicalResourceId": one.name,
        "PhysicalResourceId": one.id, "ResourceType": one.type, time: stamp(one.time),
        "ResourceStatus": one.status, "ResourceStatusReason": one.reason or None,
        "DriftInformation": {"StackResourceDriftStatus": one.drift,
                             "LastCheckTimestamp": stamp(one.checked)},
    }


def _resources(book: Book, params: Params) -> dict[str, Any]:
    physical = params.get("PhysicalResourceId")
    if physical and not params.get("StackName"):
        stack = next((s for s in book.live()
                      if any(r.id == physical for r in s.resources.values())), None)
        if stack is None:
            raise invalid(f"Stack for {physical} does not exist")
    else:
        stack = book.must(str(params.get("StackName", "")))
    wanted = params.get("LogicalResourceId")
    found = [one for one in stack.resources.values() if wanted in {None, one.name}]
    return {"StackResources": [_resource(stack, one) for one in found]}


def _listed(book: Book, params: Params) -> dict[str, Any]:
    stack = book.must(str(params.get("StackName", "")))
    return {"StackResourceSummaries": [
        _resource(stack, one, "LastUpdatedTimestamp") for one in stack.resources.values()
    ]}


def _one_resource(book: Book, params: Params) -> dict[str, Any]:
    stack, name = book.must(str(params.get("StackName", ""))), params.get("LogicalResourceId")
    if name not in stack.resources:
        raise invalid(f"Resource {name} does not exist for stack {stack.name}")
    return {"StackResourceDetail": _resource(
        stack, stack.resources[str(name)], "LastUpdatedTimestamp"
    )}


def _template(book: Book, params: Params) -> dict[str, Any]:
    if params.get("ChangeSetName"):
        return {"TemplateBody": change_set(book, params).plan.raw, "StagesAvailable": ["Original"]}
    plan = book.must(str(params.get("StackName", ""))).plan
    return {"TemplateBody": plan.raw, "StagesAvailable": ["Original", "Processed"]}


def identifiers(parsed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return by what each type of a template is imported."""
    found: dict[str, list[str]] = {}
    for name, part in parsed["Resources"].items():
        found.setdefault(part["Type"], []).append(name)
    known = kinds.known()
    return [{
        "ResourceType": type_, "LogicalResourceIds": names,
        "ResourceIdentifiers": [known[type_].identifier],
    } for type_, names in found.items() if known[type_].identifier]


def summary(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template declares."""
    needed, why = capabilities(parsed)
    return {
        "Parameters": [{
            "ParameterKey": name, "DefaultValue": None if "Default" not in one
            else text(one["Default"]), "NoEcho": parameters.secret(one),
            "Description": one.get("Description"), "ParameterType": one.get("Type", "String"),
        } for name, one in (parsed.get("Parameters") or {}).items()],
        "Description": parsed.get("Description"),
        "Capabilities": [needed] if needed else [], "CapabilitiesReason": why or None,
    }


# --- change sets --------------------------------------------------------------------------------

def change_set(book: Book, params: Params) -> ChangeSet:
    """Return a change set by id, or by name and stack. ChangeSetNotFound: there is none."""
    name = str(params.get("ChangeSetName", ""))
    if name in book.sets:
        return book.sets[name]
    stack = book.find(str(params.get("StackName", "")))
    for one in book.sets.values():
        if one.name == name and one.stack is stack:
            return one
    raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)


def _change_set(book: Book, params: Params) -> dict[str, Any]:
    one = change_set(book, params)
    return _summary_of(one) | {
        "Parameters": _parameters(one.plan), "Capabilities": one.plan.capabilities,
        "Tags": _tags(one.plan.tags), "Changes": one.changes,
        "OnStackFailure": None if one.rollback else "DO_NOTHING",
    }


def _summary_of(one: ChangeSet) -> dict[str, Any]:
    return {
        "ChangeSetName": one.name, "ChangeSetId": one.id, "StackId": one.stack.id,
        "StackName": one.stack.name, "CreationTime": stamp(one.created), "Status": one.status,
        "ExecutionStatus": one.execution, "StatusReason": one.reason or None,
        "Description": one.description or None,
    }


def _change_sets(book: Book, params: Params) -> dict[str, Any]:
    stack = book.must(str(params.get("StackName", "")))
    return {"Summaries": [_summary_of(one) for one in book.sets.values() if one.stack is stack]}


def _drop_set(book: Book, params: Params) -> dict[str, Any]:
    del book.sets[change_set(book, params).id]
    return {}


# --- drift --------------------------------------------------------------------------------------

def drift(stack: Stack, one: Resource) -> dict[str, Any]:
    """Return one resource's drift."""
    return {
        "StackId": stack.id, "LogicalResourceId": one.name, "PhysicalResourceId": one.id,
        "ResourceType": one.type,
        "ExpectedProperties": None if one.expected is None else json.dumps(one.expected),
        "ActualProperties": None if one.actual is None else json.dumps(one.actual, default=str),
        "PropertyDifferences": one.differences, "StackResourceDriftStatus": one.drift,
        "Timestamp": stamp(one.checked),
    }


def _drifts(book: Book, params: Params) -> dict[str, Any]:
    stack = book.must(str(params.get("StackName", "")))
    wanted = forms.values(params, "StackResourceDriftStatusFilters.member")
    return {"StackResourceDrifts": [
        drift(stack, one) for one in stack.resources.values()
        if one.checked and (not wanted or one.drift in wanted)
    ]}


def _detection(book: Book, params: Params) -> dict[str, Any]:
    name = str(params.get("StackDriftDetectionId", ""))
    if name not in book.detections:
        raise invalid(f"Drift detection operation with ID {name} does not exist")
    one = book.detections[name]
    why = f"Failed to detect drift on resource(s) [{', '.join(one.failed)}]"
    return {
        "StackId": one.stack, "StackDriftDetectionId": name, "StackDriftStatus": one.status,
        "DetectionStatus": f"DETECTION_{'FAILED' if one.failed else 'COMPLETE'}",
        "DetectionStatusReason": why if one.failed else None,
        "DriftedStackResourceCount": one.drifted, "Timestamp": stamp(one.time),
    }


# --- the rest -----------------------------------------------------------------------------------

def _exports(book: Book, params: Params) -> dict[str, Any]:
    return {"Exports": [
        {"ExportingStackId": stack, "Name": name, "Value": value}
        for name, (value, stack) in book.exports().items()
    ]}


def _imports(book: Book, params: Params) -> dict[str, Any]:
    users = book.users(str(params.get("ExportName", "")))
    if not users:
        raise invalid(f"Export '{params.get('ExportName')}' is not imported by any stack.")
    return {"Imports": users}


def _protect(book: Book, params: Params) -> dict[str, Any]:
    stack = book.must(str(params.get("StackName", "")))
    stack.protected = str(params.get("EnableTerminationProtection", "")).lower() == "true"
    return {"StackId": stack.id}


LOOK: dict[str, Callable[[Book, Params], dict[str, Any]]] = {
    "DescribeStacks": _stacks, "ListStacks": _list, "DescribeStackEvents": _events,
    "DescribeStackResources": _resources, "ListStackResources": _listed,
    "DescribeStackResource": _one_resource, "GetTemplate": _template,
    "DescribeChangeSet": _change_set,
    "ListChangeSets": _change_sets, "DeleteChangeSet": _drop_set,
    "DescribeStackResourceDrifts": _drifts, "DescribeStackDriftDetectionStatus": _detection,
    "ListExports": _exports, "ListImports": _imports, "UpdateTerminationProtection": _protect,
}
