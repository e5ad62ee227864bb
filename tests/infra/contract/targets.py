"""The targets that the contract is tried on. To add one: a class, and its name in TARGETS.

A target that cannot run here says why in `lacking`; its column of the table stays as it is.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

Maker = Callable[[], Any]  # a fresh thing for one case


@dataclass(frozen=True)
class Site:
    """A target that runs: what makes the things that cases of a kind are tried on."""

    makers: dict[str, Maker]


class Target(Protocol):
    """One cloud or engine. family: "aws", "azure" or "gcp". alone: needs more than Python."""

    name: str
    family: str
    alone: bool

    def lacking(self) -> str:
        """Return why it cannot run here, or ""."""

    def engine(self) -> str:
        """Return what serves it, with its version."""

    def run(self) -> AbstractContextManager[Site]:
        """Run it."""


@dataclass
class Embedded:
    """The embedded cloud's AWS, behind the front door."""

    name: str = "embedded"
    family: str = "aws"
    alone: bool = False

    def lacking(self) -> str:
        """Nothing: the group `cloud` is there."""
        return ""

    def engine(self) -> str:
        """moto, and our door."""
        return f"moto {version('moto')} behind the front door"

    @contextmanager
    def run(self) -> Iterator[Site]:
        """Run a private cloud; the cases act as an administrator."""
        from infra.cloud.fixtures import Identity, client, loopback, private_cloud

        with loopback() as listener, private_cloud(listener) as cloud:
            all_of_it = "arn:aws:iam::aws:policy/AdministratorAccess"
            who = cloud.identity("contract", managed=[all_of_it])

            def make(service: str, key_id: str = who.key_id, secret: str = who.secret) -> Any:
                return client(service, cloud.url, Identity("", key_id, secret), cloud.region)

            def lists() -> int:
                return sum(call.operation.startswith("ListObjects") for call in cloud.log)

            yield aws_site(make, cloud.region, lists)


@dataclass
class LocalStack:
    """LocalStack's core in host mode."""

    name: str = "localstack"
    family: str = "aws"
    alone: bool = True

    def lacking(self) -> str:
        """Its environment, until somebody has asked for it."""
        from infra.cli import localstack
        from infra.cloud.localstack import ENVIRONMENT

        there = ENVIRONMENT.ready(localstack.venv())
        return "" if there else "not installed; ladder cloud up --on localstack"

    def engine(self) -> str:
        """Itself, as shipped."""
        from infra.cloud.localstack import VERSION

        return f"localstack-core {VERSION} in host mode"

    @contextmanager
    def run(self) -> Iterator[Site]:
        """Run one in a folder of its own; it looks at no key, so the cases act as anybody."""
        from infra.cli import background, localstack
        from infra.cloud.desk import Folder
        from infra.cloud.localstack import server

        with TemporaryDirectory() as path:
            folder = Folder(Path(path))
            words = [path, str(localstack.venv()), "4599"]
            found = background.start(folder, "infra.cloud.localstack.server", words, "")
            try:
                yield aws_site(localstack.clients(found), found.region)
            finally:
                background.end(folder, found.pid)
                server.sweep(folder)


@dataclass(frozen=True)
class Services:
    """One account: its clients, clients with other keys, and a number that no other case has."""

    client: Callable[[str], Any]
    make: Callable[..., Any]
    number: int


def aws_site(
    make: Callable[..., Any], region: str, lists: Callable[[], int] | None = None
) -> Site:
    """Return a site of AWS services: for any AWS target.

    make: returns a boto3 client of a service, as an administrator or with these keys. lists:
    counts the ListObjects calls that have reached the target, where that can be told.
    """
    from tests.infra.contract.aws import S3Blobs

    number, s3 = itertools.count(), make("s3")
    place: dict[str, Any] = {}
    if region != "us-east-1":
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    made: dict[str, Any] = {}

    def one(service: str) -> Any:
        return made.setdefault(service, make(service))

    def blobs() -> S3Blobs:
        return S3Blobs(s3, f"contract-{os.getpid()}-{next(number)}", place, lists)

    def services() -> Services:
        return Services(one, make, next(number))

    return Site({"blob": blobs, "s3": blobs, "aws": services})


@dataclass
class Google:
    """The emulated Google Cloud Storage."""

    name: str = "gcp"
    family: str = "gcp"
    alone: bool = False

    def lacking(self) -> str:
        """The group `gcp`, where it is not installed."""
        return _packages("gcp-storage-emulator", "google-cloud-storage")

    def engine(self) -> str:
        """The emulator, and our door."""
        return f"gcp-storage-emulator {version('gcp-storage-emulator')} behind the front door"

    @contextmanager
    def run(self) -> Iterator[Site]:
        """Run a private store; the cases act as an account, by way of its key file."""
        from google.cloud.storage import Client

        from infra.cloud.gcs import credentials, loopback, private_gcs
        from tests.infra.contract.gcp import GcsBlobs

        with loopback() as listener, private_gcs(listener) as gcs:
            account, number = gcs.account("contract"), itertools.count()
            who = credentials({**account.fields, "token_uri": f"{gcs.url}/token"})
            options = {"api_endpoint": gcs.url}

            def lists() -> int:
                return sum(call.operation == "storage.objects.list" for call in gcs.log)

            with Client("contract", who, client_options=options) as client:

                def blobs() -> GcsBlobs:
                    return GcsBlobs(client, f"contract-{os.getpid()}-{next(number)}", lists)

                yield Site({"blob": blobs, "gcs": blobs})


@dataclass
class Azurite:
    """The emulated Azure Storage."""

    name: str = "azure"
    family: str = "azure"
    alone: bool = True

    def lacking(self) -> str:
        """Node, npm or the group `azure`, where they are not installed."""
        from infra.cloud import azure_engine

        return azure_engine.present() or _packages(
            "azure-storage-blob", "azure-storage-queue", "azure-data-tables"
        )

    def engine(self) -> str:
        """Azurite, and our forwarder."""
        from infra.cloud import azure_engine

        return f"Azurite {azure_engine.version()} behind the forwarder"

    @contextmanager
    def run(self) -> Iterator[Site]:
        """Run a private one; the cases act with the learner's account key."""
        from infra.cloud.azure import connection_string, loopback, private_azure
        from tests.infra.contract.azure import site

        with ExitStack() as stack:
            sockets = [stack.enter_context(loopback()) for _ in range(3)]
            azure = stack.enter_context(private_azure(*sockets))

            def lists() -> int:
                return sum(call.operation == "ListBlobs" for call in azure.log)

            text = connection_string(azure.urls, azure.account, azure.key)
            yield stack.enter_context(site(text, azure.key, lists))


def _packages(*names: str) -> str:
    for name in names:
        try:
            version(name)
        except PackageNotFoundError:
            return f"{name} is not installed"
    return ""


TARGETS: tuple[Target, ...] = (Embedded(), LocalStack(), Google(), Azurite())
