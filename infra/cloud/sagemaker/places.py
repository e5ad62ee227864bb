"""Between S3 and a container's folders, with the rights of its role and no others.

Limit: whole objects in memory, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from infra.cloud.inside import Inside
from infra.cloud.sagemaker import trees


class PlaceError(Exception):
    """S3 did not give or take something: the reason as a job shows it."""


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI. ValueError for another one."""
    parts = urlsplit(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{uri!r} is no S3 URI")
    return parts.netloc, uri.split("/", 3)[3] if uri.count("/") > 2 else ""


class Places:
    """S3 as one role sees it."""

    def __init__(self, inside: Inside, role: str) -> None:
        self.role, self.region = role, inside.region
        self.s3 = inside.client("s3", role, "SageMaker")

    def keys(self, uri: str) -> Iterator[tuple[str, str]]:
        """Yield bucket and key of every object below a prefix."""
        bucket, prefix = split(uri)
        try:
            for page in self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix
            ):
                yield from ((bucket, one["Key"]) for one in page.get("Contents", ()))
        except self.s3.exceptions.ClientError as error:
            raise PlaceError(self._nothing(uri, bucket, error)) from None

    def _nothing(self, uri: str, bucket: str, error: Any = "") -> str:
        said = f" Error message from S3: {error.response['Error']['Message']}" if error else ""
        return (
            f'ClientError: No S3 objects found under S3 URL "{uri}" given in input data source.'
            f" Please ensure that the bucket exists in the selected region ({self.region}), that"
            f' objects exist under that S3 prefix, and that the role "{self.role}" has'
            f' "s3:ListBucket" permissions on bucket "{bucket}".{said}'
        )

    def get(self, bucket: str, key: str) -> bytes:
        """Return an object. PlaceError."""
        try:
            return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except self.s3.exceptions.ClientError as error:
            raise PlaceError(
                f"ClientError: Data download failed: s3://{bucket}/{key}: {_said(error)}"
            ) from None

    def put(self, uri: str, data: bytes) -> None:
        """Store an object. PlaceError."""
        bucket, key = split(uri)
        try:
            self.s3.put_object(Bucket=bucket, Key=key, Body=data)
        except self.s3.exceptions.ClientError as error:
            raise PlaceError(f"ClientError: upload failed: {uri}: {_said(error)}") from None

    def download(self, source: Mapping[str, Any], folder: str) -> int:
        """Bring a channel's objects into its folder; return how many. PlaceError."""
        uri = str(source["S3Uri"])
        if source["S3DataType"] == "ManifestFile":
            found = list(self._manifest(uri))
        else:
            found = [(b, k, relative(k, split(uri)[1])) for b, k in self.keys(uri)]
        for bucket, key, path in found:
            if not key.endswith("/"):
                self._bring(bucket, key, path, folder)
        if not found:
            raise PlaceError(self._nothing(uri, split(uri)[0]))
        return len(found)

    def restore(self, uri: str, folder: str) -> int:
        """Bring what lies below a prefix into a folder, if there is anything; return how many."""
        bucket, prefix = split(uri)
        base, count = prefix.rstrip("/") + "/" if prefix else "", 0
        for _, key in self.keys(f"s3://{bucket}/{base}"):
            self._bring(bucket, key, key[len(base):], folder)
            count += 1
        return count

    def _bring(self, bucket: str, key: str, path: str, folder: str) -> None:
        try:
            trees.write(folder, path, self.get(bucket, key))
        except (ValueError, OSError) as error:
            raise PlaceError(f"ClientError: s3://{bucket}/{key} is no file: {error}") from None

    def _manifest(self, uri: str) -> Iterator[tuple[str, str, str]]:
        try:
            head, *rest = json.loads(self.get(*split(uri)))
            prefix = head["prefix"]
            for path in rest:
                yield (*split(prefix + path), str(path))
        except (ValueError, TypeError, KeyError, IndexError):
            raise PlaceError(f"ClientError: {uri} is no manifest: a list is wanted, first"
                             ' {"prefix": "s3://..."}, then paths') from None


class Mirror:
    """Sends what is new in a folder to S3, as often as it is asked."""

    def __init__(self, places: Places, uri: str, folder: str) -> None:
        self.places, self.uri, self.folder = places, uri.rstrip("/"), folder
        self.seen = {one.path: one.stamp for one in trees.files(folder)}

    def send(self) -> int:
        """Send every file that has changed since it was sent last; return how many."""
        count = 0
        for one in trees.files(self.folder):
            if self.seen.get(one.path) != one.stamp:
                self.places.put(f"{self.uri}/{one.path}", trees.read(self.folder, one.path))
                self.seen[one.path] = one.stamp
                count += 1
        return count


def relative(key: str, prefix: str) -> str:
    """Return where an object lies in its channel's folder."""
    if prefix and not prefix.endswith("/") and not key.startswith(prefix + "/"):
        prefix = prefix[: prefix.rfind("/") + 1]
    return key[len(prefix):].lstrip("/") or key.rpartition("/")[2]


def _said(error: Any) -> str:
    found = error.response["Error"]
    return f"{found['Code']}: {found['Message']}"
