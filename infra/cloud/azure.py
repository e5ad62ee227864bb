"""Private Azure Storage for checks: one fresh Azurite per call, gone when the block ends.

    with private_azure(work.listen(10000), work.listen(10001), work.listen(10002)) as azure:
        work.env |= azure.env()
        ...
        lists = [call for call in azure.log if call.operation == "ListBlobs"]

The learner reaches the sockets that were handed in; our forwarder behind them writes the log.
Limit: see docs/reference/cloud-targets.md; the clock cannot be moved.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

from infra.cloud import azure_engine, log
from infra.cloud.azure_engine import SERVICES
from infra.cloud.log import LoggedCall
from infra.cloud.process import Branch, CloudError, branch, loopback

ACCOUNT = "ladder"
ORDERS = {"log", "usage", "ready", "stop"}
API = "2023-11-03"


def new_key() -> str:
    """Return a random account key."""
    return base64.b64encode(secrets.token_bytes(64)).decode()


def connection_string(urls: dict[str, str], account: str, key: str) -> str:
    """Return what Azure's clients take as AZURE_STORAGE_CONNECTION_STRING."""
    ends = "".join(f"{name.title()}Endpoint={url}/{account};" for name, url in urls.items())
    return f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};{ends}"


class Azure:
    """One running Azure Storage: the judge's clients, the learner's variables, the call log.

    `account` and `key` are the learner's; `urls` lead to its listeners, by service.
    """

    def __init__(
        self, child: Branch, urls: dict[str, str], judge_urls: dict[str, str],
        keys: tuple[str, str],
    ) -> None:
        self._child = child
        self._judge_urls = judge_urls
        self._judge_key = keys[1]
        self.urls = urls
        self.account = ACCOUNT
        self.key = keys[0]

    def env(self) -> dict[str, str]:
        """Return the variables that lead Azure's clients here."""
        return environment(self.urls, self.account, self.key)

    def client(self, service: str = "blob") -> Any:
        """Return the judge's client of a service: "blob", "queue" or "table"; it never retries."""
        text = connection_string(self._judge_urls, self.account, self._judge_key)
        return client(service, text)

    def container(self, name: str) -> str:
        """Make a container and return its name."""
        with self.client("blob") as blobs:
            blobs.create_container(name)
        return name

    @property
    def log(self) -> list[LoggedCall]:
        """Every call so far, in order of arrival; `detail` is the HTTP method."""
        return log.loads(self._child.ask("log", since=0))

    def log_since(self, number: int) -> list[LoggedCall]:
        """Return the calls from a number on."""
        return log.loads(self._child.ask("log", since=number))

    def alive(self) -> bool:
        """Whether the emulator runs."""
        return self._child.alive()

    def usage(self) -> dict[str, float]:
        """Return CPU seconds of our forwarder since its start."""
        found: dict[str, float] = self._child.ask("usage")
        return found


class _Service:
    """The inside of the emulator's process: Azurite, and the forwarder before it."""

    def __init__(self, process: Any, sockets: Path) -> None:
        from infra.cloud.azure_forwarder import Forwarder

        self.process = process
        self.records = log.CallLog()
        self.forwarders = {
            name: Forwarder(name, sockets / name, self.records) for name in SERVICES
        }
        self.started = time.process_time()

    def listen(
        self, learners: dict[str, socket.socket], judges: dict[str, socket.socket]
    ) -> None:
        """Serve on every socket; end when Azurite does."""
        from infra.cloud.server import Listener

        for name, forwarder in self.forwarders.items():
            Listener(judges[name], partial(forwarder.handle, judge=True)).start()
            if name in learners:
                Listener(learners[name], forwarder.handle).start()
        threading.Thread(target=self._mourn, daemon=True).start()

    def _mourn(self) -> None:
        self.process.wait()
        os._exit(1)

    def do(self, what: str, **arguments: Any) -> Any:
        """Carry out one order of the parent."""
        if what not in ORDERS:
            raise ValueError(f"there is no order {what!r}")
        return getattr(self, what)(**arguments)

    def ready(self) -> bool:
        """Say that it serves."""
        return True

    def stop(self) -> None:
        """End Azurite, and take its sockets away."""
        self.process.stdin.close()
        self.process.wait(10)

    def log(self, since: int) -> list[dict[str, object]]:
        """Return log records from a number on."""
        return self.records.since(since)

    def usage(self) -> dict[str, float]:
        """Return CPU seconds since the fork."""
        return {"cpu": time.process_time() - self.started}


