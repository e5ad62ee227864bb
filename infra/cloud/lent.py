"""Programs of a cloud in rooms that are lent: this side is the cloud's, `rooms` has them.

A path is given to a program as ROOM + path, and becomes a real one inside. Limit: one question at
a time; ends are noticed by asking.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from infra.cloud.broker import BrokerError, Program, Used
from infra.cloud.rooms import ROOM

_PAUSE = 0.1  # seconds between two questions whether a program has ended


class Borrower:
    """The broker of a cloud whose programs run in lent rooms."""

    mode = "lent"
    folder = ""

    def __init__(
        self, wire: socket.socket, serve: Callable[[socket.socket], None], env: Mapping[str, str]
    ) -> None:
        self.wire, self.serve, self.env = wire, serve, dict(env)
        self.lock = threading.Lock()
        self.count = 0

    def place(self, inside: str, folder: str) -> str:
        """Return where a program sees a folder: below its room's."""
        return ROOM + inside

    def port(self, wanted: int) -> int:
        """Return the wanted port: every room has its own."""
        return wanted

    def start(self, program: Program) -> Borrowed:
        """Start a program in a fresh room."""
        with self.lock:
            self.count += 1
            number = self.count
        told = asdict(program) | {"env": self.env | dict(program.env)}
        try:
            self.ask("start", number=number, program=told)
        except OSError as error:
            raise BrokerError(f"the grader runs no program: {error}") from None
        running = Borrowed(self, number)
        found = self.ask("door", number=number)
        running.listener = found
        self.serve(found)
        return running

    def ask(self, do: str, **more: Any) -> Any:
        """Ask the lender. OSError, BrokerError."""
        with self.lock:
            self.wire.sendall(json.dumps({"do": do, **more}).encode() + b"\n")
            data, handles = b"", list[int]()
            while not data.endswith(b"\n"):
                piece, found, _, _ = socket.recv_fds(self.wire, 1 << 16, 4)
                if not piece:
                    raise BrokerError("who lent rooms for programs has gone")
                data, handles = data + piece, handles + list(found)
        reply = json.loads(data)
        if "errno" in reply:
            raise OSError(reply["errno"], reply["error"])
        if "error" in reply:
            raise BrokerError(reply["error"])
        return socket.socket(fileno=handles[0]) if handles else reply["found"]


class Borrowed:
    """A program in a lent room."""

    def __init__(self, broker: Borrower, number: int) -> None:
        self.broker, self.number = broker, number
        self.listener: socket.socket | None = None
        self._exit: int | None = None
        self._last: dict[str, Any] = {}
        self._written = b""
        self._closed = False

    @property
    def reason(self) -> str:
        """Which limit ended it."""
        return str(self._last.get("killed", ""))

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        if self._exit is None and not self._closed:
            code = self.broker.ask("poll", number=self.number)
            if code is not None:
                self._written = self._output()
                self._last = self.broker.ask("usage", number=self.number)
                self._exit = code
        return self._exit

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None and (until is None or time.monotonic() < until):
            time.sleep(_PAUSE)
        return self._exit

    def signal(self, number: int) -> None:
        """Send a signal."""
        if self._exit is None and not self._closed:
            self.broker.ask("signal", number=self.number, signal=int(number))

    def kill(self) -> None:
        """Kill it and wait."""
        self.signal(9)
        self.wait(20.0)

    def connect(self) -> socket.socket:
        """Return a connection to its port."""
        found: socket.socket = self.broker.ask("connect", number=self.number)
        return found

    def output(self) -> bytes:
        """Return what it wrote so far."""
        return self._written if self._exit is not None or self._closed else self._output()

    def _output(self) -> bytes:
        text: str = self.broker.ask("output", number=self.number)
        return text.encode("latin-1")

    def usage(self) -> Used:
        """Return what it has used."""
        if self._exit is None and not self._closed:
            self._last = self.broker.ask("usage", number=self.number)
        return Used(self._last.get("cpu", 0.0), self._last.get("peak_mb", 0.0))

    def fetch(self, below: str = "") -> None:
        """Bring back what it wrote."""
        if not self._closed:
            self.broker.ask("fetch", number=self.number, below=below)

    def close(self) -> None:
        """End the room."""
        if self._closed:
            return
        self._closed = True
        if self._exit is None:
            self._exit = -9
        with contextlib.suppress(OSError, BrokerError):
            self.broker.ask("close_room", number=self.number)
        if self.listener is not None:
            with contextlib.suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()


def employ(service: Any, wire: socket.socket, port: int) -> None:
    """Give a cloud's service a broker that borrows; programs reach its door on this port."""
    from infra.cloud.server import Listener

    region = service.region
    service.door.inside.broker = Borrower(
        wire, lambda sock: Listener(sock, service.door.handle).start(),
        {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region, "AWS_EC2_METADATA_DISABLED": "true",
        },
    )
