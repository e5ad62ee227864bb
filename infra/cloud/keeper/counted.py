"""What the processes below this one use, read from /proc; elsewhere only what has ended counts.

Limit: a look at a moment; `peak` is the largest sum that somebody looked at, or one process's own.
"""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_RSS = 1 if sys.platform == "darwin" else 1024  # bytes in one unit of ru_maxrss


@dataclass(frozen=True)
class Count:
    """How many processes there are, their CPU in seconds, their memory in bytes."""

    processes: int
    cpu: float
    memory: int


def below(pid: int) -> list[int]:
    """Return the processes that descend from one, nearest first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        fields = _stat(name) if name.isdigit() else None
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(int(name))
    found = list(children.get(pid, ()))
    for one in found:
        found.extend(children.get(one, ()))
    return found


def count() -> Count:
    """Count what lives below this process, and what it has seen the end of."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, memory, processes = ended.ru_utime + ended.ru_stime, 0, 0
    for pid in below(os.getpid()):
        fields = _stat(str(pid))
        if fields is not None:
            processes += 1
            cpu += sum(int(f) for f in fields[11:15]) / _TICK
            memory += _own_memory(pid)
    return Count(processes, cpu, memory)


def largest_ended() -> int:
    """Return the most memory that one process which has ended held, in bytes."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _RSS


def _stat(pid: str) -> list[str] | None:
    """Return the fields after the name, which may hold spaces; None when it has just ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def _own_memory(pid: int) -> int:
    """Return what a process shares with no file: that is what a limit on memory is about."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            _, resident, shared, *_ = map(int, file.read().split())
    except OSError:
        return 0
    return (resident - shared) * _PAGE
