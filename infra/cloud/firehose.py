"""Firehose: records wait in a buffer until it is full or its time is over, then S3 has them.

Delivery needs the stream's role to write; what fails is tried again after the next interval.
Limit: direct puts to S3 alone, as they come or gzipped; what waits goes with a deleted stream.
"""

from __future__ import annotations

import base64
import gzip
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.cloud import dispatch, rights
from infra.cloud.calls import Call
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside
from infra.cloud.island import forward, island, plain

_CONFIGS = ("S3DestinationConfiguration", "ExtendedS3DestinationConfiguration")
_UPDATES = ("S3DestinationUpdate", "ExtendedS3DestinationUpdate")
_HINTS = {"SizeInMBs": 5, "IntervalInSeconds": 300}
_RANGES = {"SizeInMBs": (1, 128), "IntervalInSeconds": (0, 900)}
_AGAIN = 60  # seconds at least, after a failure
_RECORD, _BATCH, _RECORDS = 1000 * 1024, 4 * 1024 * 1024, 500
# What stands in a prefix between !{timestamp: and }, and how Python writes it.
_PARTS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_STAMP = re.compile(r"!\{timestamp:([^}]*)\}")


def create(call: Call, inside: Inside) -> Answer:
    """CreateDeliveryStream: refuse what this cloud would only pretend."""
    if call.params.get("DeliveryStreamType", "DirectPut") != "DirectPut":
        raise _absent(f"source {call.params['DeliveryStreamType']}: put records directly")
    _check(call, _CONFIGS)
    for name in _CONFIGS:
        if name in call.params:
            call.params[name].setdefault("BufferingHints", dict(_HINTS))
            call.params[name].setdefault("CompressionFormat", "UNCOMPRESSED")
    answer = forward(call)
    if answer.status == 200:
        _buffers(call.region).pop(str(call.params["DeliveryStreamName"]), None)
    return answer


def update(call: Call, inside: Inside) -> Answer:
    """UpdateDestination: refuse what CreateDeliveryStream refuses."""
    _check(call, _UPDATES)
    return forward(call)


def _check(call: Call, known: tuple[str, ...]) -> None:
    """AwsError: a destination that is none here, or terms that are not kept."""
    other = [name for name in call.params if "Destination" in name
             and name.endswith(("Configuration", "Update")) and name not in known]
    if other:
        raise _absent(f"{other[0]}: S3 is the one destination")
    for config in (call.params[name] for name in known if name in call.params):
        if config.get("CompressionFormat", "GZIP") not in {"GZIP", "UNCOMPRESSED"}:
            raise _absent(f"compression {config['CompressionFormat']}")
        for name in ("ProcessingConfiguration", "DataFormatConversionConfiguration",
                     "DynamicPartitioningConfiguration"):
            if (config.get(name) or {}).get("Enabled"):
                raise _absent(name)
        if config.get("S3BackupMode", "Disabled") != "Disabled":
            raise _absent("S3BackupMode")
        _check_hints(config.get("BufferingHints"))
        _key(config.get("Prefix", ""), "s", "1", datetime.now(UTC))


def _check_hints(hints: Any) -> None:
    if hints is None:
        return
    for name, (low, high) in _RANGES.items():
        value = hints.get(name)
        if not isinstance(value, int) or not low <= value <= high:
            raise AwsError(
                "InvalidArgumentException", f"BufferingHints: {name} must be from {low} to {high}; "
                "whoever gives one of the two gives both.",
            )


def put(call: Call, inside: Inside) -> Answer:
    """PutRecord and PutRecordBatch: into the buffer."""
    name = str(call.params.get("DeliveryStreamName"))
    stream = _streams(call.region).get(name)
    if stream is None:
        raise AwsError(
            "ResourceNotFoundException", f"Firehose {name} under account {ACCOUNT} not found."
        )
    one = call.operation == "PutRecord"
    given = [call.params["Record"]] if one else call.params["Records"]
    records = [base64.b64decode(record["Data"]) for record in given]
    if len(records) > _RECORDS or sum(map(len, records)) > _BATCH or not records:
        raise AwsError("InvalidArgumentException", "A batch is 1 to 500 records and 4 MiB at most.")
    if any(len(record) > _RECORD for record in records):
        raise AwsError("InvalidArgumentException", "A record is 1,000 KiB at most.")
    _keep(inside, call.region, stream, records)
    ids = [{"RecordId": str(uuid.uuid4())} for _ in records]
    if one:
        return plain(ids[0] | {"Encrypted": False})
    return plain({"FailedPutCount": 0, "Encrypted": False, "RequestResponses": ids})


# --- buffer and delivery --------------------------------------------------------------------------

@dataclass
class Buffer:
    """What waits in one stream. A delivery that belongs to an earlier turn comes too late."""

    records: list[bytes] = field(default_factory=list)
    turn: int = 0
    under_way: bool = False


