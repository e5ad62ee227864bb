"""What a cloud asks for when it must run a learner's program: the words, and what comes back.

    broker = inside.broker                       # None: this cloud runs no programs
    home = broker.place("/opt/ml", folder)       # where the program will see it
    running = broker.start(Program(("train",), {"SM_MODEL_DIR": f"{home}/model"},
                                   {"/opt/ml": Folder(folder, writable=True)}, cpu_seconds=60))
    running.wait(30.0), running.output(), running.reason

On a desk `workplace` runs each program in a sandbox of its own; in a graded run `lent` asks the
process that forked the cloud. Both start nothing under the door's lock: ask from a thread or from
a `Later`. Limit: words only; one program is one tree of processes, which ends as a whole.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

LONGEST_OUTPUT = 4 << 20


class BrokerError(Exception):
    """A program could not be started: our fault or the machine's, with what to do about it."""


@dataclass(frozen=True)
class Folder:
    """A folder of the cloud's process that a program sees under another path."""

    path: str
    writable: bool = False


@dataclass(frozen=True)
class Program:
    """One program and its limits.

    `argv[0]` is a path as the program sees it, or a name to be found on the program's PATH; `env`
    is all of its environment but for what leads SDKs to this cloud. `folders`: path inside -> what
    is there. `shown`: paths of this machine that are shown read-only where they are (an
    interpreter's folders). `cpu_seconds` and `memory_mb` hold for the whole tree. `port`: where it
    will listen, as `Broker.port` gave it; None: it has no connections but to the cloud.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, Folder] = field(default_factory=dict)
    cpu_seconds: float = 60.0
    memory_mb: int = 1024
    port: int | None = None
    cwd: str = "/"
    shown: Sequence[str] = ()


@dataclass(frozen=True)
class Used:
    """What a tree of processes has used: CPU in seconds, memory at its largest in MiB."""

    cpu: float
    peak_mb: float


class Running(Protocol):
    """A program that was started; safe to be asked from several threads."""

    @property
    def reason(self) -> str:
        """Why the broker ended it: "cpu", "memory", "processes"; "" when it ended by itself."""

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, at most so many seconds; return what `poll` returns."""

    def signal(self, number: int) -> None:
        """Send a signal to the program, not to its children; nothing if it has ended."""

    def kill(self) -> None:
        """Kill the whole tree and wait for its end."""

    def connect(self) -> socket.socket:
        """Return a connection to the program's port. OSError when nothing listens there yet."""

    def output(self) -> bytes:
        """Return what it wrote to stdout and stderr so far, the first LONGEST_OUTPUT bytes."""

    def usage(self) -> Used:
        """Return what the tree has used so far; the last word once it has ended."""

    def fetch(self, below: str = "") -> None:
        """Bring what it wrote into its writable folders here, where they are not the same ones.

        `below`: only what lies there, a path inside.
        """

    def close(self) -> None:
        """Kill what is left and give everything back. May be called twice."""


class Broker(Protocol):
    """What runs programs for one cloud; `folder` is for their folders, "" where any will do."""

    folder: str

    @property
    def mode(self) -> str:
        """How programs are kept apart: "bubblewrap", "namespaces", "plain" or "lent"."""

    def place(self, inside: str, folder: str) -> str:
        """Return the path under which a program will see a folder that it is given as `inside`."""

    def port(self, wanted: int) -> int:
        """Return the port that a program shall listen on: the wanted one where it can be had."""

    def start(self, program: Program) -> Running:
        """Start a program. BrokerError when it cannot be; a bad argv ends with code 127."""
