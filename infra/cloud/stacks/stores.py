"""DynamoDB tables: made, changed in place where DynamoDB can, with their indexes.

Limit: as in `kinds`; an update makes or deletes one global index, as DynamoDB allows it.
"""

from __future__ import annotations

from typing import Any

from infra.cloud.stacks.kinds import (
    Clients,
    Kind,
    Props,
    arn,
    ask,
    changed_tags,
    known_or_none,
    listed,
    some,
    tags,
)

_AT_CREATION = (
    "TableName", "KeySchema", "AttributeDefinitions", "BillingMode", "ProvisionedThroughput",
    "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "DeletionProtectionEnabled", "Tags",
)
_LATER = ("BillingMode", "ProvisionedThroughput", "DeletionProtectionEnabled")
_INDEXES = "GlobalSecondaryIndexes"


def _make_table(clients: Clients, props: Props) -> str:
    wanted = some(props, *_AT_CREATION) | _renamed(props)
    wanted.setdefault("BillingMode", "PROVISIONED")
    ask(clients("dynamodb"), "create_table", **wanted)
    return str(props["TableName"])


def _renamed(props: Props) -> Props:
    """Return stream and encryption as the API calls them."""
    found: Props = {}
    if "StreamSpecification" in props:
        found["StreamSpecification"] = {"StreamEnabled": True, **props["StreamSpecification"]}
    if "SSESpecification" in props:
        given = dict(props["SSESpecification"])
        found["SSESpecification"] = {"Enabled": given.pop("SSEEnabled", False), **given}
    return found


def _finish_table(clients: Clients, name: str, props: Props) -> None:
    _set_extras(clients, name, {}, props)


def _set_extras(clients: Clients, name: str, old: Props, new: Props) -> None:
    """Set what DynamoDB takes in calls of their own."""
    db, expiry, recovery = clients("dynamodb"), "TimeToLiveSpecification", (
        "PointInTimeRecoverySpecification"
    )
    if new.get(expiry) != old.get(expiry):
        off = {**(old.get(expiry) or {}), "Enabled": False}
        ask(db, "update_time_to_live", TableName=name,
            TimeToLiveSpecification=new.get(expiry) or off)
    if new.get(recovery) != old.get(recovery):
        wanted = new.get(recovery) or {"PointInTimeRecoveryEnabled": False}
        ask(db, "update_continuous_backups", TableName=name,
            PointInTimeRecoverySpecification=wanted)


def _set_table(clients: Clients, name: str, old: Props, new: Props) -> None:
    db = clients("dynamodb")
    before, after = some(old, *_LATER) | _renamed(old), some(new, *_LATER) | _renamed(new)
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    if "StreamSpecification" in before and "StreamSpecification" not in after:
        changed["StreamSpecification"] = {"StreamEnabled": False}
    if "DeletionProtectionEnabled" in before and "DeletionProtectionEnabled" not in after:
        changed["DeletionProtectionEnabled"] = False
    if changed.get("BillingMode") == "PROVISIONED":
        changed |= some(new, "ProvisionedThroughput")
    if changed:
        ask(db, "update_table", TableName=name, **changed)
    _set_indexes(db, name, old, new)
    _set_extras(clients, name, old, new)
    resource = db.describe_table(TableName=name)["Table"]["TableArn"]
    off, on = changed_tags(old, new)
    if off:
        db.untag_resource(ResourceArn=resource, TagKeys=off)
    if on:
        db.tag_resource(ResourceArn=resource, Tags=tags(on))


def _set_indexes(db: Any, name: str, old: Props, new: Props) -> None:
    before = {one["IndexName"]: one for one in old.get(_INDEXES) or ()}
    after = {one["IndexName"]: one for one in new.get(_INDEXES) or ()}
    fixed = ("KeySchema", "Projection")
    reshaped = {n for n in set(before) & set(after)
                if some(before[n], *fixed) != some(after[n], *fixed)}
    steps: list[Props] = [{"Delete": {"IndexName": n}}
                          for n in sorted(set(before) - set(after) | reshaped)]
    steps += [{"Create": after[n]} for n in sorted(set(after) - set(before) | reshaped)]
    if len(steps) > 1:
        raise ValueError("Cannot perform more than one GSI creation or deletion in a single update")
    steps += [
        {"Update": some(after[n], "IndexName", "ProvisionedThroughput")}
        for n in sorted(set(before) & set(after) - reshaped) if before[n] != after[n]
    ]
    for step in steps:
        ask(db, "update_table", TableName=name, GlobalSecondaryIndexUpdates=[step],
            AttributeDefinitions=new["AttributeDefinitions"])


def _read_table(clients: Clients, name: str) -> Props | None:
    db = clients("dynamodb")
    found = known_or_none(lambda: db.describe_table(TableName=name)["Table"])
    if found is None:
        return None
    stream = found.get("StreamSpecification") or {}
    expiry = db.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = db.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    return some(found, "KeySchema", "AttributeDefinitions", "ProvisionedThroughput") | {
        "TableName": name,
        "BillingMode": (found.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "GlobalSecondaryIndexes": found.get("GlobalSecondaryIndexes") or [],
        "LocalSecondaryIndexes": found.get("LocalSecondaryIndexes") or [],
        "StreamSpecification": (
            some(stream, "StreamViewType") if stream.get("StreamEnabled") else None
        ),
        "DeletionProtectionEnabled": bool(found.get("DeletionProtectionEnabled")),
        "TimeToLiveSpecification": {
            "AttributeName": expiry.get("AttributeName"),
            "Enabled": expiry.get("TimeToLiveStatus") == "ENABLED",
        },
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery == "ENABLED"},
        "Tags": tags(db.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]),
    }


def _stream_arn(clients: Clients, name: str, _: Props, __: str) -> str:
    return str(clients("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"])


_TABLE = Kind(
    "AWS::DynamoDB::Table",
    listed("BillingMode", "ProvisionedThroughput", "StreamSpecification", "SSESpecification",
           "DeletionProtectionEnabled", "TimeToLiveSpecification", "Tags", "AttributeDefinitions",
           "GlobalSecondaryIndexes", "PointInTimeRecoverySpecification",
           always=("TableName", "KeySchema", "LocalSecondaryIndexes")),
    _make_table, _read_table, _set_table,
    lambda clients, name, props: clients("dynamodb").delete_table(TableName=name),
    "TableName", "TableName", longest=255, required=("KeySchema",), finish=_finish_table,
    attributes={"Arn": arn("dynamodb", "table/{id}"), "StreamArn": _stream_arn},
)  # fmt: skip

KINDS = (_TABLE,)
