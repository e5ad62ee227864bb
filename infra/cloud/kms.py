"""What a KMS call needs, and what other services need of a key on their caller's behalf.

Limit: a grant holds at once and until it is revoked; grant tokens are neither needed nor checked.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from infra.cloud import state
from infra.cloud.calls import Call, Context, Need, request_tags
from infra.cloud.dispatch import ACCOUNT, backend
from infra.cloud.errors import Answer, AwsError
from infra.cloud.state import KeyInfo
from infra.cloud.usage import Usage

# Operations that use key material, so that the key must be enabled.
CRYPTOGRAPHIC = {
    "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "Sign", "Verify", "GenerateMac",
    "VerifyMac", "GetPublicKey", "DeriveSharedSecret",
}
_NO_KEY = {
    "CreateKey", "ListKeys", "ListAliases", "GenerateRandom", "ListRetirableGrants",
    "DescribeCustomKeyStores", "CreateCustomKeyStore", "RetireGrant",
}
# What the engine has; anything else is said to be missing rather than half done.
SUPPORTED = {
    "CreateKey", "DescribeKey", "ListKeys", "ListAliases", "CreateAlias", "UpdateAlias",
    "DeleteAlias", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion",
    "GetKeyPolicy", "PutKeyPolicy", "ListKeyPolicies", "UpdateKeyDescription", "TagResource",
    "UntagResource", "ListResourceTags", "EnableKeyRotation", "DisableKeyRotation",
    "GetKeyRotationStatus", "RotateKeyOnDemand", "ListKeyRotations", "CreateGrant", "ListGrants",
    "RevokeGrant", "RetireGrant", "ListRetirableGrants", "GenerateRandom",
    "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
    "Sign", "Verify", "GenerateMac", "VerifyMac", "GetPublicKey",
}
# What a new key is where the request says nothing: conditions see it all the same.
_NEW = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}
# The policy of aws/s3 and aws/secretsmanager: everybody in the account, through the service.
AWS_MANAGED = "alias/aws/"


def needs(call: Call) -> list[Need]:
    """Return what a KMS call needs."""
    name, params = call.operation, call.params
    if name not in SUPPORTED:
        raise AwsError("UnsupportedOperationException", f"This cloud has no kms:{name}.")
    if name in _NO_KEY:
        defaults = _NEW if name == "CreateKey" else {}
        params = defaults | params
        tags = request_tags(state.pairs(params.get("Tags")))
        return [Need(f"kms:{name}", "*", _context(params) | tags)]
    if name == "ReEncrypt":
        source = _need("ReEncryptFrom", _source(call), params, "SourceEncryptionContext")
        goal = find(call.region, params.get("DestinationKeyId"))
        return [source, _need("ReEncryptTo", goal, params, "DestinationEncryptionContext")]
    found = [_need(name, key, params) for key in _keys(call)]
    if name in {"CreateAlias", "UpdateAlias", "DeleteAlias"}:
        alias = f"arn:aws:kms:{call.region}:{ACCOUNT}:{params.get('AliasName')}"
        found.append(Need(f"kms:{name}", alias))
    return found


def prepare(call: Call) -> None:
    """Say what the engine would guess wrongly: it knows some keys by their plain id only."""
    if call.operation == "CreateKey":
        call.params = {"KeyUsage": "ENCRYPT_DECRYPT", "MultiRegion": False} | call.params
    for name in ("KeyId", "TargetKeyId", "DestinationKeyId"):
        if name in call.params and call.operation != "DeleteAlias":
            call.params[name] = find(call.region, call.params[name]).id


def find(region: str, name: Any) -> KeyInfo:
    """Return a key or raise KMS's error."""
    found = state.kms_key(region, name) if isinstance(name, str) and name else None
    if found is None:
        raise AwsError("NotFoundException", f"Key '{name}' does not exist")
    return found


