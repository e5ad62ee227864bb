"""A manifest is the truth: what it does not list does not exist, whatever lies in the bucket.

    <prefix>checkpoints/STEP.pt     written first
    <prefix>manifest.json           written second: [{"step", "name", "sha256"}], newest last
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MODEL = "model.safetensors"
KEEP = 4


class Shelf:
    """One night's place in the object store."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.bucket, self.prefix = place.netloc, place.path.lstrip("/")
        self.s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
        self.entries: list[dict[str, Any]] = json.loads(self.read("manifest.json") or b"[]")

    def _try(self, operation: str, **arguments: Any) -> Any:
        for left in range(6, -1, -1):
            try:
                return getattr(self.s3, operation)(Bucket=self.bucket, **arguments)
            except (ClientError, BotoCoreError) as error:
                refusal = isinstance(error, ClientError)
                status = error.response["ResponseMetadata"]["HTTPStatusCode"] if refusal else 500
                if not left or status < 500:
                    raise
            time.sleep(0.02 + secrets.randbelow(100) / 1000)
        raise AssertionError("not reached")

    def read(self, name: str) -> bytes | None:
        """Return an object of this night, None if it is not there."""
        try:
            return bytes(self._try("get_object", Key=self.prefix + name)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def write(self, name: str, data: bytes) -> None:
        """Put an object of this night."""
        self._try("put_object", Key=self.prefix + name, Body=data)

    def holds(self, name: str) -> bool:
        """Return whether an object is there."""
        return self.read(name) is not None

    def publish(self, model: bytes) -> None:
        """Put the model."""
        self.write(MODEL, model)

    def keep(self, step: int, data: bytes) -> None:
        """Store, list in the manifest, then delete what is not listed."""
        name = f"checkpoints/{step:05d}.pt"
        entry = {"step": step, "name": name, "sha256": hashlib.sha256(data).hexdigest()}
        self.write(name, data)
        others = [e for e in self.entries if e["step"] != step]
        self.commit([*others, entry][-KEEP:])

    def commit(self, entries: list[dict[str, Any]]) -> None:
        """Make these entries the truth, and the bucket agree with it."""
        self.entries = entries
        self.write("manifest.json", json.dumps(entries).encode())
        listed = {self.prefix + entry["name"] for entry in entries}
        found = self._try("list_objects_v2", Prefix=f"{self.prefix}checkpoints/")
        for item in found.get("Contents", []):
            if item["Key"] not in listed:
                self._try("delete_object", Key=item["Key"])

    def newest(self) -> bytes | None:
        """Return the newest sound checkpoint; put the damaged ones aside."""
        while self.entries:
            entry = self.entries[-1]
            data = self.read(entry["name"])
            if data is not None and hashlib.sha256(data).hexdigest() == entry["sha256"]:
                return data
            if data is not None:
                print(f"damaged: {entry['name']}", file=sys.stderr)
                self.write("quarantine/" + entry["name"].split("/")[1], data)
            self.commit(self.entries[:-1])
        return None
