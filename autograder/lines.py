"""Connections between a check and what listens or calls in the sandbox. Knows no protocol.

Whatever goes wrong on one is the learner's doing, whose programs have the other end or the port:
no fault of the grader's. TLS on top of one speaks for itself.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autograder.errors import LearnerError

EARLY = "it closed a connection too early"


class Lost(LearnerError, ConnectionError):
    """The learner's end of a connection is gone, or was never there. An OSError to a library."""

    def __init__(self, text: str) -> None:
        LearnerError.__init__(self, "Stopped", text)


class Line(socket.socket):
    """A socket whose other end is the learner's. Raises Lost where others raise ConnectionError."""

    def recv(self, *args: Any) -> bytes:
        """Receive as any socket does."""
        with _other_end():
            return super().recv(*args)

    def recv_into(self, *args: Any) -> int:
        """Receive into a buffer as any socket does."""
        with _other_end():
            return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        """Send as any socket does."""
        with _other_end():
            return super().send(*args)

    def sendall(self, *args: Any) -> None:
        """Send all as any socket does."""
        with _other_end():
            super().sendall(*args)


def connect(opened: Callable[[int], socket.socket], port: int) -> Line:
    """Return a connection to a port of the sandbox. Raises Lost when nothing is there."""
    try:
        return Line(fileno=opened(port).detach())
    except ConnectionResetError:  # before it was ours
        raise Lost(EARLY) from None
    except OSError:
        raise Lost(f"nothing answers on port {port}") from None


def listen(opened: Callable[[int], socket.socket], port: int) -> socket.socket:
    """Return a socket that listens in the sandbox. Raises Lost when the port is taken.

    Who serves on it hears of lost connections as any server does.
    """
    try:
        return opened(port)
    except OSError:
        raise Lost(f"something of its own listens on port {port}") from None


@contextmanager
def _other_end() -> Iterator[None]:
    try:
        yield
    except ConnectionError:
        raise Lost(EARLY) from None
