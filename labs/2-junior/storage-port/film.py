"""A night's film of one depot's gate, a megabyte at a time. Given.

In a check the camera is the judge's: it hands out a chunk when it is asked for one, and counts.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from port import open_store

CHUNK = 1 << 20


def chunks(port: int, count: int) -> Iterator[bytes]:
    """Give so many chunks; port 0: a film of nothing, for trying on a desk."""
    if not port:
        yield from (bytes(CHUNK) for _ in range(count))
        return
    with socket.create_connection(("127.0.0.1", port)) as line, line.makefile("rb") as camera:
        for _ in range(count):
            line.sendall(b"n")
            chunk = camera.read(CHUNK)
            if len(chunk) < CHUNK:
                raise OSError("the camera has gone")
            yield chunk


def carry(cloud: str, site: dict[str, Any], name: str, port: int, count: int) -> None:
    """Send a film to a store."""
    open_store(cloud, site).send(name, chunks(port, count))