def _keep(inside: Inside, region: str, stream: Any, records: list[bytes]) -> None:
    buffer = _buffers(region).setdefault(stream.delivery_stream_name, Buffer())
    first = not buffer.records
    buffer.records += records
    if not buffer.under_way and (first or _full(stream, buffer)):
        _arm(inside, region, stream, buffer)


def _full(stream: Any, buffer: Buffer) -> bool:
    return sum(map(len, buffer.records)) >= int(_hints(stream)["SizeInMBs"]) * 1024 * 1024


def _arm(inside: Inside, region: str, stream: Any, buffer: Buffer, again: bool = False) -> None:
    """Have what waits delivered: at once when the buffer is full, else after the interval."""
    buffer.turn += 1
    turn = buffer.turn
    full = _full(stream, buffer) and not again
    seconds = 0 if full else max(_AGAIN if again else 0, int(_hints(stream)["IntervalInSeconds"]))
    inside.agenda.at(
        inside.clock.now() + seconds, lambda: _deliver(inside, region, stream, buffer, turn)
    )


def _deliver(inside: Inside, region: str, stream: Any, buffer: Buffer, turn: int) -> None:
    """Write what waits to S3 as the stream's role, unless it is gone or was delivered before."""
    from botocore.exceptions import ClientError

    name = stream.delivery_stream_name
    with inside.door.lock:
        there = _streams(region).get(name) is stream and _buffers(region).get(name) is buffer
        if not there or buffer.turn != turn or not buffer.records:
            return
        config, buffer.under_way, count = _config(stream), True, len(buffer.records)
        body = b"".join(buffer.records)
        now = datetime.fromtimestamp(inside.clock.now(), UTC)
        key = _key(config.get("Prefix", ""), name, stream.version_id, now)
    if config.get("CompressionFormat") == "GZIP":
        key, body = f"{key}.gz", gzip.compress(body)
    bucket, done = str(config["BucketARN"]).rpartition(":")[2], True
    try:
        client = inside.client("s3", config["RoleARN"], "firehose", region=region)
        client.put_object(Bucket=bucket, Key=key, Body=body)
    except (ClientError, LookupError):
        done = False
    with inside.door.lock:
        buffer.under_way = False
        if done:
            del buffer.records[:count]
        if buffer.records:
            _arm(inside, region, stream, buffer, again=not done)


def _key(prefix: str, name: str, version: str, now: datetime) -> str:
    """Return an object's key: prefix, hour and name, unless the prefix says where the time goes.

    AwsError: the prefix has an expression that this cloud does not know.
    """
    def stamp(found: re.Match[str]) -> str:
        words = re.findall(r"[A-Za-z]+|[^A-Za-z]+", found[1])
        if any(word.isalpha() and word not in _PARTS for word in words):
            raise _absent(f"{found[0]} in a prefix")
        return now.strftime("".join(_PARTS.get(word, word) for word in words))

    filled = _STAMP.sub(stamp, prefix).replace("!{firehose:random-string}", uuid.uuid4().hex[:11])
    if "!{" in filled:
        raise _absent(f"{filled[filled.index('!{'):]} in a prefix")
    if "!{timestamp:" not in prefix:
        filled += f"{now:%Y/%m/%d/%H}/"
    return f"{filled}{name}-{version}-{now:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}"


def _config(stream: Any) -> dict[str, Any]:
    place = stream.destinations[0]
    found: dict[str, Any] = place.get("ExtendedS3") or place["S3"]
    return found


def _hints(stream: Any) -> dict[str, Any]:
    return _HINTS | dict(_config(stream).get("BufferingHints") or {})


def _streams(region: str) -> dict[str, Any]:
    found: dict[str, Any] = dispatch.backend("firehose", region).delivery_streams
    return found


def _buffers(region: str) -> dict[str, Buffer]:
    """Return the buffers of a region's streams; the engine's back end keeps them with the rest."""
    found: dict[str, Buffer] = vars(dispatch.backend("firehose", region)).setdefault("buffers", {})
    return found


def _absent(what: str) -> AwsError:
    return AwsError("NotImplemented", f"This cloud's Firehose has no {what}.", 501)


def revive(inside: Inside, _: Any) -> None:
    """Set the clocks of all streams again, counted from now."""
    for backend in dispatch.regional("firehose"):
        for name, buffer in _buffers(backend.region_name).items():
            buffer.under_way = False
            if buffer.records and name in backend.delivery_streams:
                _arm(inside, backend.region_name, backend.delivery_streams[name], buffer)


SERVED = island("firehose", needs=rights.firehose, revive=revive, own={
    "CreateDeliveryStream": create, "UpdateDestination": update,
    "PutRecord": put, "PutRecordBatch": put,
})  # fmt: skip
