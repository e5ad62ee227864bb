"""Private Cloud Storage for checks: one fresh, forked store per call, gone when the block ends.

    with private_gcs(work.listen(4443)) as gcs:
        writer = gcs.account("writer", role="roles/storage.objectAdmin")
        work.write("gcp.json", gcs.key_file(writer))
        work.env |= gcs.env("gcp.json")
        ...
        lists = [call for call in gcs.log if call.operation == "storage.objects.list"]

Call `ready()` once in a parent that forks. Limit: see docs/reference/cloud-targets.md.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from infra.cloud import log
from infra.cloud.log import LoggedCall
from infra.cloud.process import Branch, CloudError, branch, loopback

ORDERS = {"account", "log", "state", "advance", "quota", "usage", "alive"}
PACKAGES = '.venv/bin/pip install -c constraints.txt -e ".[gcp]"'


@dataclass(frozen=True)
class ServiceAccount:
    """A service account as its owner has it: the fields of its key file."""

    email: str
    role: str
    fields: Mapping[str, str]


class _Service:
    """The inside of a store's process."""

    def __init__(self, root: str) -> None:
        from infra.cloud.gcs_door import GcsDoor

        self.door = GcsDoor(root)
        self.started = time.process_time()

    def listen(self, learner: socket.socket, judge: socket.socket) -> None:
        """Serve on both sockets."""
        from infra.cloud.server import Listener

        Listener(judge, partial(self.door.handle, judge=True)).start()
        Listener(learner, self.door.handle).start()

    def do(self, what: str, **arguments: Any) -> Any:
        """Carry out one order of the parent."""
        if what not in ORDERS:
            raise ValueError(f"there is no order {what!r}")
        with self.door.lock:
            return getattr(self, what)(**arguments)

    def account(self, name: str, role: str, pem: str) -> dict[str, str]:
        """Make a service account."""
        return self.door.accounts.create(name, role, pem)

    def log(self, since: int) -> list[dict[str, object]]:
        """Return log records from a number on."""
        return self.door.log.since(since)

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the objects of every bucket by name."""
        kept = self.door.store.storage
        return {bucket: kept.objects.get(bucket, {}) for bucket in kept.buckets}

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.door.clock.advance(seconds)

    def quota(self, size: int) -> None:
        """Set how many bytes may be uploaded in all."""
        self.door.quota = size

    def usage(self) -> dict[str, float]:
        """Return CPU seconds since the fork."""
        return {"cpu": time.process_time() - self.started}


class Gcs:
    """One running store: accounts, the judge's client, read-backs and the call log."""

    def __init__(self, child: Branch, url: str, judge_url: str, root: str) -> None:
        self._child = child
        self._judge_url = judge_url
        self._root = root
        self.url = url

    def account(
        self, name: str, role: str = "roles/storage.admin", *, pem: str = ""
    ) -> ServiceAccount:
        """Make a service account; `pem` is its private key in place of a fresh one."""
        fields = self._child.ask("account", name=name, role=role, pem=pem)
        return ServiceAccount(fields["client_email"], role, fields)

    def key_file(self, account: ServiceAccount) -> str:
        """Return the text of an account's key file, which leads to this store for tokens."""
        return json.dumps({**account.fields, "token_uri": f"{self.url}/token"}, indent=2)

    def env(self, path: str) -> dict[str, str]:
        """Return the variables that lead Google's clients here, with the key file at `path`."""
        return environment(self.url, path)

    def client(self, account: ServiceAccount | None = None) -> Any:
        """Return a google-cloud-storage client: the judge's own, or an account's.

        Both talk to the judge's listener; their calls are logged with by="judge".
        """
        from google.cloud.storage import Client
        from google.oauth2.credentials import Credentials

        if account is None:
            who: Any = Credentials(self._root)
        else:
            who = credentials({**account.fields, "token_uri": f"{self._judge_url}/token"})
        options = {"api_endpoint": self._judge_url}
        return Client("judge", who, client_options=options)

    def bucket(self, name: str) -> str:
        """Make a bucket and return its name."""
        with self.client() as client:
            client.create_bucket(name)
        return name

    @property
    def log(self) -> list[LoggedCall]:
        """Every call so far, in order of arrival; `detail` is the HTTP method."""
        return log.loads(self._child.ask("log", since=0))

    def log_since(self, number: int) -> list[LoggedCall]:
        """Return the calls from a number on."""
        return log.loads(self._child.ask("log", since=number))

    def state(self) -> dict[str, dict[str, Any]]:
        """Return what is stored: bucket, name, the object's resource."""
        found: dict[str, dict[str, Any]] = self._child.ask("state")
        return found

    def advance(self, seconds: float) -> None:
        """Let time pass for tokens and signed URLs."""
        self._child.ask("advance", seconds=seconds)

    def quota(self, size: int) -> None:
        """Let so many bytes be uploaded in all; 1 GiB unless told."""
        self._child.ask("quota", size=size)

    def alive(self) -> bool:
        """Whether the store's process runs."""
        return self._child.alive()

    def usage(self) -> dict[str, float]:
        """Return the store's CPU seconds since its start."""
        found: dict[str, float] = self._child.ask("usage")
        return found


def credentials(fields: Mapping[str, str]) -> Any:
    """Return Google's credentials of a key file's fields, which ask nobody but its `token_uri`.

    Google's own class also asks Google, in the background, where the account may be used.
    """
    from google.oauth2.service_account import Credentials

    class Quiet(Credentials):
        def _is_regional_access_boundary_lookup_required(self) -> bool:
            return False

    quiet: Any = Quiet
    return quiet.from_service_account_info(dict(fields))


def environment(url: str, path: str) -> dict[str, str]:
    """Return the variables that lead clients of Cloud Storage to a URL, with a key file.

    STORAGE_EMULATOR_HOST is not among them: Google's clients then send no credentials at all.
    """
    from infra.cloud.gcs_accounts import PROJECT

    return {
        "API_ENDPOINT_OVERRIDE": url,
        "GOOGLE_APPLICATION_CREDENTIALS": path,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "NO_GCE_CHECK": "true",
    }


def ready() -> None:
    """Import in the parent what every store needs, so that a fork costs milliseconds."""
    try:
        import infra.cloud.gcs_door
        import infra.cloud.server  # noqa: F401
    except ImportError as error:
        raise CloudError(f"the target gcp is not installed ({error}): {PACKAGES}") from None


@contextlib.contextmanager
def private_gcs(listener: socket.socket) -> Iterator[Gcs]:
    """Run one fresh store on a listening socket, which may lie in another network namespace.

    Its process ends with the block, and with this process whatever happens to it.
    """
    ready()
    root = secrets.token_urlsafe(32)
    with loopback() as judge:
        judge_url = address(judge)

        def start() -> _Service:
            service = _Service(root)
            service.listen(listener, judge)
            return service

        child = branch([listener, judge], start)
    try:
        probe(judge_url, root)
        yield Gcs(child, address(listener), judge_url, root)
    finally:
        child.close()


def address(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def probe(url: str, bearer: str) -> None:
    """Make one real call with a token; "healthy" means that it worked."""
    import http.client

    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request(
            "GET", "/storage/v1/b?project=probe", headers={"authorization": f"Bearer {bearer}"}
        )
        answer = connection.getresponse()
        body = answer.read()
    except OSError as error:
        raise CloudError(f"the private Cloud Storage did not answer: {error}") from None
    finally:
        connection.close()
    if answer.status != 200 or b"storage#buckets" not in body:
        raise CloudError(f"the private Cloud Storage answered {answer.status} to a real call")


__all__ = ["Gcs", "ServiceAccount", "private_gcs"]
