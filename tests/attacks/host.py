"""What must not change while attacks are graded: folders, processes, doors. Judges nothing.

Private folders (home, temporary, repository, results) are compared whole; shared ones are searched
for names and contents with the mark. Doors count who came: on loopback only.
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

LOOKS = 500  # a busy machine takes its time to end what was killed
SUBREAPER = 36  # prctl: orphans below us become our children, so that none is lost from sight
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/etc", "/root", "/home", "/desk", "/scratch")

Snapshot = dict[str, tuple[bytes, ...]]


def snapshot(folders: Iterable[Path]) -> Snapshot:
    """Return every entry below these folders with its mode, size, time and inode.

    By find(1), which goes deeper than Python walks; of folders only mode and inode.
    """
    shape = r"%p\0%y %m %i %s %T@\0"
    command = ["find", *map(str, folders), "-printf", shape]
    parts = subprocess.run(command, capture_output=True, check=True).stdout.split(b"\0")
    found = zip(parts[::2], (said.split() for said in parts[1::2]), strict=False)
    return {
        os.fsdecode(path): tuple(said[:3] if said[0] == b"d" else said) for path, said in found
    }


def changed(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the paths that came, went or changed."""
    return sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))


def marked(mark: str, folders: Iterable[str] = SHARED, spared: Iterable[Path] = ()) -> list[str]:
    """Return the files of shared folders that have the mark in their name or their first bytes."""
    kept = tuple(f"{path}/" for path in spared)
    return sorted(
        str(path)
        for folder in folders
        for path in _near(folder)
        if not str(path).startswith(kept) and _has(path, mark)
    )


def _near(folder: str) -> Iterator[Path]:
    """Yield what lies in a folder and one below."""
    for pattern in ("*", "*/*"):
        with suppress(OSError):
            yield from Path(folder).glob(pattern)


def _has(path: Path, mark: str) -> bool:
    if mark in path.name:
        return True
    with suppress(OSError):
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("rb") as file:
                return mark.encode() in file.read(4096)
    return False


def adopt() -> None:
    """Become the parent of every orphan below this process."""
    if ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def survivors(mark: str, spared: Iterable[int] = ()) -> list[str]:
    """Return what still runs: our descendants, and whatever has the mark. Looks many times."""
    left: list[str] = []
    for _ in range(LOOKS):
        _reap()
        left = [*_below(os.getpid(), set(spared)), *_wearing(mark)]
        if not left:
            return []
        time.sleep(0.02)
    return left


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _processes() -> Iterator[tuple[int, int]]:
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            line = Path(f"/proc/{name}/stat").read_bytes()
            yield int(name), int(line[line.rindex(b")") + 2 :].split()[1])


def _below(root: int, spared: set[int]) -> list[str]:
    parents = dict(_processes())
    found, todo = [], {root}
    while todo:
        todo = {pid for pid, parent in parents.items() if parent in todo and pid not in spared}
        found += [f"process {pid}" for pid in todo]
    return found


def _wearing(mark: str) -> list[str]:
    found = []
    for pid, _ in _processes():
        for name in ("cmdline", "environ", "comm"):
            with suppress(OSError):
                if pid != os.getpid() and mark.encode() in Path(f"/proc/{pid}/{name}").read_bytes():
                    found.append(f"{name} of {pid}")
    return found


class Doors:
    """Listeners outside the sandbox, on loopback only. They stand for everything outside."""

    def __init__(self, folder: Path, mark: str) -> None:
        self.folder, self.mark = folder, mark
        self.path = folder / "door.sock"

    def __enter__(self) -> Doors:
        self.tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(self.path))
        self.path.chmod(0o777)
        self.unix.listen(64)
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0{self.mark}")
        self.abstract.listen(64)
        for one in self.every():
            one.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.every():
            one.close()

    def every(self) -> tuple[socket.socket, ...]:
        """Return all listeners."""
        return self.tcp, self.udp, self.unix, self.abstract

    def aim(self) -> dict[str, object]:
        """Return where they are."""
        return {
            "tcp": self.tcp.getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "unix": str(self.path),
            "abstract": self.mark,
        }

    def visitors(self) -> list[str]:
        """Return which doors somebody came to."""
        names = ("tcp", "udp", "unix", "abstract")
        return [n for n, one in zip(names, self.every(), strict=True) if _came(one)]


def _came(one: socket.socket) -> bool:
    try:
        if one.type == socket.SOCK_DGRAM:
            one.recvfrom(1)
        else:
            one.accept()[0].close()
    except BlockingIOError:
        return False
    return True
