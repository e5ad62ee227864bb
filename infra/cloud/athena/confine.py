"""Shuts this process in, for good: its own folder as root, no network, no rights, bounded.

Each layer is tried; `shut` tells which hold. Limit: Linux; where the kernel allows no namespaces,
the limits and the engine's own locks remain.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys

_NEWUSER, _NEWNET, _NEWIPC = 0x10000000, 0x40000000, 0x08000000
_NO_NEW_PRIVS, _NOT_DUMPABLE = 38, 4
_CAPSET = {"x86_64": 126, "aarch64": 91}
NOBODY = 65534
MB = 1 << 20


def bound(cpu_seconds: int, memory_mb: int, file_mb: int) -> None:
    """Bound CPU, memory, files, and forbid core dumps."""
    for what, soft, hard in (
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 5),
        (resource.RLIMIT_AS, memory_mb * MB, memory_mb * MB),
        (resource.RLIMIT_FSIZE, file_mb * MB, file_mb * MB),
        (resource.RLIMIT_CORE, 0, 0), (resource.RLIMIT_NOFILE, 512, 512),
    ):  # fmt: skip
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (soft, hard))


def shut(folder: str) -> list[str]:
    """Make `folder` all there is. Returns the layers that hold, in words."""
    if sys.platform != "linux":
        return []
    held = []
    libc = ctypes.CDLL(None, use_errno=True)
    root = os.geteuid() == 0
    spaces = _NEWNET | _NEWIPC | (0 if root else _NEWUSER)
    if libc.unshare(spaces) == 0:
        held.append("no network")
    with contextlib.suppress(OSError):
        os.chroot(folder)
        os.chdir("/")
        held.append("no files but its own")
    if root:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_NOT_DUMPABLE, 0, 0, 0, 0)
    if _drop(libc):
        held.append("no rights")
    return held


def _drop(libc: ctypes.CDLL) -> bool:
    """Give every capability back."""
    number = _CAPSET.get(os.uname().machine)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    return number is not None and libc.syscall(number, header, nothing) == 0
