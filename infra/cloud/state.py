"""Read what the engine holds: principals, keys, policies, objects, secrets.

Limit: reads only, and knows moto's attribute names so that no other module has to.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.cloud import dispatch
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.iam import Document

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
DENY_ALL: Document = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}


# Operations that a grant's constraints bind: those that take an encryption context.
_BOUND = {
    "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
}


@dataclass(frozen=True)
class Grant:
    """A grant on a KMS key: to whom, for what, with which encryption context."""

    grantee: str
    operations: tuple[str, ...]
    equals: dict[str, str] | None = None
    subset: dict[str, str] | None = None

    def covers(self, operation: str, encryption: dict[str, str]) -> bool:
        """Whether it gives an operation with an encryption context."""
        if operation not in self.operations:
            return False
        if operation not in _BOUND:
            return True
        if self.equals is not None and self.equals != encryption:
            return False
        return self.subset is None or self.subset.items() <= encryption.items()


@dataclass(frozen=True)
class KeyInfo:
    """A KMS key: where it is, who may use it, whether it works."""

    arn: str
    id: str
    state: str
    policy: Document
    tags: dict[str, str] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectInfo:
    """An S3 object's encryption and tags."""

    encryption: str
    kms_key: str
    tags: dict[str, str]
    bucket_key: bool = False


@dataclass(frozen=True)
class SecretInfo:
    """A secret's ARN, key, tags and resource policy."""

    arn: str
    name: str
    kms_key: str
    tags: dict[str, str]
    policy: Document | None


def document(text: Any) -> Document:
    """Parse a policy; one that cannot be read denies everything rather than nothing."""
    try:
        raw = text.decode() if isinstance(text, bytes) else text
        parsed = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        return DENY_ALL
    return parsed if isinstance(parsed, dict) else DENY_ALL


def pairs(tags: Any) -> dict[str, str]:
    """Return tags as a mapping, whatever list of Key/Value the engine keeps."""
    if isinstance(tags, dict):
        return {str(k): str(v) for k, v in tags.items()}
    return {str(t.get("Key", t.get("TagKey"))): str(t.get("Value", t.get("TagValue", "")))
            for t in tags or ()}


# --- IAM -----------------------------------------------------------------------------------

def iam() -> Any:
    """Return the engine's IAM store."""
    return dispatch.backend("iam")


def access_key(key_id: str) -> Any | None:
    """Return a user's access key (secret, status, user name), or None."""
    key = iam().access_keys.get(key_id)
    owner = user(key.user_name) if key is not None and key.user_name else None
    return key if owner is not None and key in owner.access_keys else None


def user(name: str) -> Any | None:
    """Return a user by name."""
    return iam().users.get(name)


def role(name: str) -> Any | None:
    """Return a role by name."""
    return next((r for r in iam().roles.values() if r.name == name), None)


def role_by_arn(arn: str) -> Any | None:
    """Return a role by ARN."""
    return next((r for r in iam().roles.values() if r.arn == arn), None)


def managed(arn: str) -> Document:
    """Return the default version of a managed policy."""
    policy = iam().managed_policies.get(arn)
    if policy is None:
        return DENY_ALL
    current = next(v for v in policy.versions if v.version_id == policy.default_version_id)
    return document(current.document)


def _own(entity: Any) -> list[Document]:
    inline = [document(text) for text in entity.policies.values()]
    return inline + [managed(p.arn) for p in entity.managed_policies.values()]


@dataclass(frozen=True)
class Attached:
    """A policy of a user, group or role: its name, its text, and a managed one's ARN."""

    name: str
    text: str
    arn: str = ""


def attached(entity: Any) -> list[Attached]:
    """Return the inline and managed policies of a user, group or role."""
    inline = [Attached(name, _text(text)) for name, text in entity.policies.items()]
    return inline + [managed_text(p.arn) for p in entity.managed_policies.values()]


def managed_text(arn: str) -> Attached:
    """Return the default version of a managed policy as it was written."""
    policy = iam().managed_policies[arn]
    current = next(v for v in policy.versions if v.version_id == policy.default_version_id)
    return Attached(policy.name, _text(current.document), arn)


def _text(raw: Any) -> str:
    return json.dumps(DENY_ALL) if document(raw) is DENY_ALL else (
        raw.decode() if isinstance(raw, bytes) else raw if isinstance(raw, str) else json.dumps(raw)
    )


def groups_of(name: str) -> list[Any]:
    """Return the groups of a user."""
    return list(iam().get_groups_for_user(name))


