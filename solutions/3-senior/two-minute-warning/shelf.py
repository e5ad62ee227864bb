"""Checkpoints in a bucket, and the model when it is done. Knows nothing of training.

    <prefix>checkpoints/      one checkpoint, one object
    <prefix>quarantine/       the damaged ones, as they were, under the last part of their names
    <prefix>model.safetensors tonight's model
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

MODEL = "model.safetensors"
KEEP = 3  # the newest may be torn and the one before it flipped
T = TypeVar("T")


class Shelf:
    """One night's place in the object store: s3://bucket/prefix/."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.bucket, self.prefix = place.netloc, place.path.lstrip("/")
        ### BEGIN SOLUTION: a client for the store. What does it do by itself when a call fails?
        # botocore draws the jitter of its retries from `random`, which the training draws from too:
        # one refused upload and the model is another. So it tries once, and `_patiently` has a
        # generator of its own.
        self.s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
        self.jitter = random.Random()
        ### END SOLUTION

    def holds(self, name: str) -> bool:
        """Return whether an object of this night is there."""
        ### BEGIN SOLUTION: a machine that has never been here must be able to tell
        return self._call("list_objects_v2", Prefix=self.prefix + name)["KeyCount"] > 0
        ### END SOLUTION

    def publish(self, model: bytes) -> None:
        """Hand over tonight's model, whole."""
        ### BEGIN SOLUTION: the depots must read the old one or the new one
        self._call("put_object", Key=self.prefix + MODEL, Body=model)
        ### END SOLUTION

    def keep(self, step: int, data: bytes) -> None:
        """Store the checkpoint of `step`, and leave no more than a few of them in the bucket."""
        ### BEGIN SOLUTION: all of it or nothing; and who clears up after a machine that died?
        digest = hashlib.sha256(data).hexdigest()  # in the name, so no second object can disagree
        self._call("put_object", Key=f"{self.prefix}checkpoints/{step:06d}-{digest}", Body=data)
        for key in self._keys()[KEEP:]:
            self._call("delete_object", Key=key)
        ### END SOLUTION

    def newest(self) -> bytes | None:
        """Return the newest checkpoint that is what was written; None if there is none.

        Damaged ones on the way go to quarantine/.
        """
        ### BEGIN SOLUTION: believe no object before you have looked at its bytes
        for key in self._keys():
            data = self._call("get_object", Key=key)["Body"].read()
            if key.endswith(hashlib.sha256(data).hexdigest()):
                return data
            self._put_aside(key)
        return None

    def _keys(self) -> list[str]:
        """Return the keys of all checkpoints, newest first."""
        found = self._call("list_objects_v2", Prefix=f"{self.prefix}checkpoints/")
        return sorted((item["Key"] for item in found.get("Contents", [])), reverse=True)

    def _put_aside(self, key: str) -> None:
        print(f"damaged checkpoint: {key}", file=sys.stderr)
        name, source = key.rsplit("/", 1)[1], {"Bucket": self.bucket, "Key": key}
        self._call("copy_object", Key=f"{self.prefix}quarantine/{name}", CopySource=source)
        self._call("delete_object", Key=key)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        call = getattr(self.s3, operation)
        return self._patiently(lambda: call(Bucket=self.bucket, **arguments))

    def _patiently(self, call: Callable[[], T], tries: int = 5) -> T:
        """Return what `call` returns; try again what the store or the network may mend."""
        for attempt in range(tries):
            try:
                return call()
            except (ClientError, HTTPClientError) as error:
                if attempt == tries - 1 or not passing(error):
                    raise
            time.sleep(self.jitter.uniform(0, 0.2 * 2**attempt))
        raise AssertionError("not reached")


def passing(error: Exception) -> bool:
    """Return whether trying again may help: the network, a throttle, a failure of the service."""
    if not isinstance(error, ClientError):
        return True
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return status == 429 or status >= 500
    ### END SOLUTION
