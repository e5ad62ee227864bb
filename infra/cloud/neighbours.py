"""Azure Storage and Google Cloud Storage on the desk, beside the embedded cloud.

They live in the process that holds its lock. Addresses and keys stay over restarts and resets;
what was stored does not. Limit: on plain HTTP, loopback only; one account each.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.desk import DeskError, Folder, listen
from infra.cloud.process import CloudError

PORTS = {"azure": ("blob", 10000), "gcp": ("storage", 4443)}
GCP_KEY = "gcp.json"
ENOUGH = 1 << 50  # a learner's own memory is the limit here
Urls = dict[str, dict[str, str]]


def chosen(text: str) -> tuple[str, ...]:
    """Return the clouds that `--with` names, in our order; raise DeskError for any other."""
    named = [name.strip() for name in text.split(",") if name.strip()]
    for name in named:
        if name not in PORTS:
            raise DeskError(
                f"there is no cloud {name!r} to have beside it, only {' and '.join(PORTS)}",
                "./ladder cloud up --with azure,gcp", code=2,
            )
    return tuple(name for name in PORTS if name in named)


def prepare(names: Sequence[str], say: Callable[[str], object]) -> None:
    """See that what these clouds need is installed; installs Azurite. Raises DeskError."""
    from infra.cloud import azure_engine, gcs

    try:
        if "azure" in names and not azure_engine.is_installed():
            why = azure_engine.present()
            if why:
                raise azure_engine.Lacking(why)
            say("Installing the Azure emulator from npm, once (61 MB) ...")
            azure_engine.installed()
        if "gcp" in names:
            gcs.ready()
    except azure_engine.Lacking as lacking:
        again = "./ladder cloud up --with azure, once it is there"
        raise DeskError(str(lacking), again, 2) from None
    except CloudError as error:
        raise DeskError(str(error), f"./ladder cloud up --with {','.join(names)}") from None


@dataclass
class Neighbours:
    """Listeners that stay, and the clouds that run behind them for now."""

    folder: Folder
    sockets: dict[str, dict[str, socket.socket]]
    alive: dict[str, Callable[[], bool]] = field(default_factory=dict)
    stacks: dict[str, ExitStack] = field(default_factory=dict)

    @property
    def urls(self) -> Urls:
        """Where each service of each cloud answers."""
        return {
            name: {
                service: f"http://127.0.0.1:{one.getsockname()[1]}"
                for service, one in sockets.items()
            }
            for name, sockets in self.sockets.items()
        }

    def start(self) -> None:
        """Start every cloud that does not run, fresh and empty."""
        for name in self.sockets:
            if name not in self.alive or not self.alive[name]():
                self.stop(name)
                stack = self.stacks[name] = ExitStack()
                run = self._azure if name == "azure" else self._gcp
                self.alive[name] = run(stack)

    def stop(self, *names: str) -> None:
        """End these clouds, or all."""
        for name in names or tuple(self.stacks):
            self.alive.pop(name, None)
            stack = self.stacks.pop(name, None)
            if stack is not None:
                stack.close()

    def _azure(self, stack: ExitStack) -> Callable[[], bool]:
        from infra.cloud.azure import private_azure

        sockets, key = self.sockets["azure"], azure_key(self.folder)
        azure = stack.enter_context(
            private_azure(sockets["blob"], sockets["queue"], sockets["table"], key=key)
        )
        return azure.alive

    def _gcp(self, stack: ExitStack) -> Callable[[], bool]:
        from infra.cloud.gcs import private_gcs

        gcs = stack.enter_context(private_gcs(self.sockets["gcp"]["storage"]))
        gcs.quota(ENOUGH)
        kept = self.folder.read(GCP_KEY)
        pem = kept.get("private_key", "") if isinstance(kept, dict) else ""
        self.folder.write(GCP_KEY, gcs.key_file(gcs.account("desk", pem=pem)))
        return gcs.alive


def azure_key(folder: Folder) -> str:
    """Return the desk's account key: random, made once, kept over restarts."""
    from infra.cloud.azure import new_key

    kept = folder.read("azure.json")
    if not isinstance(kept, dict) or not isinstance(kept.get("key"), str):
        kept = {"key": new_key()}
        folder.write("azure.json", json.dumps(kept))
    return str(kept["key"])


