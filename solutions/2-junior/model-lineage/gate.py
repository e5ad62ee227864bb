"""The gate: whether a version may be served. Two places must say so, and one of them says it last.

    python gate.py approve 7
    python gate.py reject 7

Ends with 0 when it is so, with 1 when the version cannot be approved.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import boto3
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

client = functools.cache(boto3.client)


class Refused(Exception):
    """This version cannot be what somebody wants it to be; says why."""


def site() -> dict[str, Any]:
    """Return the names of this Larkmoor."""
    found: dict[str, Any] = json.loads(Path("site.json").read_text(encoding="utf-8"))
    return found


def package(names: dict[str, Any], version: int) -> dict[str, Any]:
    """Return what SageMaker says of a version. Raises Refused when the package is not its own."""
    ### BEGIN SOLUTION: the tag says where to look; the package says whose it is
    try:
        tags = MlflowClient().get_model_version(names["model"], str(version)).tags
    except MlflowException as error:
        raise Refused(f"MLflow has no version {version}") from error
    if "package" not in tags:
        raise Refused(f"nobody has asked for approval of version {version}")
    found: dict[str, Any] = client("sagemaker").describe_model_package(
        ModelPackageName=tags["package"]
    )
    if found["CustomerMetadataProperties"]["mlflow_version"] != str(version):
        raise Refused(f"the package that version {version} names is another version's")
    return found
    ### END SOLUTION


def digest(names: dict[str, Any], version: int) -> str:
    """Return the SHA-256 of the artefact that lies in S3."""
    place = {"Bucket": names["artefacts"], "Key": f"models/{version}/model.json"}
    return hashlib.sha256(client("s3").get_object(**place)["Body"].read()).hexdigest()


def set_status(arn: str, word: str) -> None:
    """Tell SageMaker."""
    client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus=word)


def set_tag(names: dict[str, Any], version: int, approved: bool) -> None:
    """Tell S3."""
    place = {"Bucket": names["artefacts"], "Key": f"models/{version}/model.json"}
    if approved:
        client("s3").put_object_tagging(**place, Tagging={"TagSet": [names["approved"]]})
    else:
        client("s3").delete_object_tagging(**place)


def main(word: str, version: int) -> int:
    """Approve or reject a version; return the exit code."""
    names = site()
    try:
        ### BEGIN SOLUTION: whatever call it dies at, nothing can be fetched that is not approved
        found = package(names, version)
        arn = found["ModelPackageArn"]
        if word == "approve":
            if digest(names, version) != found["CustomerMetadataProperties"]["sha256"]:
                raise Refused(f"the artefact of version {version} is not what was registered")
            set_status(arn, "Approved")
            set_tag(names, version, approved=True)
        else:
            set_tag(names, version, approved=False)
            set_status(arn, "Rejected")
        ### END SOLUTION
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
