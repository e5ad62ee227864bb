"""Runs LocalStack so that it listens on loopback only. Run by LocalStack's own Python, by path.

LocalStack's server takes the port of GATEWAY_LISTEN and binds every address, whichever it names.
Limit: what Python binds in this one process; a program that LocalStack starts is not reached.
"""

from __future__ import annotations

import runpy
import socket
from typing import Any

_bind = socket.socket.bind


def bind(self: socket.socket, address: Any) -> None:
    """Bind, on loopback where all addresses were meant."""
    if self.family == socket.AF_INET and address[0] in {"", "0.0.0.0"}:
        address = ("127.0.0.1", *address[1:])
    elif self.family == socket.AF_INET6 and address[0] in {"", "::"}:
        address = ("::1", *address[1:])
    _bind(self, address)


if __name__ == "__main__":
    setattr(socket.socket, "bind", bind)  # noqa: B010  (a class of typeshed's takes no new method)
    runpy.run_module("localstack.runtime.main", run_name="__main__")
