"""What each role of a pharmacy does in a day, and the calls next to it that it has no need of.

A call is [service, operation, parameters] in boto3's words. Knows nothing of policies.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .account import NETWORK
from .draw import stream
from .pharmacy import ROLES, number

Call = list[Any]
Site = dict[str, Any]
# How many calls of a family, its first ones, lie beside a role under every seed, if not two.
SURE = {
    "using a key by itself": 3,
    "destroying the secret": 3,
    "reading another depot's": 3,
    "listing more than its depots": 5,
    "looking around its objects": 3,
}


def published(site: Site, seed: int) -> dict[str, Any]:
    """What the learner sees: each role's workload, and half of its neighbours."""
    found = {}
    for role in ROLES:
        refused = [call for _, call in neighbours(site, role, seed)[::2]]
        found[role] = {"passes": workload(site, role, seed), "refused": refused}
    return found


def workload(site: Site, role: str, seed: int) -> list[Call]:
    """Thirty calls as recorded on a working day of this role."""
    rng = stream(seed, "workload", role)
    return {"intake": _intakes, "dispatch": _dispatches, "rotator": _rotations}[role](site, rng)


def _intakes(site: Site, rng: np.random.Generator) -> list[Call]:
    depots = [site["network"][i] for i in rng.integers(len(site["network"]), size=24)]
    keys = [f"{site['inbox']}/{depot}/{number(rng)}.json" for depot in depots]
    keys += [f"{site['receipts']}/{number(rng)}.json" for _ in range(6)]
    return [_s3(site, "put_object", key, Body="{}") for key in keys]


def _dispatches(site: Site, rng: np.random.Generator) -> list[Call]:
    inbox, depots = site["inbox"], site["depots"]
    lists = [
        ["s3", "list_objects_v2", {"Bucket": site["bucket"], "Prefix": f"{inbox}/{depot}/{more}"}]
        for depot in depots
        for more in ("", "RX-0")
    ]
    reads = [
        _s3(site, operation, f"{inbox}/{depots[i % 3]}/RX-{i % 6:06d}.json")
        for i, operation in enumerate(["get_object"] * 18 + ["head_object"] * 3)
    ]
    return (
        lists + reads + [["secretsmanager", "get_secret_value", {"SecretId": site["secret"]}]] * 3
    )


def _rotations(site: Site, rng: np.random.Generator) -> list[Call]:
    """Five rotations of six calls. The version that is current is known at the time only."""
    secret = {"SecretId": site["secret"]}
    calls: list[Call] = []
    for _ in range(5):
        token = f"{rng.integers(2**62):032x}"
        move = {"VersionStage": "AWSCURRENT", "MoveToVersionId": token}
        put = {"ClientRequestToken": token, "SecretString": "{}", "VersionStages": ["AWSPENDING"]}
        steps: list[tuple[str, dict[str, Any]]] = [
            ("describe_secret", secret),
            ("get_secret_value", secret | {"VersionStage": "AWSCURRENT"}),
            ("get_random_password", {"PasswordLength": 32}),
            ("put_secret_value", secret | put),
            ("get_secret_value", secret | {"VersionId": token}),
            ("update_secret_version_stage", secret | move | {"RemoveFromVersionId": "(current)"}),
        ]
        calls += [["secretsmanager", name, params] for name, params in steps]
    return calls


def _s3(site: Site, operation: str, key: str, **more: Any) -> Call:
    return ["s3", operation, {"Bucket": site["bucket"], "Key": key, **more}]


def neighbours(site: Site, role: str, seed: int) -> list[tuple[str, Call]]:
    """Fifty calls that are none of this role's business, each with what it would be doing.

    The first calls of each family are among them under every seed; the others are drawn.
    """
    rng = stream(seed, "neighbours", role)
    beside = {"intake": _beside_intake, "dispatch": _beside_dispatch, "rotator": _beside_rotator}[
        role
    ]
    families = _everyones(site, role) | beside(site, rng)
    found, others = [], []
    for family, calls in families.items():
        for i, call in enumerate(calls):
            (found if i < SURE.get(family, 2) else others).append((family, call))
    found += [others[i] for i in rng.permutation(len(others))[: 50 - len(found)]]
    return [found[i] for i in rng.permutation(len(found))]


