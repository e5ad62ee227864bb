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
        found["Paper"] = resource("AWS::S3::Bucket", BucketName=bucket)
    if group_exists(group):
        found["Journal"] = resource("AWS::Logs::LogGroup", LogGroupName=group)
    return found


def resource(kind: str, **name: str) -> dict[str, Any]:
    """A resource by nothing but its name: what else it is, the update will say."""
    return {"Type": kind, "DeletionPolicy": "Retain", "Properties": name}


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
                "ResourceIdentifier": one["Properties"],
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


if __name__ == "__main__":
    adopt(json.loads(Path(sys.argv[1]).read_text()), Path("depot.yaml").read_text())