def use(
    action: str, region: str, name: str, service: str, context: dict[str, str]
) -> list[Need]:
    """Return what a caller needs so that `service` may use a key for it."""
    key = find(region, name)
    keys = _encryption(context)
    keys |= {"kms:calleraccount": ACCOUNT}
    keys |= {"kms:viaservice": f"{service}.{region}.amazonaws.com", "aws:viaawsservice": "true"}
    policy = key.policy
    if any(alias.startswith(AWS_MANAGED) for alias in key.aliases):
        allow = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
        policy = {"Statement": [allow]}
    return [
        Need(f"kms:{action}", key.arn, keys | _about(key), policy, True, key, working=True)
    ]


def checked(call: Call, answer: Answer, now: float) -> Answer:
    """Return the engine's answer, with what it leaves out.

    AwsError: a signature that is none, where the engine says "false".
    """
    told = (json.loads(answer.body or b"null") or {}) if answer.status == 200 else {}
    if call.operation == "Verify" and answer.status == 200 and not told.get("SignatureValid"):
        raise AwsError("KMSInvalidSignatureException", "The signature does not fit.")
    if call.operation == "CreateGrant" and told:
        _granted(call, told, now)
        answer.body = json.dumps(told).encode()
    for grant in told.get("Grants", ()):
        made: Any = backend("kms", call.region).keys[grant["KeyId"]]
        grant |= {"KeyId": made.arn, "IssuingAccount": f"arn:aws:iam::{ACCOUNT}:root",
                  "CreationDate": getattr(made.grants[grant["GrantId"]], "made", now)}
    for name in ("Keys", "Aliases", "Grants"):
        if name in told and call.operation.startswith("List"):
            told = _page(call.params, told, name)
            answer.body = json.dumps(told).encode()
    if "Rotation" in call.operation and answer.status == 200:
        _rotated(call, answer, told, now)
    return answer


def _granted(call: Call, told: dict[str, Any], now: float) -> None:
    """Give a new grant an id of 64 letters, and keep when it was made.

    A named one that is asked for again is the one that is there, with another token.
    """
    grants = backend("kms", call.region).keys[str(call.params["KeyId"])].grants
    grant = grants.pop(told["GrantId"])
    again = [one for one in grants.values() if grant.name and _terms(one) == _terms(grant)]
    if again:
        again[0].token = grant.token
    else:
        grant.id, grant.made = secrets.token_hex(32), now
        grants[grant.id] = grant
    told["GrantId"] = again[0].id if again else grant.id


def _terms(grant: Any) -> dict[str, Any]:
    """Return what a grant was asked for with."""
    return {k: v for k, v in vars(grant).items() if k not in {"id", "token", "made"}}


