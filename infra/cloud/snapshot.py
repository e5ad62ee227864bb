"""A cloud's state in a file: saved whole, loaded without calling anything that the file names.

The file is a pickle of which only data are read: objects are made without their constructors, of
moto's classes and a few of Python's. Limit: what the engine holds of the services in `KEPT`; what
computes (functions, jobs, queries), stacks, sessions, the call log and the bill begin anew.
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
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from infra.cloud import dispatch

if TYPE_CHECKING:
    from infra.cloud.door import Door

KEPT = (
    "s3", "iam", "kms", "secretsmanager", "sqs", "dynamodb", "sns", "ssm", "logs", "cloudwatch",
    "glue", "ecr", "kinesis",
)  # fmt: skip
PAUSE = 0.5  # seconds between two looks
SHARE = 20  # a save that took a second is followed by as many without one
Place = tuple[str, str]


class Unreadable(Exception):
    """A file that is not this cloud's state: a sentence."""


# --- what may stand in a file ---------------------------------------------------------------------


def rebuild(name: str, *arguments: Any) -> Any:
    """Make an object of one of moto's classes, without its constructor."""
    kind = find(name)
    return kind(*arguments) if issubclass(kind, Enum) else kind.__new__(kind, *arguments)


def refill(found: Any, state: tuple[list[tuple[Any, Any]], dict[str, Any], Any]) -> None:
    """Put back what a mapping of moto's holds, past its own ways of putting things."""
    pairs, fields, factory = state
    for key, value in pairs:
        _dict(found).__setitem__(found, key, value)
    vars(found).update(fields)
    if factory is not None:
        found.default_factory = factory


def _dict(found: Any) -> Any:
    return OrderedDict if isinstance(found, OrderedDict) else dict


def find(name: str) -> Any:
    """Return one of moto's classes. Unreadable: it is none."""
    module, _, path = name.partition(":")
    found: Any = import_module(module) if module.startswith("moto.") else None
    for part in path.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not found.__module__.startswith("moto."):
        raise Unreadable(f"{name} is no class of the engine")
    return found


def private_key(pem: bytes) -> Any:
    """Return a private key."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem, None)


def public_key(pem: bytes) -> Any:
    """Return a public key."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(pem)


def headers(pairs: dict[str, str]) -> Any:
    """Return headers whose names have no case."""
    from requests.structures import CaseInsensitiveDict

    return CaseInsensitiveDict(pairs)


def pattern(text: str, flags: int) -> Any:
    """Return a compiled pattern."""
    import re

    return re.compile(text, flags)


_OWN = (rebuild, refill, find, private_key, public_key, headers, pattern)
_PLAIN: tuple[Any, ...] = (
    OrderedDict, defaultdict, deque, datetime, date, timedelta, timezone, Decimal, set, frozenset,
    bytearray, complex, list, dict, int, str, float, bool, UUID, threading.Condition,
)  # fmt: skip
_ALLOWED = {(one.__module__, one.__qualname__): one for one in (*_OWN, *_PLAIN)}
_LOCKS: dict[type, Callable[[], Any]] = {
    type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock,
}  # fmt: skip
_ALLOWED |= {(one.__module__, one.__name__): one for one in _LOCKS.values()}


class _Writer(pickle.Pickler):
    """Writes objects so that `_Reader` reads them."""

    def persistent_id(self, found: Any) -> Place | None:
        return _place(found)

    def reducer_override(self, found: Any) -> Any:
        kind = type(found)
        if isinstance(found, type) and _is_motos(found):
            return find, (_name(found),)
        if any(found is one for one in _ALLOWED.values()):
            return NotImplemented
        if kind in _LOCKS:
            return _LOCKS[kind], ()
        if kind is threading.Condition:
            return threading.Condition, ()
        if kind.__module__.startswith("cryptography."):
            return _key(found)
        if kind.__name__ == "CaseInsensitiveDict":
            return headers, (dict(found),)
        if isinstance(found, tzinfo) and kind is not timezone:
            return timezone, (found.utcoffset(None),)
        if kind.__name__ == "Pattern":
            return pattern, (found.pattern, found.flags)
        if kind is defaultdict and "<locals>" in getattr(found.default_factory, "__qualname__", ""):
            return dict, (), None, None, iter(found.items())
        if _is_motos(kind):
            return _plainly(found)
        if (kind.__module__, kind.__qualname__) in _ALLOWED:
            return NotImplemented
        raise pickle.PicklingError(f"{kind.__module__}.{kind.__qualname__} cannot be kept")


