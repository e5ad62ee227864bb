"""Rooms for a cloud's programs, opened by the process that forked it, such as a grader's.

    with private_cloud(listener, run=open_room): ...     # open_room(cpu_seconds, memory_mb) -> Room

A room is a sandbox with a folder; each program gets a fresh one. Files go into it when the program
starts, and come back by `fetch`. The cloud's side is `lent`. Limit: `Program.shown` is nothing to a
room: it shows what it shows.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from infra.cloud.broker import Folder, Program
from infra.cloud.process import loopback

ROOM = "@room@"
_STARTER = """
import json, os, sys
told, here = json.loads(sys.argv[1]), os.getcwd()
put = lambda text: text.replace("@room@", here)
for path in told["folders"]: os.makedirs(put(path), exist_ok=True)
for path in told["files"]:
    if open(put(path), "rb").read(2) == b"#!": os.chmod(put(path), 0o755)
env = {**os.environ, **{k: put(v) for k, v in told["env"].items()}}
os.chdir(put(told["cwd"]))
argv = [put(word) for word in told["argv"]]
try: os.execvpe(argv[0], argv, env)
except OSError as error: sys.exit(print(f"{argv[0]}: {error.strerror}", file=sys.stderr) or 127)
"""


class Room(Protocol):
    """A sandbox with a folder of its own, where one program runs; the grader's `Box` is one."""

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write files below its folder."""

    def read(self, path: str) -> bytes:
        """Return a file below its folder."""

    def glob(self, pattern: str) -> list[str]:
        """Return the files below its folder that match."""

    def run(self, argv: Sequence[str], env: Mapping[str, str]) -> int:
        """Start a program in its folder; return its number."""

    def wait(self, pid: int, timeout: float | None) -> int | None:
        """Return the exit code; None when the timeout came first."""

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a program."""

    def output(self, pid: int) -> bytes:
        """Return what a program wrote."""

    def listen(self, port: int) -> socket.socket:
        """Return a socket that listens inside."""

    def connect(self, port: int) -> socket.socket:
        """Return a socket connected to a port inside."""

    def usage(self) -> Any:
        """Return what was used: cpu in seconds, peak in bytes, killed by which limit."""

    def close(self) -> object:
        """End everything in it."""


OpenRoom = Callable[[float, int], Room]


class Lender:
    """Serves one cloud's requests in a thread until the cloud is gone; then no room is left."""

    def __init__(self, wire: socket.socket, open_room: OpenRoom, cloud_port: int) -> None:
        self.wire, self.open_room, self.cloud_port = wire, open_room, cloud_port
        self.rooms: dict[int, tuple[Room, int, Program]] = {}
        self.thread = threading.Thread(target=self._serve, daemon=True, name="lender")
        self.thread.start()

    def close(self) -> None:
        """Wait for the end, which comes with the cloud's."""
        self.thread.join(60)

    def _serve(self) -> None:
        with contextlib.closing(self.wire), self.wire.makefile("rb") as lines:
            for line in lines:
                self._reply(json.loads(line))
        for number in list(self.rooms):
            self.close_room(number)

    def _reply(self, order: dict[str, Any]) -> None:
        sockets: list[socket.socket] = []
        try:
            found = getattr(self, order.pop("do"))(**order)
            sockets = [found] if isinstance(found, socket.socket) else []
            reply = {} if sockets else {"found": found}
        except OSError as error:
            reply = {"errno": error.errno or 5, "error": str(error)}
        except Exception as error:  # a room's refusal is an answer, too
            reply = {"error": f"{type(error).__name__}: {error}"}
        data = json.dumps(reply).encode() + b"\n"
        with contextlib.suppress(OSError):
            if sockets:
                socket.send_fds(self.wire, [data], [one.fileno() for one in sockets])
            else:
                self.wire.sendall(data)
        for one in sockets:
            one.close()

    def start(self, number: int, program: dict[str, Any]) -> int:
        """Start a program in a fresh room; return its number."""
        folders = {k: Folder(**v) for k, v in program.pop("folders").items()}
        wanted = Program(**program, folders=folders)
        room = self.open_room(wanted.cpu_seconds, wanted.memory_mb)
        try:
            files = {
                f"{inside.strip('/')}/{path}": data
                for inside, one in folders.items() for path, data in _files(one.path)
            }
            room.put(files)
            told = {
                "argv": list(wanted.argv), "env": dict(wanted.env), "cwd": wanted.cwd,
                "folders": [
                    ROOM + inside + path for inside, one in folders.items()
                    for path in _folders(one.path)
                ],
                "files": [f"{ROOM}/{path}" for path in files],
            }
            pid = room.run([sys.executable, "-c", _STARTER, json.dumps(told)], {})
        except BaseException:
            room.close()
            raise
        self.rooms[number] = (room, pid, wanted)
        return number

    def door(self, number: int) -> socket.socket:
        """Return the socket on which the cloud answers inside a room.

        A room without a network of its own has the cloud's, where it answers already.
        """
        try:
            return self.rooms[number][0].listen(self.cloud_port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return loopback()

    def poll(self, number: int) -> int | None:
        """Return a program's exit code."""
        room, pid, _ = self.rooms[number]
        return room.wait(pid, 0)

    def signal(self, number: int, signal: int) -> None:
        """Send a program a signal."""
        room, pid, _ = self.rooms[number]
        with contextlib.suppress(ProcessLookupError):
            room.signal(pid, signal)

    def connect(self, number: int) -> socket.socket:
        """Return a connection to a program's port."""
        room, _, program = self.rooms[number]
        return room.connect(int(program.port or 0))

    def output(self, number: int) -> str:
        """Return what a program wrote."""
        room, pid, _ = self.rooms[number]
        return room.output(pid).decode("latin-1")

    def usage(self, number: int) -> dict[str, Any]:
        """Return what a room has used."""
        used = self.rooms[number][0].usage()
        return {"cpu": used.cpu, "peak_mb": used.peak / (1 << 20), "killed": str(used.killed or "")}

    def fetch(self, number: int, below: str) -> None:
        """Bring back what lies in a program's writable folders, below a path of its own."""
        room, _, program = self.rooms[number]
        for inside, one in program.folders.items():
            start = inside.strip("/") + "/"
            for path in room.glob(f"{start}**/*") if one.writable else ():
                if path.startswith(start) and path.startswith(below.strip("/")):
                    _bring(room, path, Path(one.path, path[len(start):]))

    def close_room(self, number: int) -> None:
        """End a room."""
        room, _, _ = self.rooms.pop(number)
        with contextlib.suppress(Exception):  # it is gone already: that was wanted
            room.close()


def _files(folder: str) -> list[tuple[str, bytes]]:
    return [
        (os.path.relpath(path, folder), path.read_bytes())
        for path in sorted(Path(folder).rglob("*")) if path.is_file() and not path.is_symlink()
    ]


def _folders(folder: str) -> list[str]:
    found = [path for path in sorted(Path(folder).rglob("*")) if path.is_dir()]
    return ["", *(f"/{path.relative_to(folder)}" for path in found if not path.is_symlink())]


def _bring(room: Room, path: str, target: Path) -> None:
    with contextlib.suppress(IsADirectoryError):
        data = room.read(path)
        if not target.is_file() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
