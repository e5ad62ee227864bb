"""The gate, without MLflow's client: its registry is asked by HTTP."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import boto3

client = functools.cache(boto3.client)


class Refused(Exception):
    """This version cannot be what somebody wants it to be."""


def site() -> dict[str, Any]:
    """Return the names of this Larkmoor."""
    found: dict[str, Any] = json.loads(Path("site.json").read_text(encoding="utf-8"))
    return found


def tags_of(names: dict[str, Any], version: int) -> dict[str, str]:
    """Return a version's tags in MLflow. Raises Refused."""
    asked = urlencode({"name": names["model"], "version": version})
    place = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/model-versions/get?"
    try:
        with urlopen(place + asked) as reply:
            found = json.load(reply)["model_version"].get("tags", [])
    except HTTPError as error:
        raise Refused(f"version {version}: {error}") from error
    return {one["key"]: one["value"] for one in found}


def package(names: dict[str, Any], version: int) -> dict[str, Any]:
    """Return a version's own package, if its tag names that one too. Raises Refused."""
    told = tags_of(names, version).get("package")
    sagemaker, asked = client("sagemaker"), {"ModelPackageGroupName": names["group"]}
    for page in sagemaker.get_paginator("list_model_packages").paginate(**asked):
        for one in page["ModelPackageSummaryList"]:
            name = one["ModelPackageArn"]
            found: dict[str, Any] = sagemaker.describe_model_package(ModelPackageName=name)
            if found["CustomerMetadataProperties"].get("mlflow_version") == str(version):
                if name != told:
                    raise Refused(f"version {version} names another's package")
                return found
    raise Refused(f"version {version} has no package")


def approve(names: dict[str, Any], version: int, found: dict[str, Any]) -> None:
    """Let a version out: the registry first, the door last. Raises Refused."""
    place = {"Bucket": names["artefacts"], "Key": f"models/{version}/model.json"}
    held = client("s3").get_object(**place)["Body"].read()
    if hashlib.sha256(held).hexdigest() != found["CustomerMetadataProperties"]["sha256"]:
        raise Refused("other bytes lie there than were registered")
    client("sagemaker").update_model_package(
        ModelPackageArn=found["ModelPackageArn"], ModelApprovalStatus="Approved"
    )
    client("s3").put_object_tagging(**place, Tagging={"TagSet": [names["approved"]]})


def reject(names: dict[str, Any], version: int, found: dict[str, Any]) -> None:
    """Shut the door, then say so."""
    tag = names["approved"] | {"Value": "rejected"}
    client("s3").put_object_tagging(
        Bucket=names["artefacts"], Key=f"models/{version}/model.json", Tagging={"TagSet": [tag]}
    )
    client("sagemaker").update_model_package(
        ModelPackageArn=found["ModelPackageArn"], ModelApprovalStatus="Rejected"
    )


if __name__ == "__main__":
    try:
        number, names = int(sys.argv[2]), site()
        {"approve": approve, "reject": reject}[sys.argv[1]](names, number, package(names, number))
    except Refused as error:
        sys.exit(f"refused: {error}")