def _is_motos(kind: type) -> bool:
    return kind.__module__.startswith("moto.")


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _place(found: Any) -> Place | None:
    """Return where a back end lives, if it is one: it is never written, only what it holds."""
    from moto.core.base_backend import BaseBackend

    if not isinstance(found, BaseBackend):
        return None
    return type(found).__module__.split(".")[1], found.region_name


def _plainly(found: Any) -> Any:
    """Return how an object of moto's is written: its class by name, then its state."""
    if isinstance(found, dict):  # its own items() may tell of a part only
        factory = getattr(found, "default_factory", None)
        state = (list(_dict(found).items(found)), vars(found), factory)
        return rebuild, (_name(type(found)),), state, None, None, refill
    make, arguments, *rest = found.__reduce_ex__(4)
    if make.__name__ == "__newobj__":  # copyreg's
        return (rebuild, (_name(type(found)), *arguments[1:]), *rest)
    if make is type(found) and (isinstance(found, Enum) or not arguments):
        return (rebuild, (_name(type(found)), *arguments), *rest)
    raise pickle.PicklingError(f"{type(found)} is not written")


def _key(found: Any) -> Any:
    from cryptography.hazmat.primitives import serialization as s

    if hasattr(found, "private_bytes"):
        form = s.PrivateFormat.PKCS8
        return private_key, (found.private_bytes(s.Encoding.PEM, form, s.NoEncryption()),)
    public = s.PublicFormat.SubjectPublicKeyInfo
    return public_key, (found.public_bytes(s.Encoding.PEM, public),)


class _Reader(pickle.Unpickler):
    """Reads data; anything else that a file names is refused before it is called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise Unreadable(f"it names {module}.{name}, which is no state")
        return _ALLOWED[module, name]

    def persistent_load(self, place: Any) -> Any:
        service, region = place
        return _backends(service)[region]


# --- saving and loading ---------------------------------------------------------------------------


def _backends(service: str) -> Any:
    if service not in KEPT:
        raise Unreadable(f"it tells of {service}, which is not kept")
    dispatch.backend(service)  # loads and mends it
    return _all(service)[dispatch.ACCOUNT]


def _all(service: str) -> Any:
    from moto import backends

    found: Any = backends.get_backend(service)  # type: ignore[call-overload]
    return found


def _held() -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield what each back end that was used holds."""
    for service in KEPT:
        if f"moto.{service}.models" in sys.modules:
            for region, one in list(_all(service)[dispatch.ACCOUNT].items()):
                yield (service, region), vars(one)


def save() -> bytes:
    """Return the state of this process's cloud; nothing may change meanwhile.

    A back end that cannot be written is left out, and standard error says so.
    """
    parts = {}
    for place, held in _held():
        into = io.BytesIO()
        try:
            _Writer(into, 5).dump(held)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            print(f"not kept: {' of '.join(place)}: {error}", file=sys.stderr)
        else:
            parts[place] = into.getvalue()
    body = pickle.dumps(parts, 5)
    return _head(body) + body


def _head(body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return f"ladder cloud 1, moto {version('moto')}, {digest}\n".encode()


def load(data: bytes) -> None:
    """Take a state over. Raises Unreadable, and has changed nothing then."""
    head, _, body = data.partition(b"\n")
    if head + b"\n" != _head(body):
        raise Unreadable("it is damaged, or of another version of the engine")
    try:
        parts: dict[Place, bytes] = _Reader(io.BytesIO(body)).load()
        found = {place: _Reader(io.BytesIO(part)).load() for place, part in parts.items()}
    except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, TypeError) as error:
        raise Unreadable(f"it cannot be read ({error})") from None
    for (service, region), held in found.items():
        _take(_backends(service)[region], held)
    for name in _backends("s3")["aws"].buckets:
        _all("s3").bucket_accounts[name] = ("aws", dispatch.ACCOUNT)


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
            load(path.read_bytes())
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
        data = save()
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
