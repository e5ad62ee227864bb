"""Azure Blob Storage as a store of blobs, through azure-storage-blob."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    BlobSasPermissions,
    BlobServiceClient,
    ContentSettings,
    generate_blob_sas,
)

from tests.infra.contract.case import Refused
from tests.infra.contract.store import Blobs, Info


@contextmanager
def told() -> Iterator[None]:
    """Turn Azure's errors into Refused."""
    try:
        yield
    except HttpResponseError as error:
        code = getattr(error, "error_code", "") or ""
        if not code and error.response is not None:  # one client reads it, another leaves it
            code = error.response.headers.get("x-ms-error-code", "")
        code = str(getattr(code, "value", code))
        raise Refused(error.status_code or 0, code, str(error)) from None


class AzureBlobs(Blobs):
    """One container."""

    family = "azure"

    def __init__(
        self, service: BlobServiceClient, name: str, key: str, lists: Callable[[], int] | None
    ) -> None:
        self.service = service
        self.name = name
        self.key = key
        self.lists = lists
        self.client = service.get_container_client(name)
        self.create()

    def create(self) -> None:
        with told():
            self.client.create_container()

    def drop(self) -> None:
        with told():
            self.client.delete_container()

    def put(
        self, key: str, data: bytes = b"", *, kind: str = "",
        metadata: dict[str, str] | None = None, absent: bool = False, match: str = "",
        container: str = "", md5: str = "",
    ) -> str:
        extra: dict[str, Any] = {"overwrite": not absent}
        extra |= {"content_settings": ContentSettings(content_type=kind)} if kind else {}
        extra |= {"metadata": metadata} if metadata else {}
        if match:
            extra |= {"etag": match, "match_condition": MatchConditions.IfNotModified}
        blob = self.service.get_blob_client(container or self.name, key)
        with told():
            return str(blob.upload_blob(data, **extra)["etag"])

    def get(
        self, key: str, start: int | None = None, end: int | None = None, *, unless: str = ""
    ) -> bytes:
        extra: dict[str, Any] = {}
        if unless:
            extra = {"etag": unless, "match_condition": MatchConditions.IfModified}
        if start is not None:
            extra |= {"offset": start, "length": None if end is None else end - start + 1}
        with told():
            return bytes(self.client.download_blob(key, **extra).readall())

    def head(self, key: str) -> Info:
        with told():
            found = self.client.get_blob_client(key).get_blob_properties()
        return Info(
            found.size, found.content_settings.content_type or "", dict(found.metadata), found.etag
        )

    def delete(self, key: str) -> None:
        with told():
            self.client.delete_blob(key)

    def pages(
        self, prefix: str = "", delimiter: str = "", size: int | None = None
    ) -> list[list[str]]:
        begins = prefix or None
        with told():
            if delimiter:
                walk: Any = self.client.walk_blobs(
                    begins, delimiter=delimiter, results_per_page=size
                )
            else:
                walk = self.client.list_blobs(begins, results_per_page=size)
            return [[one.name for one in page] for page in walk.by_page()]

    def sign(self, key: str, seconds: int = 60, method: str = "GET") -> str:
        writes = method == "PUT"
        may = BlobSasPermissions(read=not writes, write=writes, create=writes)
        account = self.service.account_name
        assert account is not None
        token = generate_blob_sas(
            account, self.name, key, account_key=self.key, permission=may,
            expiry=datetime.now(UTC) + timedelta(seconds=seconds),
        )
        return f"{self.client.get_blob_client(key).url}?{token}"

    def copy(self, source: str, target: str) -> None:
        url = self.client.get_blob_client(source).url
        with told():
            self.client.get_blob_client(target).start_copy_from_url(url)

    def upload(self, key: str, pieces: Sequence[bytes], *, finish: bool = True) -> None:
        blob = self.client.get_blob_client(key)
        with told():
            names = [f"{number:06}" for number, _ in enumerate(pieces)]
            for name, data in zip(names, pieces, strict=True):
                blob.stage_block(name, data)
            if finish:
                blob.commit_block_list(names)  # type: ignore[arg-type]

    def pieces(self) -> list[bytes]:
        return [b"a" * 1000, b"b" * 1000, b"end"]


@contextmanager
def site(text: str, key: str, lists: Callable[[], int] | None) -> Iterator[Any]:
    """Run the makers of an account's things: containers, queues, tables."""
    import itertools
    import os

    from azure.data.tables import TableServiceClient
    from azure.storage.queue import QueueServiceClient

    from tests.infra.contract.targets import Site

    number = itertools.count()
    with (
        BlobServiceClient.from_connection_string(text, retry_total=0) as blobs,
        QueueServiceClient.from_connection_string(text, retry_total=0) as queues,
        TableServiceClient.from_connection_string(text, retry_total=0) as tables,
    ):

        def name() -> str:
            return f"contract{os.getpid()}x{next(number)}"

        def container() -> AzureBlobs:
            return AzureBlobs(blobs, name(), key, lists)

        yield Site({
            "blob": container, "azure blob": container,
            "queue": lambda: queues.create_queue(name()),
            "table": lambda: tables.create_table(name()),
        })  # fmt: skip
