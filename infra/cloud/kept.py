"""A program under its keeper, as the cloud's process sees it: one thread hears both.

Limit: what the program says about itself is its output; ends and figures are the keeper's.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import threading
from collections.abc import Mapping
from typing import Any

from infra.cloud import walled
from infra.cloud.broker import LONGEST_OUTPUT, BrokerError, Program, Used

_SILENCE = 20.0  # seconds that a keeper may take to answer


class Kept:
    """A program under its keeper, as the cloud's process sees it."""

    def __init__(
        self, mode: str, program: Program, env: Mapping[str, str], cloud_port: int
    ) -> None:
        self.program = program
        self.listener: socket.socket | None = None
        self.reason = ""
        self._exit: int | None = None
        self._written = bytearray()
        self._used = Used(0.0, 0.0)
        self._replies: dict[int, tuple[dict[str, Any], list[int]]] = {}
        self._asked = 0
        self._closed = False
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wire, theirs = socket.socketpair()
        self._output, written = os.pipe()
        order = walled.order(mode, program, env, cloud_port)
        try:
            self._keeper = walled.spawn(mode, order, theirs, written)
        except OSError as error:
            self._wire.close()
            os.close(self._output)
            raise BrokerError(f"no program can be started here: {error}") from None
        finally:
            theirs.close()
            os.close(written)
        self._begin(order)

    def _begin(self, order: dict[str, Any]) -> None:
        self._wire.settimeout(_SILENCE)
        try:
            self._wire.sendall(json.dumps(order).encode() + b"\n")
            data, sockets, _, _ = socket.recv_fds(self._wire, 65536, 4)
        except OSError as error:
            data, sockets = str(error).encode(), []
        hello, _, rest = data.partition(b"\n")
        if b'"ready"' not in hello:
            self.close()
            said = hello.decode(errors="replace") or bytes(self._written).decode(errors="replace")
            raise BrokerError(f"the sandbox for a program did not start: {said or 'no word of it'}")
        self.listener = socket.socket(fileno=sockets[0]) if sockets else None
        self._wire.settimeout(None)
        os.set_blocking(self._output, False)
        self._thread = threading.Thread(target=self._hear, args=(rest,), daemon=True)
        self._thread.start()

    # --- what is asked of it --------------------------------------------------------------------

    @property
    def keeper(self) -> int:
        """The process that keeps it."""
        return self._keeper.pid

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._exit

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end."""
        with self._change:
            self._change.wait_for(lambda: self._exit is not None, timeout)
            return self._exit

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._tell({"do": "signal", "number": int(number)})

    def kill(self) -> None:
        """Kill the tree and wait."""
        self._tell({"do": "kill"})
        self.wait(_SILENCE)

    def connect(self) -> socket.socket:
        """Return a connection to the program's port."""
        reply, handles = self._ask({"do": "connect", "port": self.program.port})
        if "errno" in reply or not handles:
            number = int(reply.get("errno", 111))
            raise OSError(number, os.strerror(number))
        made = socket.socket(fileno=handles[0])
        made.settimeout(None)
        return made

    def output(self) -> bytes:
        """Return what it wrote so far."""
        with self._change:
            return bytes(self._written)

    def usage(self) -> Used:
        """Return what the tree has used."""
        if self._exit is None:
            reply, _ = self._ask({"do": "usage"})
            if "cpu" in reply:
                return Used(reply["cpu"], reply["peak_mb"])
        return self._used

    def fetch(self, below: str = "") -> None:
        """Its folders are the cloud's own: there is nothing to bring."""

    def close(self) -> None:
        """End the keeper and with it all that is left."""
        with self._change:
            if self._closed:
                return
            self._closed = True
        for one in filter(None, (self._wire, self.listener)):
            with contextlib.suppress(OSError):  # it was closed from the other end
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        try:
            self._keeper.wait(_SILENCE)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        if self._thread is not None:
            self._thread.join(_SILENCE)
        os.close(self._output)
        self._end({"ended": -9})

    # --- talking to the keeper ------------------------------------------------------------------

    def _tell(self, order: dict[str, Any]) -> None:
        with self._change:
            if self._exit is not None or self._closed:
                return
            with contextlib.suppress(OSError):  # it is ending: who hears it will say so
                self._wire.sendall(json.dumps(order).encode() + b"\n")

    def _ask(self, order: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        with self._change:
            if self._exit is not None or self._closed:
                return {}, []
            self._asked += 1
            number = self._asked
            try:
                self._wire.sendall(json.dumps(order | {"id": number}).encode() + b"\n")
            except OSError:
                return {}, []
            self._change.wait_for(
                lambda: number in self._replies or self._exit is not None, _SILENCE
            )
            return self._replies.pop(number, ({}, []))

    def _hear(self, left: bytes) -> None:
        """Read what the keeper says and the program writes, until the keeper is gone."""
        handles: list[int] = []
        poll = select.poll()
        poll.register(self._wire, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        while True:
            *lines, left = left.split(b"\n")
            for line in lines:
                self._heard(json.loads(line), handles)
                handles = []
            ready = {handle for handle, _ in poll.poll()}
            if self._output in ready and not self._drain():
                poll.unregister(self._output)
            if self._wire.fileno() in ready or self._closed:
                piece, found = self._receive()
                if not piece:
                    self._end({"ended": -9})  # a program without its keeper has ended
                    return
                left, handles = left + piece, handles + found

    def _receive(self) -> tuple[bytes, list[int]]:
        try:
            piece, found, _, _ = socket.recv_fds(self._wire, 65536, 4)
        except OSError:
            return b"", []
        return piece, list(found)

    def _heard(self, message: dict[str, Any], handles: list[int]) -> None:
        if "ended" in message:
            self._end(message)
            return
        with self._change:
            self._replies[message["id"]] = (message, handles)
            self._change.notify_all()

    def _drain(self) -> bool:
        """Take what was written, keep the first part of it; False at its end."""
        while True:
            try:
                piece = os.read(self._output, 65536)
            except BlockingIOError:
                return True
            if not piece:
                return False
            with self._change:
                self._written += piece[: LONGEST_OUTPUT - len(self._written)]
                self._change.notify_all()

    def _end(self, message: Mapping[str, Any]) -> None:
        if self._exit is None and not self._closed:
            self._drain()
        with self._change:
            if self._exit is None:
                self.reason = message.get("reason", "")
                self._used = Used(message.get("cpu", 0.0), message.get("peak_mb", 0.0))
                self._exit = message["ended"]
            self._change.notify_all()
