"""Google Cloud Storage as a store of blobs, through google-cloud-storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.storage.exceptions import InvalidResponse

from tests.infra.contract.case import Refused
from tests.infra.contract.store import Blobs, Info

CHUNK = 256 << 10


@contextmanager
def told() -> Iterator[None]:
    """Turn Google's errors into Refused; its code is the error's first reason."""
    try:
        yield
    except GoogleAPICallError as error:
        errors = error.errors or _of(error)
        code = errors[0].get("reason", "") if errors else ""
        raise Refused(int(error.code or 0), code, str(error)) from None
    except InvalidResponse as error:
        raise Refused(error.response.status_code, "", str(error)) from None


def _of(error: Any) -> list[dict[str, str]]:
    """Return the errors of an answer that the client does not read itself."""
    try:
        return list(error.response.json()["error"]["errors"])
    except (AttributeError, ValueError, KeyError):
        return []


class GcsBlobs(Blobs):
    """One bucket."""

    family = "gcp"

    def __init__(self, client: Any, name: str, lists: Callable[[], int] | None) -> None:
        self.client = client
        self.name = name
        self.lists = lists
        self.bucket = client.bucket(name)
        self.create()

    def create(self) -> None:
        with told():
            self.client.create_bucket(self.name)

    def drop(self) -> None:
        with told():
            self.bucket.delete()

    def put(
        self, key: str, data: bytes = b"", *, kind: str = "",
        metadata: dict[str, str] | None = None, absent: bool = False, match: str = "",
        container: str = "", md5: str = "",
    ) -> str:
        bucket = self.client.bucket(container) if container else self.bucket
        blob = bucket.blob(key)
        blob.metadata = metadata
        blob.md5_hash = md5 or None
        wanted = 0 if absent else int(match) if match else None
        with told():
            blob.upload_from_string(
                data, content_type=kind or None, if_generation_match=wanted, retry=None
            )
        return str(blob.generation)

    def get(
        self, key: str, start: int | None = None, end: int | None = None, *, unless: str = ""
    ) -> bytes:
        with told():
            return bytes(self.bucket.blob(key).download_as_bytes(
                start=start, end=end, retry=None,
                if_generation_not_match=int(unless) if unless else None,
            ))  # fmt: skip

    def head(self, key: str) -> Info:
        blob = self.bucket.blob(key)
        with told():
            blob.reload(retry=None)
        return Info(blob.size, blob.content_type, blob.metadata or {}, str(blob.generation))

    def delete(self, key: str) -> None:
        with told():
            self.bucket.blob(key).delete(retry=None)

    def pages(
        self, prefix: str = "", delimiter: str = "", size: int | None = None
    ) -> list[list[str]]:
        with told():
            walk = self.client.list_blobs(
                self.name, prefix=prefix or None, delimiter=delimiter or None, page_size=size,
                retry=None,
            )
            found, known = [], set()
            for page in walk.pages:
                fresh = sorted(set(walk.prefixes) - known)
                known |= set(fresh)
                found.append([blob.name for blob in page] + fresh)
        return found

    def sign(self, key: str, seconds: int = 60, method: str = "GET") -> str:
        return str(self.bucket.blob(key).generate_signed_url(
            timedelta(seconds=seconds), method=method, version="v4"
        ))  # fmt: skip

    def copy(self, source: str, target: str) -> None:
        with told():
            self.bucket.copy_blob(self.bucket.blob(source), self.bucket, target, retry=None)

    def upload(self, key: str, pieces: Sequence[bytes], *, finish: bool = True) -> None:
        from google.cloud.storage._media.requests import ResumableUpload

        data = b"".join(pieces)
        blob = self.bucket.blob(key, chunk_size=CHUNK)
        with told():
            if finish:
                blob.upload_from_file(BytesIO(data), size=len(data), retry=None)
                return
            url = blob.create_resumable_upload_session(size=len(data))
            session = ResumableUpload(url, CHUNK)
            session._stream, session._content_type = BytesIO(data), "application/octet-stream"
            session._resumable_url, session._total_bytes = url, len(data)
            session.transmit_next_chunk(self.client._http)

    def pieces(self) -> list[bytes]:
        return [b"a" * CHUNK, b"b" * CHUNK, b"end"]
