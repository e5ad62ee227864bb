"""Counts the CPU, memory and processes below this one, and kills them all. Starts nothing.

Linux: /proc, with orphans adopted by the supervisor (subreaper, or pid 1 of its namespace), so
that reaped children are in its own rusage. Elsewhere: `ps`, which misses what has escaped.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass

PAGE = resource.getpagesize()
TICK = os.sysconf("SC_CLK_TCK")
LINUX = sys.platform == "linux"
MAXRSS = 1024 if LINUX else 1  # Linux says kilobytes, macOS bytes


@dataclass(frozen=True)
class Process:
    """One live process; `cpu` includes the children that it has waited for."""

    pid: int
    parent: int
    cpu: float
    memory: int
    zombie: bool = False


def below(root: int, *, alone: bool = False) -> list[Process]:
    """Return the live descendants of `root`; `alone`: all that is in /proc is below it."""
    if LINUX:
        every = [p for p in map(look, pids()) if p is not None and p.pid != root]
        return every if alone else descendants(root, every)
    return descendants(root, ask_ps())


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def look(pid: int) -> Process | None:
    """Read one process; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    field = stat[stat.rindex(b")") + 2 :].split()
    cpu = sum(map(int, field[11:15])) / TICK
    return Process(pid, int(field[1]), cpu, int(field[21]) * PAGE, field[0] in (b"Z", b"X"))


def descendants(root: int, every: list[Process]) -> list[Process]:
    children: dict[int, list[Process]] = {}
    for process in every:
        children.setdefault(process.parent, []).append(process)
    found, todo = [], [root]
    while todo:
        for process in children.get(todo.pop(), ()):
            found.append(process)
            todo.append(process.pid)
    return found


def ask_ps() -> list[Process]:
    out = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,rss=,time=,stat="], capture_output=True, text=True, check=False
    ).stdout
    rows = [line.split() for line in out.splitlines()]
    return [
        Process(int(r[0]), int(r[1]), seconds(r[3]), int(r[2]) * 1024, r[4].startswith("Z"))
        for r in rows
        if len(r) == 5
    ]


def seconds(text: str) -> float:
    """Read ps's [[days-]hours:]minutes:seconds."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total + 86400 * int(days or 0)


def private(pid: int) -> int:
    """Return a process's share of memory: pages shared by n processes count a n-th in each."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            rows = dict(line.split(b":", 1) for line in file.read().splitlines() if b": " in line)
    except OSError:
        return 0
    return sum(int(rows[k].split()[0]) * 1024 for k in (b"Pss_Anon", b"Pss_Shmem") if k in rows)


def spent(processes: list[Process]) -> float:
    """Return the CPU seconds of the tree, dead and living."""
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + sum(p.cpu for p in processes)


def largest() -> int:
    """Return the largest resident size of any one process that is dead and waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * MAXRSS


def kill_below(root: int, spared: Collection[int] = ()) -> None:
    """Kill every descendant: stop them all first, so that none forks away meanwhile.

    The processes in `spared`, and theirs, live on.
    """
    for _ in range(2000):
        every = below(root)
        kept = {*spared, *(p.pid for pid in spared for p in descendants(pid, every))}
        living = [p for p in every if not p.zombie and p.pid not in kept]
        if not living:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in living:
                with contextlib.suppress(OSError):
                    os.kill(process.pid, number)
        time.sleep(0.001)  # they need a turn on a processor to die


def kill_namespace() -> None:
    """Kill everything in this pid namespace but its pid 1, which is the caller, at once."""
    if os.getpid() != 1:
        raise RuntimeError("only pid 1 of a namespace may do this")
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
