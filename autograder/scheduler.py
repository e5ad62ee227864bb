"""The way to a Dask scheduler: its address, TLS, its workers. Sends no jobs.

What Dask demands: whoever can connect to a scheduler or a worker can run any code there, and a
scheduler or a worker can run any code in this process, because Dask itself speaks pickle. Hence
mutual TLS off loopback, or nothing; whoever has a certificate of that CA is trusted wholly. On
loopback without TLS, every user of this machine is.
"""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from autograder.errors import GraderError, UsageError

if TYPE_CHECKING:
    from distributed import Client, Security

PATIENCE = 60.0  # seconds without any worker until the run ends
CONNECT = 15  # seconds until a scheduler that does not answer is not there
MAX_GRAPH = 1 << 30  # bytes of a job of which Dask need not warn
FILES = ("ca.pem", "cert.pem", "key.pem")
SETTINGS = ("ca-file", "client.cert", "client.key")  # Dask's names, in distributed.comm.tls
PAGE = "see docs/instructors/dask.md"


@dataclass(frozen=True)
class Farm:
    """A scheduler's address and the folder of `FILES`; without one, Dask's own settings are used.

    patience: seconds without any worker until the run ends.
    """

    address: str
    certificates: Path | None = None
    patience: float = PATIENCE


@contextmanager
def connected(farm: Farm) -> Iterator[Client]:
    """Give a client of the scheduler. Raises UsageError when it is not safe or not there."""
    security = secured(farm)
    import dask
    from distributed import Client

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": MAX_GRAPH}):
        try:
            client = Client(
                farm.address, security=security, timeout=CONNECT, set_as_default=False,
                direct_to_workers=False,
            )  # fmt: skip
        except OSError as error:
            raise UsageError(
                f"no scheduler answers: {error}",
                farm.address,
                f"dask scheduler --host 127.0.0.1    or {PAGE}",
            ) from error
        with client:
            yield client


def start(farm: Farm) -> str:
    """Return what to type for a worker."""
    tls = " --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem"
    return f"dask worker {farm.address} --nthreads 1" + ("" if _plain(farm) else tls)


def wait(client: Client, farm: Farm) -> None:
    """Wait for the first worker. Raises GraderError when none comes."""
    try:
        client.wait_for_workers(1, timeout=farm.patience)
    except TimeoutError:
        raise deserted(farm) from None
    crew(client, farm)


def deserted(farm: Farm) -> GraderError:
    """Return what is said when there is nobody to judge."""
    return GraderError(
        f"no worker has been there for {farm.patience:g} s",
        farm.address,
        f"{start(farm)}    and then the same command again",
    )


@contextmanager
def gone(farm: Farm) -> Iterator[None]:
    """Turn what Dask raises when the connection is lost into one sentence."""
    try:
        yield
    except (OSError, CancelledError) as error:
        raise GraderError(
            f"the scheduler went away ({type(error).__name__})",
            farm.address,
            "start it and its workers, then the same command again: what is graded is kept",
        ) from error


def crew(client: Client, farm: Farm) -> dict[str, int]:
    """Return the threads of each worker. Raises UsageError for one that talks in clear."""
    threads: dict[str, int] = client.nthreads()
    for address in threads:
        if not address.startswith("tls://") and not (_plain(farm) and loopback(address)):
            raise UsageError(
                "this worker takes jobs over the network in clear",
                address,
                "start scheduler and workers with tls:// and certificates",
            )
    return threads


def _plain(farm: Farm) -> bool:
    return farm.address.startswith("tcp://")


def loopback(address: str) -> bool:
    """Tell whether an address is one of this machine's own loopback."""
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secured(farm: Farm) -> Security | None:
    """Return what the connection is secured with; None on loopback without TLS.

    Raises UsageError for another machine without TLS, or without all three of its files.
    """
    from distributed import Security

    if _plain(farm) and loopback(farm.address) and farm.certificates is None:
        return None
    if not farm.address.startswith("tls://"):
        raise UsageError(
            "jobs would cross the network in clear, and anybody could join",
            farm.address,
            f"--scheduler tls://HOST:PORT --certificates FOLDER    {PAGE}",
        )
    ca, cert, key = _files(farm)
    return Security(
        require_encryption=True, tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key
    )


def _files(farm: Farm) -> list[str]:
    """Return the files of CA, certificate and key. Raises UsageError for what is missing."""
    import dask

    folder = farm.certificates
    given = [
        str(folder / name) if folder else dask.config.get(f"distributed.comm.tls.{setting}")
        for name, setting in zip(FILES, SETTINGS, strict=True)
    ]
    for name, path in zip(FILES, given, strict=True):
        if not path or not Path(path).is_file():
            raise UsageError(
                f"{name} is missing: TLS here has a CA, a certificate and a key",
                str(path or farm.address),
                "--certificates FOLDER with " + ", ".join(FILES),
            )
    if stat.S_IMODE(Path(given[2]).stat().st_mode) & 0o077:
        raise UsageError("others may read the key", given[2], f"chmod 600 {given[2]}")
    return given
