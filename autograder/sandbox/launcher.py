"""Starts a zygote and opens boxes from it. Runs on the grader's side."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autograder.errors import GraderError
from autograder.sandbox.box import Box, gather
from autograder.sandbox.confinement import packages, uid_for
from autograder.sandbox.files import erase
from autograder.sandbox.limits import DESK, GATHERED, QUIET, SCRATCH, Limits
from autograder.sandbox.message import Channel
from autograder.sandbox.order import Order
from autograder.sandbox.root import visible
from autograder.sandbox.slots import own_slot

ROOT = Path(__file__).resolve().parents[2]
BOOT = (
    "import sys; sys.path.append({root!r}); from autograder.sandbox.zygote import main; main({fd})"
)


class Launcher:
    """A zygote that has imported `imports`; each box is a fork of it ("fork") or runs a fresh
    interpreter ("exec"). `binds`: further folders visible inside; packages among them can be
    imported. A context manager; any thread may open boxes.
    """

    def __init__(
        self,
        kind: Literal["fork", "exec"],
        imports: Sequence[str] = (),
        mode: str | None = None,
        binds: Sequence[Path] = (),
        worker: str = "autograder.worker:serve",
    ) -> None:
        self.kind, self.imports, self.worker = kind, tuple(imports), worker
        self.binds = [Path(path).resolve() for path in binds]
        self.mode = mode or best()
        self.stack, self.lock = contextlib.ExitStack(), threading.Lock()
        self.threads = 1

    def __enter__(self) -> Launcher:
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self.stack.callback(self.channel.close)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-c", BOOT.format(root=str(ROOT), fd=theirs.fileno())],
                env={**QUIET, **GATHERED, "PATH": os.environ.get("PATH", os.defpath)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd="/",
            )
        try:
            self.prepare()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote; boxes that are still open end when their own sockets close."""
        self.stack.close()
        self.process.wait()

    def prepare(self) -> None:
        reply = self.ask(
            {
                "fork": self.kind == "fork",
                "imports": list(self.imports) if self.kind == "fork" else [],
                "worker": self.worker,
                "path": self.path(),
                "mode": self.mode,
                "grader": os.getpid(),
                "home": SCRATCH if self.mode in "AB" else folders(self.stack)[1],
                "shown": self.shown(),
            }
        )
        self.threads = reply["threads"]

    def path(self) -> list[str]:
        """Return where our own package and those among `binds` are imported from."""
        packages = [path for path in self.binds if (path / "__init__.py").is_file()]
        return list(dict.fromkeys(str(path.parent) for path in (ROOT / "autograder", *packages)))

    def shown(self) -> list[str]:
        """Return what is visible inside: the system, this Python, our package, `binds`."""
        return visible([ROOT / "autograder", *packages(["larkmoor"]), *self.binds])

    def ask(self, head: dict[str, object], fds: Sequence[int] = ()) -> dict[str, int]:
        try:
            with self.lock:
                self.channel.send(head, b"", fds)
                reply = self.channel.receive().head
        except OSError as error:
            raise GraderError("the zygote ended", "sandbox", "see the lines above") from error
        if "error" in reply:
            raise GraderError(f"the zygote did not start:\n{reply['error']}", "sandbox")
        return reply

    def open(
        self,
        files: Mapping[str, bytes] | Path,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        slot: int | None = None,
    ) -> Box:
        """Open a box with `files` in its folder, in a slot of its own or in one that is held."""
        cleanup = contextlib.ExitStack()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                if slot is None:
                    slot = cleanup.enter_context(own_slot())
                order = self.order(limits or Limits(), env or {}, slot, cleanup)
                self.ask(order.as_dict(), [theirs.fileno()])
        except BaseException:
            ours.close()
            cleanup.close()
            raise
        box = Box(ours, cleanup)
        try:
            box.ready()
            box.put(gather(files))
        except BaseException:
            box.close()
            raise
        return box

    def order(
        self, limits: Limits, env: Mapping[str, str], slot: int, cleanup: contextlib.ExitStack
    ) -> Order:
        desk, tmp = (DESK, SCRATCH) if self.mode in "AB" else folders(cleanup)
        return Order(
            mode=self.mode,
            desk=desk,
            tmp=tmp,
            uid=uid_for(self.mode, slot),
            shown=self.shown() if self.mode == "C" else (),
            limits=limits,
            env=dict(env),
            worker=self.worker,
            path=self.path(),
            fork=self.kind == "fork",
        )


def folders(cleanup: contextlib.ExitStack) -> tuple[str, str]:
    """Make a desk and a temporary folder for a box without file systems of its own."""
    place = tempfile.mkdtemp(prefix="ladder-box-")
    cleanup.callback(erase, place)
    desk, tmp = os.path.join(place, "desk"), os.path.join(place, "tmp")
    for folder in (desk, tmp):
        os.mkdir(folder, 0o700)
    return desk, tmp


def best() -> str:
    """Return the best mode that works here."""
    from autograder.sandbox.layers import detect  # it opens boxes itself

    return detect().mode


@dataclass(frozen=True)
class Slot:
    """The boxes of one launcher in one slot: those of several run side by side, each as a user."""

    launcher: Launcher
    number: int

    def open(self, files: Mapping[str, bytes], limits: Limits) -> Box:
        """Open a sandbox in this slot."""
        return self.launcher.open(files, limits, slot=self.number)