def environment(urls: dict[str, str], account: str, key: str) -> dict[str, str]:
    """Return the variables that lead clients of Azure Storage to these endpoints."""
    return {
        "AZURE_STORAGE_CONNECTION_STRING": connection_string(urls, account, key),
        "AZURE_STORAGE_ACCOUNT": account,
        "AZURE_STORAGE_KEY": key,
    }


def client(service: str, text: str, **config: Any) -> Any:
    """Return one of Azure's own clients for a connection string; it never retries by itself."""
    try:
        if service == "blob":
            from azure.storage.blob import BlobServiceClient as Client
        elif service == "queue":
            from azure.storage.queue import QueueServiceClient as Client  # type: ignore[assignment]
        else:
            from azure.data.tables import TableServiceClient as Client  # type: ignore[assignment]
    except ImportError as error:
        raise CloudError(
            f"Azure's clients are not installed ({error}):"
            ' .venv/bin/pip install -c constraints.txt -e ".[azure]"'
        ) from None
    config = {"retry_total": 0, **config}
    return Client.from_connection_string(text, **config)


@contextlib.contextmanager
def private_azure(
    blob: socket.socket, queue: socket.socket | None = None, table: socket.socket | None = None,
    *, key: str = "", folder: Path | None = None,
) -> Iterator[Azure]:
    """Run one fresh Azure Storage on listening sockets, which may lie in another network namespace.

    key: the learner's account key in place of a fresh one. folder: where Azurite is installed, so
    that a judge that cannot install finds it. Its processes end with the block, and with this one
    whatever happens to it. Raises Lacking when node or npm is missing.
    """
    where = folder or azure_engine.installed()
    keys = (key or new_key(), new_key())
    given = zip(SERVICES, (blob, queue, table), strict=True)
    learners = {name: one for name, one in given if one is not None}
    with contextlib.ExitStack() as stack:
        sockets = stack.enter_context(_folder())
        judges = {name: stack.enter_context(loopback()) for name in SERVICES}
        judge_urls = {name: _url(one) for name, one in judges.items()}
        hosts = [_url(one).removeprefix("http://") for one in (blob, judges["blob"])]

        def start() -> _Service:
            accounts = f"{ACCOUNT}:{keys[0]}:{keys[1]}"
            service = _Service(azure_engine.start(where, sockets, accounts, hosts), sockets)
            service.listen(learners, judges)
            return service

        child = branch([*learners.values(), *judges.values()], start)
        stack.callback(_end, child)
        for one in judges.values():
            one.close()
        _started(child, judge_urls["blob"], keys[1])
        yield Azure(child, {name: _url(one) for name, one in learners.items()}, judge_urls, keys)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Hold an empty folder; Azurite removes it first where it can."""
    path = Path(tempfile.mkdtemp(prefix="ladder-azure-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _end(child: Branch) -> None:
    with contextlib.suppress(CloudError):  # it has ended by itself
        child.ask("stop")
    child.close()


def _started(child: Branch, url: str, key: str) -> None:
    try:
        child.ask("ready")
    except CloudError:
        raise CloudError("Azurite did not start; what it said stands above") from None
    probe(url, key)


def probe(url: str, key: str, account: str = ACCOUNT) -> None:
    """Make one real, signed call: list the containers. "Healthy" means that it worked."""
    import http.client

    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": API}
    lines = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    text = f"GET{chr(10) * 12}{lines}/{account}/{account}\ncomp:list"
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    headers["authorization"] = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", f"/{account}?comp=list", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    except OSError as error:
        raise CloudError(f"the emulated Azure Storage did not answer: {error}") from None
    finally:
        connection.close()
    if answer.status != 200 or b"EnumerationResults" not in body:
        raise CloudError(f"the emulated Azure Storage answered {answer.status} to a real call")


__all__ = ["Azure", "private_azure"]
