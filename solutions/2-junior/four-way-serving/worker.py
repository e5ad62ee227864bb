"""The worker: orders from a queue, answers and tallies into a table, each order once.

    python worker.py             go on until killed
    python worker.py --drain     end with 0 when the queue gives nothing more

LARKMOOR_QUEUE is the queue's URL, LARKMOOR_TABLE the table's name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import boto3
import neighbours
from botocore.exceptions import ClientError
from core import Refused, Scorer, read

QUEUE, TABLE = os.environ.get("LARKMOOR_QUEUE", ""), os.environ.get("LARKMOOR_TABLE", "")


def main(arguments: Iterable[str]) -> int:
    """Work through the queue; return the exit code."""
    ### BEGIN SOLUTION: receive, have the effect once, delete only what has had it
    drain = "--drain" in arguments
    sqs, table, scorer = boto3.client("sqs"), boto3.client("dynamodb"), Scorer(neighbours.model())
    while messages := receive(sqs, drain):
        for message in messages:
            if take(message["Body"], scorer, table):
                sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=message["ReceiptHandle"])
    return 0


def receive(sqs: Any, drain: bool) -> list[dict[str, Any]]:
    """Return the next messages; empty only when drained."""
    while True:
        found = sqs.receive_message(
            QueueUrl=QUEUE, MaxNumberOfMessages=10, WaitTimeSeconds=0 if drain else 20
        )
        messages: list[dict[str, Any]] = found.get("Messages", [])
        if messages or drain:
            return messages


def take(body: str, scorer: Scorer, table: Any) -> bool:
    """Carry out one order; return whether it is done. One that is not comes again by itself."""
    try:
        order = json.loads(body)
        parcels = [read(fields) for fields in order["parcels"]]
        name = order["order"]
        answers = [scorer.answer(parcel, neighbours.load) for parcel in parcels]
        book(table, name, parcels[0].depot, answers)
    except (ValueError, LookupError, TypeError, Refused, neighbours.Silent, ClientError) as error:
        print(f"not done: {type(error).__name__}", file=sys.stderr)
        return False
    return True


def book(table: Any, order: str, depot: str, answers: list[dict[str, Any]]) -> None:
    """Write the answers and add to the depot's tally, both or neither, and never twice."""
    item = {"pk": {"S": f"order#{order}"}, "answers": {"S": json.dumps(answers)}}
    places = sum(answer["move"] for answer in answers)
    once = {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(pk)"}
    tally = {
        "TableName": TABLE,
        "Key": {"pk": {"S": f"depot#{depot}"}},
        "UpdateExpression": "ADD places :n",
        "ExpressionAttributeValues": {":n": {"N": str(places)}},
    }
    both = [{"Put": {**once, "Item": item}}, {"Update": tally}]
    try:
        table.transact_write_items(TransactItems=both)
    except ClientError as error:
        if next(reasons(error), None) != "ConditionalCheckFailed":
            raise  # somebody else was at the tally: not done yet


def reasons(error: ClientError) -> Iterator[str]:
    """Yield why each part of a transaction was refused."""
    for reason in error.response.get("CancellationReasons", []):
        yield str(reason.get("Code"))
    ### END SOLUTION


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
