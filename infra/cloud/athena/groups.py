"""Workgroups: where results go, who may choose otherwise, how much a query may scan.

Limit: kept by cloud, not by region; engine versions and identity centre settings are shown only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.athena.executions import Executions
from infra.cloud.calls import Call
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError

ENGINE = {
    "SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3",
}  # fmt: skip
PRIMARY = "primary"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass
class Group:
    """One workgroup."""

    name: str
    created: float
    description: str = ""
    state: str = "ENABLED"
    output: str = ""
    encryption: dict[str, str] = field(default_factory=dict)
    enforce: bool = True
    metrics: bool = True
    cutoff: int = 0
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Store:
    """What Athena keeps in one cloud."""

    groups: dict[str, Group] = field(default_factory=dict)
    named: dict[str, dict[str, Any]] = field(default_factory=dict)
    prepared: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    executions: Executions = field(default_factory=Executions)

    def group(self, name: str) -> Group:
        """Return a workgroup. AwsError: there is none of this name."""
        if name not in self.groups:
            raise invalid(f"WorkGroup {name} is not found.")
        return self.groups[name]


def invalid(message: str) -> AwsError:
    """Return Athena's error for what it does not take."""
    return AwsError("InvalidRequestException", message)


def make(now: float) -> Store:
    """Return the store of a new cloud, with its primary workgroup."""
    return Store({PRIMARY: Group(PRIMARY, now, enforce=False)})


def arn(region: str, name: str) -> str:
    """Return a workgroup's ARN."""
    return f"arn:aws:athena:{region}:{ACCOUNT}:workgroup/{name}"


def create(call: Call, store: Store) -> dict[str, Any]:
    """Make a workgroup."""
    name = str(call.params.get("Name", ""))
    if not _NAME.fullmatch(name):
        raise invalid(f"WorkGroup name {name!r} is not valid: use letters, digits, . _ and -")
    if name in store.groups:
        raise invalid("WorkGroup is already created")
    group = Group(name, call.time, str(call.params.get("Description", "")))
    group.tags = {t["Key"]: t.get("Value", "") for t in call.params.get("Tags") or []}
    _configure(group, call.params.get("Configuration") or {})
    store.groups[name] = group
    return {}


def update(call: Call, store: Store) -> dict[str, Any]:
    """Change a workgroup."""
    group = store.group(str(call.params.get("WorkGroup", "")))
    changes = call.params.get("ConfigurationUpdates") or {}
    results = changes.get("ResultConfigurationUpdates") or {}
    settings = {k: v for k, v in changes.items() if k != "ResultConfigurationUpdates"}
    if results.get("RemoveOutputLocation"):
        group.output = ""
    if results.get("RemoveEncryptionConfiguration"):
        group.encryption = {}
    if changes.get("RemoveBytesScannedCutoffPerQuery"):
        group.cutoff = 0
    _configure(group, settings | {"ResultConfiguration": results})
    group.description = call.params.get("Description", group.description)
    group.state = call.params.get("State", group.state)
    return {}


def _configure(group: Group, given: dict[str, Any]) -> None:
    results = given.get("ResultConfiguration") or {}
    if "OutputLocation" in results:
        group.output = location(str(results["OutputLocation"]))
    group.encryption = results.get("EncryptionConfiguration", group.encryption)
    group.enforce = bool(given.get("EnforceWorkGroupConfiguration", group.enforce))
    group.metrics = bool(given.get("PublishCloudWatchMetricsEnabled", group.metrics))
    group.cutoff = int(given.get("BytesScannedCutoffPerQuery", group.cutoff))


def location(text: str) -> str:
    """Return an output location that ends in a slash. AwsError: it is none in S3."""
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", text):
        raise invalid(f"outputLocation is not a valid S3 path: {text}")
    return text if text.endswith("/") else f"{text}/"


def delete(call: Call, store: Store) -> dict[str, Any]:
    """Delete a workgroup; one that is not empty only when asked to."""
    group = store.group(str(call.params.get("WorkGroup", "")))
    if group.name == PRIMARY:
        raise invalid("The primary WorkGroup cannot be deleted")
    held = [q for q in store.named.values() if q["WorkGroup"] == group.name]
    ran = [e for e in store.executions.known.values() if e.workgroup == group.name]
    if (held or ran) and not call.params.get("RecursiveDeleteOption"):
        raise invalid(f"WorkGroup {group.name} is not empty")
    del store.groups[group.name]
    store.named = {k: v for k, v in store.named.items() if v["WorkGroup"] != group.name}
    return {}


def get(call: Call, store: Store) -> dict[str, Any]:
    """Describe a workgroup."""
    group = store.group(str(call.params.get("WorkGroup", "")))
    results: dict[str, Any] = {"OutputLocation": group.output} if group.output else {}
    if group.encryption:
        results["EncryptionConfiguration"] = group.encryption
    settings: dict[str, Any] = {
        "ResultConfiguration": results, "EnforceWorkGroupConfiguration": group.enforce,
        "PublishCloudWatchMetricsEnabled": group.metrics, "RequesterPaysEnabled": False,
        "EngineVersion": ENGINE,
    }
    if group.cutoff:
        settings["BytesScannedCutoffPerQuery"] = group.cutoff
    return {"WorkGroup": {
        "Name": group.name, "State": group.state, "Configuration": settings,
        "Description": group.description, "CreationTime": group.created,
    }}  # fmt: skip


def summaries(call: Call, store: Store) -> list[dict[str, Any]]:
    """Return every workgroup in short."""
    return [
        {"Name": g.name, "State": g.state, "Description": g.description,
         "CreationTime": g.created, "EngineVersion": ENGINE}
        for g in store.groups.values()
    ]  # fmt: skip


def _tagged(call: Call, store: Store) -> Group:
    return store.group(str(call.params.get("ResourceARN", "")).rpartition("/")[2])


def tag(call: Call, store: Store) -> dict[str, Any]:
    """Add tags to a workgroup."""
    _tagged(call, store).tags |= {t["Key"]: t.get("Value", "") for t in call.params["Tags"]}
    return {}


def untag(call: Call, store: Store) -> dict[str, Any]:
    """Take tags from a workgroup."""
    group = _tagged(call, store)
    group.tags = {k: v for k, v in group.tags.items() if k not in call.params["TagKeys"]}
    return {}


def tags(call: Call, store: Store) -> dict[str, Any]:
    """Return a workgroup's tags."""
    found = _tagged(call, store).tags
    return {"Tags": [{"Key": k, "Value": v} for k, v in found.items()]}


OPERATIONS: dict[str, Callable[[Call, Store], dict[str, Any]]] = {
    "CreateWorkGroup": create, "UpdateWorkGroup": update, "DeleteWorkGroup": delete,
    "GetWorkGroup": get, "TagResource": tag, "UntagResource": untag,
    "ListTagsForResource": tags,
}  # fmt: skip
