"""Objects as bytes that call nothing when they are read: moto's classes, this cloud's, and data.

The bytes are a pickle of which only data are read: objects are made without their constructors.
Limit: a class that is neither moto's nor this cloud's nor in the short list cannot be written.
"""

from __future__ import annotations

import io
import pickle
import sys
import threading
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from importlib import import_module
from typing import Any
from uuid import UUID

Place = tuple[str, str]
Backends = Callable[[str], Any]
NAMES = {"awslambda": "lambda"}  # where the engine's folder has another name than its service
_OURS = "infra.cloud."
_MOTOS = "moto."


class Unreadable(Exception):
    """A file that is not this cloud's state: a sentence."""


def rebuild(name: str, *arguments: Any) -> Any:
    """Make an object of a class that `find` finds, without its constructor."""
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
    """Return one of moto's classes, or this cloud's if loaded. Unreadable: it is neither."""
    module, _, path = name.partition(":")
    found: Any = import_module(module) if module.startswith(_MOTOS) else (
        sys.modules.get(module) if module.startswith(_OURS) else None)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not _is_known(found):
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


def weak(pairs: list[tuple[Any, Any]]) -> Any:
    """Return a mapping that holds nothing itself; what it names is held elsewhere."""
    return weakref.WeakValueDictionary(pairs)


_OWN = (rebuild, refill, find, private_key, public_key, headers, pattern, weak)
_PLAIN: tuple[Any, ...] = (
    OrderedDict, defaultdict, deque, datetime, date, timedelta, timezone, Decimal, set, frozenset,
    bytearray, complex, list, dict, int, str, float, bool, UUID, threading.Condition,
    threading.Event,
)  # fmt: skip
_ALLOWED = {(one.__module__, one.__qualname__): one for one in (*_OWN, *_PLAIN)}
_LOCKS: dict[type, Callable[[], Any]] = {
    type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock,
}  # fmt: skip
_ALLOWED |= {(one.__module__, one.__name__): one for one in _LOCKS.values()}


class Writer(pickle.Pickler):
    """Writes objects so that `Reader` reads them; of back ends it names those of `services`."""

    def __init__(self, into: io.BytesIO, services: Collection[str]) -> None:
        super().__init__(into, 5)
        self.services = services

    def persistent_id(self, found: Any) -> Place | None:
        place = _place(found)
        if place is not None and place[0] not in self.services:
            raise pickle.PicklingError(f"it leads to {place[0]}, which is not kept")
        return place

    def reducer_override(self, found: Any) -> Any:
        kind = type(found)
        if isinstance(found, type) and _is_known(found):
            return find, (_name(found),)
        if any(found is one for one in _ALLOWED.values()):
            return NotImplemented
        if kind in _LOCKS:
            return _LOCKS[kind], ()
        if kind is threading.Condition or kind is threading.Event:
            return kind, ()
        if kind is weakref.WeakValueDictionary:
            return weak, (list(found.items()),)
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
        if _is_known(kind):
            return _plainly(found)
        if (kind.__module__, kind.__qualname__) in _ALLOWED:
            return NotImplemented
        raise pickle.PicklingError(f"{kind.__module__}.{kind.__qualname__} cannot be kept")


def _is_known(kind: type) -> bool:
    return kind.__module__.startswith((_MOTOS, _OURS))


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _place(found: Any) -> Place | None:
    """Return where a back end lives, if it is one: it is never written, only what it holds."""
    from moto.core.base_backend import BaseBackend

    if not isinstance(found, BaseBackend):
        return None
    module = type(found).__module__.split(".")[1]
    return NAMES.get(module, module), found.region_name


def _plainly(found: Any) -> Any:
    """Return how an object is written: its class by name, then its state."""
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


class Reader(pickle.Unpickler):
    """Reads data; anything else that a file names is refused before it is called.

    `backends` returns the engine's back ends of a service by region.
    """

    def __init__(self, data: bytes, backends: Backends) -> None:
        super().__init__(io.BytesIO(data))
        self.backends = backends

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise Unreadable(f"it names {module}.{name}, which is no state")
        return _ALLOWED[module, name]

    def persistent_load(self, place: Any) -> Any:
        service, region = place
        return self.backends(service)[region]
