"""Sums what a box uses and kills it over a limit. Looks as rarely as the limits allow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from autograder.sandbox import cgroup, files, tree
from autograder.sandbox.order import Order

SHORTEST, LONGEST = 0.02, 0.1
FILL = 4 << 30  # bytes a second that a machine is taken to touch at most
CORES = os.cpu_count() or 1


class Meter:
    """CPU, peak memory and processes of everything below this process."""

    def __init__(self, order: Order, figures: int | None = None) -> None:
        self.order, self.limits, self.figures = order, order.limits, figures
        self.started = time.monotonic()
        self.next = self.started
        self.cpu = 0.0
        self.count = 0
        self.peak = self.weighed = self.memory = 0
        self.killed: str | None = None

    def usage(self) -> dict[str, Any]:
        return {"cpu": self.cpu, "peak": max(self.peak, tree.largest()), "killed": self.killed}

    def soon(self) -> None:
        """Something was started: look within the shortest pause."""
        self.count = max(self.count, 1)
        self.next = min(self.next, time.monotonic() + SHORTEST)

    def due(self) -> bool:
        return time.monotonic() >= self.next

    def pause(self, idle: bool) -> float:
        """Return the seconds in which no limit can be passed; at most until the backstop."""
        now = time.monotonic()
        left = self.started + self.limits.wall - now
        return max(SHORTEST, left) if idle else max(0.0, min(self.next - now, left))

    def sample(self, busy: bool) -> None:
        """Look at every process, and kill them all when a limit is passed."""
        processes = tree.below(os.getpid(), alone=self.order.own_pids) if busy or self.count else []
        living = [p for p in processes if not p.zombie]
        self.count = len(processes)
        self.count_cpu(processes)
        self.memory = self.weigh(living)
        self.peak = max(self.peak, self.memory)
        if (over := self.over(len(living))) is not None:
            self.kill(over)
        self.next = time.monotonic() + self.interval()

    def count_cpu(self, processes: list[tree.Process]) -> None:
        """Take the larger of what the processes say and what the kernel has for their group."""
        self.cpu = max(self.cpu, tree.spent(processes))
        if self.figures is not None:
            self.cpu = max(self.cpu, cgroup.spent(self.figures) - time.process_time())

    def weigh(self, living: list[tree.Process]) -> int:
        """Return the memory in use: resident sizes, which count shared pages twice, while they
        are below half the limit; else each process's share, which costs more to read."""
        rough = sum(p.memory for p in living)
        if rough <= self.limits.memory // 2:
            return rough
        if rough <= min(self.limits.memory, self.weighed * 1.05):
            return self.memory
        self.weighed = rough
        return sum(tree.private(p.pid) for p in living)

    def over(self, living: int) -> str | None:
        """Return the limit that is passed, if any."""
        if self.cpu > self.limits.cpu:
            return "cpu"
        if self.memory > self.limits.memory:
            return "memory"
        if living > self.limits.processes:
            return "processes"
        if time.monotonic() - self.started > self.limits.wall:
            return "wall"
        return self.disk() if not self.order.own_pids else None

    def disk(self) -> str | None:
        """Look at the folders of a box that has no file system of its own."""
        sizes = [files.size(folder) for folder in {self.order.desk, self.order.tmp}]
        if sum(size for size, _ in sizes) > self.limits.disk:
            return "disk"
        return "files" if sum(count for _, count in sizes) > self.limits.files else None

    def interval(self) -> float:
        """Return the pause after which a limit could be passed at full speed."""
        cpu = (self.limits.cpu - self.cpu) / CORES
        memory = (self.limits.memory - self.memory) / FILL
        longest = LONGEST if self.order.own_pids else 2 * LONGEST
        return min(longest, max(SHORTEST, min(cpu, memory)))

    def kill(self, why: str | None) -> None:
        """Kill every process and keep the first reason."""
        self.killed = self.killed or why
        if self.order.own_pids:
            tree.kill_namespace()
        else:
            tree.kill_below(os.getpid())

    def close(self, reap: Callable[[], None]) -> None:
        """Kill all and have them waited for, so that their CPU is counted."""
        if self.count:
            self.count_cpu(tree.below(os.getpid(), alone=self.order.own_pids))
        self.kill(None)
        reap()
        self.count = 0
        self.count_cpu([])
