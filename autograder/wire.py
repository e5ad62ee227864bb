"""Frames and handles between judge and learner. Data only; what a value is, `values` knows.

    frame  = "LDR1" | header bytes: u32 | body bytes: u64 | header (JSON object) | body
    header = {"op" or "reply": ..., "value": node, "sizes": [bytes of each buffer]}

Every length is checked before anything is read or built; anything unexpected is a WireError, after
which the session is closed. Stdlib only, so that the learner's side needs nothing else.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, NoReturn, Protocol

from autograder.errors import LearnerError, WireError

MAGIC = b"LDR1"
PREFIX = struct.Struct("<4sIQ")
MAX_HEADER = 8 << 20
MAX_BODY = 256 << 20
MAX_BUFFERS = 20_000
CHUNK = 1 << 20

Buffer = bytes | bytearray | memoryview


class Session(Protocol):
    """What a handle needs of the session it belongs to."""

    def method(self, target: int, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call a method of the object behind a handle."""

    def items(self, target: int, count: int) -> list[Any]:
        """Return the first `count` items of the object behind a handle."""


def _refuse(what: str) -> Any:
    def refuse(self: object, *_: Any) -> NoReturn:
        raise LearnerError("Answer", f"the answer is an object that cannot be {what} here")

    return refuse


class Handle:
    """An opaque object on the learner's side: `handle.method(...)` and `take(handle, n)` only.

    It cannot lie, because nothing it could answer by itself is ever asked.
    """

    __slots__ = ("_session", "_target")

    def __init__(self, session: Session, target: int) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_target", target)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Method(self._session, self._target, name)

    def __repr__(self) -> str:
        return "<an object of the learner's>"

    __eq__ = __ne__ = _refuse("compared")
    __lt__ = __le__ = __gt__ = __ge__ = _refuse("ordered")
    __hash__ = _refuse("hashed")
    __bool__ = _refuse("tested for truth")
    __len__ = _refuse("measured")
    __iter__ = _refuse("iterated; take(answer, n) takes its first items")
    __contains__ = _refuse("searched")
    __getitem__ = __setattr__ = __delattr__ = _refuse("indexed or changed")
    __format__ = __str__ = _refuse("printed")
    __call__ = _refuse("called")
    __array__ = __float__ = __int__ = __index__ = _refuse("converted")
    __reduce__ = __reduce_ex__ = _refuse("copied")
    __class__ = property(_refuse("asked for its type"))


class Method:
    """A method of a handle, waiting to be called; where data were expected, it is no answer."""

    __slots__ = ("_name", "_session", "_target")
    __eq__ = __ne__ = _refuse("compared")
    __lt__ = __le__ = __gt__ = __ge__ = _refuse("ordered")
    __hash__ = object.__hash__
    __bool__ = _refuse("tested for truth")
    __len__ = _refuse("measured")
    __array__ = __float__ = __int__ = __index__ = _refuse("converted")

    def __init__(self, session: Session, target: int, name: str) -> None:
        self._session, self._target, self._name = session, target, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.method(self._target, self._name, args, kwargs)


def is_handle(value: object) -> bool:
    """Tell whether a value is an opaque handle, without asking it."""
    return type(value) is Handle


def reference(value: Handle) -> int:
    """Return the number by which the learner's side knows the object."""
    return int(object.__getattribute__(value, "_target"))


def take(value: Any, count: int) -> list[Any]:
    """Return the first `count` items of an answer: a list, an array or an opaque iterable."""
    if not is_handle(value):
        return list(islice(value, count))
    session: Session = object.__getattribute__(value, "_session")
    return session.items(reference(value), count)


def send(sock: socket.socket, header: dict[str, Any], buffers: Sequence[Buffer] = ()) -> None:
    """Write one frame."""
    sizes = [len(memoryview(b).cast("B")) for b in buffers]
    text = json.dumps({**header, "sizes": sizes}, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    if len(text) > MAX_HEADER or sum(sizes) > MAX_BODY:
        raise WireError(f"a message of {len(text) + sum(sizes)} bytes is too large")
    frame = [PREFIX.pack(MAGIC, len(text), sum(sizes)), text]
    if sum(sizes) <= CHUNK:
        sock.sendall(b"".join([*frame, *buffers]))
        return
    sock.sendall(b"".join(frame))
    for size, buffer in zip(sizes, buffers, strict=True):
        if size:  # an empty send fails once the other side has all of it and is gone
            sock.sendall(buffer)


def receive(
    sock: socket.socket, until: float | None = None, most: int = MAX_BODY
) -> tuple[dict[str, Any], list[memoryview]] | None:
    """Read one frame; None at a clean end. `until` is a deadline of time.monotonic().

    Raises WireError for anything that is no frame, TimeoutError after the deadline.
    """
    prefix = _read(sock, PREFIX.size, until, clean=True)
    if prefix is None:
        return None
    magic, length, size = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise WireError("the bytes do not begin with a frame")
    if length > MAX_HEADER or size > min(most, MAX_BODY):
        raise WireError(f"a frame of {length} + {size} bytes is too large")
    rest = memoryview(_read(sock, length + size, until) or b"")
    header, body = parse(rest[:length]), rest[length:]
    return header, _split(header.pop("sizes", None), body)


def parse(text: bytes | bytearray | memoryview) -> dict[str, Any]:
    """Decode a header: a JSON object, without NaN, too deep nesting or giant integers."""
    try:
        header = json.loads(str(text, "utf-8", "surrogatepass"), parse_constant=_no_constant)
    except (ValueError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"the header is not JSON of ours: {type(error).__name__}") from None
    if type(header) is not dict:
        raise WireError("the header is not an object")
    return header


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _split(sizes: object, body: memoryview) -> list[memoryview]:
    """Cut the body into its buffers; their sizes must add up to it."""
    if type(sizes) is not list or len(sizes) > MAX_BUFFERS:
        raise WireError("the list of buffer sizes is missing or too long")
    if any(type(n) is not int or n < 0 for n in sizes) or sum(sizes) != len(body):
        raise WireError("the buffer sizes do not add up to the body")
    out, at = [], 0
    for n in sizes:
        out.append(body[at : at + n])
        at += n
    return out


def _read(
    sock: socket.socket, count: int, until: float | None, clean: bool = False
) -> bytearray | None:
    """Read exactly `count` bytes; memory grows with what arrives, not with what was promised."""
    data = bytearray()
    while len(data) < count:
        sock.settimeout(None if until is None else max(until - time.monotonic(), 0.001))
        piece = sock.recv(min(count - len(data), CHUNK))
        if not piece:
            if clean and not data:
                return None
            raise WireError(f"the stream ended after {len(data)} of {count} bytes")
        data += piece
    return data
