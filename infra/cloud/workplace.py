"""Runs programs on this machine, each in a sandbox of its own with a keeper that ends it whole.

bubblewrap where it works, else namespaces of our own, else a plain group of processes with a
stripped environment: `find_mode` tries, `ladder cloud doctor` says which. In a sandbox a program
sees the system's and the interpreter's folders and those it was given, and its network holds
nothing but the cloud's endpoint. Limit: a plain program can read what you can, and reach the net.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from infra.cloud import walled
from infra.cloud.broker import BrokerError, Program
from infra.cloud.kept import Kept

MODES = ("bubblewrap", "namespaces", "plain")
_SILENCE = 20.0  # seconds that a trial may take
_CALM = {
    "PATH": f"{os.path.dirname(sys.executable)}:{walled.PATH}", "LANG": "C.UTF-8", "HOME": "/tmp",
    "PYTHONDONTWRITEBYTECODE": "1", "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Workplace:
    """The broker of a desk. `serve` answers on a listening socket until it is shut down.

    `endpoint`: the cloud's address as programs shall call it; `cloud_env` is added to every
    program's environment; `folder` is where to make folders for programs: it goes with the cloud.
    """

    endpoint: str = ""
    serve: Callable[[socket.socket], None] | None = None
    cloud_env: Mapping[str, str] = field(default_factory=dict)
    forced: str = ""
    folder: str = ""

    @property
    def mode(self) -> str:
        """How programs are kept apart here."""
        return self.forced or find_mode()

    def place(self, inside: str, folder: str) -> str:
        """Return where a program sees a folder: only walls can give it another path."""
        return folder if self.mode == "plain" else inside

    def port(self, wanted: int) -> int:
        """Return the wanted port; without walls, another one when it is taken."""
        if self.mode != "plain":
            return wanted
        with socket.socket() as made:
            try:
                made.bind(("127.0.0.1", wanted))
            except OSError:
                made.bind(("127.0.0.1", 0))
            return int(made.getsockname()[1])

    def start(self, program: Program) -> Kept:
        """Start a program in a sandbox of its own."""
        kept = Kept(self.mode, program, self._environment(program), self._cloud_port())
        if kept.listener is not None and self.serve is not None:
            self.serve(kept.listener)
        return kept

    def _environment(self, program: Program) -> dict[str, str]:
        cloud = {"AWS_ENDPOINT_URL": self.endpoint} if self.endpoint else {}
        return _CALM | cloud | dict(self.cloud_env) | dict(program.env)

    def _cloud_port(self) -> int:
        if self.serve is None or not self.endpoint:
            return 0
        return int(self.endpoint.rpartition(":")[2])


def employ(service: Any, port: int, folder: str = "") -> None:
    """Give a cloud's service a broker whose programs reach its front door on this port."""
    from infra.cloud.server import Listener

    region = service.region
    service.door.inside.broker = Workplace(
        f"http://127.0.0.1:{port}", lambda sock: Listener(sock, service.door.handle).start(),
        {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}, folder=folder,
    )


@cache
def find_mode() -> str:
    """Return the strongest mode in which a program really runs here."""
    return next(mode for mode in MODES if mode == "plain" or works(mode))


def works(mode: str) -> bool:
    """Whether a program really runs in this mode."""
    absent = mode == "bubblewrap" and not walled.has_bubblewrap()
    if mode != "plain" and (absent or sys.platform != "linux"):
        return False
    try:
        kept = Kept(mode, Program(("true",), cpu_seconds=5), _CALM, 0)
    except BrokerError:
        return False
    try:
        return kept.wait(_SILENCE) == 0
    finally:
        kept.close()
