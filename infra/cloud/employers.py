"""Who runs the programs that a cloud is asked to run: nobody, this machine, or whoever lends rooms.

It comes with the folder of the cloud, which goes when the cloud has gone. Limit: made in the
process that forks the cloud, before it does; `begin` comes after.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from infra.cloud import lent, rooms, surroundings, workplace

Run = Literal["here"] | rooms.OpenRoom | None


@dataclass
class Employer:
    """`employ` gives the cloud's service its broker, in the child; `wires` are its sockets.

    `settle` is the child's first act.
    """

    settle: Callable[[], None]
    employ: Callable[[Any], None] | None = None
    wires: list[socket.socket] = field(default_factory=list)
    lend: Callable[[], rooms.Lender] | None = None

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Do the parent's part, now that the cloud is there."""
        for one in self.wires:
            one.close()
        if self.lend is not None:
            stack.callback(self.lend().close)


def employer(run: Run, listener: socket.socket, stack: contextlib.ExitStack) -> Employer:
    """Return who runs programs for a cloud that listens there."""
    port = listener.getsockname()[1]
    # What a program writes while it is being killed may stay; the system removes it one day.
    place = tempfile.TemporaryDirectory(prefix="cloud-", ignore_cleanup_errors=True)
    folder = stack.enter_context(place)
    settle = partial(surroundings.settle, folder, spools=run == "here")
    if run is None:
        return Employer(settle)
    if run == "here":
        return Employer(settle, partial(workplace.employ, port=port, folder=folder))
    ours, theirs = socket.socketpair()
    return Employer(
        settle, partial(lent.employ, wire=theirs, port=port), [theirs],
        partial(rooms.Lender, ours, run, port),
    )
