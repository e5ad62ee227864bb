"""A store of blobs as the cases see it; each family's adapter speaks through its own SDK.

Limit: what all three services have. What one alone has, its own cases ask of its own client.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Info:
    """What is known of an object without its bytes; `tag` is its ETag or generation."""

    size: int
    kind: str
    metadata: dict[str, str]
    tag: str


class Blobs(ABC):
    """One container: a bucket at AWS and Google."""

    family: str
    name: str
    lists: Callable[[], int] | None

    @abstractmethod
    def create(self) -> None:
        """Make the container."""

    @abstractmethod
    def drop(self) -> None:
        """Delete the container."""

    @abstractmethod
    def put(
        self, key: str, data: bytes = b"", *, kind: str = "",
        metadata: dict[str, str] | None = None, absent: bool = False, match: str = "",
        container: str = "", md5: str = "",
    ) -> str:
        """Write an object in one call and return its tag.

        absent: only where there is none. match: only over the object with this tag.
        """

    @abstractmethod
    def get(
        self, key: str, start: int | None = None, end: int | None = None, *, unless: str = ""
    ) -> bytes:
        """Read an object, or its bytes from start to end inclusive. unless: it has this tag."""

    @abstractmethod
    def head(self, key: str) -> Info:
        """Return what is known of an object."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object."""

    @abstractmethod
    def pages(
        self, prefix: str = "", delimiter: str = "", size: int | None = None
    ) -> list[list[str]]:
        """List names page by page, names up to the next delimiter behind the others."""

    @abstractmethod
    def sign(self, key: str, seconds: int = 60, method: str = "GET") -> str:
        """Return a URL that lets anybody do this for so long."""

    @abstractmethod
    def copy(self, source: str, target: str) -> None:
        """Copy an object within the container, on the server."""

    @abstractmethod
    def upload(self, key: str, pieces: Sequence[bytes], *, finish: bool = True) -> None:
        """Upload in pieces; without `finish` the last step is left out."""

    @abstractmethod
    def pieces(self) -> list[bytes]:
        """Return pieces as large as this service takes them."""

    def keys(self, prefix: str = "", delimiter: str = "") -> list[str]:
        """List all names."""
        return [key for page in self.pages(prefix, delimiter) for key in page]
