"""Named queries and prepared statements.

Limit: text only; whether it is SQL shows when it runs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from infra.cloud.athena.groups import PRIMARY, Store, invalid
from infra.cloud.calls import Call
from infra.cloud.errors import AwsError


def create_named(call: Call, store: Store) -> dict[str, Any]:
    """Save a query under a name."""
    group = store.group(str(call.params.get("WorkGroup") or PRIMARY))
    made = {
        "NamedQueryId": str(uuid.uuid4()), "WorkGroup": group.name,
        **{k: call.params.get(k, "") for k in ("Name", "Description", "Database", "QueryString")},
    }
    for key in ("Name", "Database", "QueryString"):
        if not made[key]:
            raise invalid(f"{key} is required")
    store.named[made["NamedQueryId"]] = made
    return {"NamedQueryId": made["NamedQueryId"]}


def _named(call: Call, store: Store) -> dict[str, Any]:
    wanted = str(call.params.get("NamedQueryId", ""))
    if wanted not in store.named:
        raise invalid(f"NamedQuery {wanted} was not found")
    return store.named[wanted]


def get_named(call: Call, store: Store) -> dict[str, Any]:
    """Return a saved query."""
    return {"NamedQuery": _named(call, store)}


def update_named(call: Call, store: Store) -> dict[str, Any]:
    """Change a saved query."""
    _named(call, store).update(
        {k: call.params[k] for k in ("Name", "Description", "QueryString") if k in call.params}
    )
    return {}


def delete_named(call: Call, store: Store) -> dict[str, Any]:
    """Delete a saved query."""
    del store.named[_named(call, store)["NamedQueryId"]]
    return {}


def batch_named(call: Call, store: Store) -> dict[str, Any]:
    """Return several saved queries, and the ids that are none."""
    ids = call.params.get("NamedQueryIds") or []
    return {
        "NamedQueries": [store.named[i] for i in ids if i in store.named],
        "UnprocessedNamedQueryIds": [
            {"NamedQueryId": i, "ErrorCode": "INVALID_INPUT",
             "ErrorMessage": f"NamedQuery {i} was not found"}
            for i in ids if i not in store.named
        ],
    }  # fmt: skip


def named_ids(call: Call, store: Store) -> list[str]:
    """Return the ids of a workgroup's saved queries."""
    group = store.group(str(call.params.get("WorkGroup") or PRIMARY))
    return [q["NamedQueryId"] for q in store.named.values() if q["WorkGroup"] == group.name]


# ---------------------------------------------------------------- prepared statements


def _place(call: Call, store: Store) -> tuple[str, str]:
    group = store.group(str(call.params.get("WorkGroup") or PRIMARY))
    return group.name, str(call.params.get("StatementName", "")).lower()


def _prepared(call: Call, store: Store) -> dict[str, Any]:
    place = _place(call, store)
    if place not in store.prepared:
        raise AwsError(
            "ResourceNotFoundException",
            f"PreparedStatement {place[1]} was not found in workGroup {place[0]}",
        )
    return store.prepared[place]


def create_prepared(call: Call, store: Store) -> dict[str, Any]:
    """Prepare a statement."""
    group, name = _place(call, store)
    if (group, name) in store.prepared:
        raise invalid(f"PreparedStatement {name} already exists in WorkGroup {group}")
    keep(store, group, name, str(call.params["QueryStatement"]), call.time)
    store.prepared[group, name]["Description"] = call.params.get("Description", "")
    return {}


def keep(store: Store, group: str, name: str, text: str, now: float) -> None:
    """Keep a prepared statement, whatever was there."""
    store.prepared[group, name.lower()] = {
        "StatementName": name.lower(), "QueryStatement": text, "WorkGroupName": group,
        "LastModifiedTime": now, "Description": "",
    }


def get_prepared(call: Call, store: Store) -> dict[str, Any]:
    """Return a prepared statement."""
    return {"PreparedStatement": _prepared(call, store)}


def update_prepared(call: Call, store: Store) -> dict[str, Any]:
    """Change a prepared statement."""
    _prepared(call, store).update(
        QueryStatement=call.params["QueryStatement"], LastModifiedTime=call.time,
        Description=call.params.get("Description", ""),
    )
    return {}


def delete_prepared(call: Call, store: Store) -> dict[str, Any]:
    """Delete a prepared statement."""
    _prepared(call, store)
    del store.prepared[_place(call, store)]
    return {}


def prepared_summaries(call: Call, store: Store) -> list[dict[str, Any]]:
    """Return a workgroup's prepared statements in short."""
    group = store.group(str(call.params.get("WorkGroup") or PRIMARY))
    return [
        {"StatementName": p["StatementName"], "LastModifiedTime": p["LastModifiedTime"]}
        for (where, _), p in store.prepared.items() if where == group.name
    ]


OPERATIONS: dict[str, Callable[[Call, Store], dict[str, Any]]] = {
    "CreateNamedQuery": create_named, "GetNamedQuery": get_named, "UpdateNamedQuery": update_named,
    "DeleteNamedQuery": delete_named, "BatchGetNamedQuery": batch_named,
    "CreatePreparedStatement": create_prepared, "GetPreparedStatement": get_prepared,
    "UpdatePreparedStatement": update_prepared, "DeletePreparedStatement": delete_prepared,
}  # fmt: skip
