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
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption
from google.oauth2.service_account import Credentials
from patience import patiently
from port import LONGEST, Busy, Changed, Missing, Refused, StoreError, Wrong, pieces
from requests import Response
from requests.exceptions import RequestException

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


@contextmanager
def told() -> Iterator[None]:
    """Say in the port's words what Google says in its own."""
    try:
        yield
    except GoogleAPICallError as error:
        raise translated(error.code or 503) from error
    except (RequestException, TransportError, DataCorruption) as error:
        raise Busy(type(error).__name__) from error


def translated(status: int) -> StoreError:
    """Return the port's error for one of Google's."""
    if status >= 500 or status in (408, 429):
        return Busy(str(status))
    if status == 412:
        return Changed(str(status))
    if status == 404:
        return Missing(str(status))
    return (Refused if status in (401, 403) else Wrong)(str(status))


class GoogleStore:
    """One bucket. `retry=None` everywhere: Google's own policy counts seconds and not tries."""

    def __init__(self, site: dict[str, Any]) -> None:
        self.client = Client.from_service_account_info(
            site["key_file"], client_options={"api_endpoint": site["url"]}
        )
        self.bucket = self.client.bucket(site["bucket"])
        self.url = site["url"]
        rights = Credentials.from_service_account_info(site["key_file"], scopes=[SCOPE])
        self.session = AuthorizedSession(rights)  # for films: see `send`

    def read(self, name: str, first: int = 0, length: int | None = None) -> bytes:
        """`end` is the last byte that is wanted, not the first that is not."""
        if length == 0:  # a range has at least one byte
            self._look(name)
            return b""
        end = None if length is None else first + length - 1

        def once() -> bytes:
            with told():
                part = {"start": first or None, "end": end, "retry": None}
                return bytes(self.bucket.blob(name).download_as_bytes(**part))

        try:
            return patiently(once)
        except Wrong as error:
            if str(error) != "416":  # it begins behind the end
                raise
            return b""

    def write(
        self, name: str, data: bytes, *, if_absent: bool = False, if_tag: str | None = None
    ) -> str:
        """The tag is the generation; generation 0 is that there is none."""
        mark = uuid.uuid4().hex
        if if_tag is not None and not if_tag.isdecimal():
            raise Changed(name)  # no version ever had that tag
        wanted = 0 if if_absent else None if if_tag is None else int(if_tag)

        def once() -> str:
            blob = self.bucket.blob(name)
            blob.metadata = {"mark": mark}
            with told():
                blob.upload_from_string(data, if_generation_match=wanted, retry=None)
            return str(blob.generation)

        def mine() -> str | None:
            with suppress(Missing):  # somebody may have removed it by now
                blob = self._look(name)
                return str(blob.generation) if (blob.metadata or {}).get("mark") == mark else None
            return None

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
        """A resumable upload: the object is there when the last piece is, and not before.

        Its three requests are made here: the library's writer cannot go on after a 503.
        """
        begun = self._ask(
            "POST", f"{self.url}/upload/storage/v1/b/{self.bucket.name}/o",
            params={"uploadType": "resumable", "name": name}, json={},
        )  # fmt: skip
        place, at, held = begun.headers["Location"], 0, b""
        for piece in pieces(chunks):  # the last one says how long it all is: one is held back
            if held:
                self._put(place, held, at, "*")
                at += len(held)
            held = piece
        self._put(place, held, at, str(at + len(held)))

    def _put(self, place: str, data: bytes, at: int, total: str) -> None:
        span = f"{at}-{at + len(data) - 1}" if data else "*"
        self._ask("PUT", place, data=data, headers={"Content-Range": f"bytes {span}/{total}"})

    def _ask(self, method: str, url: str, **more: Any) -> Response:
        def once() -> Response:
            with told():
                answer = self.session.request(method, url, timeout=30, **more)
            if answer.status_code >= 400:
                raise translated(answer.status_code)
            return answer

        return patiently(once)

    def link(self, name: str, seconds: int) -> str:
        """Signed here with the account's private key."""
        if seconds > LONGEST:
            raise Wrong(f"{seconds} seconds")
        return str(
            self.bucket.blob(name).generate_signed_url(
                dt.timedelta(seconds=seconds), version="v4", api_access_endpoint=self.url
            )
        )


### END SOLUTION
