"""From a stream to a function: each shard in order, a failed batch again until it is through.

A batch is split, given up or paused by the mapping's settings; what is given up is told to the
destination for failures. Limit: Kinesis and DynamoDB streams, one batch at a time for each shard.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch
from infra.cloud.errors import AwsError
from infra.cloud.events.delivery import Actor, Target, attempt, perform
from infra.cloud.events.mappings import Mapping, Shard, later
from infra.cloud.events.queues import failures

if TYPE_CHECKING:
    from infra.cloud.inside import Inside
    from infra.cloud.lambdas.functions import Version

Batch = list[dict[str, Any]]
SLOWEST = 60.0


def exists(kind: str, source: str) -> bool:
    """Whether a stream is there."""
    return _kinesis(source) is not None if kind == "kinesis" else _table(source) is not None


def begin(one: Mapping) -> None:
    """Set where a new mapping starts: with the oldest record, or with what comes from now on."""
    for name, newest in newest_by_shard(one.source).items():
        start = one.settings.get("StartingPosition")
        one.shards[name] = Shard(newest if start == "LATEST" else "")


def newest_by_shard(source: str) -> dict[str, str]:
    """Return the last sequence number of each shard, "" for an empty one."""
    if ":kinesis:" in source:
        stream = _kinesis(source)
        if stream is None:
            return {}
        return {
            name: str(next(reversed(shard.records))) if shard.records else ""
            for name, shard in stream.shards.items()
        }
    table = _table(source)
    if table is None:
        return {}
    items = table.stream_shard.items
    return {table.stream_shard.id: _number(items[-1]) if items else ""}


def _number(item: Any) -> str:
    return str(item.record["dynamodb"]["SequenceNumber"])


def _kinesis(source: str) -> Any | None:
    region, name = source.split(":")[3], source.rpartition("/")[2]
    return dispatch.backend("kinesis", region).streams.get(name)


def _table(source: str) -> Any | None:
    region, name = source.split(":")[3], source.split("/")[1]
    found = dispatch.backend("dynamodb", region).tables.get(name)
    return found if found is not None and found.stream_shard is not None else None


def drain(inside: Inside, one: Mapping) -> None:
    """Hand every shard's new records to the function, in order."""
    with inside.door.lock:
        newest = newest_by_shard(one.source)
    for name, last in newest.items():
        shard = one.shards.setdefault(name, Shard())
        if shard.resumes <= inside.clock.now():
            _shard(inside, one, name, shard, last)


def _shard(inside: Inside, one: Mapping, name: str, shard: Shard, last: str) -> None:
    version = one.version()
    actor = Actor("lambda.amazonaws.com", one.source, version.kept.role)
    while True:
        if not shard.left:
            if not last or _order(shard.after) >= _order(last):
                return
            try:
                records = _fetch(inside, one, actor, name, shard.after)
            except AwsError as error:
                one.result = f"PROBLEM: {error.code}"
                return
            if not records:
                return
            shard.after = _sequence(records[-1])
            wanted = [record for record in records if one.wants(_opened(record))]
            if wanted:
                shard.left.append((wanted, 0))
            continue
        if not _step(inside, one, name, shard, version):
            return


def _order(number: str) -> int:
    return int(number) if number else -1


def _step(inside: Inside, one: Mapping, name: str, shard: Shard, version: Version) -> bool:
    """Try the first batch that is left; False: come back later."""
    from infra.cloud.lambdas import invocations

    records, tries = shard.left.popleft()
    try:
        outcome = invocations.runtime(inside).invoke(version, {"Records": records})
    except AwsError:
        shard.left.appendleft((records, tries))
        return _pause(inside, one, shard)
    names = [_sequence(record) for record in records]
    failed = failures(outcome.payload, names, one.partly)
    if not outcome.error and failed == set():
        one.result, shard.pauses = "OK", 0
        return True
    one.result = "PROBLEM: Function call failed"
    if not outcome.error and failed:  # everything before the first failure is through
        records = records[min(names.index(number) for number in failed):]
    most, oldest = (
        int(one.settings[key]) for key in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds")
    )
    if oldest != -1 and inside.clock.now() - _arrival(records[0]) > oldest:
        _give_up(inside, one, name, records, outcome, version, tries, "RecordAgeExceeded")
    elif one.settings.get("BisectBatchOnFunctionError") and len(records) > 1:
        middle = len(records) // 2
        shard.left.extendleft([(records[middle:], tries), (records[:middle], tries)])
    elif most != -1 and tries >= most:
        _give_up(inside, one, name, records, outcome, version, tries, "RetryAttemptsExhausted")
    else:
        shard.left.appendleft((records, tries + 1))
        return most != -1 or _pause(inside, one, shard)
    return True


