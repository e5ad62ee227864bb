"""Rebuilds a model without pip, without a checkout: wheels are on the path as they are.

    python rebuild.py 4 room
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


class Altered(Exception):
    """What is not what was recorded, and its name."""


def described(names: dict[str, Any], number: int) -> dict[str, str]:
    """Return what a package of the group says, by its number."""
    sagemaker = gate.client("sagemaker")
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=names["group"]
    )
    arn = next(
        one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]
        if one["ModelPackageVersion"] == number
    )  # fmt: skip
    said: dict[str, str] = sagemaker.describe_model_package(ModelPackageName=arn)[
        "CustomerMetadataProperties"
    ]
    return said


class History:
    """The repository in the bundle, read file by file."""

    def __init__(self, room: Path, commit: str) -> None:
        self.place, self.commit = room / "history.git", commit
        bundle = str(room / "history.bundle")
        subprocess.run(["git", "clone", "-q", "--bare", bundle, str(self.place)], check=True)

    def read(self, path: str) -> str:
        """Return a file as it was at the commit."""
        line = ["git", f"--git-dir={self.place}", "show", f"{self.commit}:{path}"]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout


def pinned_wheels(room: Path, requirements: str) -> list[Path]:
    """Return the wheels whose bytes are pinned. Raises Altered."""
    lines = requirements.replace("\\\n", " ").splitlines()
    wheels = []
    for line in filter(None, map(str.strip, lines)):
        name, release = re.split(r"==|\s", line)[:2]
        wheel = next((room / "wheelhouse").glob(f"{name}-{release}-*.whl"))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if f"--hash=sha256:{digest}" not in line.split():
            raise Altered("wheel", wheel.name)
        wheels.append(wheel.resolve())
    return wheels


def data(names: dict[str, Any], name: str, known_as: str = "data") -> bytes:
    """Return a content of the remote. Raises Altered."""
    place = {"Bucket": names["remote"], "Key": f"files/md5/{name[:2]}/{name[2:]}"}
    found: bytes = gate.client("s3").get_object(**place)["Body"].read()
    if not name.startswith(hashlib.md5(found).hexdigest()):
        raise Altered("data", known_as)
    return found


def rebuilt(names: dict[str, Any], number: int, room: Path) -> bytes:
    """Return the model. Raises Altered."""
    said = described(names, number)
    history = History(room, said["commit"])
    wheels = pinned_wheels(room, history.read("requirements.txt"))
    if said["data"] not in history.read("data.dvc"):
        raise Altered("data", "data")
    bench = room / "bench"
    (bench / "data").mkdir(parents=True)
    for one in json.loads(data(names, said["data"])):
        content = data(names, one["md5"], one["relpath"])
        (bench / "data" / one["relpath"]).write_bytes(content)
    command = re.search(r"cmd: (.*)", history.read("dvc.lock"))
    assert command is not None
    path = os.pathsep.join(map(str, wheels))  # a pure wheel is a zip that can be imported
    subprocess.run([sys.executable, *shlex.split(command[1])[1:]], cwd=bench, check=True,
                   env=os.environ | {"PYTHONPATH": path})  # fmt: skip
    model = (bench / "model.json").read_bytes()
    if hashlib.sha256(model).hexdigest() != said["sha256"]:
        raise Altered("model", "model.json")
    return model


if __name__ == "__main__":
    place = Path(sys.argv[2])
    try:
        made = rebuilt(gate.site(), int(sys.argv[1]), place)
    except Altered as error:
        what, name = error.args
        (place / "refused.json").write_text(json.dumps({"what": what, "name": name}))
        sys.exit(3)
    (place / "model.json").write_bytes(made)
