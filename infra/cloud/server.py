"""HTTP/1.1 on sockets that were handed in: one thread a connection, parsing by h11.

Limit: no HTTP/2, no pipelining beyond what h11 allows; bodies are held in memory and capped.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import h11

from infra.cloud.door import Incoming
from infra.cloud.errors import Answer

LARGEST_BODY = 256 << 20
LARGEST_HEAD = 32 << 10
MOST_CONNECTIONS = 128
MOST_IN_FLIGHT = 512 << 20
IDLE = 60.0
_PIECE = 1 << 18
# A second value of these would let two readers of one request see two requests.
_ONCE = {"host", "authorization", "content-type", "content-encoding", "content-md5", "range"}

Handler = Callable[[Incoming], Answer]


class Refused(Exception):
    """A request that is not answered with a service's error: the connection is closed after it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Budget:
    """How many bytes of bodies a listener holds at once, whoever sends them."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take some, unless there is not enough."""
        with self.lock:
            if size > self.left:
                return False
            self.left -= size
            return True

    def give(self, size: int) -> None:
        """Give back what was taken."""
        with self.lock:
            self.left += size


@dataclass
class Listener:
    """A listening socket, what answers on it, and TLS where it has some.

    `secure` counts its calls as encrypted without encrypting them: for a judge on loopback.
    """

    sock: socket.socket
    handler: Handler
    tls: ssl.SSLContext | None = None
    secure: bool = False

    def start(self) -> None:
        """Accept in a thread of its own until the process ends."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        budget = Budget(MOST_IN_FLIGHT)
        while True:
            try:
                connection, address = self.sock.accept()
            except OSError:
                return
            if not room.acquire(blocking=False):
                connection.close()
                continue
            where = address[0] if isinstance(address, tuple) else "127.0.0.1"
            threading.Thread(
                target=self._serve, args=(connection, where, room, budget), daemon=True
            ).start()

    def _serve(
        self, connection: socket.socket, address: str, room: threading.BoundedSemaphore,
        budget: Budget,
    ) -> None:
        quiet = contextlib.suppress(OSError, h11.LocalProtocolError)
        try:
            with quiet, contextlib.closing(connection):
                self._talk(connection, address, budget)
        finally:
            room.release()

    def _talk(self, connection: socket.socket, address: str, budget: Budget) -> None:
        connection.settimeout(IDLE)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
        with contextlib.closing(wire):
            secure = self.secure or self.tls is not None
            Conversation(wire, self.handler, address, secure, budget).run()


@dataclass
class Conversation:
    """The requests of one connection, one after the other."""

    wire: socket.socket
    handler: Handler
    address: str
    secure: bool
    budget: Budget
    held: int = 0

    def run(self) -> None:
        """Answer until either side ends it."""
        self.protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        try:
            while self._one():
                self.protocol.start_next_cycle()
        finally:
            self._release()

    def _one(self) -> bool:
        """Answer one request; return whether there may be another."""
        try:
            incoming = self._read()
        except (h11.RemoteProtocolError, Refused) as error:
            status = error.status if isinstance(error, Refused) else error.error_status_hint
            _refuse(self.protocol, self.wire, status)
            return False
        if incoming is None:
            return False
        _write(self.protocol, self.wire, incoming.method, self.handler(incoming))
        self._release()
        return self.protocol.our_state is not h11.MUST_CLOSE

    def _release(self) -> None:
        self.budget.give(self.held)
        self.held = 0

    def _read(self) -> Incoming | None:
        event = self._event()
        if not isinstance(event, h11.Request):
            return None
        headers = _headers(event)
        parts: list[bytes] = []
        while isinstance(piece := self._event(), h11.Data):
            self._hold(len(piece.data))
            parts.append(bytes(piece.data))
        if not isinstance(piece, h11.EndOfMessage):
            return None
        return Incoming(
            event.method.decode("ascii"), event.target.decode("latin-1"), headers,
            b"".join(parts), self.address, self.secure, _spelt(event),
        )

    def _hold(self, size: int) -> None:
        if self.held + size > LARGEST_BODY:
            raise Refused(413, "the body is too large")
        if not self.budget.take(size):
            raise Refused(503, "too many bodies at once")
        self.held += size

    def _event(self) -> object:
        while True:
            event = self.protocol.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self.protocol.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                self.wire.sendall(self.protocol.send(go_on) or b"")
            self.protocol.receive_data(self.wire.recv(_PIECE))


def _headers(request: h11.Request) -> dict[str, str]:
    """Return headers by lower-case name; refuse what two readers could read in two ways."""
    if sum(len(n) + len(v) for n, v in request.headers) + len(request.target) > LARGEST_HEAD:
        raise Refused(431, "the head is too large")
    found: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        if name in found:
            if name in _ONCE or name.startswith("x-amz-"):
                raise Refused(400, f"{name} is given twice")
            value = f"{found[name]},{value}"
        found[name] = value
    if "content-length" in found and "transfer-encoding" in found:
        raise Refused(400, "two lengths")
    if not request.target.startswith(b"/"):
        raise Refused(400, "the target is not a path")
    return found


def _spelt(request: h11.Request) -> dict[str, str]:
    """Return each header's name as it was sent, by its lower-case form."""
    names = (name.decode("ascii") for name, _ in request.headers.raw_items())
    return {name.lower(): name for name in names}


def _write(protocol: h11.Connection, wire: socket.socket, method: str, answer: Answer) -> None:
    headers = [
        (name, value) for name, value in answer.headers.items()
        if name not in {"content-length", "transfer-encoding", "connection", "server"}
    ]
    bodiless = method == "HEAD" or answer.status in {204, 304}
    length = answer.headers.get("content-length") if method == "HEAD" else str(len(answer.body))
    if answer.status not in {204, 304}:
        headers.append(("content-length", length or "0"))
    response = h11.Response(status_code=answer.status, reason=_reason(answer.status), headers=[
        (name.encode(), value.encode("latin-1", "replace")) for name, value in headers
    ])
    head = protocol.send(response) or b""
    body = b"" if bodiless else (protocol.send(h11.Data(data=answer.body)) or b"")
    wire.sendall(head + body + (protocol.send(h11.EndOfMessage()) or b""))


def _reason(status: int) -> bytes:
    """Return a reason phrase; botocore misreads a status line that has none."""
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Status"


def _refuse(protocol: h11.Connection, wire: socket.socket, status: int) -> None:
    if protocol.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
        return
    response = h11.Response(
        status_code=status, reason=_reason(status),
        headers=[("connection", "close"), ("content-length", "0")],
    )
    wire.sendall((protocol.send(response) or b"") + (protocol.send(h11.EndOfMessage()) or b""))
