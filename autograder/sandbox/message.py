"""Messages between grader, zygote and supervisor: a JSON line, a body, open files.

Only trusted processes speak it; the learner's side never holds an end.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LINE = 1 << 20
BODY = 1 << 31


@dataclass
class Message:
    """One request or reply; its open files belong to whoever took it."""

    head: dict[str, Any]
    body: bytes
    fds: list[int]

    def head_of(self, *names: str) -> dict[str, Any]:
        return {name: self.head[name] for name in names}


class Channel:
    """One end of a stream socket. `turn` is held while sending, and by who waits for a reply."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.turn = sock, threading.RLock()
        self.buffer = bytearray()
        self.fds: list[int] = []

    def send(self, head: dict[str, Any], body: bytes = b"", fds: Sequence[int] = ()) -> None:
        line = json.dumps({**head, "size": len(body), "fds": len(fds)}).encode() + b"\n"
        with self.turn:
            sent = socket.send_fds(self.sock, [line], fds) if fds else 0
            for part in (line[sent:], body):
                if part:  # an empty send fails once the other side has all of it and is gone
                    self.sock.sendall(part)

    def fill(self) -> bool:
        """Read what is there; False at the end of the stream."""
        data, fds, _, _ = socket.recv_fds(self.sock, 1 << 18, 8)
        self.fds += fds
        self.buffer += data
        return bool(data)

    def take(self) -> Message | None:
        """Return the next whole message, or None until more has been read."""
        end = self.buffer.find(b"\n", 0, LINE)
        if end < 0:
            if len(self.buffer) >= LINE:
                raise ConnectionError("a message has no end")
            return None
        head = json.loads(self.buffer[:end])
        size, count = head.pop("size"), head.pop("fds")
        if not 0 <= size <= BODY:
            raise ConnectionError("a message is too large")
        if len(self.buffer) < end + 1 + size:
            return None
        body = bytes(self.buffer[end + 1 : end + 1 + size])
        del self.buffer[: end + 1 + size]
        fds, self.fds = self.fds[:count], self.fds[count:]
        return Message(head, body, fds)

    def receive(self) -> Message:
        """Wait for the next message; ConnectionError when the other side is gone."""
        while (message := self.take()) is None:
            if not self.fill():
                raise ConnectionError("the other side closed")
        return message

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds.clear()
        self.sock.close()
