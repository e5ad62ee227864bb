"""How many boxes there may be at a time: cores that are ours, and slots.

A slot is a number that nobody else on this machine holds meanwhile, with users of its own.
What the kernel counts by user, such as processes, is then counted for one slot alone, whoever else
grades here. Limit: containers with a network of their own do not see each other's.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from autograder.errors import GraderError
from autograder.sandbox.confinement import SLOTS


def cores() -> int:
    """Return how many cores this process may use: a container or a job may have been given few."""
    known = getattr(os, "sched_getaffinity", None)
    count = len(known(0)) if known else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, math.ceil(int(quota) / int(period)))
    return max(1, count)


@contextlib.contextmanager
def own_slot() -> Iterator[int]:
    """Hold a slot for the time of the block. Raises GraderError when all are taken.

    The name of an abstract socket is the lock: it is gone when its process is, however that ended.
    """
    if sys.platform != "linux":  # no users of their own there
        yield 0
        return
    for slot in range(SLOTS):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
            try:
                lock.bind(f"\0ladder-slot-{slot}")
            except OSError:
                continue
            yield slot
            return
    raise GraderError(f"all {SLOTS} slots of this machine are taken", socket.gethostname())
