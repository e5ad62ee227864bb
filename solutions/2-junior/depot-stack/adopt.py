"""Take over what is left of an environment, then build the rest around it.

    python adopt.py depot.json

It may be stopped anywhere and run again. Ends with 0 when the stack is what depot.yaml says.
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from deploy import OFTEN, Site, deploy, status


def adopt(site: Site, template: str) -> None:
    """Import what exists of the site, unless its stack has it already; then deploy."""
    ### BEGIN SOLUTION: find what is there, import it, deploy the rest
    if status(site["stack"]) in (None, "REVIEW_IN_PROGRESS"):
        found = leftovers(site)
        if found:
            bring_in(site["stack"], found)
    deploy(site, template)


def leftovers(site: Site) -> dict[str, Any]:
    """What is there of what the list names, as resources of a template."""
    depot, environment = site["parameters"]["Depot"], site["parameters"]["Environment"]
    bucket = f"larkmoor-{depot}-{environment}-ledger"
    group = f"/larkmoor/{depot}/{environment}/scanner"
    found = {}
    if bucket_exists(bucket):
        found["Ledger"] = resource("AWS::S3::Bucket", BucketName=bucket, **set_on_bucket(bucket))
    if group_exists(group):
        found["Logs"] = resource("AWS::Logs::LogGroup", LogGroupName=group, **set_on_group(group))
    return found


def resource(kind: str, **as_it_is: Any) -> dict[str, Any]:
    """A resource with what is set on it: a rollback of the update goes back to this."""
    return {"Type": kind, "DeletionPolicy": "Retain", "Properties": as_it_is}


def set_on_bucket(name: str) -> dict[str, Any]:
    """Whether a bucket keeps old versions, and its switches against the public."""
    s3 = boto3.client("s3")
    found: dict[str, Any] = {}
    if versions := s3.get_bucket_versioning(Bucket=name).get("Status"):
        found["VersioningConfiguration"] = {"Status": versions}
    try:
        told = s3.get_public_access_block(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        return found
    block = "PublicAccessBlockConfiguration"
    return found | {block: told[block]}


def set_on_group(name: str) -> dict[str, Any]:
    """How many days a log group keeps; nothing where it keeps for ever."""
    groups = boto3.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    days = next(one.get("retentionInDays") for one in groups if one["logGroupName"] == name)
    return {"RetentionInDays": days} if days else {}


def bucket_exists(name: str) -> bool:
    """Is there a bucket of ours with this name?"""
    try:
        boto3.client("s3").head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return True


def group_exists(name: str) -> bool:
    """Is there a log group with exactly this name?"""
    groups = boto3.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(one["logGroupName"] == name for one in groups)


def identifier(one: dict[str, Any]) -> dict[str, str]:
    """What an import finds a resource by."""
    key = {"AWS::S3::Bucket": "BucketName", "AWS::Logs::LogGroup": "LogGroupName"}[one["Type"]]
    return {key: one["Properties"][key]}


def bring_in(stack: str, found: dict[str, Any]) -> None:
    """Import resources into a stack that has none yet; an import can do nothing else."""
    formation = boto3.client("cloudformation")
    made = formation.create_change_set(
        StackName=stack,
        ChangeSetName=f"adopt-{uuid.uuid4()}",  # the one of a run that died is still there
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps({"Resources": found}),
        ResourcesToImport=[
            {
                "ResourceType": one["Type"],
                "LogicalResourceId": name,
                "ResourceIdentifier": identifier(one),
            }
            for name, one in found.items()
        ],
    )
    change_set = made["Id"]
    formation.get_waiter("change_set_create_complete").wait(
        ChangeSetName=change_set, WaiterConfig=OFTEN
    )
    formation.execute_change_set(ChangeSetName=change_set)
    formation.get_waiter("stack_import_complete").wait(StackName=stack, WaiterConfig=OFTEN)
    ### END SOLUTION


if __name__ == "__main__":
    adopt(json.loads(Path(sys.argv[1]).read_text()), Path("depot.yaml").read_text())
