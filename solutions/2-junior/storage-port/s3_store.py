"""The port over Amazon S3, through boto3. Part A: runs as given."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnection
from patience import patiently
from port import LONGEST, Busy, Changed, Missing, Refused, StoreError, Wrong, pieces

# Tries are counted in patience.py: an SDK that tries again by itself would multiply them.
ONCE = Config(
    retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10,
    request_checksum_calculation="when_required", response_checksum_validation="when_required",
)


@contextmanager
def told() -> Iterator[None]:
    """Say in the port's words what S3 says in its own."""
    try:
        yield
    except ClientError as error:
        raise translated(error) from error
    except (NoConnection, HTTPClientError, IncompleteReadError) as error:  # no answer, or half
        raise Busy(type(error).__name__) from error


def translated(error: ClientError) -> StoreError:
    """Return the port's error for one of S3's."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code = error.response["Error"]["Code"]
    # 409: two conditional writes met inside S3, and this one was not even looked at.
    if status >= 500 or status == 429 or code == "ConditionalRequestConflict":
        return Busy(code)
    if status == 412:
        return Changed(code)
    if status == 404:
        return Missing(code)
    return (Refused if status in (401, 403) else Wrong)(code)


class S3Store:
    """One bucket."""

    def __init__(self, site: dict[str, Any]) -> None:
        self.bucket = site["bucket"]
        self.client = boto3.client(
            "s3", endpoint_url=site["url"], region_name=site["region"], config=ONCE,
            aws_access_key_id=site["key_id"], aws_secret_access_key=site["secret"],
        )  # fmt: skip

    def read(self, name: str, first: int = 0, length: int | None = None) -> bytes:
        """Ask for a range only where a part is wanted: an empty object has no byte 0."""
        if length == 0:  # a range has at least one byte
            self._head(name)
            return b""
        part = {}
        if first or length is not None:
            part["Range"] = f"bytes={first}-{'' if length is None else first + length - 1}"

        def once() -> bytes:
            with told():
                found = self.client.get_object(Bucket=self.bucket, Key=name, **part)
                return bytes(found["Body"].read())

        try:
            return patiently(once)
        except Wrong as error:
            if str(error) != "InvalidRange":  # 416: it begins behind the end
                raise
            return b""

    def write(
        self, name: str, data: bytes, *, if_absent: bool = False, if_tag: str | None = None
    ) -> str:
        """Leave a mark of this write in the object, to know it by if the answer is lost."""
        mark = uuid.uuid4().hex
        only: dict[str, str] = {}
        if if_absent:
            only["IfNoneMatch"] = "*"
        if if_tag is not None:
            only["IfMatch"] = if_tag

        def once() -> str:
            try:
                with told():
                    done = self.client.put_object(
                        Bucket=self.bucket, Key=name, Body=data, Metadata={"mark": mark}, **only
                    )
            except Missing:  # to replace what somebody has removed: S3 says 404, and not 412
                raise Changed(name) from None
            return str(done["ETag"])

        def mine() -> str | None:
            with suppress(Missing):  # somebody may have removed it by now
                found = self._head(name)
                return str(found["ETag"]) if found["Metadata"].get("mark") == mark else None
            return None

        return patiently(once, mine)

    def _head(self, name: str) -> dict[str, Any]:
        def once() -> dict[str, Any]:
            with told():
                return dict(self.client.head_object(Bucket=self.bucket, Key=name))

        return patiently(once)

    def tag(self, name: str) -> str:
        """S3's tag is the ETag, with its quotes."""
        return str(self._head(name)["ETag"])

    def remove(self, name: str) -> None:
        """S3 says 204 whether there was something or not."""

        def once() -> None:
            with told():
                self.client.delete_object(Bucket=self.bucket, Key=name)

        patiently(once)

    def names(self, prefix: str = "", page: int = 1000) -> Iterator[str]:
        """Go from page to page by the token that the last one ended with."""
        after: dict[str, str] = {}
        while True:

            def once() -> dict[str, Any]:
                with told():
                    return dict(
                        self.client.list_objects_v2(
                            Bucket=self.bucket, Prefix=prefix, MaxKeys=page, **after
                        )
                    )

            found = patiently(once)
            yield from (item["Key"] for item in found.get("Contents", []))
            if not found["IsTruncated"]:
                return
            after["ContinuationToken"] = found["NextContinuationToken"]

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """A multipart upload. One that fails is aborted: S3 bills for parts nobody completed."""
        place = {"Bucket": self.bucket, "Key": name}

        def begin() -> str:
            with told():
                return str(self.client.create_multipart_upload(**place)["UploadId"])

        place["UploadId"] = patiently(begin)
        try:
            parts = [self._part(place, n, data) for n, data in enumerate(pieces(chunks), 1)]
            parts = parts or [self._part(place, 1, b"")]  # S3 completes nothing without a part

            def end() -> None:
                with told():
                    self.client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})

            patiently(end)
        except BaseException:
            self._abort(place)
            raise

    def _abort(self, place: dict[str, str]) -> None:
        def once() -> None:
            with told():
                self.client.abort_multipart_upload(**place)

        with suppress(StoreError):  # what made it fail is the news, and not this
            patiently(once)

    def _part(self, place: dict[str, str], number: int, data: bytes) -> dict[str, Any]:
        def once() -> dict[str, Any]:
            with told():
                done = self.client.upload_part(**place, PartNumber=number, Body=data)
            return {"PartNumber": number, "ETag": done["ETag"]}

        return patiently(once)

    def link(self, name: str, seconds: int) -> str:
        """Signed here, with the secret; S3 is not asked, and would refuse what lives too long."""
        if seconds > LONGEST:
            raise Wrong(f"{seconds} seconds")
        return str(
            self.client.generate_presigned_url(
                "get_object", Params={"Bucket": self.bucket, "Key": name}, ExpiresIn=seconds
            )
        )
