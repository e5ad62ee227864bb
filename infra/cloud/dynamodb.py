"""DynamoDB and its streams: what a call needs, and what the engine gets wrong.

Mended: numbers in their canonical form, types of index keys, batches over 25, names and values that
no expression uses, tokens of transactions, streams that tell of writes which change nothing,
transactions that copy their whole tables.
Limit: PartiQL, exports and imports are absent; capacity is never short; TTL deletes nothing.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from infra.cloud import dispatch, island
from infra.cloud.calls import Call, Context, Need
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside, Later
from infra.cloud.island import Served

_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem",
               "ConditionCheck": "ConditionCheckItem", "Get": "GetItem"}
_ABSENT = {
    "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction", "ImportTable",
    "ExportTableToPointInTime", "CreateGlobalTable", "UpdateGlobalTable",
}
_TABLE = "arn:aws:dynamodb:{region}:{account}:table/{name}"
_TOKEN_SECONDS = 600


def needs(call: Call) -> list[Need]:
    """Return what a call needs: one need a table for batches, one an action for transactions."""
    if call.operation in _ABSENT:
        raise AwsError("NotImplemented", f"This cloud has no dynamodb:{call.operation}.", 501)
    if call.operation in {"BatchGetItem", "BatchWriteItem"}:
        return [_batch_need(call, *pair) for pair in _mapping(call, "RequestItems").items()]
    if call.operation in {"TransactGetItems", "TransactWriteItems"}:
        return [_transact_need(call, *part) for part in _transacted(call.params)]
    if call.operation == "GetRecords":
        shard = str(call.params.get("ShardIterator", ""))
        return [island.need(call, shard.partition("|")[0] or "*")]
    if call.operation == "ListStreams":
        return [island.need(call, "*")]
    keys = _leading(call, call.params) | _selected(call.params)
    return [island.need(call, arn, context=keys) for arn in _resources(call)]


def _resources(call: Call) -> list[str]:
    found = island.resources(call)
    index = call.params.get("IndexName")
    if index and call.operation in {"Query", "Scan"}:
        return [f"{arn}/index/{index}" for arn in found]
    return found


def _mapping(call: Call, name: str) -> dict[str, Any]:
    found = call.params.get(name)
    return found if isinstance(found, dict) else {}


def _batch_need(call: Call, table: str, wanted: Any) -> Need:
    if call.operation == "BatchGetItem":
        keys = wanted.get("Keys", []) if isinstance(wanted, dict) else []
    else:
        keys = [part for one in wanted for part in _written(one)]
    arn = island.arn(_TABLE, table, call.region)
    return island.need(call, arn, context=_leading_keys(call, table, keys))


def _written(request: Any) -> Iterator[dict[str, Any]]:
    """Yield the item or the key that one request of a batch is about."""
    if isinstance(request, dict):
        for kind, name in (("PutRequest", "Item"), ("DeleteRequest", "Key")):
            if kind in request:
                yield request[kind].get(name, {})


def _transacted(params: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in params.get("TransactItems") or ():
        for kind, details in one.items():
            if kind in _TRANSACTED:
                yield kind, details


def _transact_need(call: Call, kind: str, details: dict[str, Any]) -> Need:
    table = str(details.get("TableName", ""))
    keys = _leading(call, details) | {"dynamodb:enclosingoperation": call.operation}
    arn = island.arn(_TABLE, table, call.region)
    return island.need(call, arn, f"dynamodb:{_TRANSACTED[kind]}", keys)


# --- condition keys -----------------------------------------------------------------------------

def _leading(call: Call, params: Mapping[str, Any]) -> Context:
    table = str(params.get("TableName", ""))
    item = params.get("Item") or params.get("Key")
    if isinstance(item, dict):
        return _leading_keys(call, table, [item])
    if isinstance(params.get("KeyConditionExpression"), str):
        return _leading_keys(call, table, [_queried(params)])
    return {}


def _queried(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a query's condition says attributes are equal to."""
    names = params.get("ExpressionAttributeNames") or {}
    values = params.get("ExpressionAttributeValues") or {}
    found = re.findall(r"([#\w.-]+)\s*=\s*(:\w+)", params["KeyConditionExpression"])
    return {names.get(name, name): values.get(value) for name, value in found}


