"""The worker without transactions: each depot's item remembers which orders it has counted.

    python worker.py [--drain]

Limit: an item holds 400 KB, some 20,000 orders; the sets are emptied with the day's tallies.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

import boto3
import neighbours
from botocore.exceptions import BotoCoreError, ClientError
from core import Scorer, read


class Worker:
    """One worker and its clients."""

    def __init__(self) -> None:
        self.queue, self.name = os.environ["LARKMOOR_QUEUE"], os.environ["LARKMOOR_TABLE"]
        self.sqs, self.table = boto3.client("sqs"), boto3.resource("dynamodb").Table(self.name)
        self.scorer = Scorer(neighbours.model())

    def round(self, wait: int) -> bool:
        """Take some messages; return whether there were any."""
        found = self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=5, WaitTimeSeconds=wait
        ).get("Messages", [])
        done = [message for message in found if self.carries_out(message["Body"])]
        if done:
            handles = [message["ReceiptHandle"] for message in done]
            entries = [{"Id": str(n), "ReceiptHandle": one} for n, one in enumerate(handles)]
            self.sqs.delete_message_batch(QueueUrl=self.queue, Entries=entries)
        return bool(found)

    def carries_out(self, body: str) -> bool:
        """Carry out one message; return whether nothing is left to do."""
        try:
            order = json.loads(body)
            cage = [read(fields) for fields in order["parcels"]]
            answers = [self.scorer.answer(parcel, neighbours.load) for parcel in cage]
            text = json.dumps(answers)
            self.table.put_item(Item={"pk": f"order#{order['order']}", "answers": text})
            self.count(cage[0].depot, str(order["order"]), sum(one["move"] for one in answers))
        except (ValueError, KeyError, IndexError, TypeError, neighbours.Silent):
            return False
        except (ClientError, BotoCoreError) as error:
            print(error, file=sys.stderr)
            return False
        return True

    def count(self, depot: str, order: str, places: int) -> None:
        """Add to a depot's tally, unless this order is in it."""
        values: dict[str, Any] = {":n": places, ":one": {order}, ":order": order}
        with suppress(self.table.meta.client.exceptions.ConditionalCheckFailedException):
            self.table.update_item(
                Key={"pk": f"depot#{depot}"},
                UpdateExpression="ADD places :n, counted :one",
                ConditionExpression="NOT contains(counted, :order)",
                ExpressionAttributeValues=values,
            )


if __name__ == "__main__":
    worker, drain = Worker(), "--drain" in sys.argv
    while worker.round(0 if drain else 20) or not drain:
        pass
