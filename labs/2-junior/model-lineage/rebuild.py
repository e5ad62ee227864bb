"""Rebuilds a model from its package's number, a git bundle, a wheelhouse and the DVC remote.

    python rebuild.py 4 room

Reads room/history.bundle and room/wheelhouse/, works in room/, writes room/model.json and ends
with 0; or writes room/refused.json, {"what": ..., "name": ...}, leaves no model and ends with 3.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import gate
import yaml


class Altered(Exception):
    """Something is not what was recorded: `what` it is (wheel, data, model), and its name."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"{what} {name}")
        self.what, self.name = what, name


def recorded(names: dict[str, Any], number: str) -> dict[str, str]:
    """Return what the package says: commit, data, sha256, mlflow_version."""
    sagemaker = gate.client("sagemaker")
    found = sagemaker.list_model_packages(
        ModelPackageGroupName=names["group"], MaxResults=100
    )["ModelPackageSummaryList"]
    arn = next(p["ModelPackageArn"] for p in found if p["ModelPackageVersion"] == int(number))
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    said: dict[str, str] = package["CustomerMetadataProperties"]
    return said


def check_out(room: Path, commit: str) -> Path:
    """Return a folder with the repository as it was at a commit."""
    # TODO: a clone of the bundle, at a commit that may be on no branch
    raise NotImplementedError


def install(room: Path, requirements: Path) -> Path:
    """Return a folder with the pinned wheels, unpacked. Raises Altered."""
    # TODO: name the wheel that is not the pinned one, then let pip refuse it as well
    raise NotImplementedError


def fetch(names: dict[str, Any], data: str, folder: Path) -> None:
    """Fill a folder with what DVC's remote holds under a name. Raises Altered."""
    # TODO: a listing, then the files in it; each is what its name says, or refused
    raise NotImplementedError


def train(tree: Path, site: Path) -> bytes:
    """Run what dvc.lock recorded and return the model."""
    # TODO: the recorded command, in the checkout, with the installed trainer
    raise NotImplementedError


def main(number: str, room: Path) -> int:
    """Rebuild one model; return the exit code."""
    names = gate.site()
    try:
        # TODO: in this order, and believing nothing that can be checked
        raise NotImplementedError
    except Altered as error:
        (room / "refused.json").write_text(json.dumps({"what": error.what, "name": error.name}))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
