"""Put the pharmacy in place: key, bucket, secret, roles. Run it again and nothing changes.

    python stack.py site.json

Takes credentials and endpoint from the environment. Deletes nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import boto3
import policies
from policies import Site

ROLES = ("intake", "dispatch", "rotator")


def deploy(site: Site, roles: Sequence[str] = ROLES) -> None:
    """Bring the account to the state that `site` describes, with these roles."""
    key_arn = ensure_key(site)
    ensure_bucket(site, key_arn)
    secret_arn = ensure_secret(site, key_arn)
    for role in roles:
        permissions = getattr(policies, role)(site, key_arn, secret_arn)
        ensure_role(site, role, permissions)


def ensure_key(site: Site) -> str:
    """The ARN of the pharmacy's key. A key has no name of its own: its alias is how we find it."""
    kms = boto3.client("kms")
    with suppress(kms.exceptions.NotFoundException):
        return kms.describe_key(KeyId=site["key"])["KeyMetadata"]["Arn"]
    made = kms.create_key(Description="prescriptions", Policy=json.dumps(policies.key(site)))
    arn = made["KeyMetadata"]["Arn"]
    kms.enable_key_rotation(KeyId=arn)
    kms.create_alias(AliasName=site["key"], TargetKeyId=arn)
    return arn


def ensure_bucket(site: Site, key_arn: str) -> None:
    """The bucket: never public, under our key, with its policy."""
    s3 = boto3.client("s3")
    name = site["bucket"]
    place = {"LocationConstraint": site["region"]}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=nothing_public())
    # TODO: encrypt by default under our key, with a bucket key
    raise NotImplementedError
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policies.bucket(site, key_arn)))


def nothing_public() -> dict[str, bool]:
    """All four switches that keep a bucket from the public."""
    names = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
    return dict.fromkeys(names, True)


def ensure_secret(site: Site, key_arn: str) -> str:
    """The ARN of the secret, empty at first: the database's owner fills it, not this program."""
    vault = boto3.client("secretsmanager")
    try:
        return vault.describe_secret(SecretId=site["secret"])["ARN"]
    except vault.exceptions.ResourceNotFoundException:
        return vault.create_secret(Name=site["secret"], KmsKeyId=key_arn)["ARN"]


def ensure_role(site: Site, role: str, permissions: policies.Document) -> None:
    """A role that its host may put on, with these permissions and no others of ours."""
    iam = boto3.client("iam")
    name, trust = site["roles"][role]["name"], json.dumps(policies.trust(site, role))
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=json.dumps(permissions))


if __name__ == "__main__":
    deploy(json.loads(Path(sys.argv[1]).read_text()))