@contextmanager
def neighbours(folder: Folder, names: Sequence[str]) -> Iterator[Neighbours]:
    """Hold the ports of these clouds while the block runs, and whatever was started there."""
    with ExitStack() as stack:
        sockets: dict[str, dict[str, socket.socket]] = {}
        for name in names:
            first, port = PORTS[name]
            services = ("blob", "queue", "table") if name == "azure" else (first,)
            sockets[name] = {}
            for service in services:
                made = sockets[name][service] = stack.enter_context(listen(port))
                port = made.getsockname()[1] + 1
        found = Neighbours(folder, sockets)
        stack.callback(found.stop)
        yield found


def environment(folder: Folder, urls: Urls) -> dict[str, str]:
    """Return the variables that lead the clouds' own clients to these addresses."""
    from infra.cloud import azure, gcs

    found: dict[str, str] = {}
    if "azure" in urls:
        found |= azure.environment(urls["azure"], azure.ACCOUNT, azure_key(folder))
    if "gcp" in urls:
        path = str((folder.path / GCP_KEY).resolve())
        found |= gcs.environment(urls["gcp"]["storage"], path)
    return found


def works(folder: Folder, urls: Urls) -> None:
    """Make one real call to each cloud with the desk's keys, or raise DeskError."""
    from infra.cloud import azure

    try:
        if "azure" in urls:
            azure.probe(urls["azure"]["blob"], azure_key(folder))
        if "gcp" in urls:
            _google(folder, urls).close()
    except CloudError as error:
        raise DeskError(str(error), "./ladder cloud reset") from None


def _google(folder: Folder, urls: Urls) -> Any:
    """Return a client with the desk's key file, after one call."""
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.exceptions import GoogleCloudError
    from google.cloud.storage import Client

    from infra.cloud.gcs import credentials

    fields = folder.read(GCP_KEY)
    if not isinstance(fields, dict):
        raise CloudError(f"{folder.path / GCP_KEY} is not there, or is no key file")
    options = {"api_endpoint": urls["gcp"]["storage"]}
    client = Client(fields["project_id"], credentials(fields), client_options=options)
    try:
        list(client.list_buckets(max_results=1, timeout=20, retry=None))
    except (GoogleCloudError, GoogleAuthError, OSError) as error:
        client.close()
        raise CloudError(f"the emulated Cloud Storage does not answer: {error}") from None
    return client


def examine(folder: Folder, urls: Urls) -> Iterator[tuple[str, str, Callable[[], None]]]:
    """Yield what a doctor tries of these clouds: service, deed, and the call that does it."""
    if "azure" in urls:
        yield "azure blob", "made a container, put, got and deleted a blob", lambda: _blob(
            folder, urls
        )
        yield "azure queue", "made a queue, sent and received", lambda: _queue(folder, urls)
        yield "azure table", "made a table, wrote and read", lambda: _table(folder, urls)
    if "gcp" in urls:
        yield "gcp storage", "bought a token, made a bucket, put, got, deleted", lambda: _bucket(
            folder, urls
        )


def _client(folder: Folder, urls: Urls, service: str) -> Any:
    from infra.cloud.azure import ACCOUNT, client, connection_string

    return client(service, connection_string(urls["azure"], ACCOUNT, azure_key(folder)))


def _name() -> str:
    import secrets

    return f"doctor{secrets.token_hex(6)}"


def _blob(folder: Folder, urls: Urls) -> None:
    with _client(folder, urls, "blob") as client:
        container = client.create_container(_name())
        try:
            container.upload_blob("k", b"pulse")
            _must(container.download_blob("k").readall() == b"pulse", "other bytes")
            container.delete_blob("k")
        finally:
            container.delete_container()


def _queue(folder: Folder, urls: Urls) -> None:
    with _client(folder, urls, "queue") as client:
        queue = client.create_queue(_name())
        try:
            queue.send_message("pulse")
            _must([m.content for m in queue.receive_messages()] == ["pulse"], "other messages")
        finally:
            queue.delete_queue()


def _table(folder: Folder, urls: Urls) -> None:
    with _client(folder, urls, "table") as client:
        table = client.create_table(_name())
        try:
            table.create_entity({"PartitionKey": "p", "RowKey": "r", "n": 1})
            _must(table.get_entity("p", "r")["n"] == 1, "another entity")
        finally:
            table.delete_table()


def _bucket(folder: Folder, urls: Urls) -> None:
    with _google(folder, urls) as client:
        bucket = client.create_bucket(_name())
        try:
            blob = bucket.blob("k")
            blob.upload_from_string(b"pulse")
            _must(blob.download_as_bytes() == b"pulse", "other bytes")
            blob.delete()
        finally:
            bucket.delete()


def _must(holds: bool, wrong: str) -> None:
    if not holds:
        raise RuntimeError(wrong)
