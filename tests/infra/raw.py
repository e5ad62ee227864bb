"""Bytes on a socket: requests that no SDK would send."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from infra.cloud import sigv4
from infra.cloud.fixtures import Cloud, Identity


def port_of(url: str) -> int:
    """Return the port in a URL."""
    return int(url.rpartition(":")[2])


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes, half-close, and return everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        with contextlib.suppress(ConnectionError):  # it may stop reading before the end
            wire.sendall(data)
        with contextlib.suppress(OSError):  # and may have let go of us already
            wire.shutdown(socket.SHUT_WR)
        parts = []
        try:
            while piece := wire.recv(65536):
                parts.append(piece)
        except ConnectionResetError:
            pass
    return b"".join(parts)


def statuses(reply: bytes) -> list[int]:
    """Return the status of each answer in a reply."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", reply)]


@dataclass
class Signed:
    """A signed request, before somebody changes it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    extra: list[str] = field(default_factory=list)

    def bytes(self) -> bytes:
        """Return the request as it goes over the wire."""
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()] + self.extra
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def signed(
    cloud: Cloud, who: Identity, *, method: str = "GET", path: str = "/", service: str = "s3",
    query: Any = (), body: bytes = b"", headers: dict[str, str] | None = None,
    now: float | None = None, region: str = "",
) -> Signed:
    """Return a request that is signed rightly."""
    host = f"127.0.0.1:{port_of(cloud.url)}"
    base = {"host": host, **(headers or {})}
    if who.token:
        base["x-amz-security-token"] = who.token
    message = sigv4.Message(method, path, list(query), base, body)
    ready = sigv4.sign(
        message, who.key_id, who.secret, region or cloud.region, service, now or time.time()
    )
    target = path + ("?" + "&".join(f"{n}={v}" for n, v in query) if query else "")
    if body:
        ready["content-length"] = str(len(body))
    return Signed(method, target, ready, body)


def send(cloud: Cloud, request: Signed) -> tuple[int, bytes]:
    """Send one request to the learner's listener; return status and body."""
    wire = http.client.HTTPConnection("127.0.0.1", port_of(cloud.url), timeout=20)
    try:
        wire.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            wire.putheader(name, value)
        for line in request.extra:
            name, _, value = line.partition(": ")
            wire.putheader(name, value)
        wire.endheaders(request.body or None)
        answer = wire.getresponse()
        return answer.status, answer.read()
    finally:
        wire.close()
