"""Closes a process in by Linux namespaces: files by an allow-list, a network of nothing but itself.

Limit: no filter of system calls; the same kernel, the same user outside. OSError where the
kernel or its rules refuse.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl", "localtime", "mime.types",
)  # fmt: skip
DEVICES = ("null", "zero", "full", "random", "urandom")
WRITTEN = {
    "passwd": "root:x:0:0::/tmp:/bin/sh\n",
    "group": "root:x:0:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
}
_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_RDONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8
_BIND, _REC, _PRIVATE, _DETACH, _RECURSIVE = 0x1000, 0x4000, 1 << 18, 2, 0x8000
_MOUNT_SETATTR, _PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}
_PDEATHSIG, _DUMPABLE, _DROP_BOUND, _SUBREAPER, _NO_NEW_PRIVS = 1, 4, 24, 36, 38
_PLACES = ("/mnt", "/media", "/srv", "/opt", "/run")  # to mount the new root on, for a moment


def call(name: str, *args: Any) -> None:
    """Call a function of the C library. OSError names it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if int(getattr(libc, name)(*args)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def leave() -> None:
    """Go into namespaces of our own; a process forked from here on is the first of its own."""
    uid, gid = os.geteuid(), os.getegid()
    call("unshare", _NEWUSER | _NEWNS | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def build(shown: Sequence[str], folders: Iterable[tuple[str, str, bool]]) -> None:
    """Make a root of these paths, and move into it; folders are (inside, host, writable)."""
    shown = [path for path in shown if not path.startswith(SYSTEM)]
    place = next(p for p in _PLACES if os.path.isdir(p) and not any(s.startswith(p) for s in shown))
    _mount("none", "/", "", _REC | _PRIVATE)
    host = _kept_open(folders)  # the new root may hide where they are
    _mount("root", place, "tmpfs", _NOSUID | _NODEV, "size=16m,mode=755")
    for folder, size in (("tmp", "256m"), ("dev/shm", "64m")):
        os.makedirs(f"{place}/{folder}")
        _mount("room", f"{place}/{folder}", "tmpfs", _NOSUID | _NODEV, f"size={size},mode=1777")
    for path in (*SYSTEM, *shown, *(f"/etc/{name}" for name in ETC)):
        _show(path, place + path)
    _etc(place)
    _devices(place)
    for inside, handle, writable in host:
        os.makedirs(place + inside, exist_ok=True)
        _bind(f"/proc/self/fd/{handle}", place + inside, 0 if writable else _RDONLY)
        os.close(handle)
    os.makedirs(f"{place}/proc")
    _mount("proc", f"{place}/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    _restrict(place, _RDONLY)
    os.chdir(place)
    call("syscall", ctypes.c_long(_PIVOT_ROOT[platform.machine()]), b".", b".")
    call("umount2", b".", _DETACH)
    os.chdir("/")


def _kept_open(folders: Iterable[tuple[str, str, bool]]) -> list[tuple[str, int, bool]]:
    """Open the folders before the new root hides where they are."""
    return [
        (inside, os.open(host, os.O_PATH | os.O_DIRECTORY), writable)
        for inside, host, writable in folders
    ]


def settle() -> None:
    """Bring up the loopback, and let no program from here on gain a right."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS, up
    for number in range(64):
        try:
            _prctl(_DROP_BOUND, number)
        except OSError:
            break
    lock()


def lock() -> None:
    """Let no program gain a right by a file's set-user-id bit."""
    _prctl(_NO_NEW_PRIVS, 1)


def adopt() -> None:
    """Become the parent of every orphan below this process, so that no daemon gets away."""
    _prctl(_SUBREAPER, 1)


def follow() -> None:
    """Be killed when the process that forked this one ends."""
    _prctl(_PDEATHSIG, signal.SIGKILL)


def hide() -> None:
    """Let no other process look into this one."""
    _prctl(_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    call("prctl", option, ctypes.c_ulong(value), zero, zero, zero)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    try:
        call(
            "mount", source.encode(), os.fsencode(target), kind.encode() or None,
            ctypes.c_ulong(flags), data.encode() or None,
        )
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} ({source} on {target})") from None


def _restrict(target: str, flags: int, how: int = 0) -> None:
    attributes = struct.pack("QQQQ", flags, 0, 0, 0)
    call(
        "syscall", ctypes.c_long(_MOUNT_SETATTR), ctypes.c_long(-100), os.fsencode(target),
        ctypes.c_long(how), attributes, ctypes.c_long(len(attributes)),
    )


def _show(path: str, target: str) -> None:
    """Show a file or folder of the host in the new root, read-only; a link as a link."""
    if not os.path.lexists(path) or os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target)
    else:
        open(target, "w").close()
    _bind(path, target, _RDONLY)


def _bind(path: str, target: str, flags: int) -> None:
    call("mount", os.fsencode(path), os.fsencode(target), None, ctypes.c_ulong(_BIND | _REC), None)
    _restrict(target, flags | _NOSUID | _NODEV, _RECURSIVE)


def _etc(place: str) -> None:
    os.makedirs(f"{place}/etc", exist_ok=True)
    for name, text in WRITTEN.items():
        with open(f"{place}/etc/{name}", "w") as file:
            file.write(text)


def _devices(place: str) -> None:
    for name in DEVICES:
        target = f"{place}/dev/{name}"
        open(target, "w").close()
        call("mount", f"/dev/{name}".encode(), target.encode(), None, ctypes.c_ulong(_BIND), None)
        _restrict(target, _NOSUID | _NOEXEC)
    for name, end in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{end}", f"{place}/dev/{name}")
