"""The port over Google Cloud Storage. Part C: yours, over whatever client you choose."""

from __future__ import annotations

### BEGIN SOLUTION: GoogleStore(site["google"]), with every method of port.Store
import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import TransportError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption
from patience import patiently
from port import PIECE, Busy, Changed, Missing, Refused, Wrong
from requests.exceptions import RequestException


@contextmanager
def told() -> Iterator[None]:
    """Say in the port's words what Google says in its own."""
    try:
        yield
    except GoogleAPICallError as error:
        status = error.code or 0
        if status >= 500 or status in (408, 429) or not status:
            raise Busy(str(status)) from error
        if status == 412:
            raise Changed(str(status)) from error
        if status == 404:
            raise Missing(str(status)) from error
        raise (Refused if status in (401, 403) else Wrong)(str(status)) from error
    except (RequestException, TransportError, DataCorruption) as error:
        raise Busy(type(error).__name__) from error


class GoogleStore:
    """One bucket. `retry=None` everywhere: Google's own policy counts seconds and not tries."""

    def __init__(self, site: dict[str, Any]) -> None:
        self.client = Client.from_service_account_info(
            site["key_file"], client_options={"api_endpoint": site["url"]}
        )
        self.bucket = self.client.bucket(site["bucket"])
        self.url = site["url"]

    def read(self, name: str, first: int = 0, length: int | None = None) -> bytes:
        """`end` is the last byte that is wanted, not the first that is not."""
        end = None if length is None else first + length - 1

        def once() -> bytes:
            with told():
                part = {"start": first or None, "end": end, "retry": None}
                return bytes(self.bucket.blob(name).download_as_bytes(**part))

        return patiently(once)

    def write(
        self, name: str, data: bytes, *, if_absent: bool = False, if_tag: str | None = None
    ) -> str:
        """The tag is the generation; generation 0 is that there is none."""
        mark = uuid.uuid4().hex
        wanted = 0 if if_absent else None if if_tag is None else int(if_tag)

        def once() -> str:
            blob = self.bucket.blob(name)
            blob.metadata = {"mark": mark}
            with told():
                blob.upload_from_string(data, if_generation_match=wanted, retry=None)
            return str(blob.generation)

        def mine() -> str | None:
            blob = self._look(name)
            return str(blob.generation) if (blob.metadata or {}).get("mark") == mark else None

        return patiently(once, mine)

    def _look(self, name: str) -> Blob:
        def once() -> Blob:
            blob = self.bucket.blob(name)
            with told():
                blob.reload(retry=None)
            return blob

        return patiently(once)

    def tag(self, name: str) -> str:
        """The number of this version; every write has a new one."""
        return str(self._look(name).generation)

    def remove(self, name: str) -> None:
        """Google says 404 where there was nothing."""

        def once() -> None:
            with suppress(Missing), told():
                self.bucket.blob(name).delete(retry=None)

        patiently(once)

    def names(self, prefix: str = "", page: int = 1000) -> Iterator[str]:
        """Go from page to page by the token that the last one ended with."""
        token: str | None = None
        while True:

            def once() -> tuple[list[str], str | None]:
                with told():
                    found = self.client.list_blobs(
                        self.bucket, prefix=prefix, page_size=page, page_token=token,  # noqa: B023
                        retry=None, fields="items(name),nextPageToken",
                    )  # fmt: skip
                    names = [blob.name for blob in next(found.pages, ())]
                    return names, found.next_page_token

            names, token = patiently(once)
            yield from names
            if not token:
                return

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """A resumable upload: the object is there when the last piece is, and not before."""
        with told():
            out = self.bucket.blob(name).open("wb", chunk_size=PIECE, ignore_flush=True)
            try:
                for chunk in chunks:
                    out.write(chunk)
            except BaseException:
                out.terminate()  # or closing it would make an object of the half
                raise
            out.close()

    def link(self, name: str, seconds: int) -> str:
        """Signed here with the account's private key."""
        return str(
            self.bucket.blob(name).generate_signed_url(
                dt.timedelta(seconds=seconds), version="v4", api_access_endpoint=self.url
            )
        )


### END SOLUTION
