"""Take over what is left, one thing at a time; then build the rest around it.

    python adopt.py depot.json

It may be stopped anywhere and run again. Ends with 0 when the stack is what depot.yaml says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from deploy import OFTEN, Site, deploy, status

Part = tuple[str, str, str, str, dict[str, Any]]


def adopt(site: Site, template: str) -> None:
    """Import each relic that is in no stack yet, then deploy."""
    formation, stack = boto3.client("cloudformation"), site["stack"]
    if status(stack) == "REVIEW_IN_PROGRESS":  # an attempt that never began: it holds nothing
        formation.delete_stack(StackName=stack)
        formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=OFTEN)
    if status(stack) in (None, "IMPORT_COMPLETE"):
        resources: dict[str, Any] = {}
        for part in relics(site):
            name, kind, key, value, more = part
            resources[name] = {
                "Type": kind, "DeletionPolicy": "Retain",
                "Properties": {key: value} | more,
            }  # fmt: skip
            if not owned(stack, name):
                bring_in(stack, resources, part)
    deploy(site, template)


def relics(site: Site) -> Iterator[Part]:
    """What exists: logical name, type, what identifies it and its value, what is set on it."""
    given = site["parameters"]
    bucket = f"larkmoor-{given['Depot']}-{given['Environment']}-ledger"
    if bucket in [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"]]:
        yield "Ledger", "AWS::S3::Bucket", "BucketName", bucket, dict(knobs(bucket))
    group = f"/larkmoor/{given['Depot']}/{given['Environment']}/scanner"
    pages = boto3.client("logs").get_paginator("describe_log_groups").paginate()
    for one in (one for page in pages for one in page["logGroups"]):
        if one["logGroupName"] == group:
            days = {"RetentionInDays": one["retentionInDays"]} if "retentionInDays" in one else {}
            yield "Logs", "AWS::Logs::LogGroup", "LogGroupName", group, days


def knobs(bucket: str) -> Iterator[tuple[str, Any]]:
    """Properties of a bucket that the update will set, as they are."""
    s3 = boto3.client("s3")
    versions = s3.get_bucket_versioning(Bucket=bucket)
    if "Status" in versions:
        yield "VersioningConfiguration", {"Status": versions["Status"]}
    with suppress(ClientError):  # there is none
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        yield "PublicAccessBlockConfiguration", block


def owned(stack: str, name: str) -> bool:
    """Does the stack have this already?"""
    if status(stack) is None:
        return False
    found = boto3.client("cloudformation").list_stack_resources(StackName=stack)
    return any(one["LogicalResourceId"] == name for one in found["StackResourceSummaries"])


def bring_in(stack: str, resources: dict[str, Any], part: Part) -> None:
    """Import one thing beside those that the stack has."""
    formation = boto3.client("cloudformation")
    name, kind, key, value, _ = part
    change_set = formation.create_change_set(
        StackName=stack, ChangeSetName=f"import-{name}", ChangeSetType="IMPORT",
        TemplateBody=json.dumps({"Resources": resources}),
        ResourcesToImport=[{
            "ResourceType": kind, "LogicalResourceId": name, "ResourceIdentifier": {key: value},
        }],
    )["Id"]  # fmt: skip
    formation.get_waiter("change_set_create_complete").wait(
        ChangeSetName=change_set, WaiterConfig=OFTEN
    )
    formation.execute_change_set(ChangeSetName=change_set)
    formation.get_waiter("stack_import_complete").wait(StackName=stack, WaiterConfig=OFTEN)


if __name__ == "__main__":
    adopt(json.loads(Path(sys.argv[1]).read_text()), Path("depot.yaml").read_text())
