"""Athena behind the door: which operation does what, what each must be allowed to do, pages.

Limit: workgroups, queries, named queries, prepared statements, tags and the one data catalog; no
notebooks, sessions, capacity reservations or federated catalogs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from infra.cloud.athena import groups, queries, saved
from infra.cloud.athena.groups import PRIMARY, Store, invalid
from infra.cloud.calls import Call, Need
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside, Later
from infra.cloud.island import Served, plain

_CATALOG = {"CatalogName": "AwsDataCatalog", "Type": "GLUE"}
# Operation -> what lists, the name of the list, the size of a page.
_LISTS: dict[str, tuple[Callable[[Call, Store], Sequence[Any]], str, int]] = {
    "ListWorkGroups": (groups.summaries, "WorkGroups", 50),
    "ListNamedQueries": (saved.named_ids, "NamedQueryIds", 50),
    "ListPreparedStatements": (saved.prepared_summaries, "PreparedStatements", 50),
    "ListQueryExecutions": (queries.ids, "QueryExecutionIds", 50),
    "ListDataCatalogs": (lambda call, store: [_CATALOG], "DataCatalogsSummary", 50),
}  # fmt: skip
_BARE = {"ListWorkGroups", "ListDataCatalogs"}


def needs(call: Call) -> list[Need]:
    """Return what a call must be allowed to do: its action on each workgroup that it touches."""
    action = f"athena:{call.operation}"
    if call.operation in _BARE:
        return [Need(action, "*")]
    arn = partial(groups.arn, call.region)
    if "ResourceARN" in call.params:
        return [Need(action, str(call.params["ResourceARN"]))]
    if "QueryExecutionId" in call.params:
        wanted = [call.params["QueryExecutionId"]]
    else:
        wanted = call.params.get("QueryExecutionIds") or []
    homes = {queries.HOMES.get(str(one), "*") for one in wanted}
    name = call.params.get("WorkGroup") or call.params.get("Name") if (
        call.operation.endswith("WorkGroup")) else call.params.get("WorkGroup")
    return [Need(action, arn(home)) for home in sorted(homes or {str(name or PRIMARY)})]


def _store(inside: Inside) -> Store:
    made: Store = inside.store("athena", lambda: groups.make(inside.clock.now()))
    return made


def answer(call: Call, inside: Inside) -> Answer | Later:
    """Answer one call."""
    store = _store(inside)
    if call.operation in _LISTS:
        return plain(_listed(call, store))
    if call.operation in queries.OPERATIONS:
        found = queries.OPERATIONS[call.operation](call, inside, store)
        return plain(found) if isinstance(found, dict) else found
    work = (groups.OPERATIONS | saved.OPERATIONS).get(call.operation)
    if work is None:
        raise AwsError(
            "NotImplemented", f"The emulated Athena has no {call.operation}: see cloud-queries", 501
        )
    return plain(work(call, store))


def _listed(call: Call, store: Store) -> dict[str, Any]:
    find, name, size = _LISTS[call.operation]
    rows = find(call, store)
    token = str(call.params.get("NextToken") or "0")
    most = int(call.params.get("MaxResults") or size)
    if not token.isdigit() or not 1 <= most <= size:
        raise invalid("Invalid nextToken" if not token.isdigit() else "MaxResults is out of range")
    begin = int(token)
    found: dict[str, Any] = {name: list(rows[begin:begin + most])}
    if begin + most < len(rows):
        found["NextToken"] = str(begin + most)
    return found


def hold(inside: Inside) -> dict[str, Any]:
    """Return workgroups, named and prepared queries, and the executions that have ended."""
    store = _store(inside)
    ended = [replace(one, worker=None) for one in store.executions.known.values() if one.ended]
    return {"groups": store.groups, "named": store.named, "prepared": store.prepared,
            "ended": ended}  # fmt: skip


def revive(inside: Inside, held: dict[str, Any] | None) -> None:
    """Take over what a kept cloud had; queries that ran when it ended are unknown."""
    if held is None:
        return
    store = inside.stores["athena"] = Store(held["groups"], held["named"], held["prepared"])
    for one in held["ended"]:
        store.executions.add(one)
        queries.HOMES[one.id] = one.workgroup


SERVED = Served("athena", needs, answer, hold=hold, revive=revive)
