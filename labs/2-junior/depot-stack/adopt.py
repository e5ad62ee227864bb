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
    # TODO: find what is there, import it, deploy the rest
    raise NotImplementedError


if __name__ == "__main__":
    adopt(json.loads(Path(sys.argv[1]).read_text()), Path("depot.yaml").read_text())
