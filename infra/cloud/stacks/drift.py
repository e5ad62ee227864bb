"""Drift: what the services say a stack's resources are, beside what its template said.

Limit: properties that the template sets and the service can tell; policies that hang on other
resources are not checked.
"""

from __future__ import annotations

from typing import Any

from infra.cloud.stacks.book import Detection, Resource, Stack
from infra.cloud.stacks.compare import differences
from infra.cloud.stacks.work import Work

SILENT = ("AWS::IAM::Policy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy",
          "AWS::Lambda::Permission")  # fmt: skip
_DRIFTED = {"MODIFIED", "DELETED"}


def detect(work: Work, stack: Stack) -> Detection:
    """Look at every resource."""
    failed = []
    for resource in stack.resources.values():
        try:
            look(work, stack, resource)
        except Exception:  # what cannot be looked at is told, and the others still are
            failed.append(resource.name)
            resource.drift = "NOT_CHECKED"
    return Detection(stack.id, work.now(), stack.drift, drifted(stack), tuple(failed))


def drifted(stack: Stack) -> int:
    """Return how many resources are known to have drifted."""
    return sum(one.drift in _DRIFTED for one in stack.resources.values())


def look(work: Work, stack: Stack, resource: Resource) -> None:
    """Compare one resource with what its service says of it. Errors of the service pass."""
    if resource.type not in SILENT:
        actual = work.kinds[resource.type].read(work.clients, resource.id)
        resource.checked = work.now()
        told = work.kinds[resource.type].told(resource.full)
        resource.expected = {
            name: told[name] for name in resource.props if actual is None or name in actual
        }
        resource.differences, resource.actual = [], None
        if actual is None:
            resource.drift = "DELETED"
        else:
            _compare(resource, actual | _less(stack, resource, actual))
    stack.drift = "DRIFTED" if drifted(stack) else "IN_SYNC"
    stack.checked = work.now()


def _less(stack: Stack, role: Resource, actual: dict[str, Any]) -> dict[str, Any]:
    """Return a role's policies without those that other resources of its stack hang on it."""
    if role.type != "AWS::IAM::Role":
        return {}
    others = [one for one in stack.resources.values() if role.id in one.full.get("Roles", ())]
    inline = {one.full["PolicyName"] for one in others if one.type == "AWS::IAM::Policy"}
    managed = {one.id for one in others if one.type == "AWS::IAM::ManagedPolicy"}
    return {
        "Policies": [one for one in actual["Policies"] if one["PolicyName"] not in inline],
        "ManagedPolicyArns": [one for one in actual["ManagedPolicyArns"] if one not in managed],
    }


def _compare(resource: Resource, actual: dict[str, Any]) -> None:
    expected = resource.expected or {}
    resource.actual = {name: _present(actual[name]) for name in expected}
    resource.differences = [
        one for name, value in expected.items()
        for one in differences(value, resource.actual[name], f"/{name}")
    ]
    resource.drift = "MODIFIED" if resource.differences else "IN_SYNC"


def _present(value: Any) -> Any:
    """Leave out what a service says with no value: a template does not say it at all."""
    if isinstance(value, dict):
        return {key: _present(inner) for key, inner in value.items() if inner is not None}
    return value
