"""Values <-> nodes and buffers: the data-only language of the wire. Never runs what it reads.

A node is JSON: null, true, whole and finite numbers and text stand for themselves; everything else
is an object with one key, the tag. Bulk data (arrays, columns, bytes) stands in raw buffers whose
dtype, shape and product are checked in Python before numpy sees them. Arrays and frames are read
by `incoming` and written by `outgoing`. What has no node crosses as an opaque handle.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from autograder.errors import WireError
from autograder.wire import Buffer, Handle, is_handle, reference

MAX_DEPTH = 64
MAX_ITEMS = 2_000_000
MAX_DECODED = 512 << 20
DTYPE = re.compile(
    r"^(?:\|b1|\|[iu]1|<[iu][248]|<f[248]|<c8|<c16|\|S\d{1,6}|<U\d{1,6}|<[mM]8\[(?:s|ms|us|ns|D|h|m|M|Y|W)\])$"
)

Keep = Callable[[object], int]


@dataclass
class Encoder:
    """Turns values into nodes; collects their buffers. `keep` stores what stays behind a handle."""

    keep: Keep | None = None
    buffers: list[Buffer] = field(default_factory=list)

    def node(self, value: Any, depth: int = 0) -> Any:
        """Return the node of a value; raise WireError for what cannot cross."""
        if depth > MAX_DEPTH:
            raise WireError(f"the value is nested deeper than {MAX_DEPTH}")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return value if abs(value) < 1 << 63 else {"i": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        if is_handle(value):
            return {"h": reference(value)}
        return self._compound(value, depth + 1)

    def _compound(self, value: Any, depth: int) -> Any:
        for base, tag in ((list, "l"), (tuple, "t"), (set, "s"), (frozenset, "s")):
            if isinstance(value, base):
                return {tag: [self.node(v, depth) for v in value]}
        if isinstance(value, dict):
            return {"d": [[self.node(k, depth), self.node(v, depth)] for k, v in value.items()]}
        return self._scalar(value) or self._bulk(value, depth) or self._handle(value)

    def _scalar(self, value: Any) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            return {"b": self.buffer(bytes(value))}
        if isinstance(value, complex):
            return {"c": [self.node(value.real), self.node(value.imag)]}
        if isinstance(value, Decimal):
            return {"n": str(value)}
        family = type(value).__module__.partition(".")[0]
        if family == "pandas":
            return self._pandas_scalar(value)
        if isinstance(value, datetime):
            return {"w": value.isoformat()}
        if isinstance(value, date):
            return {"y": value.isoformat()}
        if isinstance(value, timedelta):
            return {"e": [value.days, value.seconds, value.microseconds]}
        if isinstance(value, bool | int | float | str):
            return {"v": self.node(_plain(value))}
        return None

    def _pandas_scalar(self, value: Any) -> Any:
        name = type(value).__name__
        if name == "NaTType":
            return {"z": "NaT"}
        if name == "NAType":
            return {"z": "NA"}
        if name == "Timestamp":
            return {"w": value.isoformat()}
        if name == "Timedelta":
            return {"e": [value.days, value.seconds, value.microseconds]}
        return None

    def _bulk(self, value: Any, depth: int) -> Any:
        from autograder import outgoing

        return outgoing.encode(self, value, depth)

    def _handle(self, value: Any) -> Any:
        if self.keep is None:
            raise WireError(f"a {type(value).__name__} cannot cross")
        return {"h": self.keep(value)}

    def buffer(self, data: Buffer) -> int:
        """Store a buffer and return its number."""
        self.buffers.append(data)
        return len(self.buffers) - 1


def _plain(value: Any) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    raise WireError("not a plain value")


@dataclass
class Decoder:
    """Turns nodes into values, on either side. Trusts nothing.

    handle: makes a value of a handle's number. budget: bytes that may still be decoded, shared by
    all decodings of a submission when the caller hands the same list on.
    """

    buffers: list[memoryview]
    handle: Callable[[int], Any]
    budget: list[int] = field(default_factory=lambda: [MAX_DECODED])

    def value(self, node: Any, depth: int = 0) -> Any:
        """Return the value of a node; raise WireError for anything that is none."""
        if depth > MAX_DEPTH:
            raise WireError(f"the value is nested deeper than {MAX_DEPTH}")
        self.spend(64 + (len(node) * 4 if type(node) is str else 0))
        if node is None or type(node) in (bool, int, float, str):
            return node
        if type(node) is not dict or len(node) != 1:
            raise WireError("a node is a plain value or an object with one key")
        ((tag, inner),) = node.items()
        read = READ.get(tag)
        if read is None:
            raise WireError("a node has an unknown tag")
        return read(self, inner, depth + 1)

    def spend(self, count: int) -> None:
        """Charge decoded bytes; raise WireError when the budget is used up."""
        self.budget[0] -= count
        if self.budget[0] < 0:
            raise WireError("the answers are larger than a submission may send")

    def take(self, index: Any) -> memoryview:
        """Return a buffer by its number."""
        if type(index) is not int or not 0 <= index < len(self.buffers):
            raise WireError("a node names a buffer that is not there")
        return self.buffers[index]

    def items(self, inner: Any, depth: int) -> list[Any]:
        """Return the values of a list of nodes."""
        if type(inner) is not list or len(inner) > MAX_ITEMS:
            raise WireError("a list is missing or too long")
        return [self.value(node, depth) for node in inner]

    def mapping(self, inner: Any, depth: int) -> dict[Any, Any]:
        """Return a dict from a list of pairs."""
        pairs: list[Any] = inner if type(inner) is list else [None]
        if len(pairs) > MAX_ITEMS or any(type(p) is not list or len(p) != 2 for p in pairs):
            raise WireError("a mapping is a list of pairs")
        return {key(self.value(k, depth)): self.value(v, depth) for k, v in pairs}

    def opaque(self, inner: Any, _: int) -> Any:
        """Return a handle."""
        if type(inner) is not int or not 0 <= inner < 1 << 31:
            raise WireError("a handle is a small whole number")
        return self.handle(inner)


def key(value: Any) -> Any:
    """Return a value that may be a key, a name or a label."""
    if is_handle(value):
        raise WireError("a handle cannot be a key")
    try:
        hash(value)
    except TypeError:
        raise WireError("a key cannot be hashed") from None
    return value


def _float(_: Decoder, inner: Any, __: int) -> float:
    if inner not in ("nan", "inf", "-inf"):
        raise WireError("not a float")
    return float(inner)


def _whole(_: Decoder, inner: Any, __: int) -> int:
    if type(inner) is not str or len(inner) > 4096 or not re.fullmatch(r"-?0x[0-9a-f]+", inner):
        raise WireError("not a whole number")
    return int(inner, 16)


def _plain_node(decoder: Decoder, inner: Any, depth: int) -> Any:
    return decoder.value(inner, depth)


def _bytes(decoder: Decoder, inner: Any, _: int) -> bytes:
    data = decoder.take(inner)
    decoder.spend(len(data))
    return bytes(data)


def _complex(decoder: Decoder, inner: Any, depth: int) -> complex:
    parts = decoder.items(inner, depth)
    if len(parts) != 2 or any(type(p) not in (int, float) for p in parts):
        raise WireError("not a complex number")
    return complex(*parts)


def _decimal(_: Decoder, inner: Any, __: int) -> Decimal:
    try:
        return Decimal(inner if type(inner) is str and len(inner) < 1000 else "?")
    except InvalidOperation:
        raise WireError("not a decimal number") from None


def _moment(_: Decoder, inner: Any, __: int) -> datetime:
    return datetime.fromisoformat(_iso(inner, datetime.fromisoformat))


def _day(_: Decoder, inner: Any, __: int) -> date:
    return date.fromisoformat(_iso(inner, date.fromisoformat))


def _iso(inner: Any, read: Callable[[str], Any]) -> str:
    # nanoseconds of a Timestamp are cut to microseconds, which datetime can hold
    text = re.sub(r"(\.\d{6})\d+", r"\1", inner) if type(inner) is str and len(inner) < 64 else "?"
    try:
        read(text)
    except ValueError:
        raise WireError("not a date") from None
    return text


def _span(_: Decoder, inner: Any, __: int) -> timedelta:
    if type(inner) is not list or len(inner) != 3 or any(type(n) is not int for n in inner):
        raise WireError("not a time span")
    try:
        return timedelta(inner[0], inner[1], inner[2])
    except OverflowError:
        raise WireError("not a time span") from None


def _missing(_: Decoder, inner: Any, __: int) -> Any:
    import pandas

    if inner not in ("NaT", "NA"):
        raise WireError("not a missing value")
    return pandas.NaT if inner == "NaT" else pandas.NA


def _set(decoder: Decoder, inner: Any, depth: int) -> set[Any]:
    return {key(v) for v in decoder.items(inner, depth)}


def _bulk(tag: str) -> Callable[[Decoder, Any, int], Any]:
    def read(decoder: Decoder, inner: Any, depth: int) -> Any:
        from autograder import incoming

        return incoming.decode(decoder, tag, inner, depth)

    return read


READ: dict[str, Callable[[Decoder, Any, int], Any]] = {
    "f": _float,
    "i": _whole,
    "v": _plain_node,
    "c": _complex,
    "n": _decimal,
    "l": Decoder.items,
    "t": lambda decoder, inner, depth: tuple(decoder.items(inner, depth)),
    "s": _set,
    "d": Decoder.mapping,
    "b": _bytes,
    "w": _moment,
    "y": _day,
    "e": _span,
    "z": _missing,
    "h": Decoder.opaque,
    **{tag: _bulk(tag) for tag in ("a", "o", "S", "F", "X")},
}


def encode(value: Any, keep: Keep | None = None) -> tuple[Any, list[Buffer]]:
    """Return the node of a value and its buffers."""
    encoder = Encoder(keep)
    return encoder.node(value), encoder.buffers


def decode(
    node: Any,
    buffers: list[memoryview],
    handle: Callable[[int], Any],
    budget: list[int] | None = None,
) -> Any:
    """Return the value of a node. Raises WireError, and nothing else, for hostile input."""
    decoder = Decoder(buffers, handle, [MAX_DECODED] if budget is None else budget)
    try:
        return decoder.value(node)
    except WireError:
        raise
    except Exception as error:  # numpy and pandas raise anything on what disagrees
        raise WireError(f"a node is malformed: {type(error).__name__}") from None


__all__ = ["MAX_DECODED", "MAX_DEPTH", "Decoder", "Encoder", "Handle", "decode", "encode"]
