"""Kinesis: what the engine breaks at, said as the service says it.

Limit: a shard iterator does not age.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from infra.cloud import dispatch, rights
from infra.cloud.calls import Call
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside
from infra.cloud.island import forward, island


def get_records(call: Call, inside: Inside) -> Answer:
    """Answer GetRecords; an iterator that is none is refused."""
    given = str(call.params.get("ShardIterator", ""))
    try:
        parts = base64.b64decode(given).decode().split(":")
    except ValueError:
        parts = []
    if len(parts) < 3:
        raise AwsError("InvalidArgumentException", "Invalid ShardIterator.")
    return forward(call)


def register(call: Call, inside: Inside) -> Answer:
    """Answer RegisterStreamConsumer; a stream that is not there is said to be missing."""
    arn = str(call.params.get("StreamARN", ""))
    streams: Any = dispatch.backend("kinesis", call.region).streams
    if arn not in {one.arn for one in streams.values()}:
        name = arn.rpartition("/")[2]
        raise AwsError(
            "ResourceNotFoundException", f"Stream {name} under account {ACCOUNT} not found."
        )
    consumers = next(one.consumers for one in streams.values() if one.arn == arn)
    consumer = call.params.get("ConsumerName")
    if consumer in {one.consumer_name for one in consumers}:
        raise AwsError(
            "ResourceInUseException", f"Consumer {consumer} under stream {arn} already exists."
        )
    return forward(call)


def summary(call: Call, inside: Inside) -> Answer:
    """Answer DescribeStreamSummary, with the number of consumers."""
    answer = forward(call)
    if answer.status == 200:
        told = json.loads(answer.body)
        about = told["StreamDescriptionSummary"]
        stream: Any = dispatch.backend("kinesis", call.region).streams[about["StreamName"]]
        about["ConsumerCount"] = len(stream.consumers)
        answer.body = json.dumps(told).encode()
    return answer


SERVED = island("kinesis", needs=rights.kinesis, own={
    "GetRecords": get_records, "RegisterStreamConsumer": register,
    "DescribeStreamSummary": summary,
})
