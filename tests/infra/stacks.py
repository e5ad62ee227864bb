"""Small templates for the tests of CloudFormation, and the words its answers are read with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EVERYTHING = (Path(__file__).parent / "stack_cases" / "everything.yaml").read_text()
NAMED = ["CAPABILITY_NAMED_IAM"]


def template(resources: dict[str, Any], **sections: Any) -> str:
    """Return a template as JSON."""
    return json.dumps({"Resources": resources, **sections})


def queue(**props: Any) -> dict[str, Any]:
    """Return a queue, as a template has it."""
    return {"Type": "AWS::SQS::Queue", "Properties": props}


def bucket(name: str = "", **more: Any) -> dict[str, Any]:
    """Return a bucket, as a template has it."""
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name} if name else {}} | more


# A topic with a protocol that no service knows: its creation fails, after what it depends on.
BROKEN = {"Type": "AWS::SNS::Subscription", "DependsOn": "Queue", "Properties": {
    "TopicArn": "arn:aws:sns:eu-central-1:123456789012:nowhere", "Protocol": "sqs",
    "Endpoint": "arn:aws:sqs:eu-central-1:123456789012:nowhere",
}}  # fmt: skip


def status(formation: Any, name: str) -> str:
    """Return a stack's status."""
    return str(formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def told(formation: Any, name: str) -> list[tuple[str, str]]:
    """Return a stack's events, oldest first: what, and to which status it came."""
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    return [(one["LogicalResourceId"], one["ResourceStatus"]) for one in reversed(events)]


def reasons(formation: Any, name: str) -> str:
    """Return every reason in a stack's events."""
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    return " | ".join(one.get("ResourceStatusReason", "") for one in events)


def physical(formation: Any, name: str, resource: str) -> str:
    """Return a resource's physical id."""
    detail = formation.describe_stack_resource(StackName=name, LogicalResourceId=resource)
    return str(detail["StackResourceDetail"]["PhysicalResourceId"])


def outputs(formation: Any, name: str) -> dict[str, str]:
    """Return a stack's outputs."""
    found = formation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {one["OutputKey"]: one["OutputValue"] for one in found}
