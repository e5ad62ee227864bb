"""The system calls that Python lacks, by ctypes. Knows no policy.

Every function raises OSError with the call's name, so that a refusal can be explained.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct
from collections.abc import Iterable
from typing import Any

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip

RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8  # the same bits for mount() and mount_setattr()
BIND, REC, PRIVATE, DETACH = 0x1000, 0x4000, 1 << 18, 2
RECURSIVE = 0x8000
HUGE = 2 << 20

PDEATHSIG, DUMPABLE, SECCOMP, DROP_BOUND, SUBREAPER, NO_NEW_PRIVS = 1, 4, 22, 24, 36, 38

# From capability.h, those that a supervisor keeps.
KEPT = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7,
        "NET_BIND_SERVICE": 10, "SYS_PTRACE": 19}  # fmt: skip

PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
MOUNT_SETATTR, LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 442, 444, 445, 446


class _Libc:
    """The C library, opened at first use: macOS imports this module too."""

    def __getattr__(self, name: str) -> Any:
        self.__dict__["lib"] = lib = ctypes.CDLL(None, use_errno=True)
        function = getattr(lib, name)
        self.__dict__[name] = function
        return function


libc = _Libc()


def call(name: str, *args: Any) -> int:
    """Call a function of the C library."""
    result = int(getattr(libc, name)(*args))
    if result < 0:
        raise failed(name)
    return result


def syscall(name: str, number: int, *args: Any) -> int:
    """Call what the C library has no function for; integers are passed whole."""
    whole = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    result = int(libc.syscall(ctypes.c_long(number), *whole))
    if result < 0:
        raise failed(name)
    return result


def failed(name: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{name}: {os.strerror(number)}")


def prctl(option: int, value: int = 0, extra: Any = None) -> None:
    zero = ctypes.c_ulong(0)
    call("prctl", option, ctypes.c_ulong(value), zero if extra is None else extra, zero, zero)


def unshare(flags: int) -> None:
    call("unshare", flags)


def setns(fd: int, kind: int) -> None:
    call("setns", fd, kind)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    try:
        call(
            "mount", source.encode(), os.fsencode(target), kind.encode(),
            ctypes.c_ulong(flags), data.encode() or None,
        )  # fmt: skip
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} ({source} on {target})") from None


def bind(source: str, target: str, flags: int) -> None:
    """Show a file or folder with all that is mounted below it, with mount flags added to all."""
    call("mount", os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(BIND | REC), None)
    restrict_mount(target, flags, RECURSIVE)


def restrict_mount(target: str, flags: int, how: int = 0) -> None:
    """Add flags to a mount (RECURSIVE: to those below it too)."""
    attributes = struct.pack("QQQQ", flags, 0, 0, 0)
    here = -100  # AT_FDCWD
    syscall(
        "mount_setattr", MOUNT_SETATTR, here, os.fsencode(target), how, attributes, len(attributes)
    )


def pivot(root: str) -> None:
    """Make `root` the root folder and forget the old one."""
    os.chdir(root)
    syscall("pivot_root", PIVOT_ROOT[platform.machine()], b".", b".")
    call("umount2", b".", DETACH)
    os.chdir("/")


def loopback_up() -> None:
    """Bring up `lo` in this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(sock, 0x8914, request)  # SIOCSIFFLAGS


def hostname(name: str) -> None:
    call("sethostname", name.encode(), ctypes.c_size_t(len(name)))


def drop_bounding_set() -> None:
    """No program started from here on can gain a capability."""
    for number in range(64):
        try:
            prctl(DROP_BOUND, number)
        except OSError:
            return


def keep_capabilities(numbers: Iterable[int]) -> None:
    """Keep these of the capabilities that the process has, and only these."""
    mask = sum(1 << number for number in numbers) & permitted()
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("Ii", 0x20080522, 0)
    call("capset", header, struct.pack("6I", low, low, 0, high, high, 0))


def permitted() -> int:
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    data = ctypes.create_string_buffer(24)
    call("capget", header, data)
    _, low, _, _, high, _ = struct.unpack("6I", data.raw)
    return int(low | high << 32)


def huge_pages() -> None:
    """Gather this process's memory in huge pages: a fork then copies a table a 512th as long."""
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with open("/proc/self/maps") as file:
        rows = [line.split() for line in file]
    for span, access, _, _, inode, *_ in rows:
        if access == "rw-p" and inode == "0":
            start, end = (int(edge, 16) for edge in span.split("-"))
            for place in range(-(-start // HUGE) * HUGE, end - HUGE + 1, HUGE):
                libc.madvise(place, HUGE, 25)  # MADV_COLLAPSE; older kernels refuse, no harm done


def map_user(inside: int, uid: int, gid: int) -> None:
    """In a new user namespace, be `inside`: outside we stay who we were."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {uid} 1"),
        ("gid_map", f"{inside} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