def _pause(inside: Inside, one: Mapping, shard: Shard) -> bool:
    """Wait ever longer before the same records are tried again."""
    seconds = min(2.0**shard.pauses, SLOWEST)
    shard.pauses += 1
    shard.resumes = inside.clock.now() + seconds
    later(inside, one, shard.resumes)
    return False


def _fetch(inside: Inside, one: Mapping, actor: Actor, name: str, after: str) -> Batch:
    """Return the records of a shard that come after a sequence number, up to a batch."""
    position = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"} if after else {
        "ShardIteratorType": "TRIM_HORIZON",
    }
    number = {"StartingSequenceNumber" if one.kind == "kinesis" else "SequenceNumber": after}
    where = (
        {"StreamName": one.source.rpartition("/")[2]} if one.kind == "kinesis"
        else {"StreamArn": one.source}
    )
    asked = {**where, "ShardId": name, **position, **(number if after else {})}
    answer = perform(inside, actor, one.kind, "GetShardIterator", asked, one.region)
    token = json.loads(answer.body)["ShardIterator"]
    answer = perform(inside, actor, one.kind, "GetRecords", {
        "ShardIterator": token, "Limit": one.size,
        **({"StreamARN": one.source} if one.kind == "kinesis" else {}),
    }, one.region)
    return [_record(one, name, record) for record in json.loads(answer.body).get("Records", [])]


def _record(one: Mapping, shard: str, given: dict[str, Any]) -> dict[str, Any]:
    if one.kind == "dynamodb":
        return given | {
            "eventSourceARN": one.source, "eventSource": "aws:dynamodb", "awsRegion": one.region,
        }
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0", "partitionKey": given["PartitionKey"],
            "sequenceNumber": given["SequenceNumber"], "data": given["Data"],
            "approximateArrivalTimestamp": given["ApproximateArrivalTimestamp"],
        },
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record",
        "eventID": f"{shard}:{given['SequenceNumber']}", "awsRegion": one.region,
        "invokeIdentityArn": one.version().kept.role, "eventSourceARN": one.source,
    }


def _sequence(record: dict[str, Any]) -> str:
    if "kinesis" in record:
        return str(record["kinesis"]["sequenceNumber"])
    return str(record["dynamodb"]["SequenceNumber"])


def _arrival(record: dict[str, Any]) -> float:
    if "kinesis" in record:
        return float(record["kinesis"]["approximateArrivalTimestamp"])
    return float(record["dynamodb"].get("ApproximateCreationDateTime", 0.0))


def _opened(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as filters see it: Kinesis data decoded, where it is JSON."""
    import base64

    if "kinesis" not in record:
        return record
    try:
        return record | {"data": json.loads(base64.b64decode(record["kinesis"]["data"]))}
    except ValueError:
        return record


def _give_up(
    inside: Inside, one: Mapping, name: str, records: Batch, outcome: Any, version: Version,
    tries: int, why: str,
) -> None:
    """Tell the destination of failures which records were given up."""
    place = (one.settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
    if not place:
        return
    first, last = (
        datetime.fromtimestamp(_arrival(r), UTC).isoformat() for r in (records[0], records[-1])
    )
    about = "KinesisBatchInfo" if one.kind == "kinesis" else "DDBStreamBatchInfo"
    told = {
        "version": "1.0", "timestamp": datetime.fromtimestamp(inside.clock.now(), UTC).isoformat(),
        "requestContext": {
            "requestId": outcome.request_id, "functionArn": one.function, "condition": why,
            "approximateInvokeCount": tries + 1,
        },
        "responseContext": {
            "statusCode": 200, "executedVersion": outcome.version,
            "functionError": outcome.error or None,
        },
        about: {
            "shardId": name, "startSequenceNumber": _sequence(records[0]),
            "endSequenceNumber": _sequence(records[-1]), "batchSize": len(records),
            "approximateArrivalOfFirstRecord": first, "approximateArrivalOfLastRecord": last,
            "streamArn": one.source,
        },
    }
    actor = Actor("lambda.amazonaws.com", one.source, version.kept.role)
    attempt(inside, actor, Target(place), json.dumps(told))
