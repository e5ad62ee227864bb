"""Say which data a change would put out of reach, before anybody makes it.

    aws cloudformation describe-change-set ... > change.json; python guard.py change.json
    terraform show -json plan.out > plan.json;                 python guard.py plan.json

Ends with 0 when nothing would be lost, 2 when something would.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

DATA = {
    "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key",
    "aws_s3_bucket", "aws_dynamodb_table", "aws_kms_key",
}  # fmt: skip


def losses(document: dict[str, Any]) -> list[str]:
    """What holds data and would be deleted, replaced or let go: names or addresses, in order.

    ValueError: this is neither a change set nor a plan, or not the whole of one.
    """
    ### BEGIN SOLUTION: read a change set or a plan
    if "Changes" in document:
        if document.get("NextToken"):
            raise ValueError("this is the first page only")
        if document.get("Status") in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            raise ValueError("this change set is not finished")
        return sorted(of_change_set(document["Changes"]))
    if "resource_changes" in document:
        if document.get("errored") or not document.get("complete", True):
            raise ValueError("this plan is not complete")
        return sorted(of_plan(document["resource_changes"]))
    raise ValueError("neither a change set nor a plan")


def of_change_set(changes: list[dict[str, Any]]) -> list[str]:
    """Logical names. "Conditional" is a replacement that nobody has excluded."""
    return [
        one["LogicalResourceId"]
        for one in (change["ResourceChange"] for change in changes)
        if one["ResourceType"] in DATA
        and (one["Action"] == "Remove" or one.get("Replacement") in ("True", "Conditional"))
    ]


def of_plan(changes: list[dict[str, Any]]) -> list[str]:
    """Addresses. A replacement is a deletion and a creation, in either order."""
    return [
        one["address"]
        for one in changes
        if one["mode"] == "managed"
        and one["type"] in DATA
        and {"delete", "forget"} & set(one["change"]["actions"])
    ]
    ### END SOLUTION


def main(path: str) -> int:
    """Name what would be lost; return the exit status."""
    found = losses(json.loads(Path(path).read_text()))
    for name in found:
        print(f"would lose {name}")
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
