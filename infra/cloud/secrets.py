"""What a Secrets Manager call needs, with the KMS key of a secret.

Limit: rotation by Lambda does not run; a client rotates through versions and stages.
"""

from __future__ import annotations

from typing import Any

from infra.cloud import kms, state
from infra.cloud.calls import Call, Context, Need, request_tags, resource_tags
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.state import SecretInfo

_ALL = {"ListSecrets", "GetRandomPassword", "BatchGetSecretValue"}
SUPPORTED = {
    "CreateSecret", "GetSecretValue", "PutSecretValue", "UpdateSecret", "DescribeSecret",
    "ListSecrets", "ListSecretVersionIds", "DeleteSecret", "RestoreSecret",
    "UpdateSecretVersionStage", "GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy",
    "TagResource", "UntagResource", "GetRandomPassword", "BatchGetSecretValue",
}
_DECRYPTS = {"GetSecretValue"}
_ENCRYPTS = {"CreateSecret", "PutSecretValue", "UpdateSecret"}


def needs(call: Call) -> list[Need]:
    """Return what a Secrets Manager call needs, KMS included."""
    name, params = call.operation, call.params
    if name not in SUPPORTED:
        raise AwsError("InvalidRequestException", f"This cloud has no secretsmanager:{name}.")
    if name in _ALL:
        listed = {"ListSecrets"} if params.get("Filters") else set()
        names = sorted({name} | listed)
        return [Need(f"secretsmanager:{one}", "*", _context(params)) for one in names]
    if name == "CreateSecret":
        resource = f"arn:aws:secretsmanager:{call.region}:{ACCOUNT}:secret:{params.get('Name')}"
        tags = request_tags(state.pairs(params.get("Tags")))
        need = Need("secretsmanager:CreateSecret", resource, _context(params) | tags)
        return [need, *_key(call, str(params.get("KmsKeyId") or ""), resource)]
    found = state.secret(call.region, params.get("SecretId", ""))
    return [_main(call, found), *_existing_key(call, found)]


def _main(call: Call, found: SecretInfo | None) -> Need:
    name = f"secretsmanager:{call.operation}"
    given = str(call.params.get("SecretId", ""))
    if found is None:
        plain = f"arn:aws:secretsmanager:{call.region}:{ACCOUNT}:secret:{given}"
        return Need(name, given if given.startswith("arn:") else plain, _context(call.params))
    keys = _context(call.params) | resource_tags(found.tags)
    keys |= {f"secretsmanager:resourcetag/{k.lower()}": v for k, v in found.tags.items()}
    keys |= {"secretsmanager:secretid": found.arn}
    if call.operation == "TagResource":
        keys |= request_tags(state.pairs(call.params.get("Tags")))
    return Need(name, found.arn, keys, found.policy)


def _existing_key(call: Call, found: SecretInfo | None) -> list[Need]:
    if found is None:
        return []
    if call.operation == "UpdateSecret" and not _has_value(call) and "KmsKeyId" not in call.params:
        return []
    name = str(call.params.get("KmsKeyId") or found.kms_key)
    return _key(call, name, found.arn)


def _has_value(call: Call) -> bool:
    return "SecretString" in call.params or "SecretBinary" in call.params


def _key(call: Call, name: str, resource: str) -> list[Need]:
    if call.operation in _ENCRYPTS:
        actions = ["GenerateDataKey"]
        if call.operation != "CreateSecret":
            actions.append("Decrypt")
    elif call.operation in _DECRYPTS:
        actions = ["Decrypt"]
    else:
        return []
    context = {"SecretARN": resource}
    name = name or "alias/aws/secretsmanager"
    try:
        return [n for a in actions
                for n in kms.use(a, call.region, name, "secretsmanager", context)]
    except AwsError:
        raise broken(call) from None


def broken(call: Call) -> AwsError:
    """Return Secrets Manager's words for a key that cannot be used."""
    verb, code = ("encrypt", "EncryptionFailure")
    if call.operation in _DECRYPTS:
        verb, code = "decrypt", "DecryptionFailure"
    return AwsError(
        code, f"Secrets Manager can't {verb} the protected secret text using the provided KMS key. "
        "Check that the key exists, is enabled, and is not in an invalid state.",
    )


def _context(params: dict[str, Any]) -> Context:
    keys: Context = {}
    for name, key in (
        ("Name", "name"), ("VersionId", "versionid"), ("VersionStage", "versionstage"),
        ("KmsKeyId", "kmskeyid"), ("Description", "description"), ("SecretId", "secretid"),
        ("RecoveryWindowInDays", "recoverywindowindays"),
        ("BlockPublicPolicy", "blockpublicpolicy"),
        ("ForceDeleteWithoutRecovery", "forcedeletewithoutrecovery"),
    ):
        if name in params:
            value = params[name]
            text = str(value).lower() if isinstance(value, bool) else str(value)
            keys[f"secretsmanager:{key}"] = text
    return keys