def _leading_keys(call: Call, name: str, items: list[dict[str, Any]]) -> Context:
    table = _table(call.region, name)
    if table is None:
        return {}
    values = [item.get(table.hash_key_attr) for item in items if isinstance(item, dict)]
    plain = [str(next(iter(v.values()))) for v in values if isinstance(v, dict) and v]
    return {"dynamodb:leadingkeys": plain} if plain else {}


def _selected(params: Mapping[str, Any]) -> Context:
    keys = (("Select", "dynamodb:select"), ("ReturnValues", "dynamodb:returnvalues"))
    return {key: str(params[name]) for name, key in keys if name in params}


def _table(region: str, name: str) -> Any | None:
    return dispatch.backend("dynamodb", region).tables.get(name.rsplit("/", 1)[-1])


# --- answers ------------------------------------------------------------------------------------

def answer(call: Call, inside: Inside) -> Answer | Later:
    """Answer one call."""
    mend()
    _numbers(call.params)
    _used(call.params)
    if call.operation == "BatchWriteItem":
        _small(_mapping(call, "RequestItems"))
        _distinct(call)
    for table, item in _puts(call):
        _index_keys(_table(call.region, table), item)
    if call.operation == "TransactWriteItems" and call.params.get("ClientRequestToken"):
        return _once(call, inside)
    return island.forward(call)


def _numbers(value: Any) -> None:
    """Write every number of a request as DynamoDB stores it."""
    if isinstance(value, list):
        for one in value:
            _numbers(one)
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        if name == "N" and isinstance(inner, str) and len(value) == 1:
            value[name] = canonical(inner)
        elif name == "NS" and isinstance(inner, list) and len(value) == 1:
            value[name] = [canonical(str(one)) for one in inner]
        else:
            _numbers(inner)


