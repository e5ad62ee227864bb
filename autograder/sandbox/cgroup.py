"""CPU of a box as the kernel sums it, where a control group can be had: mostly as root.

Without one, what a process used that neither its parent nor a look of ours waited for is lost.
Limits nothing; needs no controller, cgroup v2 only.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

PREFIX = "ladder-"


class Group:
    """A folder of control groups, one for each box of a zygote."""

    def __init__(self, folder: int, name: str) -> None:
        self.folder, self.name = folder, name
        self.count = 0

    @classmethod
    def make(cls, grader: int) -> Group | None:
        """Return a new group below our own, or None where none can be had."""
        with contextlib.suppress(OSError, StopIteration):
            place = here()
            sweep(place)
            name = f"{PREFIX}{grader}-{secrets.token_hex(4)}"
            os.mkdir(place / name)
            return cls(os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), name)
        return None

    def next(self) -> str:
        """Make the group of one box; return its name."""
        self.count += 1
        name = f"{self.name}/{self.count}"
        os.mkdir(name, dir_fd=self.folder)
        return name

    def join(self, name: str) -> int:
        """Move the calling process into it, all its later children with it; return its figures."""
        procs = os.open(f"{name}/cgroup.procs", os.O_WRONLY, dir_fd=self.folder)
        try:
            os.write(procs, b"0")
        finally:
            os.close(procs)
        figures = os.open(f"{name}/cpu.stat", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.folder)
        os.close(self.folder)
        return figures

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=self.folder)


def here() -> Path:
    """Return the folder of our own group in the version 2 tree."""
    rows = [line.split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    place = next(Path(row[4]) for row in rows if row[row.index("-") + 1] == "cgroup2")
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return place / next(line[3:] for line in lines if line.startswith("0::")).lstrip("/")


def sweep(place: Path) -> None:
    """Remove what killed graders have left; a group with processes cannot be removed."""
    for old in place.glob(f"{PREFIX}*"):
        if not Path("/proc", old.name.split("-")[1]).exists():
            for folder in (*old.glob("*/"), old):
                with contextlib.suppress(OSError):
                    folder.rmdir()


def spent(figures: int) -> float:
    """Return the CPU seconds of everything that was ever in the group."""
    first = os.pread(figures, 100, 0).split(b"\n", 1)[0]
    return int(first.removeprefix(b"usage_usec ")) / 1e6
