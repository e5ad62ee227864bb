"""Tell what somebody changed behind a stack's back.

    python drift.py STACK

Writes drift.json, {"LogicalName": "MODIFIED" or "DELETED"}. Ends with 0 when everything is as the
template says, 2 when something is not, 3 when something could not be looked at.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import boto3
from botocore.exceptions import ClientError


def drift(stack: str) -> tuple[dict[str, str], bool]:
    """What drifted, by logical name; and whether everything could be looked at."""
    ### BEGIN SOLUTION: have CloudFormation look, wait for it, read all it found
    formation = boto3.client("cloudformation")
    try:
        asked = formation.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    except ClientError:  # whoever may not ask has seen nothing
        return {}, False
    while True:
        state = formation.describe_stack_drift_detection_status(StackDriftDetectionId=asked)
        if state["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        time.sleep(2)
    found: dict[str, str] = {}
    page = {"StackName": stack}
    while True:
        answer = formation.describe_stack_resource_drifts(**page)
        for one in answer["StackResourceDrifts"]:
            if one["StackResourceDriftStatus"] in ("MODIFIED", "DELETED"):
                found[one["LogicalResourceId"]] = one["StackResourceDriftStatus"]
        if "NextToken" not in answer:
            break
        page["NextToken"] = answer["NextToken"]
    return found, state["DetectionStatus"] == "DETECTION_COMPLETE"
    ### END SOLUTION


def main(stack: str) -> int:
    """Write the report; return the exit status."""
    found, complete = drift(stack)
    Path("drift.json").write_text(json.dumps(found, indent=1))
    if not complete:
        return 3
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
