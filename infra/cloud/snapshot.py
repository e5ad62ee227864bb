"""A cloud's state in a file: saved whole, loaded without calling anything that the file names.

Kept is what the engine holds of the services in `KEPT`, and what each service of `registry` says
itself (`hold`); after a load each sets its clocks again and says what has ended (`revive`).
Limit: sessions of roles, events under way, executions, the call log and the bill begin anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch, registry
from infra.cloud.pickles import NAMES, Place, Reader, Unreadable, Writer

if TYPE_CHECKING:
    from infra.cloud.door import Door
    from infra.cloud.inside import Inside

KEPT = (
    "s3", "iam", "kms", "secretsmanager", "sqs", "dynamodb", "sns", "ssm", "logs", "cloudwatch",
    "glue", "ecr", "kinesis", "events", "scheduler", "lambda", "firehose", "budgets",
    "organizations", "sagemaker",
)  # fmt: skip
PAUSE = 0.5  # seconds between two looks
SHARE = 20  # a save that took a second is followed by as many without one
OWN = "own"  # in place of a region: what a service holds itself


def _backends(service: str) -> Any:
    if service not in KEPT:
        raise Unreadable(f"it tells of {service}, which is not kept")
    dispatch.backend(service)  # loads and mends it
    return _all(service)[dispatch.ACCOUNT]


def _all(service: str) -> Any:
    from moto import backends

    found: Any = backends.get_backend(service)  # type: ignore[call-overload]
    return found


def _held(inside: Inside) -> Iterator[tuple[Place, Any]]:
    """Yield what each back end that was used holds, and each service of our own."""
    folders = {service: folder for folder, service in NAMES.items()}
    for service in KEPT:
        if f"moto.{folders.get(service, service)}.models" in sys.modules:
            for region, one in list(_all(service)[dispatch.ACCOUNT].items()):
                yield (service, region), vars(one)
    for name, served in registry.ISLANDS.items():
        if served.hold is not None:
            yield (name, OWN), served.hold(inside)


def save(inside: Inside) -> bytes:
    """Return the state of this process's cloud; nothing may change meanwhile.

    A back end that cannot be written is left out, and standard error says so.
    """
    parts = {}
    for place, held in _held(inside):
        into = io.BytesIO()
        try:
            Writer(into, KEPT).dump(held)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            print(f"not kept: {' of '.join(place)}: {error}", file=sys.stderr)
        else:
            parts[place] = into.getvalue()
    body = pickle.dumps(parts, 5)
    return _head(body) + body


def _head(body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return f"ladder cloud 1, moto {version('moto')}, {digest}\n".encode()


def load(data: bytes, inside: Inside) -> None:
    """Take a state over. Raises Unreadable, and has changed nothing then."""
    head, _, body = data.partition(b"\n")
    if head + b"\n" != _head(body):
        raise Unreadable("it is damaged, or of another version of the engine")
    try:
        parts: dict[Place, bytes] = Reader(body, _backends).load()
        found = {place: Reader(part, _backends).load() for place, part in parts.items()}
    except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, TypeError) as error:
        raise Unreadable(f"it cannot be read ({error})") from None
    own = {service: held for (service, region), held in found.items() if region == OWN}
    for (service, region), held in found.items():
        if region != OWN:
            _take(_backends(service)[region], held)
    for name in _backends("s3")["aws"].buckets:
        _all("s3").bucket_accounts[name] = ("aws", dispatch.ACCOUNT)
    for name, served in registry.ISLANDS.items():
        if served.revive is not None:
            served.revive(inside, own.get(name))


def _take(live: Any, held: dict[str, Any]) -> None:
    for name, value in held.items():
        own = vars(live).get(name)
        if isinstance(own, defaultdict) and type(value) is dict:
            own.clear()
            own.update(value)  # its factory cannot be written
        else:
            setattr(live, name, value)


class Keeper:
    """Keeps a cloud's state in a file from now on: loaded at once, saved when it has changed.

    Raises Unreadable for a file that is no state; it stays as it is then.
    """

    def __init__(self, door: Door, path: Path) -> None:
        self.door, self.path, self.calls, self.digest = door, path, -1, b""
        self.turn = threading.Lock()
        with door.lock, contextlib.suppress(FileNotFoundError):
            load(path.read_bytes(), door.inside)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        pause = PAUSE
        while True:
            time.sleep(pause)
            begun = time.monotonic()
            self.save()
            pause = max(PAUSE, SHARE * (time.monotonic() - begun))

    def save(self) -> None:
        """Save the state unless the file has it."""
        with self.turn:
            with self.door.lock:
                data = self._changed()
            if data:
                self._write(data)

    def _changed(self) -> bytes:
        calls = len(self.door.log.records) + self.door.log.dropped
        if calls == self.calls:
            return b""
        data = save(self.door.inside)
        digest = data[: data.index(b"\n")]
        known, self.digest, self.calls = self.digest, digest, calls
        return b"" if digest == known else data

    def _write(self, data: bytes) -> None:
        """Put the file in place, whole or not at all, whatever ends this process."""
        part = self.path.with_suffix(".part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)
