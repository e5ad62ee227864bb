"""What a box may use, what it used, and the environment it starts from. Enforces nothing."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass

DESK = "/desk"  # where a box with a root of its own keeps the learner's files
SCRATCH = "/scratch"  # and what they write meanwhile: home and temporary folder
# What a judge, with the clouds of its checks, may keep in its temporary folder: bytes, entries.
ROOM, ENTRIES = 256 << 20, 8192

# For a process that is forked often: one heap, which huge pages can hold, instead of many pools.
GATHERED = {"PYTHONMALLOC": "malloc", "MALLOC_ARENA_MAX": "1"}
# Alike in zygote, worker, program and judge: a check must not depend on where it runs.
QUIET = {
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # jemalloc would start a thread at import
    "GOGC": "400",  # Terraform's provider: a third less CPU, a quarter more memory
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Limits:
    """Of one box, summed over every process in it; `wall` is a backstop only."""

    cpu: float = 60
    memory: int = 2 << 30
    processes: int = 64
    disk: int = 256 << 20
    output: int = 1 << 20
    files: int = 16384
    wall: float = 600


@dataclass(frozen=True)
class Usage:
    """CPU seconds and peak bytes of the whole tree; `killed` names the limit that ended it."""

    cpu: float
    peak: int
    killed: str | None = None


def environment(extra: Mapping[str, str], tmp: str = "/tmp") -> dict[str, str]:
    """Return the whole environment of something started in a box."""
    path = os.pathsep.join((os.path.dirname(sys.executable), "/usr/local/bin", "/usr/bin", "/bin"))
    return {**QUIET, "PATH": path, "HOME": tmp, "TMPDIR": tmp, **extra}


def apply_limits(limits: Limits, tasks: int | None) -> None:
    """Set the per-process backstops; the sums are the supervisor's to hold.

    Never RLIMIT_AS: a JVM reserves far more than it uses.
    """
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_FSIZE, limits.disk)
    lower(resource.RLIMIT_NOFILE, 4096)
    lower(resource.RLIMIT_CPU, int(limits.cpu) + 2)
    lower(resource.RLIMIT_DATA, 2 * limits.memory + (1 << 30))
    if tasks is not None:
        lower(resource.RLIMIT_NPROC, tasks)


def lower(kind: int, value: int) -> None:
    """Lower a limit, soft and hard; never raise one."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
