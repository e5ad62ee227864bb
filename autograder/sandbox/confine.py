"""Closes in the judge's own child: what it decodes was made by strangers. Supervises nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autograder.sandbox import landlock, linux, root
from autograder.sandbox.confinement import INSIDE, SLOTS, drop, uid_for
from autograder.sandbox.limits import ENTRIES, ROOM, SCRATCH
from autograder.sandbox.order import Order


def confine(
    shown: Sequence[str],
    writable: Sequence[Path] = (),
    *,
    mode: str,
    slot: int = 0,
    network: bool = True,
    tmp: str = "",
) -> None:
    """Close in this freshly forked, single-threaded process: the judge's own child.

    It keeps its open sockets and what it has imported, sees `shown` (of `root.visible`) and
    `writable`, and shares the host's loopback unless `network` is False. Its temporary folder is
    `tmp`, unless it has a root of its own: then one in memory of at most ROOM bytes that ends with
    it. No supervisor watches it: its parent must, and must not be the last to hold its sockets.
    """
    places = [str(path.absolute()) for path in writable]
    order = Order(mode, "", tmp, uid=judge_uid(mode, slot), shown=list(shown))
    os.setsid()
    if order.own_pids:
        wall_off(order, places, network)
    drop(order, places)
    use(SCRATCH if order.own_pids else tmp)
    if mode == "B" and landlock.version() >= 6:
        landlock.scope()  # no own uid and no own pids keep its signals in


def judge_uid(mode: str, slot: int) -> int | None:
    """Return another uid than any learner's."""
    uid = uid_for(mode, slot)
    return uid if uid is None or mode == "B" else uid + SLOTS


def use(tmp: str) -> None:
    """Make this the folder of everything temporary, whichever was found before."""
    if tmp:
        os.environ["TMPDIR"] = tempfile.tempdir = tmp


def wall_off(order: Order, writable: Sequence[str], network: bool) -> None:
    """Leave the host's files and, of /proc, all but the machine's description."""
    assert order.uid is not None
    flags = linux.NEWNS | linux.NEWIPC | linux.NEWUTS | (0 if network else linux.NEWNET)
    uid, gid = os.geteuid(), os.getegid()
    if order.mode == "B":
        linux.prctl(linux.DUMPABLE, 1)
        flags |= linux.NEWUSER
    linux.unshare(flags)
    if order.mode == "B":
        linux.map_user(INSIDE, uid, gid)
    root.build(order.shown, [order.uid], writable, proc=False)
    size = f"size={ROOM},nr_inodes={ENTRIES},mode=700,uid={order.uid},gid={order.uid}"
    linux.mount("judge", SCRATCH, "tmpfs", linux.NOSUID | linux.NODEV, size)
    if not network:
        linux.loopback_up()
    linux.drop_bounding_set()
