"""Lambda: functions, who may invoke them, and what makes them run.

Limit: as in `kinds`; code from a zip in S3 or a few lines in the template; what is deployed as code
is not read back, so drift does not see it.
"""

from __future__ import annotations

import io
import uuid
import zipfile
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
    mapping,
    some,
    tags,
)

_CONFIGURED = (
    "Handler", "Role", "Runtime", "Timeout", "MemorySize", "Description", "Environment",
    "DeadLetterConfig", "EphemeralStorage", "TracingConfig",
)
_RESERVED = "ReservedConcurrentExecutions"


def _code(code: Props) -> Props:
    """Return a template's code as the API takes it; lines in the template become a zip."""
    if "ZipFile" not in code:
        return some(code, "S3Bucket", "S3Key", "S3ObjectVersion")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), str(code["ZipFile"]))
    return {"ZipFile": packed.getvalue()}


def _make_function(clients: Clients, props: Props) -> str:
    ask(clients("lambda"), "create_function", Code=_code(props["Code"]),
        Tags=mapping(props.get("Tags")),
        **some(props, "FunctionName", "PackageType", "Architectures", *_CONFIGURED))
    return str(props["FunctionName"])


def _finish_function(clients: Clients, name: str, props: Props) -> None:
    if _RESERVED in props:
        ask(clients("lambda"), "put_function_concurrency", FunctionName=name,
            ReservedConcurrentExecutions=props[_RESERVED])


def _set_function(clients: Clients, name: str, old: Props, new: Props) -> None:
    client = clients("lambda")
    if old["Code"] != new["Code"]:
        client.update_function_code(FunctionName=name, **_code(new["Code"]))
    if some(old, *_CONFIGURED) != some(new, *_CONFIGURED):
        empty: Props = {"Description": "", "Environment": {"Variables": {}}, "Timeout": 3,
                        "MemorySize": 128}
        lost = {key: empty[key] for key in empty if key in old and key not in new}
        ask(client, "update_function_configuration", FunctionName=name,
            **some(new, *_CONFIGURED), **lost)
    if old.get(_RESERVED) != new.get(_RESERVED):
        if _RESERVED in new:
            _finish_function(clients, name, new)
        else:
            client.delete_function_concurrency(FunctionName=name)
    _tag(client, name, old, new)


def _tag(client: Any, name: str, old: Props, new: Props) -> None:
    off, on = changed_tags(old, new)
    if off or on:
        resource = client.get_function_configuration(FunctionName=name)["FunctionArn"]
    if off:
        client.untag_resource(Resource=resource, TagKeys=off)
    if on:
        client.tag_resource(Resource=resource, Tags=on)


def _read_function(clients: Clients, name: str) -> Props | None:
    client = clients("lambda")
    found = known_or_none(lambda: client.get_function(FunctionName=name))
    if found is None:
        return None
    told = found["Configuration"]
    return {key: told.get(key) for key in ("FunctionName", *_CONFIGURED)} | {
        "Tags": tags(found.get("Tags") or {}),
        _RESERVED: (found.get("Concurrency") or {}).get(_RESERVED),
    }


_FUNCTION = Kind(
    "AWS::Lambda::Function",
    listed(*_CONFIGURED, "Code", "Tags", _RESERVED,
           always=("FunctionName", "PackageType", "Architectures")),
    _make_function, _read_function, _set_function,
    lambda clients, name, props: clients("lambda").delete_function(FunctionName=name),
    "FunctionName", "FunctionName", longest=64, required=("Code", "Role"),
    finish=_finish_function, attributes={"Arn": arn("lambda", "function:{id}")},
)  # fmt: skip


# --- who may invoke it --------------------------------------------------------------------------

_PERMITTED = ("Action", "FunctionName", "Principal", "SourceAccount", "SourceArn",
              "EventSourceToken")  # fmt: skip


def _make_permission(clients: Clients, props: Props) -> str:
    made = f"permission-{uuid.uuid4().hex[:12].upper()}"
    clients("lambda").add_permission(StatementId=made, **some(props, *_PERMITTED))
    return made


_PERMISSION = Kind(
    "AWS::Lambda::Permission", listed(always=_PERMITTED), _make_permission,
    lambda clients, name: {}, lambda clients, name, old, new: None,
    lambda clients, name, props: clients("lambda").remove_permission(
        FunctionName=props["FunctionName"], StatementId=name
    ),
    required=("Action", "FunctionName", "Principal"),
)  # fmt: skip


# --- what makes it run --------------------------------------------------------------------------

_PULLED = (
    "FunctionName", "BatchSize", "Enabled", "FilterCriteria", "MaximumBatchingWindowInSeconds",
    "FunctionResponseTypes", "BisectBatchOnFunctionError", "DestinationConfig",
    "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor", "ScalingConfig",
)
_SOURCE = ("EventSourceArn", "StartingPosition", "StartingPositionTimestamp")


def _make_mapping(clients: Clients, props: Props) -> str:
    given = some(props, *_PULLED, *_SOURCE)
    return str(ask(clients("lambda"), "create_event_source_mapping", **given)["UUID"])


def _set_mapping(clients: Clients, id_: str, old: Props, new: Props) -> None:
    ask(clients("lambda"), "update_event_source_mapping", UUID=id_, **some(new, *_PULLED))


def _read_mapping(clients: Clients, id_: str) -> Props | None:
    found = known_or_none(lambda: clients("lambda").get_event_source_mapping(UUID=id_))
    if found is None:
        return None
    told = some(found, *_PULLED, *_SOURCE)
    return told | {"Enabled": found.get("State") not in {"Disabled", "Disabling"}}


_MAPPING = Kind(
    "AWS::Lambda::EventSourceMapping", listed(*_PULLED, always=_SOURCE), _make_mapping,
    _read_mapping, _set_mapping,
    lambda clients, id_, props: clients("lambda").delete_event_source_mapping(UUID=id_),
    identifier="Id", required=("FunctionName",), attributes={"Id": lambda c, i, p, r: i},
)  # fmt: skip

KINDS = (_FUNCTION, _PERMISSION, _MAPPING)
