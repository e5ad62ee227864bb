"""The port: what Larkmoor's programs may ask of a store of objects, whoever runs it. Given.

    store = open_store("azure", site)
    tag = store.write("2026/03/05/LX1.json", b"{}", if_absent=True)

Every store raises the errors below and no others; what a vendor calls them ends at its adapter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

PIECE = 5 << 20  # bytes of a large object that travel in one request, at most
LONGEST = 7 * 24 * 3600  # seconds that a link lives, at most: S3 and Google sign for no longer


class StoreError(Exception):
    """What went wrong with a store."""


class Missing(StoreError):
    """There is no object of that name."""


class Changed(StoreError):
    """Nothing was written: the condition did not hold. Somebody else was first."""


class Refused(StoreError):
    """These credentials may not do that. To ask again changes nothing."""


class Wrong(StoreError):
    """The request cannot be answered, by anybody, ever."""


class Busy(StoreError):
    """Throttled, failed or cut off: nobody knows whether it was done."""


class Store(Protocol):
    """One bucket or container. Names are texts with slashes; a tag is a text that means nothing."""

    def read(self, name: str, first: int = 0, length: int | None = None) -> bytes:
        """Return bytes from `first` on, as a slice does: behind the end there are none.

        Brings no more of the object over the line than was asked for.
        """

    def write(
        self, name: str, data: bytes, *, if_absent: bool = False, if_tag: str | None = None
    ) -> str:
        """Store an object and return its tag.

        if_absent: only where there is none; if_tag: only over the version with that tag, and a
        text that is the tag of none is Changed, too. Else Changed, and what is there stays.
        Returns only when *this* write was done, though its answer may have been lost: another
        write of the same bytes, by the same program, is not this one.
        """

    def tag(self, name: str) -> str:
        """Return the tag of what is there now."""

    def remove(self, name: str) -> None:
        """Remove an object. One that is not there is no error; every other "no" is one."""

    def names(self, prefix: str = "", page: int = 1000) -> Iterator[str]:
        """Give the names that begin so, in the order of their bytes, one list call a page.

        No call is made before its names are wanted. A page may be short, and not the last.
        """

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """Store a large object in pieces of at most PIECE bytes, holding two in memory at most.

        No chunks are an empty object. Of two that send the same name at once, one film lies there
        in the end, whole. A request that is Busy is made again, as everywhere.
        """

    def link(self, name: str, seconds: int) -> str:
        """Return a URL that reads this object, and does nothing else, for so long.

        More than LONGEST is Wrong.
        """


def open_store(cloud: str, site: dict[str, Any]) -> Store:
    """Return the store of a cloud: "s3", "azure" or "google"; `site` is site.json."""
    if cloud == "s3":
        from s3_store import S3Store

        return S3Store(site["s3"])
    if cloud == "azure":
        from azure_store import AzureStore

        return AzureStore(site["azure"])
    from google_store import GoogleStore

    return GoogleStore(site["google"])


def pieces(chunks: Iterable[bytes], size: int = PIECE) -> Iterator[bytes]:
    """Cut a stream into pieces of just that size; the last may be shorter."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
