"""The pattern of the ARN that an action is about, as IAM's service reference writes it.

Limit: actions of services whose resources are decided one by one here; "*" for all others, as
the simulator answers where no pattern is defined.
"""

from __future__ import annotations

_BUCKET = "arn:${Partition}:s3:::${BucketName}"
_SERVICES = {
    "kms": "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}",
    "secretsmanager": "arn:${Partition}:secretsmanager:${Region}:${Account}:secret:${SecretId}",
    "sts": "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}",
}
_ALL = {"ListAllMyBuckets", "ListKeys", "ListAliases", "CreateKey", "GenerateRandom", "ListSecrets",
        "GetRandomPassword", "GetCallerIdentity", "GetSessionToken", "BatchGetSecretValue"}


def template(action: str) -> str:
    """Return the ARN's pattern for an action, "*" where none is defined."""
    service, _, name = action.partition(":")
    if name in _ALL:
        return "*"
    if service == "s3":
        about_object = "Object" in name or name.endswith("MultipartUploadParts")
        about_object = about_object or name == "AbortMultipartUpload"
        return f"{_BUCKET}/${{KeyName}}" if about_object and "Bucket" not in name else _BUCKET
    if service == "iam":
        return _iam(name)
    return _SERVICES.get(service, "*")


def _iam(name: str) -> str:
    for kind in ("InstanceProfile", "Group", "Role", "User", "AccessKey", "Policy"):
        if kind in name and not name.startswith(("List", "Simulate", "GetContext")):
            return _iam_arn(kind)
    return "*"


def _iam_arn(kind: str) -> str:
    if kind == "InstanceProfile":
        path = "instance-profile/${InstanceProfileNameWithPath}"
    else:
        owner = "User" if kind == "AccessKey" else kind
        path = f"{owner.lower()}/${{{owner}NameWithPath}}"
    return "arn:${Partition}:iam::${Account}:" + path
