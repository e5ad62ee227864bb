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
    # TODO: have CloudFormation look, wait for it, read all it found
    raise NotImplementedError


def main(stack: str) -> int:
    """Write the report; return the exit status."""
    found, complete = drift(stack)
    Path("drift.json").write_text(json.dumps(found, indent=1))
    if not complete:
        return 3
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
