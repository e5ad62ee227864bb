"""The port over Azure Blob Storage, through azure-storage-blob. Part B: five gaps."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobBlock, BlobSasPermissions, ContainerClient, generate_blob_sas
from patience import patiently
from port import LONGEST, PIECE, Busy, Changed, Missing, Refused, StoreError, Wrong, pieces


@contextmanager
def told() -> Iterator[None]:
    """Say in the port's words what Azure says in its own."""
    try:
        yield
    except AzureError as error:
        raise translated(error) from error


def translated(error: AzureError) -> StoreError:
    """Return the port's error for one of Azure's.

    One that is no HttpResponseError had no answer; one without a status had half of one.
    """
    # TODO: from the status and the error code to the port's errors
    raise NotImplementedError


class Whole(RequestsTransport):
    """Takes each answer to its end before the SDK sees it.

    Else the SDK itself asks again for a body that broke off, twice, beneath patience.py.
    """

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send a request and wait for all of its answer."""
        return super().send(request, **kwargs | {"stream": False})


class AzureStore:
    """One container."""

    def __init__(self, site: dict[str, Any]) -> None:
        self.key, self.account, self.name = site["key"], site["account"], site["container"]
        self.client = ContainerClient(
            f"{site['url']}/{self.account}", self.name,
            credential={"account_name": self.account, "account_key": self.key},
            retry_total=0, max_single_put_size=PIECE, max_single_get_size=PIECE,
            max_chunk_get_size=PIECE, transport=Whole(),
        )  # fmt: skip

    def read(self, name: str, first: int = 0, length: int | None = None) -> bytes:
        """This SDK takes a length only together with an offset."""
        if length == 0:  # a range has at least one byte
            self._properties(name)
            return b""
        part = {} if not first and length is None else {"offset": first, "length": length}

        def once() -> bytes:
            with told():
                try:
                    return bytes(self.client.download_blob(name, **part).readall())
                except HttpResponseError as error:
                    if error.status_code != 416:  # it begins behind the end
                        raise
                    return b""

        return patiently(once)

    def write(
        self, name: str, data: bytes, *, if_absent: bool = False, if_tag: str | None = None
    ) -> str:
        """Leave a mark of this write in the blob, to know it by if the answer is lost."""
        mark = uuid.uuid4().hex
        # TODO: both conditions, the mark, and the answer that was lost
        raise NotImplementedError

    def _properties(self, name: str) -> Any:
        def once() -> Any:
            with told():
                return self.client.get_blob_client(name).get_blob_properties()

        return patiently(once)

    def tag(self, name: str) -> str:
        """Azure's tag is the ETag, without a meaning."""
        return str(self._properties(name).etag)

    def remove(self, name: str) -> None:
        """Azure says 404 where there was nothing."""

        def once() -> None:
            # TODO: remove it; that it was not there is no error of the port's
            raise NotImplementedError

        patiently(once)

    def names(self, prefix: str = "", page: int = 1000) -> Iterator[str]:
        """Go from page to page by the token that the last one ended with."""
        token: str | None = None
        while True:

            def once() -> tuple[list[str], str | None]:
                with told():
                    found = self.client.list_blob_names(
                        name_starts_with=prefix, results_per_page=page
                    ).by_page(token)  # noqa: B023
                    return list(next(found)), found.continuation_token

            names, token = patiently(once)
            yield from names
            if not token:
                return

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """Stage the pieces as blocks, then commit their list: until then there is no such blob."""
        blob = self.client.get_blob_client(name)
        blocks: list[BlobBlock] = []
        # TODO: stage each piece under an id of its own, all of one length
        raise NotImplementedError

        def end() -> None:
            with told():
                blob.commit_block_list(blocks)

        patiently(end)

    def link(self, name: str, seconds: int) -> str:
        """A shared access signature for this blob, signed here with the account's key."""
        if seconds > LONGEST:  # Azure would sign it; the port has promised the same everywhere
            raise Wrong(f"{seconds} seconds")
        # TODO: a service SAS: for one blob, for reading, until then
        raise NotImplementedError
        return f"{self.client.get_blob_client(name).url}?{sas}"
