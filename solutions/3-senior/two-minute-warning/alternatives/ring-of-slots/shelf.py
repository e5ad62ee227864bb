"""Four slots that are overwritten in turn: nothing is ever deleted, so nothing can be left behind.

    <prefix>checkpoints/slot-0 ... slot-3     step (8 bytes), state, SHA-256 of both (32 bytes)
"""

from __future__ import annotations

import hashlib
import queue
import random
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

SLOTS = 4
DIGEST = 32


class Shelf:
    """One night's place in the object store."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.bucket, self.prefix = place.netloc, place.path.lstrip("/")
        self.s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
        self.system = random.SystemRandom()  # the training must not notice how often we wait

    def call(self, operation: str, name: str = "", **arguments: Any) -> Any:
        """Call the store about one object, again while it is only busy."""
        if name:
            arguments["Key"] = self.prefix + name
        for wait in (0.1, 0.3, 0.9, 2.7, None):
            try:
                return getattr(self.s3, operation)(Bucket=self.bucket, **arguments)
            except ClientError as error:
                if wait is None or error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    raise
            except BotoCoreError:
                if wait is None:
                    raise
            time.sleep(wait * self.system.random())
        raise AssertionError("not reached")

    def done(self) -> bool:
        """Return whether the model is there."""
        try:
            self.call("head_object", "model.safetensors")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return True

    def publish(self, model: bytes) -> None:
        """Put the model."""
        self.call("put_object", "model.safetensors", Body=model)

    def sound(self) -> list[tuple[int, int, bytes]]:
        """Return (step, slot, state) of the sound slots, newest first; put the others aside."""
        found = []
        for slot in range(SLOTS):
            data = self.read(slot)
            if data is None:
                continue
            body, digest = data[:-DIGEST], data[-DIGEST:]
            if hashlib.sha256(body).digest() == digest:
                found.append((int.from_bytes(body[:8], "big"), slot, body[8:]))
            else:
                print(f"slot {slot} is damaged", file=sys.stderr)
                self.call("put_object", f"quarantine/slot-{slot}", Body=data)
                self.call("delete_object", f"checkpoints/slot-{slot}")
        return sorted(found, reverse=True)

    def read(self, slot: int) -> bytes | None:
        """Return what a slot holds, None if nothing was ever put there."""
        try:
            answer = self.call("get_object", f"checkpoints/slot-{slot}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return bytes(answer["Body"].read())

    def keep(self, slot: int, step: int, data: bytes) -> None:
        """Overwrite a slot; a put is atomic, so it holds the old or the new."""
        body = step.to_bytes(8, "big") + data
        body += hashlib.sha256(body).digest()
        self.call("put_object", f"checkpoints/slot-{slot}", Body=body)


class Porter:
    """A thread with a queue of one: what is newer than it can carry replaces what waits."""

    def __init__(self, shelf: Shelf, slot: int) -> None:
        self.shelf, self.slot = shelf, slot
        self.waiting: queue.Queue[tuple[int, bytes]] = queue.Queue()
        threading.Thread(target=self.work, daemon=True).start()

    def carry(self, step: int, data: bytes) -> None:
        """Begin to store a checkpoint in the next slot."""
        self.waiting.put((step, data))

    def work(self) -> None:
        """Store one after another, for ever."""
        while True:
            step, data = self.waiting.get()
            try:
                self.shelf.keep(self.slot, step, data)
                self.slot = (self.slot + 1) % SLOTS
            except (ClientError, BotoCoreError) as error:
                print(f"step {step} not kept: {error}", file=sys.stderr)
            finally:
                self.waiting.task_done()

    def wait(self) -> None:
        """Wait until all is stored."""
        self.waiting.join()
