"""The port over Azure Blob Storage, through obstore; pages and links by Azure's own client."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import obstore
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import ContainerClient, generate_blob_sas
from obstore import exceptions as said
from obstore.store import AzureStore as Container
from patience import patiently
from port import PIECE, Busy, Changed, Missing, Refused, StoreError, Wrong, pieces

STATUS = re.compile(r"\b(?:status|error)\D{0,12}([45]\d\d)\b", re.IGNORECASE)


@contextmanager
def told() -> Iterator[None]:
    """Say in the port's words what obstore says; a status stands in its text only."""
    try:
        yield
    except (FileNotFoundError, said.NotFoundError) as error:
        raise Missing("not found") from error
    except (said.AlreadyExistsError, said.PreconditionError) as error:
        raise Changed("condition") from error
    except (said.PermissionDeniedError, said.UnauthenticatedError) as error:
        raise Refused("credentials") from error
    except said.BaseError as error:
        found = STATUS.search(str(error))
        raise _by(int(found[1]) if found else 503) from error
    except HttpResponseError as error:
        raise _by(error.status_code or 503) from error
    except AzureError as error:
        raise Busy(type(error).__name__) from error


def _by(status: int) -> StoreError:
    if status >= 500 or status == 429:
        return Busy(str(status))
    kinds = {401: Refused, 403: Refused, 404: Missing, 412: Changed}
    return kinds.get(status, Wrong)(str(status))


class AzureStore:
    """One container."""

    def __init__(self, site: dict[str, Any]) -> None:
        self.site = site
        end = f"{site['url']}/{site['account']}"
        self.store = Container(
            site["container"], account_name=site["account"], access_key=site["key"], endpoint=end,
            client_options={"allow_http": True}, retry_config={"max_retries": 0},
        )  # fmt: skip
        self.lists = ContainerClient(
            end, site["container"], retry_total=0,
            credential={"account_name": site["account"], "account_key": site["key"]},
        )  # fmt: skip

    def read(self, name: str, first: int = 0, length: int | None = None) -> bytes:
        """Bytes from one on."""

        def once() -> bytes:
            with told():
                if length is not None:
                    return bytes(obstore.get_range(self.store, name, start=first, length=length))
                part: Any = {"range": {"offset": first}} if first else None
                return bytes(obstore.get(self.store, name, options=part).bytes())

        return patiently(once)

    def write(
        self, name: str, data: bytes, *, if_absent: bool = False, if_tag: str | None = None
    ) -> str:
        """After a lost answer, the bytes that lie there tell whose they are."""
        mode: Any = "create" if if_absent else {"e_tag": if_tag} if if_tag else "overwrite"

        def once() -> str:
            with told():
                return str(obstore.put(self.store, name, data, mode=mode)["e_tag"])

        def mine() -> str | None:
            return self.tag(name) if self.read(name) == data else None

        return patiently(once, mine)

    def tag(self, name: str) -> str:
        """The ETag."""

        def once() -> str:
            with told():
                return str(obstore.head(self.store, name)["e_tag"])

        return patiently(once)

    def remove(self, name: str) -> None:
        """Missing is well."""

        def once() -> None:
            with suppress(Missing), told():
                obstore.delete(self.store, name)

        patiently(once)

    def names(self, prefix: str = "", page: int = 1000) -> Iterator[str]:
        """Pages by Azure's own client."""
        token: str | None = ""
        while token is not None:

            def once() -> tuple[list[str], str | None]:
                with told():
                    listing = self.lists.list_blob_names(
                        name_starts_with=prefix, results_per_page=page
                    ).by_page(token or None)  # noqa: B023
                    return list(next(listing)), listing.continuation_token or None

            found, token = patiently(once)
            yield from found

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """One part in flight at a time."""
        with told():
            obstore.put(
                self.store, name, pieces(chunks), use_multipart=True, chunk_size=PIECE,
                max_concurrency=1,
            )  # fmt: skip

    def link(self, name: str, seconds: int) -> str:
        """By Azure's client: obstore's does not fit an address whose path has the account."""
        sas = generate_blob_sas(
            self.site["account"], self.site["container"], name, account_key=self.site["key"],
            permission="r", expiry=datetime.now(UTC) + timedelta(seconds=seconds),
        )  # fmt: skip
        return f"{self.lists.get_blob_client(name).url}?{sas}"
