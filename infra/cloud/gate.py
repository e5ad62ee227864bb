"""A seam in front of anything that speaks HTTP/1.1: every request passes one function of yours.

`listen(socket, respond)` serves, one thread a connection. `forwarder(host, port)` is a `respond`
that passes requests on unchanged, so that a signature over them stays valid. Limit: whole messages
in memory, up to LARGEST bytes; no TLS.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import BinaryIO

LARGEST = 64 << 20
HEAD = 64 << 10
HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "expect"}
BODILESS = {"HEAD"}


@dataclass(frozen=True)
class Request:
    """One request as it came; names of headers in lower case."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return the first header of that name, or an empty text."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True)
class Reply:
    """What goes back. `length` is what a reply to HEAD claims.

    With `cut` the connection ends after so many bytes of the body.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    cut: int | None = None


Respond = Callable[[Request], Reply | None]  # None: the connection is dropped without a word


@contextmanager
def listen(listener: socket.socket, respond: Respond) -> Iterator[None]:
    """Serve `listener` in threads until the block ends; then every connection is closed."""
    open_: set[socket.socket] = set()
    threading.Thread(target=_accept, args=(listener, respond, open_), daemon=True).start()
    try:
        yield
    finally:
        _shut(listener)
        for connection in tuple(open_):
            _shut(connection)


def _accept(listener: socket.socket, respond: Respond, open_: set[socket.socket]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        open_.add(connection)
        arguments = (connection, respond, open_)
        threading.Thread(target=_converse, args=arguments, daemon=True).start()


def _converse(connection: socket.socket, respond: Respond, open_: set[socket.socket]) -> None:
    """Answer the requests of one connection until somebody ends it."""
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        while request := _read(stream, connection):
            reply = respond(request)
            if reply is None:
                return
            connection.sendall(_bytes(request, reply))
            if reply.cut is not None:
                return
    except (OSError, ValueError, HTTPException):
        return  # a peer that was killed, or one that does not speak HTTP
    finally:
        open_.discard(connection)
        _shut(connection)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # already gone
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _read(stream: BinaryIO, connection: socket.socket) -> Request | None:
    first = stream.readline(HEAD)
    if not first.strip():
        return None
    method, path, _ = first.decode("latin-1").split(" ", 2)
    headers = tuple(_headers(stream))
    known = dict(headers)
    if known.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if known.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join(_chunks(stream))
    else:
        body = _exactly(stream, int(known.get("content-length") or 0))
    return Request(method, path, headers, body)


def _headers(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    budget = HEAD
    while line := stream.readline(budget).rstrip(b"\r\n"):
        budget -= len(line)
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or budget <= 0:
            raise ValueError("not a header")
        yield name.lower(), value.strip()


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    left = LARGEST
    while size := int(stream.readline(HEAD).split(b";")[0], 16):
        left -= size
        if left < 0:
            raise ValueError("too large")
        yield _exactly(stream, size)
        stream.readline(HEAD)
    while stream.readline(HEAD).strip():
        pass  # trailers


def _exactly(stream: BinaryIO, size: int) -> bytes:
    if not 0 <= size <= LARGEST:
        raise ValueError("too large")
    body = stream.read(size)
    if len(body) < size:
        raise ValueError("cut short")
    return body


def _bytes(request: Request, reply: Reply) -> bytes:
    body = b"" if request.method in BODILESS else reply.body
    length = reply.length if reply.length is not None else len(body)
    lines = [f"HTTP/1.1 {reply.status} -", *(f"{name}: {value}" for name, value in reply.headers)]
    if reply.status not in (204, 304):
        lines.append(f"content-length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body[: reply.cut]


class Upstream(HTTPConnection):
    """A connection that closes itself when the thread that it belongs to ends."""

    def __del__(self) -> None:
        self.close()

    def refresh(self) -> None:
        """Let go of a connection that the server has closed while nobody asked anything."""
        if self.sock is None:
            return
        waiting = select.poll()
        waiting.register(self.sock, select.POLLIN)
        if waiting.poll(0):
            self.close()


def forwarder(host: str, port: int) -> Respond:
    """Return a `respond` that asks the server at that address and returns its reply."""
    local = threading.local()

    def forward(request: Request) -> Reply:
        if not hasattr(local, "upstream"):
            local.upstream = Upstream(host, port, timeout=60)
        local.upstream.refresh()
        try:
            return _ask(local.upstream, request)
        except (OSError, HTTPException):
            local.upstream.close()
            raise

    return forward


def _ask(upstream: HTTPConnection, request: Request) -> Reply:
    upstream.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        if name not in HOP:
            upstream.putheader(name, value)
    upstream.putheader("content-length", str(len(request.body)))
    upstream.endheaders(request.body or None)
    answer = upstream.getresponse()
    claimed = answer.getheader("content-length")
    body = answer.read()
    headers = tuple((n, v) for n, v in answer.getheaders() if n.lower() not in HOP)
    length = int(claimed) if request.method in BODILESS and claimed else None
    return Reply(answer.status, body, headers, length)
