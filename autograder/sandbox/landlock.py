"""Landlock: which files a process may touch where no namespace can be had. Linux 5.13 and later.

Says nothing about the network; signals only from Linux 6.12.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Iterable

from autograder.sandbox import linux

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
ALL = (1 << 13) - 1
SINCE = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # refer, truncate, ioctl on devices
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
SCOPES = 3  # abstract unix sockets, signals


def version() -> int:
    """Return the kernel's version of Landlock; 0 when there is none."""
    try:
        return linux.syscall("landlock_create_ruleset", linux.LANDLOCK_CREATE, None, 0, 1)
    except OSError:
        return 0


def restrict(read: Iterable[str], write: Iterable[str], names: Iterable[str] = ()) -> None:
    """Allow this process these files and folders only; of `names` only the listing, which
    importing needs. Needs no_new_privs."""
    abi = version()
    handled = ALL | sum(bit for since, bit in SINCE.items() if abi >= since)
    attributes = struct.pack("QQQ", handled, 0, SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = linux.syscall(
        "landlock_create_ruleset", linux.LANDLOCK_CREATE, attributes[:size], size, 0
    )
    try:
        for paths, access in ((read, READ), (write, handled), (names, READ_DIR)):
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    allow(rules, path, access & handled)
        linux.syscall("landlock_restrict_self", linux.LANDLOCK_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def scope() -> None:
    """Keep this process's signals and abstract sockets to itself. Linux 6.12; needs
    no_new_privs."""
    rules = linux.syscall(
        "landlock_create_ruleset", linux.LANDLOCK_CREATE, struct.pack("QQQ", 0, 0, SCOPES), 24, 0
    )
    try:
        linux.syscall("landlock_restrict_self", linux.LANDLOCK_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def allow(rules: int, path: str, access: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= OF_FILES
        rule = struct.pack("=Qi", access, fd)
        linux.syscall("landlock_add_rule", linux.LANDLOCK_ADD, rules, 1, rule, 0)
    finally:
        os.close(fd)