def user_policies(name: str) -> list[Document]:
    """Return the identity policies of a user and of the user's groups."""
    groups = iam().get_groups_for_user(name)
    return [d for entity in (iam().users[name], *groups) for d in _own(entity)]


def role_policies(found: Any) -> list[Document]:
    """Return the identity policies of a role."""
    return _own(found)


def boundary(entity: Any) -> Sequence[Document] | None:
    """Return a user's or role's permissions boundary; None when there is none."""
    arn = getattr(entity, "permissions_boundary_arn", None)
    return [managed(arn)] if arn else None


# --- S3 ------------------------------------------------------------------------------------

def bucket(name: str) -> Any | None:
    """Return a bucket of the engine's."""
    return dispatch.backend("s3").buckets.get(name)


def bucket_policy(name: str) -> Document | None:
    """Return a bucket's policy."""
    found = bucket(name)
    return document(found.policy) if found is not None and found.policy else None


def bucket_default(name: str) -> tuple[str, str, bool]:
    """Return a bucket's default encryption: algorithm, key, bucket key."""
    found = bucket(name)
    rule = (found.encryption or {}).get("Rule", {}) if found is not None else {}
    rule = rule[0] if isinstance(rule, list) else rule
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    on = str(rule.get("BucketKeyEnabled", "")).lower() == "true"
    return default.get("SSEAlgorithm", ""), default.get("KMSMasterKeyID", "") or "", on


def stored(bucket_name: str, key: str, version: str | None) -> ObjectInfo | None:
    """Return an object's encryption and tags, or None when there is no such object."""
    store = dispatch.backend("s3")
    if bucket(bucket_name) is None:
        return None
    found = store.get_object(bucket_name, key, version_id=version)
    if found is None or not hasattr(found, "encryption"):
        return None
    tags = store.tagger.get_tag_dict_for_resource(found.arn)
    on = str(found.bucket_key_enabled or "").lower() == "true"
    return ObjectInfo(found.encryption or "", found.kms_key_id or "", pairs(tags), on)


def upload_encryption(bucket_name: str, upload_id: str) -> tuple[str, str] | None:
    """Return algorithm and key of a multipart upload in progress."""
    found = bucket(bucket_name)
    upload = found.multiparts.get(upload_id) if found is not None else None
    return (upload.sse_encryption or "", upload.kms_key_id or "") if upload is not None else None


# --- KMS -----------------------------------------------------------------------------------

def kms_key(region: str, name: str) -> KeyInfo | None:
    """Return a key by id, ARN, alias or alias ARN."""
    region, name = _split_key(region, name)
    if region not in dispatch.regions():
        return None
    keys = dispatch.backend("kms", region).keys
    found = keys.get(name) or next((k for k in keys.values() if name in k.aliases), None)
    if found is None and name.startswith("alias/aws/"):
        made = dispatch.backend("kms", region)._generate_default_keys(name)
        found = keys.get(made)
    return _key_info(region, found) if found is not None else None


def _split_key(region: str, name: str) -> tuple[str, str]:
    parts = name.split(":", 5)
    if len(parts) == 6 and parts[2] == "kms":
        return parts[3], parts[5].removeprefix("key/")
    return region, name


def _key_info(region: str, key: Any) -> KeyInfo:
    grants = tuple(map(_grant, key.grants.values()))
    tags = dispatch.backend("kms", region).tagger.get_tag_dict_for_resource(key.id)
    return KeyInfo(
        key.arn, key.id, key.key_state, document(key.policy), pairs(tags), grants,
        tuple(key.aliases),
    )


def _grant(grant: Any) -> Grant:
    limits = grant.constraints or {}
    return Grant(
        grant.grantee_principal, tuple(grant.operations or ()),
        limits.get("EncryptionContextEquals"), limits.get("EncryptionContextSubset"),
    )


def ciphertext_key(region: str, blob: str) -> KeyInfo | None:
    """Return the key that a ciphertext names in its header."""
    try:
        return kms_key(region, base64.b64decode(blob)[:36].decode())
    except ValueError:
        return None


# --- Secrets Manager -----------------------------------------------------------------------

def secret(region: str, name: str) -> SecretInfo | None:
    """Return a secret by name, ARN or ARN without its suffix."""
    store = dispatch.backend("secretsmanager", region).secrets
    found = store.get(name) if isinstance(name, str) and name else None
    if found is None:
        return None
    policy = getattr(found, "policy", None)
    return SecretInfo(
        found.arn, found.name, getattr(found, "kms_key_id", None) or "", pairs(found.tags),
        document(policy) if policy else None,
    )
