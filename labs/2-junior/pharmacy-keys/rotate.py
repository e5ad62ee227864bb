"""Give the database a new password: the four steps of Secrets Manager, each safe to repeat.

    python rotate.py site.json TOKEN

TOKEN names one rotation and becomes the id of the secret's new version. Killed at any moment and
started again with the same token, it carries on; overtaken by a newer one, it does nothing. One
rotation of a secret at a time.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from database import Credential, Database
from policies import Site


def rotate(site: Site, token: str) -> None:
    """Carry the rotation called `token` to its end, wherever it stands."""
    # TODO: the four steps, each of which may have happened already
    raise NotImplementedError


if __name__ == "__main__":
    rotate(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
