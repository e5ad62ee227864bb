"""Bring a stack to what depot.yaml says, or make it where there is none. Deletes nothing.

    python deploy.py depot.json

Given, and runs as it is. Takes credentials, endpoint and region from the environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

Site = dict[str, Any]
OFTEN = {"Delay": 2, "MaxAttempts": 900}  # as waiters come, they look twice a minute


def deploy(site: Site, template: str) -> None:
    """Create or update the site's stack, and wait. WaiterError: it was rolled back."""
    formation = boto3.client("cloudformation")
    wanted = {
        "StackName": site["stack"],
        "TemplateBody": template,
        "Parameters": parameters(site),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    if status(site["stack"]) is None:
        formation.create_stack(**wanted)
        done = "stack_create_complete"
    else:
        try:
            formation.update_stack(**wanted)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
            return
        done = "stack_update_complete"
    formation.get_waiter(done).wait(StackName=site["stack"], WaiterConfig=OFTEN)


def parameters(site: Site) -> list[dict[str, str]]:
    """A site's parameters as CloudFormation takes them."""
    return [
        {"ParameterKey": key, "ParameterValue": str(value)}
        for key, value in site["parameters"].items()
    ]


def status(stack: str) -> str | None:
    """A stack's status; None when there is no such stack."""
    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None
    return str(found["Stacks"][0]["StackStatus"])


if __name__ == "__main__":
    deploy(json.loads(Path(sys.argv[1]).read_text()), Path("depot.yaml").read_text())
