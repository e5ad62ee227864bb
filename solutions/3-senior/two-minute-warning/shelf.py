"""Checkpoints in a bucket, and the model when it is done. Knows nothing of training.

    <prefix>checkpoints/000120-<sha256>.pt   one checkpoint, one object; the name tells if it is whole
    <prefix>quarantine/                      the damaged ones, under their own names
    <prefix>model.safetensors                tonight's model
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

KEEP = 3
T = TypeVar("T")


class Shelf:
    """One night's place in the object store: s3://bucket/prefix/."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.bucket, self.prefix = place.netloc, place.path.lstrip("/")
        # botocore draws the jitter of its retries from `random`, which the training draws from too:
        # one refused upload and the model is another. So it tries once, and `patiently` has its own.
        self.s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
        self.jitter = random.Random()

    def done(self) -> bool:
        """Return whether tonight's model is already published."""
        found = self._call("list_objects_v2", Prefix=f"{self.prefix}model.safetensors")
        return found["KeyCount"] > 0

    def publish(self, model: bytes) -> None:
        """Hand over tonight's model. A put is atomic: the depots read the old one or the new one."""
        self._call("put_object", Key=f"{self.prefix}model.safetensors", Body=model)

    def keep(self, step: int, data: bytes) -> None:
        """Store one checkpoint, then drop the oldest, those of machines that died included."""
        ### BEGIN SOLUTION: an object whose name says what it must hold; then tidy up
        digest = hashlib.sha256(data).hexdigest()
        self._call("put_object", Key=f"{self.prefix}checkpoints/{step:06d}-{digest}.pt", Body=data)
        for key in self._keys()[KEEP:]:
            self._call("delete_object", Key=key)
        ### END SOLUTION

    def newest(self) -> bytes | None:
        """Return the newest checkpoint that is what was written, None if there is none.

        A damaged one is moved to quarantine/ on the way, so that nobody meets it again.
        """
        ### BEGIN SOLUTION: newest first; trust the bytes, not the name
        for key in self._keys():
            data = self._call("get_object", Key=key)["Body"].read()
            if hashlib.sha256(data).hexdigest() in key:
                return data
            self._quarantine(key)
        return None
        ### END SOLUTION

    def _keys(self) -> list[str]:
        """Return the keys of all checkpoints, newest first."""
        found = self._call("list_objects_v2", Prefix=f"{self.prefix}checkpoints/")
        return sorted((item["Key"] for item in found.get("Contents", [])), reverse=True)

    def _quarantine(self, key: str) -> None:
        print(f"damaged checkpoint: {key}", file=sys.stderr)
        name = key.rsplit("/", 1)[1]
        source = {"Bucket": self.bucket, "Key": key}
        self._call("copy_object", Key=f"{self.prefix}quarantine/{name}", CopySource=source)
        self._call("delete_object", Key=key)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        call = getattr(self.s3, operation)
        return self._patiently(lambda: call(Bucket=self.bucket, **arguments))

    def _patiently(self, call: Callable[[], T], tries: int = 5) -> T:
        """Return what `call` returns, retrying what the store or the network may mend by itself."""
        for attempt in range(1, tries + 1):
            try:
                return call()
            except (ClientError, HTTPClientError) as error:
                if attempt == tries or not passing(error):
                    raise
            time.sleep(self.jitter.uniform(0, 0.1 * 2**attempt))
        raise AssertionError("not reached")


def passing(error: Exception) -> bool:
    """Return whether trying again may help: the network, a throttle, a failure of the service."""
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status == 429 or status >= 500


class Porter:
    """Carries checkpoints to the shelf while the training goes on. One at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.hands = ThreadPoolExecutor(1)
        self.errand: Future[None] | None = None

    def free(self) -> bool:
        """Return whether the last checkpoint has arrived, or has failed to."""
        return self.errand is None or self.errand.done()

    def carry(self, step: int, data: bytes) -> None:
        """Begin to store a checkpoint. `data` is a copy, so the training may go on."""
        self.wait()
        self.errand = self.hands.submit(self.shelf.keep, step, data)

    def wait(self) -> None:
        """Wait until the hands are free. A checkpoint that failed is a pity, not a reason to stop."""
        if self.errand is not None and (error := self.errand.exception()):
            print(f"checkpoint not kept: {error}", file=sys.stderr)
        self.errand = None
