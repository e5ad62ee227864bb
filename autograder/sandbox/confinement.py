"""Closes a process in, as far as its mode says. The only module that knows what a mode means.

A  root: own uid for each slot, namespaces, no user namespace needed
B  an ordinary user: the same inside a user namespace; one uid for supervisor and learner
C  no namespaces: Landlock and the call filter, and an own uid where root can give one; names,
   not contents, can be listed below the folders that packages are imported from
D  nothing but the supervisor
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from autograder.sandbox import landlock, linux, root, seccomp
from autograder.sandbox.limits import DESK, SCRATCH
from autograder.sandbox.order import Order

INSIDE = 1000  # the learner's uid in a user namespace
SLOTS = 500
FIRST_UID = 58000  # of slot 0 when root; above people's, below systemd's dynamic ones
OWN = linux.NEWNS | linux.NEWNET | linux.NEWIPC | linux.NEWUTS
IN_PROC = ("cpuinfo", "meminfo", "stat", "self", "version", "filesystems")


def uid_for(mode: str, slot: int) -> int | None:
    """Return the learner's uid as the supervisor sees it; None: the supervisor's own."""
    if mode == "B":
        return INSIDE
    own = mode == "A" or (mode == "C" and os.geteuid() == 0 and reachable())
    return FIRST_UID + slot if own else None


def reachable() -> bool:
    """Say whether another user could start this Python, which may live under a closed home."""
    folders = {above for path in root.interpreter() for above in (path, *path.parents)}
    return all(folder.stat().st_mode & 0o001 for folder in folders)


def enter_zygote(mode: str, shown: Sequence[str]) -> None:
    """Move this process, single-threaded, where its boxes' root is the only one.

    It ends up as pid 1 of a namespace of its own: its end is the end of all its boxes.
    """
    if mode not in "AB":
        return
    uid, gid = os.geteuid(), os.getegid()
    if mode == "B":
        linux.prctl(linux.DUMPABLE, 1)
        linux.unshare(linux.NEWUSER | linux.NEWNS | linux.NEWPID)
        linux.map_user(INSIDE, uid, gid)
    else:
        linux.unshare(linux.NEWNS | linux.NEWPID)
    stand_aside()
    root.build(shown, [INSIDE] if mode == "B" else range(FIRST_UID, FIRST_UID + SLOTS))
    for folder in (SCRATCH, "/dev/shm"):  # for what imports write; each box covers them
        linux.mount("zygote", folder, "tmpfs", linux.NOSUID | linux.NODEV, "size=16m,mode=755")
    linux.drop_bounding_set()


def stand_aside() -> None:
    """Go on in a child, which the new pid namespace begins with; wait for it here."""
    pid = os.fork()
    if pid:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.closerange(3, 65536)
        os._exit(0 if os.waitpid(pid, 0)[1] == 0 else 1)
    linux.prctl(linux.PDEATHSIG, signal.SIGKILL)


def close_in(order: Order) -> None:
    """Make this process the supervisor of a closed box."""
    if sys.platform != "linux":
        return
    linux.prctl(linux.SUBREAPER, 1)
    if order.own_pids:
        linux.unshare(OWN)
        furnish(order)
        linux.loopback_up()
        linux.hostname("box")
        linux.keep_capabilities(linux.KEPT.values())
        linux.prctl(linux.DUMPABLE, 0)
    elif order.uid is not None:
        for folder in (order.desk, order.tmp):
            os.chown(folder, order.uid, order.uid)
        os.chmod(os.path.dirname(order.desk), 0o711)


def furnish(order: Order) -> None:
    """Give the box its own writable folders and processes."""
    limits, flags = order.limits, linux.NOSUID | linux.NODEV
    size = f"size={limits.disk},nr_inodes={limits.files},mode=700,uid={order.uid},gid={order.uid}"
    for folder in (DESK, SCRATCH, "/dev/shm"):
        linux.mount("box", folder, "tmpfs", flags, size)
    linux.mount("proc", "/proc", "proc", flags | linux.NOEXEC, "hidepid=invisible")
    linux.bind("/dev/null", "/proc/cmdline", 0)


def drop(order: Order, writable: Sequence[str] = ()) -> None:
    """Give up what the learner may not have. Cannot be undone."""
    if sys.platform != "linux":
        return
    if order.uid is not None and order.mode != "B":
        os.setgroups([])
        os.setresgid(order.uid, order.uid, order.uid)
        os.setresuid(order.uid, order.uid, order.uid)
    if order.mode != "D":
        linux.keep_capabilities(())
        linux.prctl(linux.DUMPABLE, 1)  # or its own /proc/self would be closed to it
        linux.prctl(linux.NO_NEW_PRIVS, 1)
    linux.prctl(linux.PDEATHSIG, signal.SIGKILL)
    if order.mode == "C":
        folders = [order.desk, order.tmp, "/dev/null", *writable]
        landlock.restrict(readable(order), folders, order.path)
    if order.mode != "D":
        seccomp.install()


def readable(order: Order) -> list[str]:
    """Return what a box without a root of its own may read."""
    etc = [f"/etc/{name}" for name in (*root.ETC, *root.WRITTEN)]
    devices = [f"/dev/{name}" for name in root.DEVICES]
    proc = [f"/proc/{name}" for name in IN_PROC]
    return [*order.shown, *root.CPUS, *etc, *devices, *proc]


def packages(names: Sequence[str]) -> list[Path]:
    """Return the folders of importable packages, without importing them."""
    from importlib.util import find_spec

    specs = [spec for name in names if (spec := find_spec(name)) is not None]
    return [Path(spec.origin).parent for spec in specs if spec.origin]
