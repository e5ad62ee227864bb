"""The street in small, in the cloud of your desk: for trying things, never for being judged.

    eval "$(python street.py)"      the model in its bucket, the queues and the table; prints where
    python street.py orders         sends orders.jsonl to the queue
    python street.py board          a board that says 80 for every depot, until it is killed

Run again, it leaves what is there and stores the model anew.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3

PORT, BUCKET, TABLE = 8090, "larkmoor-models", "larkmoor-vans"


class Board(BaseHTTPRequestHandler):
    """What knows how much a depot has booked."""

    def do_GET(self) -> None:
        """Say the same of all."""
        body = json.dumps({"load_pct": 80}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def store() -> str:
    """Put model.json into its bucket; return where it is."""
    s3 = boto3.client("s3")
    place = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    s3.upload_file("model.json", BUCKET, "model.json")
    return f"s3://{BUCKET}/model.json"


def queue() -> str:
    """Make the queue, and the one for what nobody can carry out; return its URL."""
    sqs = boto3.client("sqs")
    dead = sqs.create_queue(QueueName="larkmoor-orders-dead")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": found["QueueArn"], "maxReceiveCount": "3"}
    attributes = {"VisibilityTimeout": "30", "RedrivePolicy": json.dumps(redrive)}
    made = sqs.create_queue(QueueName="larkmoor-orders", Attributes=attributes)
    return os.environ["AWS_ENDPOINT_URL"] + urlsplit(made["QueueUrl"]).path


def send() -> None:
    """Send the orders."""
    sqs = boto3.client("sqs")
    with open("orders.jsonl", encoding="utf-8") as source:
        for line in source:
            sqs.send_message(QueueUrl=queue(), MessageBody=line)


def table() -> str:
    """Make the table whose key is the text pk; return its name."""
    client = boto3.client("dynamodb")
    with suppress(client.exceptions.ResourceInUseException):
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
    return TABLE


if __name__ == "__main__":
    if sys.argv[1:] == ["board"]:
        ThreadingHTTPServer(("127.0.0.1", PORT), Board).serve_forever()
    if sys.argv[1:] == ["orders"]:
        sys.exit(send())
    print(f"export LARKMOOR_MODEL={store()} LARKMOOR_BOARD=http://127.0.0.1:{PORT}")
    print(f"export LARKMOOR_QUEUE={queue()} LARKMOOR_TABLE={table()}")
