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
    # TODO: read a change set or a plan
    raise NotImplementedError


def main(path: str) -> int:
    """Name what would be lost; return the exit status."""
    found = losses(json.loads(Path(path).read_text()))
    for name in found:
        print(f"would lose {name}")
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
