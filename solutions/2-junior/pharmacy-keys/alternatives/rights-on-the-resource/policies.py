"""Rights written where the things are: on the key, on the bucket, on the secret. Roles carry none.

The other school: who reads the bucket's policy knows everybody who can reach the bucket. The one
right that belongs to no resource, drawing a random password, stays with the role.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
Statement = dict[str, Any]
Site = dict[str, Any]


def document(*statements: Statement) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def role_arn(site: Site, role: str) -> str:
    return f"arn:aws:iam::{site['account']}:role/{site['roles'][role]['name']}"


def trust(site: Site, role: str) -> Document:
    host = {"AWS": site["roles"][role]["host"]}
    return document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": host})


def grant(site: Site, role: str, actions: list[str], resources: Any, **condition: Any) -> Statement:
    """What one role may do to the thing that carries the policy."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": role_arn(site, role)},
        "Action": actions,
        "Resource": resources,
    }
    return statement | ({"Condition": condition} if condition else {})


def key(site: Site, roles: list[str]) -> Document:
    """The account administers; each role uses the key through the services it works with."""
    account = {"AWS": f"arn:aws:iam::{site['account']}:root"}
    uses = {
        "intake": (["kms:GenerateDataKey"], ["s3"]),
        "dispatch": (["kms:Decrypt"], ["s3", "secretsmanager"]),
        "rotator": (["kms:Decrypt", "kms:GenerateDataKey"], ["secretsmanager"]),
    }
    statements = [{"Effect": "Allow", "Principal": account, "Action": "kms:*", "Resource": "*"}]
    for role in roles:
        actions, services = uses[role]
        hosts = [f"{service}.{site['region']}.amazonaws.com" for service in services]
        through = {"kms:ViaService": hosts}
        statements.append(grant(site, role, actions, "*", StringEquals=through))
    return document(*statements)


def bucket(site: Site, key_arn: str, roles: list[str]) -> Document:
    arn = f"arn:aws:s3:::{site['bucket']}"
    header = "s3:x-amz-server-side-encryption"
    folders = [f"{site['inbox']}/{depot}/*" for depot in site["depots"]]
    everybody = {"Effect": "Deny", "Principal": "*"}
    grants = {
        "intake": [
            grant(
                site,
                "intake",
                ["s3:PutObject"],
                [f"{arn}/{site[folder]}/*" for folder in ("inbox", "receipts")],
            )
        ],
        "dispatch": [
            grant(site, "dispatch", ["s3:GetObject"], [f"{arn}/{folder}" for folder in folders]),
            grant(site, "dispatch", ["s3:ListBucket"], arn, StringLike={"s3:prefix": folders}),
        ],
    }
    return document(
        everybody
        | {
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"BoolIfExists": {"aws:SecureTransport": "false"}},
        },
        # Two refusals instead of one: another algorithm than KMS, another key than ours.
        everybody
        | {
            "Action": "s3:PutObject",
            "Resource": f"{arn}/*",
            "Condition": {
                "Null": {header: "false"},  # IfExists would refuse a writer who asks for nothing
                "StringNotEquals": {header: "aws:kms"},
            },
        },
        everybody
        | {
            "Action": "s3:PutObject",
            "Resource": f"{arn}/*",
            "Condition": {
                "StringEquals": {header: "aws:kms"},
                "StringNotEquals": {f"{header}-aws-kms-key-id": key_arn},
            },
        },
        *(statement for role in roles for statement in grants.get(role, [])),
    )


def secret(site: Site, roles: list[str]) -> Document:
    rights = {
        "dispatch": ["GetSecretValue"],
        "rotator": [
            "DescribeSecret",
            "GetSecretValue",
            "PutSecretValue",
            "UpdateSecretVersionStage",
        ],
    }
    return document(
        *(
            grant(site, role, [f"secretsmanager:{right}" for right in rights[role]], "*")
            for role in roles
            if role in rights
        )
    )


def random_password() -> Document:
    action = "secretsmanager:GetRandomPassword"
    return document({"Effect": "Allow", "Action": action, "Resource": "*"})
