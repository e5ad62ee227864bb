"""What a cloud holds, as plain data, for a judge to read back.

Limit: secrets' values and objects' bytes are not in it; fetch those through a client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.cloud import dispatch, holdings, state


def of(service: str, region: str) -> Any:
    """Return the state of one service."""
    if service not in _READERS:
        raise ValueError(f"no inventory of {service!r}; there are {', '.join(sorted(_READERS))}")
    return _READERS[service](region)


def _s3(region: str) -> dict[str, Any]:
    return {name: _bucket(bucket) for name, bucket in dispatch.backend("s3").buckets.items()}


def _bucket(bucket: Any) -> dict[str, Any]:
    algorithm, key, _ = state.bucket_default(bucket.name)
    return {
        "region": bucket.region_name,
        "policy": state.bucket_policy(bucket.name),
        "versioning": bucket.versioning_status,
        "encryption": {"algorithm": algorithm, "key": key},
        "objects": {
            name: [_object(v) for v in bucket.keys.getlist(name)] for name in bucket.keys
        },
    }


def _object(version: Any) -> dict[str, Any]:
    if not hasattr(version, "etag"):
        return {"version": str(version.version_id), "deleted": True}
    return {
        "version": str(version.version_id), "size": version.size,
        "etag": version.etag.strip('"'), "encryption": version.encryption or "",
        "key": version.kms_key_id or "", "metadata": dict(version.metadata),
        "modified": version.last_modified.timestamp(),
    }


def _iam(region: str) -> dict[str, Any]:
    store = state.iam()
    return {
        "users": {user.name: _principal(user) | {
            "keys": {k.access_key_id: k.status for k in user.access_keys},
            "groups": [g.name for g in store.get_groups_for_user(user.name)],
        } for user in store.users.values()},
        "roles": {role.name: _principal(role) | {
            "trust": state.document(role.assume_role_policy_document),
        } for role in store.roles.values()},
        "groups": {group.name: _principal(group) for group in store.groups.values()},
        "policies": {
            arn: state.managed(arn) for arn in store.managed_policies if ":aws:policy" not in arn
        },
    }


def _principal(entity: Any) -> dict[str, Any]:
    return {
        "arn": entity.arn,
        "inline": {name: state.document(text) for name, text in entity.policies.items()},
        "attached": [policy.arn for policy in entity.managed_policies.values()],
        "boundary": getattr(entity, "permissions_boundary_arn", None),
    }


def _kms(region: str) -> dict[str, Any]:
    keys = dispatch.backend("kms", region).keys
    found = {}
    for name in keys:
        info = state.kms_key(region, name)
        if info is not None:
            found[info.arn] = {
                "state": info.state, "policy": info.policy, "aliases": list(info.aliases),
                "tags": info.tags, "rotation": bool(keys[name].key_rotation_status),
            }
    return found


def _secrets(region: str) -> dict[str, Any]:
    store = dispatch.backend("secretsmanager", region).secrets
    return {name: {
        "arn": secret.arn,
        "key": getattr(secret, "kms_key_id", None) or "",
        "deleted": bool(secret.is_deleted()),
        "versions": {v: list(data["version_stages"]) for v, data in secret.versions.items()},
        "policy": (i.policy if (i := state.secret(region, name)) else None),
    } for name, secret in dict.items(store)}


_READERS: dict[str, Callable[[str], Any]] = {
    "s3": _s3, "iam": _iam, "kms": _kms, "secretsmanager": _secrets,
} | holdings.READERS
