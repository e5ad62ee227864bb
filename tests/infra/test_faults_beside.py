"""The seam before Azure Storage and Cloud Storage: their own clients meet their own errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from infra.cloud.faults import Seam, faults
from infra.cloud.fixtures import loopback
from infra.cloud.log import LoggedCall
from tests.infra.contract.targets import Azurite, Google

HERE = [one.name for one in (Azurite(), Google()) if not one.lacking()]


@dataclass
class Store:
    """A store of blobs behind a seam, in the words of its own client."""

    seam: Seam
    log: Callable[[], list[LoggedCall]]
    put: Callable[..., None]
    get: Callable[[str], bytes]
    operation: str
    busy: tuple[int, str]
    expired: tuple[int, str]
    error: type[Exception]
    refusal: Callable[[Any], tuple[int, str]]
    exists: tuple[int, str]
    many: int  # requests that a client makes to be told once that its credentials have expired

    def puts(self) -> int:
        """How many puts the engine has served."""
        names = {"PutBlob", "storage.objects.insert"}
        return sum(call.operation in names and call.by == "learner" for call in self.log())


@contextmanager
def azure() -> Iterator[Store]:
    """Azurite, and azure-storage-blob with three retries and no waiting."""
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobServiceClient, LinearRetry

    from infra.cloud.azure import connection_string, private_azure

    with ExitStack() as stack:
        cloud = stack.enter_context(private_azure(stack.enter_context(loopback())))
        cloud.container("larder")
        address = _address(cloud.urls["blob"])
        seam = stack.enter_context(faults(address, cloud="azure", service="blob"))
        text = connection_string({"blob": seam.url}, cloud.account, cloud.key)

        def blob(key: str, tries: int) -> Any:
            retry = LinearRetry(backoff=0, retry_total=tries - 1, random_jitter_range=0)
            client = stack.enter_context(
                BlobServiceClient.from_connection_string(text, retry_policy=retry)
            )
            return client.get_blob_client("larder", key)

        yield Store(
            seam, lambda: cloud.log,
            lambda key, tries=4: blob(key, tries).upload_blob(b"x" * 1000),
            lambda key: bytes(blob(key, 4).download_blob().readall()),
            "PutBlob", (503, "ServerBusy"), (403, "AuthenticationFailed"),
            HttpResponseError,
            lambda error: (error.status_code, error.response.headers["x-ms-error-code"]),
            (409, "BlobAlreadyExists"), 1,
        )


@contextmanager
def gcp() -> Iterator[Store]:
    """The emulated Cloud Storage, and google-cloud-storage with retries and no waiting."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.cloud.storage import Client
    from google.cloud.storage.retry import DEFAULT_RETRY
    from google.oauth2 import service_account

    from infra.cloud.gcs import private_gcs

    with ExitStack() as stack:
        cloud = stack.enter_context(private_gcs(stack.enter_context(loopback())))
        cloud.bucket("larder")
        account = cloud.account("ada")
        fields = {**account.fields, "token_uri": f"{cloud.url}/token"}
        who = service_account.Credentials.from_service_account_info(fields)
        seam = stack.enter_context(faults(_address(cloud.url), cloud="gcp"))
        client = stack.enter_context(
            Client("ladder", who, client_options={"api_endpoint": seam.url})
        )
        again = DEFAULT_RETRY.with_delay(initial=0.001, maximum=0.001).with_timeout(60)

        def put(key: str, tries: int = 4) -> None:
            client.bucket("larder").blob(key).upload_from_string(
                b"x" * 1000, if_generation_match=0, retry=again if tries > 1 else None
            )

        yield Store(
            seam, lambda: cloud.log, put,
            lambda key: bytes(client.bucket("larder").blob(key).download_as_bytes(retry=again)),
            "storage.objects.insert", (429, "rateLimitExceeded"), (401, "authError"),
            GoogleAPICallError,
            lambda error: (error.code, error.response.json()["error"]["errors"][0]["reason"]),
            (412, "conditionNotMet"), 3,
        )


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


@pytest.fixture(params=HERE)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store of each cloud that is installed here."""
    with {"azure": azure, "gcp": gcp}[request.param]() as made:
        yield made


def rule(store: Store, text: str) -> str:
    return f"[[rule]]\noperation = '{store.operation}'\n{text}"


def test_what_is_signed_stays_valid_on_the_way(store: Store) -> None:
    store.put("a")
    assert store.get("a") == b"x" * 1000
    assert store.seam.log == []
    assert store.puts() == 1


def test_a_throttled_put_is_tried_again(store: Store) -> None:
    store.seam.switch(rule(store, "fault = 'throttle'\nfirst = 2"))
    store.put("a")
    assert [(i.operation, i.status, i.code) for i in store.seam.log] == [
        (store.operation, *store.busy)] * 2
    assert all(i.key.startswith("larder") for i in store.seam.log)
    assert store.puts() == 1


def test_the_client_reads_the_code_when_it_gives_up(store: Store) -> None:
    store.seam.switch(rule(store, "fault = 'throttle'"))
    with pytest.raises(store.error) as caught:
        store.put("a", tries=1)
    assert store.refusal(caught.value) == store.busy
    assert store.puts() == 0


def test_expired_credentials_are_no_reason_to_go_on(store: Store) -> None:
    store.seam.switch(rule(store, "fault = 'expired'"))
    with pytest.raises(store.error) as caught:
        store.put("a")
    assert store.refusal(caught.value) == store.expired
    assert len(store.seam.log) == store.many
    assert store.puts() == 0


def test_a_connection_lost_before_the_work_is_tried_again(store: Store) -> None:
    store.seam.switch(rule(store, "fault = 'drop'\nfirst = 1"))
    store.put("a")
    assert [i.when for i in store.seam.log] == ["before"]
    assert store.puts() == 1


def test_a_connection_lost_after_the_work_meets_what_it_did(store: Store) -> None:
    """The put had worked; told so by nobody, the client tries again and is refused."""
    store.seam.switch(rule(store, "fault = 'drop'\nwhen = 'after'\nfirst = 1"))
    with pytest.raises(store.error) as caught:
        store.put("a")
    assert store.refusal(caught.value)[0] == store.exists[0]
    assert [i.when for i in store.seam.log] == ["after"]
    assert store.puts() == 2
    assert store.get("a") == b"x" * 1000
