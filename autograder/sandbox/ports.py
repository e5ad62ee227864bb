"""Sockets made where the caller is: inside the box's network when the supervisor calls."""

from __future__ import annotations

import socket

HERE = "127.0.0.1"
PATIENCE = 0.2  # seconds; on loopback an answer is there at once or the backlog is full


def listen(port: int) -> socket.socket:
    """Return a listening socket on loopback; port 0 takes a free one."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HERE, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def connect(port: int) -> socket.socket:
    """Return a connected socket, or raise ConnectionRefusedError."""
    sock = socket.create_connection((HERE, port), PATIENCE)
    sock.settimeout(None)
    return sock
