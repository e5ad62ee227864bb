"""What a call of SageMaker must be allowed to do, and whether a role may be used by SageMaker.

Limit: one ARN a call, and those it builds upon; conditions on a request's tags and instance types,
not on the tags that a thing has.
"""

from __future__ import annotations

from typing import Any

from infra.cloud import state, verdicts
from infra.cloud.calls import Call, Context, Need, request_tags
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.iam import Principal
from infra.cloud.sagemaker.records import arn, invalid

SERVICE = "sagemaker.amazonaws.com"
# The parameter that names what a call is about, and its kind; the first one given counts.
_NAMED = (
    ("TrainingJobName", "training-job"), ("TransformJobName", "transform-job"),
    ("EndpointName", "endpoint"), ("EndpointConfigName", "endpoint-config"),
    ("ModelName", "model"), ("ModelPackageArn", "model-package"),
    ("ModelPackageName", "model-package"), ("ModelPackageGroupName", "model-package-group"),
    ("ResourceArn", ""),
)
# What a call builds upon must be allowed as well.
_ALSO = {
    "CreateEndpoint": ("EndpointConfigName", "endpoint-config"),
    "UpdateEndpoint": ("EndpointConfigName", "endpoint-config"),
    "CreateTransformJob": ("ModelName", "model"),
}


def needs(call: Call) -> list[Need]:
    """Return what a call needs: its action, passing its role, setting tags."""
    action, params = f"sagemaker:{call.operation}", call.params
    keys: Context = {**request_tags(_tags(params)), **_machines(params)}
    places = [_resource(call, *named) for named in _NAMED if named[0] in params]
    if call.operation.startswith("List"):
        places = [_resource(call, "ResourceArn", "")] if "ResourceArn" in params else []
    found = [Need(action, places[0] if places else "*", keys)]
    if call.operation in _ALSO and _ALSO[call.operation][0] in params:
        found.append(Need(action, _resource(call, *_ALSO[call.operation])))
    role = params.get("RoleArn") or params.get("ExecutionRoleArn")
    if call.operation.startswith("Create") and role:
        found.append(Need("iam:PassRole", str(role), {"iam:passedtoservice": SERVICE}))
    if call.operation.startswith("Create") and params.get("Tags"):
        found.append(Need("sagemaker:AddTags", places[0] if places else "*", keys))
    return found


def _resource(call: Call, parameter: str, kind: str) -> str:
    value = str(call.params.get(parameter, "*"))
    return value if value.startswith("arn:") else arn(call, kind, value)


def _tags(params: dict[str, Any]) -> dict[str, str]:
    tags = params.get("Tags")
    good = isinstance(tags, list) and all(isinstance(t, dict) and "Key" in t for t in tags)
    return {str(t["Key"]): str(t.get("Value", "")) for t in tags} if good and tags else {}


def _machines(params: dict[str, Any]) -> Context:
    """Return the condition key of the kinds of machines that a call asks for."""
    asked = [params.get("ResourceConfig"), params.get("TransformResources")]
    variants = params.get("ProductionVariants")
    asked += variants if isinstance(variants, list) else []
    found = [str(o["InstanceType"]) for o in asked if isinstance(o, dict) and "InstanceType" in o]
    return {"sagemaker:instancetypes": found} if found else {}


def check_trust(role: str, resource: str) -> None:
    """Raise as the service does unless the role exists and SageMaker may assume it."""
    found = state.role_by_arn(role)
    if found is not None:
        need = Need(
            "sts:AssumeRole", role, {"aws:sourcearn": resource, "aws:sourceaccount": ACCOUNT},
            state.document(found.assume_role_policy_document), must_delegate=True,
        )
        if verdicts.decide(Principal("service", SERVICE, ""), need, {}).allowed:
            return
    raise invalid(
        f"Could not assume role {role}. Please ensure that the role exists and allows principal"
        f" '{SERVICE}' to assume the role."
    )
