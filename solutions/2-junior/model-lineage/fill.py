"""Puts what world/ holds into an account and a registry, as months of work would have left it.

    python fill.py        into AWS_ENDPOINT_URL and MLFLOW_TRACKING_URI, both still empty

Runs as given, and shows what belongs to one trained model: the artefact in S3, its data in DVC's
remote, a version in MLflow, and, where somebody asked for approval, a model package in SageMaker.
Limit: it trains nothing, approves nothing and makes nothing live.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3


def packaged(group: str, source: str, number: int, one: dict[str, Any]) -> dict[str, Any]:
    """Return what CreateModelPackage is told of a version."""
    container = {"Image": "larkmoor/delaymodel", "ModelDataUrl": source}
    said = {name: one[name] for name in ("commit", "data", "sha256")}
    return {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "PendingManualApproval",
        "CustomerMetadataProperties": {"mlflow_version": str(number), **said},
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    }


def register(mlflow: Any, sagemaker: Any, site: dict[str, Any], versions: list[Any]) -> None:
    """Make the versions, in order, and their packages."""
    mlflow.create_registered_model(site["model"])
    sagemaker.create_model_package_group(
        ModelPackageGroupName=site["group"], ModelPackageGroupDescription="the delay model"
    )
    for number, one in enumerate(versions, start=1):
        source = f"s3://{site['artefacts']}/models/{number}/model.json"
        tags = {name: one[name] for name in ("commit", "data", "sha256")}
        if one["submitted"]:
            asked = packaged(site["group"], source, number, one)
            tags["package"] = sagemaker.create_model_package(**asked)["ModelPackageArn"]
        mlflow.create_model_version(site["model"], source, tags=tags)


def store(s3: Any, site: dict[str, Any], files: dict[str, bytes]) -> None:
    """Put objects; the first folder of a path says in which bucket."""
    for path, data in files.items():
        place, _, key = path.partition("/")
        s3.put_object(Bucket=site[place], Key=key, Body=data)


def main() -> None:
    """Fill what the environment names."""
    from mlflow import MlflowClient

    site, world = json.loads(Path("site.json").read_text(encoding="utf-8")), Path("world")
    s3, region = boto3.client("s3"), boto3.session.Session().region_name
    for place in ("artefacts", "remote", "ledger"):
        s3.create_bucket(
            Bucket=site[place], CreateBucketConfiguration={"LocationConstraint": region}
        )
    s3.put_bucket_versioning(
        Bucket=site["ledger"], VersioningConfiguration={"Status": "Enabled"}
    )
    files = {str(path.relative_to(world)): path.read_bytes()
             for folder in ("artefacts", "remote") for path in (world / folder).rglob("*")
             if path.is_file()}  # fmt: skip
    store(s3, site, files)
    versions = json.loads((world / "versions.json").read_text(encoding="utf-8"))
    register(MlflowClient(), boto3.client("sagemaker"), site, versions)


if __name__ == "__main__":
    main()
