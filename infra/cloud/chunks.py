"""Decode and verify aws-chunked bodies: SDKs stream uploads in signed or unsigned chunks.

Limit: works on a whole body in memory; the front door has capped its size before.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
KINDS = {UNSIGNED, SIGNED, SIGNED_TRAILER}


class Malformed(Exception):
    """The body is not what its headers say."""


class BadSignature(Exception):
    """A chunk's signature does not follow from the one before it."""


@dataclass
class Chunked:
    """A decoded body and the trailer's headers, names in lower case."""

    body: bytes = b""
    trailer: dict[str, str] = field(default_factory=dict)


@dataclass
class Signer:
    """What chunk signatures are made of: signing key, timestamp, scope, the seed signature."""

    key: bytes
    stamp: str
    scope: str
    previous: str

    def next(self, data: bytes) -> str:
        """Return the signature of the next chunk of data and remember it."""
        text = "\n".join((
            "AWS4-HMAC-SHA256-PAYLOAD", self.stamp, self.scope, self.previous, EMPTY,
            hashlib.sha256(data).hexdigest(),
        ))
        self.previous = hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()
        return self.previous

    def trailer(self, lines: bytes) -> str:
        """Return the signature of the trailing headers."""
        text = "\n".join((
            "AWS4-HMAC-SHA256-TRAILER", self.stamp, self.scope, self.previous,
            hashlib.sha256(lines).hexdigest(),
        ))
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()


def decode(raw: bytes, kind: str, signer: Signer, length: int) -> Chunked:
    """Return the payload of an aws-chunked body whose decoded size must be `length`."""
    signed = kind != UNSIGNED
    parts: list[bytes] = []
    position = 0
    while True:
        data, position = _chunk(raw, position, signer if signed else None)
        if not data:
            break
        parts.append(data)
    body = b"".join(parts)
    if len(body) != length:
        raise Malformed("x-amz-decoded-content-length is not the length of the decoded body")
    return Chunked(body, _trailer(raw[position:], signer if kind == SIGNED_TRAILER else None))


def _chunk(raw: bytes, start: int, signer: Signer | None) -> tuple[bytes, int]:
    """Return one chunk's data and where the next begins; the last chunk is empty."""
    end = raw.find(b"\r\n", start, start + 256)
    if end < 0:
        raise Malformed("a chunk header is missing")
    size_text, _, extension = raw[start:end].partition(b";")
    if not size_text or len(size_text) > 8 or size_text.strip(b"0123456789abcdefABCDEF"):
        raise Malformed("a chunk size is not a hexadecimal number")
    size = int(size_text, 16)
    data = raw[end + 2 : end + 2 + size]
    if len(data) != size:
        raise Malformed("the last chunk is cut off")
    if signer is not None:
        _check(extension, b"chunk-signature=", signer.next(data))
    if size == 0:
        return b"", end + 2
    if raw[end + 2 + size : end + 4 + size] != b"\r\n":
        raise Malformed("a chunk is longer than it says")
    return data, end + 4 + size


def _check(have: bytes, prefix: bytes, want: str) -> None:
    given = have[len(prefix) :] if have.startswith(prefix) else b""
    if not hmac.compare_digest(given.strip(), want.encode()):
        raise BadSignature


def _trailer(raw: bytes, signer: Signer | None) -> dict[str, str]:
    """Parse the lines after the last chunk, verifying their signature where there is one."""
    pairs: dict[str, str] = {}
    # SDKs end a trailer line with \n or \r\n; the signature covers "name:value\n".
    for line in raw.replace(b"\r\n", b"\n").split(b"\n"):
        name, colon, value = line.partition(b":")
        if line and not colon:
            raise Malformed("a trailing header is not a header")
        if line:
            pairs[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
    signature = pairs.pop("x-amz-trailer-signature", "")
    if any(not name.startswith("x-amz-checksum-") for name in pairs):
        raise Malformed("a trailing header is no checksum")
    if signer is not None:
        lines = "".join(f"{n}:{v}\n" for n, v in pairs.items())
        _check(signature.encode(), b"", signer.trailer(lines.encode()))
    return pairs


