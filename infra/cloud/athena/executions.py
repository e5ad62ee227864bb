"""Query executions: queued, running, ended; each in a thread of its cloud and a process of its own.

Limit: two at a time, as many kept as fit `MOST`; older ones that ended are forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.athena import launch
from infra.cloud.athena.launch import Box, Ended, Worker

AT_ONCE = 2
MOST = 2000
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
_CPU_SIGNAL, _KILL = 24, 9


@dataclass
class Execution:
    """One query and what became of it. Times are seconds since the epoch, the cloud's own."""

    id: str
    query: str
    workgroup: str
    database: str
    output: str
    group: str
    substatement: str
    submitted: float
    parameters: list[str] = field(default_factory=list)
    token: str = ""
    caller: str = ""
    state: str = "QUEUED"
    reason: str = ""
    kind: str = ""
    category: int = 0
    scanned: int = 0
    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0
    updated: int = 0
    location: str = ""
    started: float = 0.0
    completed: float = 0.0
    worker: Worker | None = None
    cancelled: bool = False

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state in ENDED


Settle = Callable[[Execution, Box, dict[str, Any]], None]


@dataclass
class Executions:
    """All executions of one cloud, by id."""

    known: dict[str, Execution] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE))

    def add(self, one: Execution) -> None:
        """Keep an execution, at the price of the oldest that has ended."""
        with self.lock:
            while len(self.known) >= MOST:
                old = next((e.id for e in self.known.values() if e.ended), None)
                if old is None:
                    raise OverflowError("too many queries are queued")
                del self.known[old]
            self.known[one.id] = one

    def start(
        self, one: Execution, job: dict[str, Any], answer: Callable[[Box], launch.Answer],
        settle: Settle, now: Callable[[], float],
    ) -> None:
        """Run an execution in a thread."""
        threading.Thread(
            target=self._run, args=(one, job, answer, settle, now), daemon=True
        ).start()

    def cancel(self, one: Execution, now: float) -> None:
        """End an execution that has not ended."""
        with self.lock:
            if one.ended:
                return
            one.cancelled = True
            one.state, one.completed = "CANCELLED", now
            one.reason = "Query cancelled by user"
            if one.worker is not None:
                one.worker.kill()

    def _run(
        self, one: Execution, job: dict[str, Any], answer: Callable[[Box], launch.Answer],
        settle: Settle, now: Callable[[], float],
    ) -> None:
        with self.room:
            box = Box()
            try:
                if not self._begin(one, box, now()):
                    return
                assert one.worker is not None
                self._settle(one, box, one.worker.serve(job, answer(box))["done"], settle)
            except Ended as ended:
                _fail(one, *_why(ended))
            except Exception as error:  # a thread that dies must not leave a query running
                _fail(one, f"The emulated Athena failed: {type(error).__name__}: {error}", 1)
            finally:
                with self.lock:
                    worker, one.worker = one.worker, None
                    one.completed = one.completed or now()
                if worker is not None:
                    worker.close()
                box.remove()

    def _begin(self, one: Execution, box: Box, now: float) -> bool:
        with self.lock:
            if one.cancelled:
                return False
            one.worker = Worker(box)
            one.state, one.started = "RUNNING", now
            return True

    def _settle(
        self, one: Execution, box: Box, outcome: dict[str, Any], settle: Settle
    ) -> None:
        if one.cancelled:
            return
        one.scanned = int(outcome.get("scanned", 0))
        settle(one, box, outcome)


def _fail(one: Execution, reason: str, category: int) -> None:
    if not one.ended:
        one.state, one.reason, one.category = "FAILED", reason, category


def _why(ended: Ended) -> tuple[str, int]:
    if ended.signal == _CPU_SIGNAL:
        return f"Query timeout: it used its {launch.CPU_SECONDS} seconds of CPU", 2
    if ended.signal == _KILL:
        return "Query exhausted resources at this scale factor", 2
    return f"GENERIC_INTERNAL_ERROR: the query's process ended: {str(ended)[-300:]}", 1
