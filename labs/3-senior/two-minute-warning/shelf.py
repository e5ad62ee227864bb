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
        # TODO: a client for the store. What does it do by itself when a call fails?
        raise NotImplementedError

    def holds(self, name: str) -> bool:
        """Return whether an object of this night is there."""
        # TODO: a machine that has never been here must be able to tell
        raise NotImplementedError

    def publish(self, model: bytes) -> None:
        """Hand over tonight's model, whole."""
        # TODO: the depots must read the old one or the new one
        raise NotImplementedError

    def keep(self, step: int, data: bytes) -> None:
        """Store the checkpoint of `step`, and leave no more than a few of them in the bucket."""
        # TODO: all of it or nothing; and who clears up after a machine that died?
        raise NotImplementedError

    def newest(self) -> bytes | None:
        """Return the newest checkpoint that is what was written; None if there is none.

        Damaged ones on the way go to quarantine/.
        """
        # TODO: believe no object before you have looked at its bytes
        raise NotImplementedError