def _everyones(site: Site, role: str) -> dict[str, list[Call]]:
    """What no role of the pharmacy may do."""
    bucket, other = {"Bucket": site["bucket"]}, {"Bucket": other_name(site["bucket"])}
    mine, others = (
        site["roles"][role]["name"],
        [site["roles"][r]["name"] for r in ROLES if r != role],
    )
    key, secret = {"KeyId": site["key"]}, {"SecretId": other_name(site["secret"])}
    stored = {"Key": f"{site['inbox']}/{site['depots'][0]}/RX-000000.json"}
    own, tags = {"SecretId": site["secret"]}, [{"Key": "a", "Value": "b"}]
    versioning = {"VersioningConfiguration": {"Status": "Suspended"}}
    to_other = {"DestinationKeyId": other_name(site["key"])}
    alias = {"AliasName": site["key"], "TargetKeyId": other_name(site["key"])}
    open_policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    attach = {"RoleName": mine, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    arn = f"arn:aws:iam::{site['account']}:role/"
    grant = {"GranteePrincipal": arn + mine, "Operations": ["Decrypt"]}
    more = {"RoleName": mine, "PolicyName": "more", "PolicyDocument": open_policy}
    return {
        "changing the bucket": [
            ["s3", "put_bucket_policy", bucket | {"Policy": open_policy}],
            ["s3", "get_bucket_policy", bucket],
            ["s3", "delete_bucket_policy", bucket],
            ["s3", "delete_bucket_encryption", bucket],
            ["s3", "delete_public_access_block", bucket],
            ["s3", "put_bucket_versioning", bucket | versioning],
        ],
        "reaching another bucket": [
            ["s3", "get_object", other | stored],
            ["s3", "put_object", other | stored | {"Body": "{}"}],
            ["s3", "list_objects_v2", other | {"Prefix": f"{site['inbox']}/{site['depots'][0]}/"}],
            ["s3", "list_buckets", {}],
        ],
        "changing the key": [
            ["kms", "disable_key", key],
            ["kms", "schedule_key_deletion", key | {"PendingWindowInDays": 7}],
            ["kms", "put_key_policy", key | {"Policy": open_policy}],
            ["kms", "disable_key_rotation", key],
            ["kms", "create_grant", key | grant],
            ["kms", "update_alias", alias],
        ],
        "using a key by itself": [
            ["kms", "generate_data_key", key | {"KeySpec": "AES_256"}],
            ["kms", "decrypt", {"CiphertextBlob": "(a ciphertext of the key)"}],
            ["kms", "re_encrypt", {"CiphertextBlob": "(a ciphertext of the key)"} | to_other],
            ["kms", "encrypt", key | {"Plaintext": "x"}],
            ["kms", "generate_data_key_without_plaintext", key | {"KeySpec": "AES_256"}],
            ["kms", "encrypt", {"KeyId": other_name(site["key"]), "Plaintext": "x"}],
        ],
        "looking at the key": [
            ["kms", "describe_key", key],
            ["kms", "get_key_policy", key],
            ["kms", "list_grants", key],
            ["kms", "get_key_rotation_status", key],
            ["kms", "list_aliases", {}],
        ],
        "reaching another secret": [
            ["secretsmanager", "get_secret_value", secret],
            ["secretsmanager", "describe_secret", secret],
            ["secretsmanager", "put_secret_value", secret | {"SecretString": "{}"}],
            ["secretsmanager", "delete_secret", secret],
            ["secretsmanager", "list_secrets", {}],
        ],
        "destroying the secret": [
            ["secretsmanager", "delete_secret", own],
            ["secretsmanager", "put_resource_policy", own | {"ResourcePolicy": open_policy}],
            ["secretsmanager", "update_secret", own | {"Description": "mine"}],
            ["secretsmanager", "tag_resource", own | {"Tags": tags}],
            ["secretsmanager", "untag_resource", own | {"TagKeys": ["a"]}],
        ],
        "giving itself rights": [
            ["iam", "attach_role_policy", attach],
            ["iam", "put_role_policy", more],
            ["iam", "update_assume_role_policy", {"RoleName": mine, "PolicyDocument": open_policy}],
            ["iam", "create_access_key", {"UserName": f"{role}-host"}],
            ["iam", "create_user", {"UserName": "friend"}],
            ["iam", "delete_role_policy", {"RoleName": mine, "PolicyName": "work"}],
        ],
        "becoming another role": [
            ["sts", "assume_role", {"RoleArn": arn + name, "RoleSessionName": "other"}]
            for name in others
        ],
    }  # fmt: skip


def _beside_intake(site: Site, rng: np.random.Generator) -> dict[str, list[Call]]:
    inbox, receipts = site["inbox"], site["receipts"]
    stored = f"{inbox}/{site['depots'][0]}/RX-000000.json"
    bucket = {"Bucket": site["bucket"]}
    return _reading(site, stored) | {
        "listing": [
            ["s3", "list_objects_v2", bucket],
            ["s3", "list_objects_v2", bucket | {"Prefix": f"{inbox}/"}],
            ["s3", "list_objects_v2", bucket | {"Prefix": f"{receipts}/"}],
            ["s3", "list_objects", bucket | {"Prefix": stored}],
            ["s3", "list_object_versions", bucket],
            ["s3", "get_bucket_location", bucket],
        ],
        "changing what it stored": [
            _s3(site, "put_object_tagging", stored, Tagging={"TagSet": []}),
            _s3(site, "put_object_acl", f"{receipts}/RX-000000.json", ACL="private"),
        ],
        "writing where nothing arrives": [
            _s3(site, "put_object", f"{name}/{number(rng)}.json", Body="{}")
            for name in (f"{inbox}-old", f"{receipts}2", f"old/{inbox}", "audit", f"{inbox[:-1]}")
        ] + [_s3(site, "put_object", inbox, Body="{}")],
        "removing": [
            _s3(site, "delete_object", stored),
            _s3(site, "delete_object", f"{receipts}/RX-000000.json"),
            ["s3", "delete_objects", bucket | {"Delete": {"Objects": [{"Key": stored}]}}],
        ],
        "reading the secret": [
            ["secretsmanager", "get_secret_value", {"SecretId": site["secret"]}],
            ["secretsmanager", "describe_secret", {"SecretId": site["secret"]}],
        ],
    }  # fmt: skip


def _beside_dispatch(site: Site, rng: np.random.Generator) -> dict[str, list[Call]]:
    inbox, depots, bucket = site["inbox"], site["depots"], {"Bucket": site["bucket"]}
    secret, third = {"SecretId": site["secret"]}, f"{inbox}/{depots[2]}/RX-000002.json"
    move = {"VersionStage": "AWSCURRENT", "MoveToVersionId": "0" * 32}
    foreign = [name for name in NETWORK if name not in depots]
    elsewhere = [foreign[i] for i in rng.permutation(len(foreign))[:3]]
    places = [f"{inbox}/{depots[0]}-annex", f"{inbox}/{elsewhere[0]}", f"{inbox}/{elsewhere[1]}"]
    places += [
        f"{inbox}/{elsewhere[2]}",
        f"{inbox}/{depots[1]}2",
        f"{inbox}-old/{depots[2]}",
        site["receipts"],
    ]
    sure = [f"{inbox}/{elsewhere[0]}/", f"{inbox}/{depots[0]}-annex/", f"{inbox}/{depots[0]}"]
    prefixes = ["", f"{inbox}/", f"{inbox}-old/{depots[2]}/"]
    return {
        "reading another depot's": [
            _s3(site, operation, f"{place}/RX-000000.json")
            for place in places
            for operation in ("get_object", "head_object")
        ],
        "listing more than its depots": [
            ["s3", "list_objects_v2", bucket],
            ["s3", "list_object_versions", bucket | {"Prefix": f"{inbox}/{depots[0]}/"}],
            *(["s3", "list_objects_v2", bucket | {"Prefix": prefix}] for prefix in sure + prefixes),
        ],
        "writing": [
            _s3(site, "put_object", f"{inbox}/{depots[0]}/{number(rng)}.json", Body="{}"),
            _s3(site, "put_object", f"{site['receipts']}/{number(rng)}.json", Body="{}"),
            _s3(site, "delete_object", f"{inbox}/{depots[1]}/RX-000001.json"),
            _s3(site, "put_object_acl", f"{inbox}/{depots[1]}/RX-000001.json", ACL="private"),
            _s3(site, "put_object_tagging", third, Tagging={"TagSet": []}),
        ],
        "looking around its objects": [
            _s3(site, "get_object_acl", f"{inbox}/{depots[0]}/RX-000000.json"),
            _s3(site, "get_object_tagging", f"{inbox}/{depots[1]}/RX-000001.json"),
            _s3(site, "get_object", third, VersionId="null"),
            ["s3", "get_bucket_acl", bucket],
            ["s3", "get_bucket_location", bucket],
        ],
        "changing the secret": [
            ["secretsmanager", "put_secret_value", secret | {"SecretString": "{}"}],
            ["secretsmanager", "update_secret_version_stage", secret | move],
        ],
        "looking at the secret": [
            ["secretsmanager", "describe_secret", secret],
            ["secretsmanager", "list_secret_version_ids", secret],
        ],
    }  # fmt: skip


def _beside_rotator(site: Site, rng: np.random.Generator) -> dict[str, list[Call]]:
    stored = f"{site['inbox']}/{site['depots'][0]}/RX-000000.json"
    receipt = f"{site['receipts']}/RX-000000.json"
    secret = {"SecretId": site["secret"]}
    fresh = f"{site['inbox']}/{site['depots'][0]}/{number(rng)}.json"
    new = {"Name": f"rx/{number(rng)}", "SecretString": "{}"}
    return _reading(site, stored) | {
        "listing": [
            ["s3", "list_objects_v2", {"Bucket": site["bucket"]}],
            ["s3", "list_objects_v2", {"Bucket": site["bucket"], "Prefix": f"{site['inbox']}/"}],
        ],
        "writing": [
            _s3(site, "put_object", fresh, Body="{}"),
            _s3(site, "put_object", receipt, Body="{}"),
            _s3(site, "delete_object", stored),
        ],
        "making and unmaking secrets": [
            ["secretsmanager", "create_secret", new],
            ["secretsmanager", "delete_resource_policy", secret],
            ["secretsmanager", "restore_secret", secret],
        ],
        "looking at the secret": [
            ["secretsmanager", "get_resource_policy", secret],
            ["secretsmanager", "list_secret_version_ids", secret],
        ],
        "reaching a secret with a longer name": [
            ["secretsmanager", operation, {"SecretId": site["secret"] + more}]
            for operation in ("get_secret_value", "describe_secret")
            for more in ("-copy", "/staging")
        ],
    }  # fmt: skip


def _reading(site: Site, stored: str) -> dict[str, list[Call]]:
    receipt = f"{site['receipts']}/RX-000000.json"
    operations = ("get_object", "head_object", "get_object_tagging", "get_object_acl")
    return {
        "reading": [
            _s3(site, operation, key) for operation in operations for key in (stored, receipt)
        ]
    }


def other_name(name: str) -> str:
    """A neighbour's name that begins with ours."""
    return f"{name}-archive"
