"""KMS keys and their aliases.

Limit: as in `kinds`; deleting a key schedules that, as KMS does it.
"""

from __future__ import annotations

import json

from infra.cloud.stacks.kinds import (
    Clients,
    Kind,
    Props,
    arn,
    changed_tags,
    known_or_none,
    listed,
    mapping,
    some,
    tags,
)

_TAGS = "TagKey", "TagValue"
_FIXED = "KeySpec", "KeyUsage"  # CloudFormation refuses to replace a key for the sake of these


def _marks(found: dict[str, str]) -> list[dict[str, str]]:
    return [dict(zip(_TAGS, pair, strict=True)) for pair in found.items()]


def _true(value: object) -> bool:
    return str(value).lower() == "true"


def _make_key(clients: Clients, props: Props) -> str:
    policy = {"Policy": json.dumps(props["KeyPolicy"])} if "KeyPolicy" in props else {}
    made = clients("kms").create_key(
        **some(props, "Description", "KeyUsage", "KeySpec"), **policy,
        Tags=_marks(mapping(props.get("Tags"))),
    )
    return str(made["KeyMetadata"]["KeyId"])


def _finish_key(clients: Clients, key: str, props: Props) -> None:
    made = some(props, "Tags", "KeyPolicy", "Description")
    _set_key(clients, key, made, props)


def _set_key(clients: Clients, key: str, old: Props, new: Props) -> None:
    kms = clients("kms")
    made = kms.describe_key(KeyId=key)["KeyMetadata"]
    for name in _FIXED:
        if new.get(name, made[name]) != made[name]:
            raise ValueError(f"the {name} of a KMS key cannot be changed; make another key")
    if old.get("Description") != new.get("Description"):
        kms.update_key_description(KeyId=key, Description=new.get("Description", ""))
    if old.get("KeyPolicy") != new.get("KeyPolicy") and "KeyPolicy" in new:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(new["KeyPolicy"]))
    turns, on = _true(new.get("EnableKeyRotation")), _true(new.get("Enabled", True))
    if _true(old.get("EnableKeyRotation")) != turns:
        (kms.enable_key_rotation if turns else kms.disable_key_rotation)(KeyId=key)
    if _true(old.get("Enabled", True)) != on:
        (kms.enable_key if on else kms.disable_key)(KeyId=key)
    gone, marks = changed_tags(old, new)
    if gone:
        kms.untag_resource(KeyId=key, TagKeys=gone)
    if marks:
        kms.tag_resource(KeyId=key, Tags=_marks(marks))


def _read_key(clients: Clients, key: str) -> Props | None:
    kms = clients("kms")
    found = known_or_none(lambda: kms.describe_key(KeyId=key)["KeyMetadata"])
    if found is None or found["KeyState"] == "PendingDeletion":
        return None
    return {
        "Description": found.get("Description", ""), "Enabled": found["Enabled"],
        "KeyPolicy": json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]),
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"],
        "KeyUsage": found["KeyUsage"], "KeySpec": found["KeySpec"],
        "Tags": tags(kms.list_resource_tags(KeyId=key)["Tags"]),
    }


def _drop_key(clients: Clients, key: str, props: Props) -> None:
    days = int(props.get("PendingWindowInDays", 30))
    clients("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=days)


_KEY = Kind(
    "AWS::KMS::Key",
    listed("Description", "KeyPolicy", "EnableKeyRotation", "Enabled", "PendingWindowInDays",
           "Tags", maybe=_FIXED),
    _make_key, _read_key, _set_key, _drop_key, identifier="KeyId", finish=_finish_key,
    attributes={"Arn": arn("kms", "key/{id}"), "KeyId": lambda c, i, p, r: i},
)  # fmt: skip


def _make_alias(clients: Clients, props: Props) -> str:
    clients("kms").create_alias(AliasName=props["AliasName"], TargetKeyId=props["TargetKeyId"])
    return str(props["AliasName"])


def _set_alias(clients: Clients, name: str, old: Props, new: Props) -> None:
    clients("kms").update_alias(AliasName=name, TargetKeyId=new["TargetKeyId"])


def _read_alias(clients: Clients, name: str) -> Props | None:
    found = known_or_none(lambda: clients("kms").describe_key(KeyId=name)["KeyMetadata"])
    return None if found is None else {"AliasName": name, "TargetKeyId": found["KeyId"]}


def _drop_alias(clients: Clients, name: str, props: Props) -> None:
    clients("kms").delete_alias(AliasName=name)


_ALIAS = Kind(
    "AWS::KMS::Alias", listed("TargetKeyId", always=("AliasName",)),
    _make_alias, _read_alias, _set_alias, _drop_alias, identifier="AliasName",
    required=("AliasName", "TargetKeyId"),
)  # fmt: skip

KINDS = (_KEY, _ALIAS)
