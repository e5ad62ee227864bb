"""Roles first, then the things that name them in their own policies."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import policies
from botocore.exceptions import ClientError
from policies import Site

ROLES = ("intake", "dispatch", "rotator")


def deploy(site: Site, roles: Sequence[str] = ROLES) -> None:
    present = list(roles)
    for role in present:
        make_role(site, role)
    key_arn = make_key(site, present)
    make_bucket(site, key_arn, present)
    make_secret(site, key_arn, present)


def unless(code: str, call: Callable[..., Any], **parameters: Any) -> Any:
    """The answer of a call, or nothing when it ends with this error."""
    try:
        return call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise
        return None


def make_role(site: Site, role: str) -> None:
    iam = boto3.client("iam")
    name, trust = site["roles"][role]["name"], json.dumps(policies.trust(site, role))
    unless("EntityAlreadyExists", iam.create_role, RoleName=name, AssumeRolePolicyDocument=trust)
    if role == "rotator":
        text = json.dumps(policies.random_password())
        iam.put_role_policy(RoleName=name, PolicyName="random-password", PolicyDocument=text)


def make_key(site: Site, roles: list[str]) -> str:
    kms = boto3.client("kms")
    found = unless("NotFoundException", kms.describe_key, KeyId=site["key"])
    metadata = (found or kms.create_key(Description="prescriptions"))["KeyMetadata"]
    identifier = metadata["KeyId"]
    text = json.dumps(policies.key(site, roles))
    kms.put_key_policy(KeyId=identifier, PolicyName="default", Policy=text)
    if not found:
        kms.enable_key_rotation(KeyId=identifier)
        kms.create_alias(AliasName=site["key"], TargetKeyId=identifier)
    return metadata["Arn"]


def make_bucket(site: Site, key_arn: str, roles: list[str]) -> None:
    s3, name = boto3.client("s3"), site["bucket"]
    place = {"LocationConstraint": site["region"]}
    unless(
        "BucketAlreadyOwnedByYou",
        s3.create_bucket,
        Bucket=name,
        CreateBucketConfiguration=place,
    )
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
        },
    )
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policies.bucket(site, key_arn, roles)))


def make_secret(site: Site, key_arn: str, roles: list[str]) -> None:
    vault, name = boto3.client("secretsmanager"), site["secret"]
    if not unless("ResourceNotFoundException", vault.describe_secret, SecretId=name):
        vault.create_secret(Name=name, KmsKeyId=key_arn)
    policy = policies.secret(site, roles)
    if policy["Statement"]:
        vault.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(policy))


if __name__ == "__main__":
    deploy(json.loads(Path(sys.argv[1]).read_text()))