def canonical(number: str) -> str:
    """Return a number as DynamoDB gives it back. AwsError: more digits than it keeps."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        return number  # the engine says what is wrong
    if not value.is_finite():
        return number
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(digits) > 38:
        raise _invalid("Attempting to store more than 38 significant digits in a Number")
    if value and not -130 <= value.adjusted() <= 125:
        way = "overflow" if value.adjusted() > 0 else "underflow"
        raise _invalid(f"Number {way}. Attempting to store a number with magnitude out of range")
    return format(value.normalize(), "f") if value else "0"


def _used(params: Mapping[str, Any]) -> None:
    """Refuse names and values that no expression mentions."""
    texts = [v for k, v in params.items() if k.endswith("Expression") and isinstance(v, str)]
    if not texts:
        return
    said = set(re.findall(r"[#:]\w+", " ".join(texts)))
    for kind in ("Names", "Values"):
        given = params.get(f"ExpressionAttribute{kind}")
        spare = sorted(set(given) - said) if isinstance(given, dict) else []
        if spare:
            raise _invalid(
                f"Value provided in ExpressionAttribute{kind} unused in expressions: "
                f"keys: {{{', '.join(spare)}}}"
            )


def _small(tables: Mapping[str, Any]) -> None:
    if sum(len(requests) for requests in tables.values()) > 25:
        raise _invalid("Too many items requested for the BatchWriteItem call")


def _distinct(call: Call) -> None:
    """Refuse a batch that puts and deletes the same item."""
    for name, requests in _mapping(call, "RequestItems").items():
        table = _table(call.region, name)
        keys = [key for one in requests for key in _written(one)] if table is not None else []
        attributes = [part["AttributeName"] for part in table.schema] if table is not None else []
        found = [json.dumps([key.get(each) for each in attributes]) for key in keys]
        if len(set(found)) < len(found):
            raise _invalid("Provided list of item keys contains duplicates")


def _puts(call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    if call.operation == "PutItem" and isinstance(call.params.get("Item"), dict):
        yield str(call.params.get("TableName", "")), call.params["Item"]
    if call.operation == "BatchWriteItem":
        for table, requests in _mapping(call, "RequestItems").items():
            for one in requests:
                yield from ((table, item) for item in _written(one) if "PutRequest" in one)
    if call.operation == "TransactWriteItems":
        for kind, details in _transacted(call.params):
            if kind == "Put":
                yield str(details.get("TableName", "")), details.get("Item", {})


def _index_keys(table: Any | None, item: Mapping[str, Any]) -> None:
    """Refuse a value of another type than the index that it is a key of wants."""
    if table is None:
        return
    types = {one["AttributeName"]: one["AttributeType"] for one in table.attr}
    for index in (*table.global_indexes, *table.indexes):
        for key in (part["AttributeName"] for part in index.schema):
            actual = next(iter(item[key]), "") if isinstance(item.get(key), dict) else ""
            if actual and actual != types.get(key, actual):
                raise _invalid(
                    "One or more parameter values were invalid: Type mismatch for Index Key "
                    f"{key} Expected: {types[key]} Actual: {actual} IndexName: {index.name}"
                )


def _once(call: Call, inside: Inside) -> Answer:
    """Write a transaction once, however often its token comes within ten minutes."""
    done: dict[str, tuple[float, str, Answer]] = inside.store("dynamodb.tokens", dict)
    token, now = str(call.params["ClientRequestToken"]), inside.clock.now()
    said = json.dumps(call.params, sort_keys=True, default=str)
    when, before, given = done.get(token, (0.0, "", None))
    if given is not None and now - when < _TOKEN_SECONDS:
        if before != said:
            raise AwsError(
                "IdempotentParameterMismatchException",
                "The token was used before, with other parameters.",
            )
        return Answer(given.status, dict(given.headers), given.body)
    made = island.forward(call)
    if made.status == 200:
        done[token] = (now, said, made)
    return made


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


@cache
def mend() -> None:
    """Let a stream tell of changes only, from its own region."""
    from moto.dynamodb.models.table import StreamShard

    add = StreamShard.add

    def added(self: Any, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.to_json() == new.to_json():
            return
        add(self, old, new)
        self.items[-1].record["awsRegion"] = self.table.region_name

    StreamShard.add = added  # type: ignore[method-assign]
    _mend_backups()


def _mend_backups() -> None:
    """Back up for a transaction what it writes, and not every item of its tables."""
    from types import SimpleNamespace

    from moto.dynamodb import models as engine

    models: Any = engine
    write = models.DynamoDBBackend.transact_write_items
    keys: list[tuple[str, Any]] = []  # table and key of each item that is being written

    def written(self: Any, transact_items: list[dict[str, Any]]) -> None:
        keys[:] = [
            (details.get("TableName", ""), details.get("Key") or details.get("Item"))
            for one in transact_items for details in one.values()
        ]
        write(self, transact_items)

    def backup(value: Any) -> Any:
        if not isinstance(value, models.Table):
            return copy.deepcopy(value)
        return _without(value, [key for name, key in keys if name == value.name])

    models.DynamoDBBackend.transact_write_items = written
    models.copy = SimpleNamespace(deepcopy=backup)


def _without(table: Any, keys: Iterable[Any]) -> Any:
    """Return a copy of a table that writes under `keys` do not reach; it shares all other items."""
    from moto.dynamodb.models.dynamo_type import DynamoType

    made = copy.copy(table)
    made.items = table.items.copy()
    for key in keys:
        with suppress(Exception):  # what is no key is written nowhere
            first, *second = (DynamoType(key[name]) for name in table.table_key_attrs)
            if first in made.items:
                found = made.items[first]
                own = {each: copy.deepcopy(found[each]) for each in second if each in found}
                made.items[first] = {**found, **own} if second else copy.deepcopy(found)
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.items, made.stream_shard.table = list(table.stream_shard.items), made
    return made


SERVED = Served("dynamodb", needs, answer)
