"""Slots: numbers that nobody else on this machine holds meanwhile, each with users of its own.

What the kernel counts by user, such as processes, is then counted for one slot alone, whoever else
grades here. Limit: containers with a network of their own do not see each other's.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator

from autograder.errors import GraderError
from autograder.sandbox.confinement import SLOTS


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