def _page(params: dict[str, Any], told: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one page of a list. AwsError: a limit or a marker that is none."""
    limit, marker = params.get("Limit", 100), str(params.get("Marker", "0"))
    if not isinstance(limit, int) or not 1 <= limit <= 1000:
        raise AwsError("ValidationException", "Limit must be between 1 and 1000.")
    if not marker.isdigit() or int(marker) > len(told[name]):
        raise AwsError("InvalidMarkerException", "Could not read the marker.")
    start = int(marker)
    end = min(start + limit, len(told[name]))
    more = end < len(told[name])
    found = {name: told[name][start:end], "Truncated": more}
    return found | ({"NextMarker": str(end)} if more else {})


def _rotated(call: Call, answer: Answer, told: dict[str, Any], now: float) -> None:
    """Keep and tell how often a key is rotated, and when it will be next."""
    key: Any = backend("kms", call.region).keys.get(str(call.params.get("KeyId")))
    if key is None:
        return
    if call.operation == "EnableKeyRotation":
        days = int(call.params.get("RotationPeriodInDays", 365))
        key.rotation = (days, now + days * 86_400)
    if call.operation == "GetKeyRotationStatus":
        told["KeyId"] = key.arn
        if told.get("KeyRotationEnabled"):
            days, after = getattr(key, "rotation", (365, now + 365 * 86_400))
            told |= {"RotationPeriodInDays": days, "NextRotationDate": after}
        answer.body = json.dumps(told).encode()


def requests(call: Call, needs: Iterable[Need]) -> Iterator[Usage]:
    """Yield the requests that another service made to KMS for a call; they are on its bill.

    A bucket key spares S3 a request for every object, so then none is counted; the key that
    Secrets Manager makes for itself is free to use.
    """
    for need in needs:
        about = str(need.context.get("kms:encryptioncontext:aws:s3:arn", "/"))
        if need.key is None or call.service == "kms" or "/" not in about:
            continue
        if f"{AWS_MANAGED}secretsmanager" not in need.key.aliases:
            yield Usage("kms", "request", 1, "request", need.key.arn, need.key.tags)


def broken(key: KeyInfo) -> AwsError | None:
    """Return KMS's error for a key that cannot be used, or None."""
    if key.state == "Enabled":
        return None
    if key.state == "Disabled":
        return AwsError("DisabledException", f"{key.arn} is disabled.")
    words = {"PendingDeletion": "pending deletion"}.get(key.state, key.state)
    return AwsError("KMSInvalidStateException", f"{key.arn} is {words}.")


def _keys(call: Call) -> list[KeyInfo]:
    params = call.params
    if call.operation == "Decrypt":
        key = _source(call)
        wanted = params.get("KeyId")
        if wanted and find(call.region, wanted).arn != key.arn:
            raise AwsError(
                "IncorrectKeyException",
                "The key ID in the request does not identify a key that can do this.",
            )
        return [key]
    if call.operation in {"CreateAlias", "UpdateAlias"}:
        keys = [find(call.region, params.get("TargetKeyId"))]
        old = state.kms_key(call.region, str(params.get("AliasName")))
        return keys + ([old] if old and call.operation == "UpdateAlias" else [])
    if call.operation == "DeleteAlias":
        return [find(call.region, params.get("AliasName"))]
    return [find(call.region, params.get("KeyId"))]


def _source(call: Call) -> KeyInfo:
    found = state.ciphertext_key(call.region, str(call.params.get("CiphertextBlob", "")))
    if found is None:
        raise AwsError("InvalidCiphertextException", "The ciphertext is not of this cloud.")
    return found


def _need(
    name: str, key: KeyInfo, params: dict[str, Any], context: str = "EncryptionContext"
) -> Need:
    keys = _context(params) | _about(key)
    given = params.get(context)
    keys |= _encryption(given if isinstance(given, dict) else {})
    tags = params.get("Tags")
    keys |= request_tags(state.pairs(tags)) if name == "TagResource" else {}
    if name == "CreateGrant":
        keys |= {"kms:grantisforawsresource": "false"}
    working = name in CRYPTOGRAPHIC or name.startswith("ReEncrypt")
    return Need(f"kms:{name}", key.arn, keys, key.policy, True, key, working)


def _about(key: KeyInfo) -> Context:
    tags: Context = {f"aws:resourcetag/{k.lower()}": v for k, v in key.tags.items()}
    if key.aliases:
        tags["kms:resourcealiases"] = list(key.aliases)
    return tags


def _encryption(context: dict[str, str]) -> Context:
    keys: Context = {f"kms:encryptioncontext:{k.lower()}": str(v) for k, v in context.items()}
    if context:
        keys["kms:encryptioncontextkeys"] = list(context)
    return keys


def _context(params: dict[str, Any]) -> Context:
    keys: Context = {"kms:calleraccount": ACCOUNT}
    names = {
        "KeySpec": "kms:keyspec", "KeyUsage": "kms:keyusage", "GranteePrincipal":
        "kms:granteeprincipal", "AliasName": "kms:requestalias",
        "PendingWindowInDays": "kms:scheduledeletionpendingwindowindays",
        "BypassPolicyLockoutSafetyCheck": "kms:bypasspolicylockoutsafetycheck",
    }
    for name, key in names.items():
        if name in params:
            value = params[name]
            keys[key] = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(params.get("Operations"), list):
        keys["kms:grantoperations"] = [str(o) for o in params["Operations"]]
    return keys
