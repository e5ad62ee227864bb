"""Several calls of Cloud Storage in one request: split, answered one by one, put together.

Limit: at most 100 calls; uploads and downloads are none of them, as at Google.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from email import message_from_bytes
from http import HTTPStatus
from urllib.parse import urlsplit

from infra.cloud.door import Incoming
from infra.cloud.errors import Answer
from infra.cloud.gcs_errors import GcsError

PATHS = {"/batch", "/batch/storage/v1"}
MOST = 100


def answer(incoming: Incoming, handle: Callable[[Incoming], Answer]) -> Answer:
    """Answer a batch; each call has the batch's credentials, unless it brings its own.

    Raises GcsError for what is no batch.
    """
    mark = f"batch_{secrets.token_hex(16)}"
    parts = [_written(name, handle(call)) for name, call in list(_calls(incoming))]
    lines = b"".join(b"--" + mark.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    headers = {"content-type": f"multipart/mixed; boundary={mark}"}
    return Answer(200, headers, lines + b"--" + mark.encode() + b"--\r\n")


def _calls(incoming: Incoming) -> Iterator[tuple[str, Incoming]]:
    kind = incoming.headers.get("content-type", "")
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + incoming.body)
    parts = message.get_payload() if message.is_multipart() else []
    if not isinstance(parts, list) or not 1 <= len(parts) <= MOST:
        raise GcsError(400, f"A batch is multipart/mixed with 1 to {MOST} calls.")
    for part in parts:
        text = None if isinstance(part, str) else part.get_payload(decode=True)
        if isinstance(part, str) or not isinstance(text, bytes):
            raise GcsError(400, "A part of the batch is no call.")
        yield part.get("Content-ID", ""), _call(text, incoming)


def _call(text: bytes, outer: Incoming) -> Incoming:
    head, _, rest = text.lstrip().replace(b"\r\n", b"\n").partition(b"\n")
    words = re.fullmatch(rb"([A-Z]+) (\S+)(?: HTTP/1\.1)?", head.strip())
    if not words:
        raise GcsError(400, "A part of the batch does not begin with a request line.")
    fields, _, body = rest.partition(b"\n\n")
    pairs = (line.partition(":") for line in fields.decode("latin-1").split("\n") if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    for name in ("authorization", "host"):
        if name in outer.headers:
            headers.setdefault(name, outer.headers[name])
    parts = urlsplit(words[2].decode("latin-1"))
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if not parts.path.startswith("/storage/v1/") or "alt=media" in parts.query:
        raise GcsError(400, f"A batch cannot hold a call to {parts.path}.")
    return Incoming(words[1].decode(), target, headers, body.strip(), outer.address, outer.secure)


def _written(name: str, one: Answer) -> bytes:
    try:
        phrase = HTTPStatus(one.status).phrase
    except ValueError:
        phrase = "Status"
    outer = "Content-Type: application/http\r\n"
    if name:
        outer += f"Content-ID: <response-{name.strip('<>')}>\r\n"
    fields = "".join(f"{key}: {value}\r\n" for key, value in one.headers.items())
    head = f"{outer}\r\nHTTP/1.1 {one.status} {phrase}\r\n{fields}"
    return head.encode() + f"content-length: {len(one.body)}\r\n\r\n".encode() + one.body
