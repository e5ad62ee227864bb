"""S3 as a store of blobs, through boto3."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from tests.infra.contract.case import Refused
from tests.infra.contract.store import Blobs, Info

PART = 5 << 20


@contextmanager
def told() -> Iterator[None]:
    """Turn boto3's errors into Refused."""
    try:
        yield
    except ClientError as error:
        answer = error.response
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        raise Refused(status, str(answer["Error"].get("Code", "")), str(error)) from None


class S3Blobs(Blobs):
    """One bucket. `lists` counts the list calls that reached the service, where it can be told."""

    family = "aws"

    def __init__(
        self, s3: Any, bucket: str, place: dict[str, Any], lists: Callable[[], int] | None
    ) -> None:
        self.s3 = s3
        self.name = bucket
        self.place = place
        self.lists = lists
        self.create()

    def create(self) -> None:
        with told():
            self.s3.create_bucket(Bucket=self.name, **self.place)

    def drop(self) -> None:
        with told():
            self.s3.delete_bucket(Bucket=self.name)

    def put(
        self, key: str, data: bytes = b"", *, kind: str = "",
        metadata: dict[str, str] | None = None, absent: bool = False, match: str = "",
        container: str = "", md5: str = "",
    ) -> str:
        extra: dict[str, Any] = {}
        extra |= {"ContentType": kind} if kind else {}
        extra |= {"Metadata": metadata} if metadata else {}
        extra |= {"IfNoneMatch": "*"} if absent else {}
        extra |= {"IfMatch": match} if match else {}
        extra |= {"ContentMD5": md5} if md5 else {}
        with told():
            made = self.s3.put_object(Bucket=container or self.name, Key=key, Body=data, **extra)
        return str(made["ETag"])

    def get(
        self, key: str, start: int | None = None, end: int | None = None, *, unless: str = ""
    ) -> bytes:
        extra: dict[str, Any] = {"IfNoneMatch": unless} if unless else {}
        if start is not None:
            extra["Range"] = f"bytes={start}-{'' if end is None else end}"
        with told():
            return bytes(self.s3.get_object(Bucket=self.name, Key=key, **extra)["Body"].read())

    def head(self, key: str) -> Info:
        with told():
            found = self.s3.head_object(Bucket=self.name, Key=key)
        return Info(
            found["ContentLength"], found["ContentType"], found["Metadata"], found["ETag"]
        )

    def delete(self, key: str) -> None:
        with told():
            self.s3.delete_object(Bucket=self.name, Key=key)

    def pages(
        self, prefix: str = "", delimiter: str = "", size: int | None = None
    ) -> list[list[str]]:
        extra = {"PaginationConfig": {"PageSize": size}} if size else {}
        walk = self.s3.get_paginator("list_objects_v2")
        with told():
            return [
                [one["Key"] for one in page.get("Contents", [])]
                + [one["Prefix"] for one in page.get("CommonPrefixes", [])]
                for page in walk.paginate(
                    Bucket=self.name, Prefix=prefix, Delimiter=delimiter, **extra
                )
            ]

    def sign(self, key: str, seconds: int = 60, method: str = "GET") -> str:
        operation = {"GET": "get_object", "PUT": "put_object"}[method]
        return str(self.s3.generate_presigned_url(
            operation, {"Bucket": self.name, "Key": key}, ExpiresIn=seconds
        ))  # fmt: skip

    def copy(self, source: str, target: str) -> None:
        with told():
            self.s3.copy_object(
                Bucket=self.name, Key=target, CopySource={"Bucket": self.name, "Key": source}
            )

    def begin(self, key: str) -> str:
        """Begin an upload in parts; return its id."""
        with told():
            return str(self.s3.create_multipart_upload(Bucket=self.name, Key=key)["UploadId"])

    def part(self, key: str, upload: str, number: int, data: bytes) -> dict[str, Any]:
        """Send one part; return what completing it takes."""
        with told():
            made = self.s3.upload_part(
                Bucket=self.name, Key=key, UploadId=upload, PartNumber=number, Body=data
            )
        return {"PartNumber": number, "ETag": made["ETag"]}

    def upload(self, key: str, pieces: Sequence[bytes], *, finish: bool = True) -> None:
        upload = self.begin(key)
        parts = [self.part(key, upload, n, data) for n, data in enumerate(pieces, 1)]
        if finish:
            with told():
                self.s3.complete_multipart_upload(
                    Bucket=self.name, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
                )

    def pieces(self) -> list[bytes]:
        return [b"a" * PART, b"b" * PART, b"end"]


def fetch(
    url: str, method: str = "GET", body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """Follow a URL as a browser would, with no credentials but its own; raise Refused."""
    import re

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body or None, headers=headers or {})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        code = re.search(rb"<Code>(\w+)</Code>", text)
        raise Refused(answer.status, code[1].decode() if code else "")
    return text
