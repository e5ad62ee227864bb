"""Tell what somebody changed behind a stack's back, asking for one resource after the other.

    python drift.py STACK

Writes drift.json, {"LogicalName": "MODIFIED" or "DELETED"}. Ends with 0 when everything is as the
template says, 2 when something is not, 3 when something could not be looked at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3
from botocore.exceptions import ClientError


def drift(stack: str) -> tuple[dict[str, str], bool]:
    """What drifted, by logical name; and whether everything could be looked at."""
    formation = boto3.client("cloudformation")
    found, complete = {}, True
    for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            name = one["LogicalResourceId"]
            try:
                told = formation.detect_stack_resource_drift(
                    StackName=stack, LogicalResourceId=name
                )["StackResourceDrift"]["StackResourceDriftStatus"]
            except ClientError:
                complete = False
                continue
            if told != "IN_SYNC":
                found[name] = told
    return found, complete


def main(stack: str) -> int:
    """Write the report; return the exit status."""
    found, complete = drift(stack)
    Path("drift.json").write_text(json.dumps(found, indent=1))
    return 3 if not complete else 2 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
