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
    ### BEGIN SOLUTION: a clone of the bundle, at a commit that may be on no branch
    tree = room / "tree"
    for line in (
        ["git", "clone", "--quiet", "--no-checkout", str(room / "history.bundle"), str(tree)],
        ["git", "-C", str(tree), "checkout", "--quiet", "--detach", commit],
    ):
        subprocess.run(line, check=True)
    return tree
    ### END SOLUTION


def install(room: Path, requirements: Path) -> Path:
    """Return a folder with the pinned wheels, unpacked. Raises Altered."""
    ### BEGIN SOLUTION: name the wheel that is not the pinned one, then let pip refuse it as well
    pins = re.findall(r"(\S+)==(\S+) .*?sha256:(\w+)", requirements.read_text(), re.DOTALL)
    for package, release, pinned in pins:
        (wheel,) = (room / "wheelhouse").glob(f"{package}-{release}-*.whl")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != pinned:
            raise Altered("wheel", wheel.name)
    site = room / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check",
         "install", "--no-index", "--no-deps", "--no-compile", "--require-hashes", "--find-links",
         str(room / "wheelhouse"), "--target", str(site), "-r", str(requirements)],
        check=True,
    )  # fmt: skip
    return site
    ### END SOLUTION


def fetch(names: dict[str, Any], data: str, folder: Path) -> None:
    """Fill a folder with what DVC's remote holds under a name. Raises Altered."""
    ### BEGIN SOLUTION: a listing, then the files in it; each is what its name says, or refused
    s3 = gate.client("s3")

    def content(name: str, known_as: str) -> bytes:
        key = f"files/md5/{name[:2]}/{name[2:]}"
        found: bytes = s3.get_object(Bucket=names["remote"], Key=key)["Body"].read()
        if hashlib.md5(found).hexdigest() != name.removesuffix(".dir"):
            raise Altered("data", known_as)
        return found

    for one in json.loads(content(data, folder.name)):
        path = folder / one["relpath"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(one["md5"], one["relpath"]))
    ### END SOLUTION


def train(tree: Path, site: Path) -> bytes:
    """Run what dvc.lock recorded and return the model."""
    ### BEGIN SOLUTION: the recorded command, in the checkout, with the installed trainer
    lock = yaml.safe_load((tree / "dvc.lock").read_text(encoding="utf-8"))
    command = shlex.split(lock["stages"]["train"]["cmd"])
    env = os.environ | {"PYTHONPATH": str(site.resolve()), "PYTHONSAFEPATH": "1"}
    subprocess.run([sys.executable, *command[1:]], cwd=tree, env=env, check=True)
    return (tree / "model.json").read_bytes()
    ### END SOLUTION


def main(number: str, room: Path) -> int:
    """Rebuild one model; return the exit code."""
    names = gate.site()
    try:
        ### BEGIN SOLUTION: in this order, and believing nothing that can be checked
        said = recorded(names, number)
        tree = check_out(room, said["commit"])
        tracked = yaml.safe_load((tree / "data.dvc").read_text(encoding="utf-8"))["outs"][0]
        if tracked["md5"] != said["data"]:
            raise Altered("data", "data")
        fetch(names, said["data"], tree / "data")
        site = install(room, tree / "requirements.txt")
        model = train(tree, site)
        if hashlib.sha256(model).hexdigest() != said["sha256"]:
            raise Altered("model", "model.json")
        (room / "model.json").write_bytes(model)
        ### END SOLUTION
    except Altered as error:
        (room / "refused.json").write_text(json.dumps({"what": error.what, "name": error.name}))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
