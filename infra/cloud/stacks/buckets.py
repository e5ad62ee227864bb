"""S3 buckets and their policies, part by part as a template names them.

Limit: as in `kinds`; of a lifecycle rule the keys of `_PLAIN` and those of `_rule`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from infra.cloud.stacks.kinds import (
    Already,
    Clients,
    Kind,
    Props,
    ask,
    gone,
    known_or_none,
    listed,
    some,
    tags,
)


class Part(NamedTuple):
    """One property of a bucket: how it is put, taken away and read."""

    put: Callable[[Any, str, Any], Any]
    clear: Callable[[Any, str], Any]
    read: Callable[[Any, str], Any]


# --- encryption ---------------------------------------------------------------------------------

_RULES = "ServerSideEncryptionConfiguration"
_BY_DEFAULT = ("ServerSideEncryptionByDefault", "ApplyServerSideEncryptionByDefault")


def _renamed(rules: Any, old: str, new: str) -> list[Any]:
    return [{new if key == old else key: value for key, value in rule.items()} for rule in rules]


def _put_encryption(s3: Any, name: str, value: Any) -> None:
    rules = {"Rules": _renamed(value[_RULES], *_BY_DEFAULT)}
    ask(s3, "put_bucket_encryption", Bucket=name, ServerSideEncryptionConfiguration=rules)


def _read_encryption(s3: Any, name: str) -> Any:
    rules = s3.get_bucket_encryption(Bucket=name)[_RULES]["Rules"]
    return {_RULES: _renamed(rules, *reversed(_BY_DEFAULT))}


# --- lifecycle ----------------------------------------------------------------------------------

_PLAIN = ("Status", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
_OWN = {"Id", "Prefix", "TagFilters", "ExpirationInDays", "ExpiredObjectDeleteMarker",
        "Transitions", *_PLAIN}  # fmt: skip


def _rule(rule: Props) -> Props:
    """Return a lifecycle rule of a template as the API has it."""
    if set(rule) - _OWN:
        raise ValueError(f"#/LifecycleConfiguration/Rules: extraneous key "
                         f"[{sorted(set(rule) - _OWN)[0]}] is not permitted here")
    made = some(rule, *_PLAIN) | {"Filter": _filter(rule)}
    if "Id" in rule:
        made["ID"] = rule["Id"]
    ends = {"ExpirationInDays": "Days", "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}
    expiry = {ends[key]: rule[key] for key in ends if key in rule}
    moves = [{"StorageClass": one["StorageClass"], "Days": one["TransitionInDays"]}
             for one in rule.get("Transitions") or ()]
    return made | ({"Expiration": expiry} if expiry else {}) | (
        {"Transitions": moves} if moves else {}
    )


def _filter(rule: Props) -> Props:
    prefix, marks = rule.get("Prefix", ""), rule.get("TagFilters") or []
    return {"And": {"Prefix": prefix, "Tags": marks}} if marks else {"Prefix": prefix}


def _rule_back(rule: Props) -> Props:
    both = rule.get("Filter", {}).get("And") or {}
    expiry = rule.get("Expiration") or {}
    prefix = both.get("Prefix") or rule.get("Filter", {}).get("Prefix") or rule.get("Prefix")
    found = {
        "Id": rule.get("ID"), "Prefix": prefix or None, "TagFilters": both.get("Tags"),
        "ExpirationInDays": expiry.get("Days"),
        "ExpiredObjectDeleteMarker": expiry.get("ExpiredObjectDeleteMarker"),
        "Transitions": [{"StorageClass": one["StorageClass"], "TransitionInDays": one.get("Days")}
                        for one in rule.get("Transitions") or ()] or None,
    }
    return some(rule, *_PLAIN) | {key: value for key, value in found.items() if value is not None}


def _put_lifecycle(s3: Any, name: str, value: Any) -> None:
    rules = {"Rules": [_rule(one) for one in value["Rules"]]}
    ask(s3, "put_bucket_lifecycle_configuration", Bucket=name, LifecycleConfiguration=rules)


def _read_lifecycle(s3: Any, name: str) -> Any:
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    return {"Rules": [_rule_back(one) for one in rules]}


# --- notifications ------------------------------------------------------------------------------

_TELLS = {  # a template's list -> the API's list, and what both call the receiver
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
}


def _put_notifications(s3: Any, name: str, value: Any) -> None:
    made: Props = {}
    for own, (theirs, receiver, arn) in _TELLS.items():
        made[theirs] = [
            {arn: one[receiver], "Events": [one["Event"]]} | ({"Filter": {"Key": {
                "FilterRules": one["Filter"]["S3Key"]["Rules"],
            }}} if "Filter" in one else {})
            for one in value.get(own) or ()
        ]
    if str((value.get("EventBridgeConfiguration") or {}).get("EventBridgeEnabled", "")).lower() == (
        "true"
    ):
        made["EventBridgeConfiguration"] = {}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=made)


def _read_notifications(s3: Any, name: str) -> Any:
    told, found = s3.get_bucket_notification_configuration(Bucket=name), Props()
    for own, (theirs, receiver, arn) in _TELLS.items():
        found[own] = [
            {"Event": event, receiver: one[arn]} | ({"Filter": {"S3Key": {
                "Rules": one["Filter"]["Key"]["FilterRules"],
            }}} if one.get("Filter") else {})
            for one in told.get(theirs) or () for event in one["Events"]
        ]
    found["EventBridgeConfiguration"] = {"EventBridgeEnabled": "EventBridgeConfiguration" in told}
    return found


# --- the bucket ---------------------------------------------------------------------------------

_PARTS = {
    "VersioningConfiguration": Part(
        lambda s3, name, value: s3.put_bucket_versioning(
            Bucket=name, VersioningConfiguration=value
        ),
        lambda s3, name: s3.put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Suspended"}
        ),
        lambda s3, name: some(s3.get_bucket_versioning(Bucket=name), "Status") or None,
    ),
    "BucketEncryption": Part(
        _put_encryption, lambda s3, name: s3.delete_bucket_encryption(Bucket=name),
        _read_encryption,
    ),
    "PublicAccessBlockConfiguration": Part(
        lambda s3, name, value: ask(
            s3, "put_public_access_block", Bucket=name, PublicAccessBlockConfiguration=value
        ),
        lambda s3, name: s3.delete_public_access_block(Bucket=name),
        lambda s3, name: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
    ),
    "OwnershipControls": Part(
        lambda s3, name, value: s3.put_bucket_ownership_controls(
            Bucket=name, OwnershipControls=value
        ),
        lambda s3, name: s3.delete_bucket_ownership_controls(Bucket=name),
        lambda s3, name: s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"],
    ),
    "LifecycleConfiguration": Part(
        _put_lifecycle, lambda s3, name: s3.delete_bucket_lifecycle(Bucket=name), _read_lifecycle,
    ),
    "NotificationConfiguration": Part(
        _put_notifications, lambda s3, name: _put_notifications(s3, name, {}),
        _read_notifications,
    ),
    "Tags": Part(
        lambda s3, name, value: s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": value}),
        lambda s3, name: s3.delete_bucket_tagging(Bucket=name),
        lambda s3, name: tags(s3.get_bucket_tagging(Bucket=name)["TagSet"]),
    ),
}  # fmt: skip


def _make_bucket(clients: Clients, props: Props) -> str:
    s3, name = clients("s3"), str(props["BucketName"])
    region = s3.meta.region_name
    if region == "us-east-1" and known_or_none(lambda: s3.head_bucket(Bucket=name)):
        raise Already(name)  # there, making one's own bucket again is no error
    place = {} if region == "us-east-1" else {
        "CreateBucketConfiguration": {"LocationConstraint": region}
    }
    try:
        s3.create_bucket(Bucket=name, **place)
    except ClientError as error:
        if error.response["Error"]["Code"].startswith("BucketAlready"):
            raise Already(name) from None
        raise
    return name


def _set_bucket(clients: Clients, name: str, old: Props, new: Props) -> None:
    s3 = clients("s3")
    for key, part in _PARTS.items():
        if new.get(key) and old.get(key) != new[key]:
            part.put(s3, name, new[key])
        elif old.get(key) and not new.get(key):
            part.clear(s3, name)


def _read_bucket(clients: Clients, name: str) -> Props | None:
    s3 = clients("s3")
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if gone(error):
            return None
        raise
    return {"BucketName": name} | {key: _part(part, s3, name) for key, part in _PARTS.items()}


def _part(part: Part, s3: Any, name: str) -> Any:
    return known_or_none(lambda: part.read(s3, name))


_BUCKET = Kind(
    "AWS::S3::Bucket", listed(*_PARTS, always=("BucketName",)), _make_bucket, _read_bucket,
    _set_bucket, lambda clients, name, props: clients("s3").delete_bucket(Bucket=name),
    "BucketName", "BucketName", lower=True,
    finish=lambda clients, name, props: _set_bucket(clients, name, {}, props),
    attributes={
        "Arn": lambda c, i, p, r: f"arn:aws:s3:::{i}",
        "DomainName": lambda c, i, p, r: f"{i}.s3.amazonaws.com",
        "RegionalDomainName": lambda c, i, p, r: f"{i}.s3.{r}.amazonaws.com",
    },
)  # fmt: skip


# --- its policy ---------------------------------------------------------------------------------

def _make_policy(clients: Clients, props: Props) -> str:
    name = str(props["Bucket"])
    if _read_policy(clients, name) is not None:
        raise Already(f"The bucket policy of {name}")
    _put_policy(clients, name, {}, props)
    return name


def _put_policy(clients: Clients, name: str, _: Props, props: Props) -> None:
    clients("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(props["PolicyDocument"]))


def _read_policy(clients: Clients, name: str) -> Props | None:
    text = known_or_none(lambda: clients("s3").get_bucket_policy(Bucket=name)["Policy"])
    return {"Bucket": name, "PolicyDocument": json.loads(text)} if text else None


_BUCKET_POLICY = Kind(
    "AWS::S3::BucketPolicy", listed("PolicyDocument", always=("Bucket",)), _make_policy,
    _read_policy, _put_policy,
    lambda clients, name, props: clients("s3").delete_bucket_policy(Bucket=name),
    identifier="Bucket", required=("Bucket", "PolicyDocument"),
)  # fmt: skip

KINDS = (_BUCKET, _BUCKET_POLICY)
