"""The model registry: groups of versions, and who may be deployed.

Limit: nothing is validated by running it; a package's status is Completed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside
from infra.cloud.island import plain
from infra.cloud.sagemaker import records
from infra.cloud.sagemaker.records import Record, invalid

GROUP, PACKAGE = "model-package-group", "model-package"
_SHOWN = (
    "ModelPackageDescription", "InferenceSpecification", "SourceAlgorithmSpecification",
    "ValidationSpecification", "MetadataProperties", "ModelMetrics", "Domain", "Task",
    "SamplePayloadUrl", "CustomerMetadataProperties", "DriftCheckBaselines",
    "AdditionalInferenceSpecifications", "SkipModelValidation", "SourceUri", "ApprovalDescription",
    "CertifyForMarketplace", "ModelCard", "ModelLifeCycle",
)


@dataclass
class Package(Record):
    """One package; `group` and `version` where it is a version of a group."""

    group: str = ""
    version: int = 0
    approval: str = ""


@dataclass
class Group(Record):
    """One group; `last` is the number of its newest version, deleted ones included."""

    last: int = 0


def create_group(call: Call, inside: Inside) -> Answer:
    """CreateModelPackageGroup."""
    kept, name = records.store(inside).kind(GROUP), call.params["ModelPackageGroupName"]
    if name in kept:
        raise invalid(f"Model Package Group already exists: {records.arn(call, GROUP, name)}")
    kept[name] = Group(**records.fresh(call, GROUP, "ModelPackageGroupName"), status="Completed")
    return plain({"ModelPackageGroupArn": kept[name].arn})


def describe_group(call: Call, inside: Inside) -> Answer:
    """DescribeModelPackageGroup."""
    return plain(_group_summary(_group(inside, call)) | {"CreatedBy": {}})


def _group_summary(group: Group) -> dict[str, Any]:
    return {
        "ModelPackageGroupName": group.name, "ModelPackageGroupArn": group.arn,
        "CreationTime": group.created, "ModelPackageGroupStatus": group.status,
        **records.described(group, ["ModelPackageGroupDescription"]),
    }


def groups(call: Call, inside: Inside) -> Answer:
    """ListModelPackageGroups."""
    found = records.store(inside).kind(GROUP).values()
    return plain(records.page(
        call, found, _group_summary, "ModelPackageGroupSummaryList", order="Ascending"
    ))


def delete_group(call: Call, inside: Inside) -> Answer:
    """DeleteModelPackageGroup: only an empty one goes."""
    group = _group(inside, call)
    if any(p.group == group.name for p in records.store(inside).kind(PACKAGE).values()):
        raise AwsError(
            "ConflictException", f"Cannot delete {group.arn}: it contains model packages."
        )
    del records.store(inside).kind(GROUP)[group.name]
    return plain({})


def create(call: Call, inside: Inside) -> Answer:
    """CreateModelPackage: a version of a group, or a package by its own name."""
    params, kept = call.params, records.store(inside).kind(PACKAGE)
    name, in_group = params.get("ModelPackageName"), params.get("ModelPackageGroupName")
    if bool(name) == bool(in_group):
        raise invalid("Give either ModelPackageName or ModelPackageGroupName.")
    if name in kept:
        raise invalid(f"Model package already exists: {kept[name].arn}")
    if name:
        package = Package(**records.fresh(call, PACKAGE, "ModelPackageName"), status="Completed")
    else:
        package = _version(call, _group(inside, call))
    kept[package.name] = package
    return plain({"ModelPackageArn": package.arn})


def _version(call: Call, group: Group) -> Package:
    group.last += 1
    fields = records.fresh(call, PACKAGE, "ModelPackageGroupName")
    name = f"{group.name}/{group.last}"
    fields |= {"name": name, "arn": records.arn(call, PACKAGE, name)}
    approval = call.params.get("ModelApprovalStatus", "PendingManualApproval")
    return Package(**fields, status="Completed", group=group.name, version=group.last,
                   approval=approval)


def describe(call: Call, inside: Inside) -> Answer:
    """DescribeModelPackage."""
    package = _package(inside, call, "ModelPackageName")
    return plain({
        **_summary(package), **records.described(package, _SHOWN),
        "LastModifiedTime": package.modified, "CreatedBy": {},
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
    })


def _summary(package: Package) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ModelPackageArn": package.arn, "CreationTime": package.created,
        "ModelPackageStatus": package.status, "ModelPackageName": package.name.split("/")[0],
        **records.described(package, ["ModelPackageDescription"]),
    }
    if package.group:
        found |= {
            "ModelPackageGroupName": package.group, "ModelPackageVersion": package.version,
            "ModelApprovalStatus": package.approval,
        }
    return found


def names(call: Call, inside: Inside) -> Answer:
    """ListModelPackages: versions of a group, or packages without one."""
    params = call.params
    group = str(params.get("ModelPackageGroupName", "")).rsplit("/", 1)[-1]
    if group:
        _group(inside, call)
    kind = "Versioned" if group else params.get("ModelPackageType", "Unversioned")
    found = [
        one for one in records.store(inside).kind(PACKAGE).values()
        if one.group == (group or one.group)
        and kind in ("Both", "Versioned" if one.group else "Unversioned")
        and one.approval == params.get("ModelApprovalStatus", one.approval)
    ]
    return plain(records.page(call, found, _summary, "ModelPackageSummaryList"))


def update(call: Call, inside: Inside) -> Answer:
    """UpdateModelPackage: above all its approval."""
    package, params = _package(inside, call, "ModelPackageArn"), call.params
    if "ModelApprovalStatus" in params:
        if not package.group:
            raise invalid("ModelApprovalStatus is for versions of a Model Package Group only.")
        package.approval = params["ModelApprovalStatus"]
    for name in ("ApprovalDescription", "InferenceSpecification", "SourceUri", "ModelCard"):
        if name in params:
            package.asked[name] = params[name]
    own = dict(package.asked.get("CustomerMetadataProperties", {}))
    own |= params.get("CustomerMetadataProperties", {})
    for name in params.get("CustomerMetadataPropertiesToRemove", ()):
        own.pop(name, None)
    package.asked["CustomerMetadataProperties"] = own
    package.modified = call.time
    return plain({"ModelPackageArn": package.arn})


def delete(call: Call, inside: Inside) -> Answer:
    """DeleteModelPackage."""
    del records.store(inside).kind(PACKAGE)[_package(inside, call, "ModelPackageName").name]
    return plain({})


def resolve(inside: Inside, call: Call, container: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container with what its model package says of it; versions must be approved."""
    name = container.get("ModelPackageName")
    if name is None:
        return dict(container)
    package = _named(inside, call, str(name))
    if package.group and package.approval != "Approved":
        raise invalid(
            f"Model package {package.arn} cannot be deployed: its ModelApprovalStatus is"
            f" {package.approval}, and must be Approved."
        )
    found = package.asked.get("InferenceSpecification", {}).get("Containers")
    if not found:
        raise invalid(f"Model package {package.arn} has no InferenceSpecification with containers.")
    own = container.get("Environment", {})
    return {**found[0], "Environment": {**found[0].get("Environment", {}), **own}}


def _group(inside: Inside, call: Call) -> Group:
    name = str(call.params["ModelPackageGroupName"]).rsplit("/", 1)[-1]
    found: Group | None = records.store(inside).kind(GROUP).get(name)
    if found is None:
        raise invalid(f"ModelPackageGroup {records.arn(call, GROUP, name)} does not exist.")
    return found


def _package(inside: Inside, call: Call, parameter: str) -> Package:
    return _named(inside, call, str(call.params[parameter]))


def _named(inside: Inside, call: Call, name: str) -> Package:
    for one in records.store(inside).kind(PACKAGE).values():
        if name in (one.arn, one.name):
            package: Package = one
            return package
    wanted = name if name.startswith("arn:") else records.arn(call, PACKAGE, name)
    raise invalid(f"ModelPackage {wanted} does not exist.")


OPERATIONS = {
    "CreateModelPackageGroup": create_group, "DescribeModelPackageGroup": describe_group,
    "ListModelPackageGroups": groups, "DeleteModelPackageGroup": delete_group,
    "CreateModelPackage": create, "DescribeModelPackage": describe, "ListModelPackages": names,
    "UpdateModelPackage": update, "DeleteModelPackage": delete,
}
