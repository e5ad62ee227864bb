"""Glue: the catalog as the engine keeps it, IAM on catalog, database and table, real crawlers.

Limit: no job, blueprint, workflow or data-quality rule runs here: starting one is refused.
"""

from __future__ import annotations

from typing import Any

from infra.cloud import crawlers
from infra.cloud.calls import Call, Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside
from infra.cloud.island import Served, forward, island

# What the engine would record and never run.
REFUSED = {
    "StartJobRun": "runs no jobs: run the script on your desk, with Spark, against this cloud's S3",
    "BatchStopJobRun": "runs no jobs",
    "StartWorkflowRun": "runs no workflows",
    "StartTrigger": "runs no triggers",
    "CreateSession": "has no interactive sessions",
    "RunStatement": "has no interactive sessions",
}
_KINDS = {
    "Crawler": "crawler", "Job": "job", "Trigger": "trigger", "Connection": "connection",
    "Workflow": "workflow", "Registry": "registry", "Session": "session",
}  # fmt: skip


def needs(call: Call) -> list[Need]:
    """Return one need for each resource that Glue checks: a table hangs on database and catalog."""
    action = f"glue:{call.operation}"
    return [Need(action, one) for one in _resources(call)] + crawlers.needs(call)


def _resources(call: Call) -> list[str]:
    start = f"arn:aws:glue:{call.region}:{ACCOUNT}:"
    database, tables = _names(call)
    if database or "Database" in call.operation or call.operation == "SearchTables":
        found = [f"{start}catalog"]
        if database:
            found.append(f"{start}database/{database}")
        return found + [f"{start}table/{database}/{table}" for table in tables]
    if "ResourceArn" in call.params:
        return [str(call.params["ResourceArn"])]
    for word, kind in _KINDS.items():
        if word in call.operation:
            name = call.params.get("Name") or call.params.get(f"{word}Name")
            return [f"{start}{kind}/{name}" if name else "*"]
    return ["*"]


def _names(call: Call) -> tuple[str, list[str]]:
    """Return the database and the tables of a call; `*` is all of a database's."""
    params = call.params
    if "Crawler" in call.operation:
        return "", []
    database = str(params.get("DatabaseName") or "")
    if call.operation == "CreateDatabase":
        return str((params.get("DatabaseInput") or {}).get("Name") or ""), []
    if "Database" in call.operation:
        return str(params.get("Name") or ""), ["*"] if call.operation == "DeleteDatabase" else []
    if call.operation in {"GetTables", "BatchDeleteTable"}:
        return database, [str(n) for n in params.get("TablesToDelete") or ["*"]]
    table = params.get("TableName") or (params.get("TableInput") or {}).get("Name")
    if not table and "Table" in call.operation:
        table = params.get("Name")
    return database, [str(table)] if table else []


def _refuse(call: Call, inside: Inside) -> Answer:
    raise AwsError(
        "InvalidInputException", f"The emulated Glue {REFUSED[call.operation]}.", 400
    )


def _lowered(call: Call, inside: Inside) -> Answer:
    """Pass a call on with its names in lower case, as the catalog folds them."""
    for key in ("DatabaseName", "TableName", "Name"):
        if isinstance(call.params.get(key), str):
            call.params[key] = call.params[key].lower()
    for key in ("DatabaseInput", "TableInput"):
        given: Any = call.params.get(key)
        if isinstance(given, dict) and isinstance(given.get("Name"), str):
            given["Name"] = given["Name"].lower()
    return forward(call)


_FOLDED = (
    "CreateDatabase", "GetDatabase", "UpdateDatabase", "DeleteDatabase", "CreateTable", "GetTable",
    "GetTables", "UpdateTable", "DeleteTable", "CreatePartition", "BatchCreatePartition",
    "GetPartition", "GetPartitions", "UpdatePartition", "DeletePartition", "BatchGetPartition",
    "BatchDeletePartition", "BatchUpdatePartition", "GetTableVersions",
)  # fmt: skip
SERVED: Served = island(
    "glue", needs=needs,
    own=dict.fromkeys(_FOLDED, _lowered) | dict.fromkeys(REFUSED, _refuse)
    | crawlers.OPERATIONS,
)
