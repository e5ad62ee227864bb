"""Rooms: empty sandboxes that a check's service opens for what it runs in the learner's name.

Bounded by the lab's own limits: those of one sandbox hold for each, and its CPU for all together.
Limit: what an open room uses is counted when it is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from autograder.errors import GraderError
from autograder.sandbox import Box, Limits

OPEN, ROOMS = 8, 64  # at a time, and in all


class Boxes(Protocol):
    """Where sandboxes come from: a launcher in this process, or one asked over a socket."""

    def open(self, files: Mapping[str, bytes], limits: Limits) -> Box:
        """Return a fresh sandbox whose work folder holds `files`."""


class Rooms:
    """The rooms of one check. Safe to use from several threads."""

    def __init__(self, boxes: Boxes, limits: Limits) -> None:
        self.boxes, self.limits = boxes, limits
        self.lock = threading.Lock()
        self.opened: list[Box] = []

    def open(self, cpu: float, memory_mb: int) -> Box:
        """Open a room of so many CPU seconds and MiB. Raises GraderError when it cannot be had."""
        with self.lock:
            most = self.limits
            left = most.cpu - sum(box.last.cpu for box in self.opened if box.closed)
            if left <= 0:
                raise GraderError(f"the {most.cpu:g} CPU seconds of all rooms are used")
            if sum(not box.closed for box in self.opened) >= OPEN:
                raise GraderError(f"{OPEN} rooms are open, and no more can be at a time")
            if len(self.opened) >= ROOMS:
                raise GraderError(f"a check opens {ROOMS} rooms at most")
            memory = min(memory_mb << 20, most.memory)
            limits = replace(most, cpu=min(cpu, left), memory=memory)
            self.opened.append(self.boxes.open({}, limits))
            return self.opened[-1]

    def close(self, end: Callable[[Box], object]) -> None:
        """End every room by this."""
        with self.lock:
            for box in self.opened:
                end(box)
            self.opened.clear()
