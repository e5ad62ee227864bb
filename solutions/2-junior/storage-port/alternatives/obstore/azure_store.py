"""The port over Azure Blob Storage, through obstore; pages, films, links by Azure's client."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import obstore
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobBlock, ContainerClient, generate_blob_sas
from obstore import exceptions as said
from obstore.store import AzureStore as Container
from patience import patiently
from port import LONGEST, Busy, Changed, Missing, Refused, StoreError, Wrong, pieces

STATUS = re.compile(r"\b(?:status|error)\D{0,12}([45]\d\d)\b", re.IGNORECASE)


class Behind(Wrong):
    """A range that begins behind the end."""


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
        if "StartTooLarge" in str(error) or (found and found[1] == "416"):
            raise Behind("416") from error
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
        """Bytes from one on, of as many as there are."""
        if length == 0:
            self.tag(name)
            return b""

        def once() -> bytes:
            with suppress(Behind), told():
                if length is not None:
                    return bytes(obstore.get_range(self.store, name, start=first, length=length))
                part: Any = {"range": {"offset": first}} if first else None
                return bytes(obstore.get(self.store, name, options=part).bytes())
            return b""

        return patiently(once)

    def write(
        self, name: str, data: bytes, *, if_absent: bool = False, if_tag: str | None = None
    ) -> str:
        """After a lost answer, the writer's name in the metadata tells whose it is."""
        writer = str(uuid.uuid4())
        mode: Any = "create" if if_absent else {"e_tag": if_tag} if if_tag else "overwrite"

        def once() -> str:
            with told():
                return str(obstore.put(
                    self.store, name, data, mode=mode, attributes={"writer": writer}
                )["e_tag"])

        def mine() -> str | None:
            try:
                return patiently(whose)
            except Missing:
                return None

        def whose() -> str | None:
            with told():
                there = obstore.get(self.store, name)  # its bytes stay where they are
            return str(there.meta["e_tag"]) if there.attributes.get("writer") == writer else None

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
        """By Azure's client: obstore would ask again for a part by its own clock, or not at all."""
        blob, ids = self.lists.get_blob_client(name), []

        def ask(call: Any, *args: Any) -> None:
            def once() -> None:
                with told():
                    call(*args)

            patiently(once)

        for piece in pieces(chunks):
            ids.append(BlobBlock(str(uuid.uuid4())))
            ask(blob.stage_block, ids[-1].id, piece)
        ask(blob.commit_block_list, ids)

    def link(self, name: str, seconds: int) -> str:
        """By Azure's client: obstore's does not fit an address whose path has the account."""
        if seconds > LONGEST:
            raise Wrong("too long")
        sas = generate_blob_sas(
            self.site["account"], self.site["container"], name, account_key=self.site["key"],
            permission="r", expiry=datetime.now(UTC) + timedelta(seconds=seconds),
        )  # fmt: skip
        return f"{self.lists.get_blob_client(name).url}?{sas}"
