"""What a cloud does by itself: jobs for now, jobs for a time of its clock, and who waits for what.

    agenda.soon(job)              # on a thread of the cloud's own, as soon as one is free
    agenda.at(moment, job)        # when the cloud's clock has reached the moment
    agenda.settled(0.5)           # whether nothing is left to do before time passes

Threads start with the first job, never before, and wait without polling. `Mark`, `Thread` and
`sleep` wait by the cloud's clock, so that `advance` ends the wait. Limit: jobs that fail are kept
in `failures` and tried no more; who wants a retry asks for it.
"""

from __future__ import annotations

import contextvars
import heapq
import itertools
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.cloud.clock import Clock

Job = Callable[[], Any]
THREADS = 16
LATEST = 3600.0  # a real wait is never longer: a clock may be set by hand


class Agenda:
    """Jobs, timers and waits of one cloud."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.turn = threading.Condition()
        self.ready: deque[Job] = deque()
        self.timers: list[tuple[float, int, Job]] = []
        self.waits: set[Wait] = set()
        self.busy = 0
        self.idle = 0
        self.threads = 0
        self.failures: deque[str] = deque(maxlen=100)
        self._numbers = itertools.count()
        clock.watchers.append(self._wake)

    def soon(self, job: Job) -> None:
        """Run a job as soon as a thread is free."""
        with self.turn:
            self.ready.append(job)
            self._staff()
            self.turn.notify_all()

    def at(self, moment: float, job: Job) -> None:
        """Run a job when the cloud's clock has reached a moment."""
        with self.turn:
            heapq.heappush(self.timers, (moment, next(self._numbers), job))
            self._staff()
            self.turn.notify_all()

    def settled(self, seconds: float) -> bool:
        """Whether nothing runs and nothing is due, waiting so long (real seconds) for it."""
        until = time.monotonic() + seconds
        with self.turn:
            while not self._quiet():
                left = until - time.monotonic()
                if left <= 0 or not self.turn.wait(left):
                    return self._quiet()
            return True

    def occupied(self) -> Occupied:
        """Return a block that counts as work in flight, for threads that are not ours."""
        return Occupied(self)

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds of the cloud's clock."""
        if seconds > 0:
            Mark(self).wait(seconds)

    def _quiet(self) -> bool:
        now = self.clock.now()
        due = self.timers and self.timers[0][0] <= now
        return not (self.ready or self.busy or due or any(w.until <= now for w in self.waits))

    def _wake(self) -> None:
        with self.turn:
            self.turn.notify_all()

    def _staff(self) -> None:
        if self.idle < len(self.ready) + 1 and self.threads < THREADS:
            self.threads += 1
            self.idle += 1
            threading.Thread(target=self._work, daemon=True, name="agenda").start()

    def _work(self) -> None:
        _counted.set(True)
        with self.turn:
            while True:
                job = self._next()
                self.idle -= 1
                self.busy += 1
                self.turn.release()
                try:
                    job()
                except Exception:  # a job must not take its thread along
                    self.failures.append(traceback.format_exc(limit=-6))
                finally:
                    self.turn.acquire()
                    self.busy -= 1
                    self.idle += 1
                    self.turn.notify_all()

    def _next(self) -> Job:
        while True:
            now = self.clock.now()
            if self.timers and self.timers[0][0] <= now:
                return heapq.heappop(self.timers)[2]
            if self.ready:
                return self.ready.popleft()
            self.turn.wait(min(self.timers[0][0] - now, LATEST) if self.timers else None)


class Occupied:
    """A block during which the cloud is not settled."""

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda

    def __enter__(self) -> None:
        with self.agenda.turn:
            self.agenda.busy += 1

    def __exit__(self, *_: object) -> None:
        with self.agenda.turn:
            self.agenda.busy -= 1
            self.agenda.turn.notify_all()


class Wait:
    """One thread that waits, until when by the cloud's clock."""

    def __init__(self, until: float, counted: bool) -> None:
        self.until = until
        self.counted = counted


# Whether this thread is counted as busy: its waits then take it out of the count.
_counted: contextvars.ContextVar[bool] = contextvars.ContextVar("counted", default=False)


class Mark:
    """An event whose timeouts go by the cloud's clock; waiting for it is no work."""

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda
        self.waiting: list[Wait] = []
        self.there = False

    def is_set(self) -> bool:
        """Whether it has been set."""
        return self.there

    def set(self) -> None:
        """Set it; who waited is at work again from this moment on."""
        with self.agenda.turn:
            self.there = True
            for wait in self.waiting:
                self._resume(wait)
            self.waiting.clear()
            self.agenda.turn.notify_all()

    def clear(self) -> None:
        """Take it back."""
        with self.agenda.turn:
            self.there = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set or so many seconds of the cloud's clock have gone."""
        agenda = self.agenda
        with agenda.turn:
            if self.there:
                return True
            end = float("inf") if timeout is None else agenda.clock.now() + timeout
            wait = self._begin(end)
            while wait in self.waiting and (left := end - agenda.clock.now()) > 0:
                agenda.turn.wait(min(left, LATEST))
            if wait in self.waiting:
                self.waiting.remove(wait)
                self._resume(wait)
            return self.there

    def _begin(self, until: float) -> Wait:
        wait = Wait(until, _counted.get())
        self.waiting.append(wait)
        self.agenda.waits.add(wait)
        self.agenda.busy -= wait.counted
        self.agenda.turn.notify_all()
        return wait

    def _resume(self, wait: Wait) -> None:
        self.agenda.waits.discard(wait)
        self.agenda.busy += wait.counted


class Thread:
    """A thread that counts as work until it ends or waits; it inherits its maker's context."""

    def __init__(
        self, agenda: Agenda, target: Job, args: tuple[Any, ...] = (), **_: Any
    ) -> None:
        self.agenda = agenda
        self.ended = Mark(agenda)
        self.target, self.args = target, args
        self.context = contextvars.copy_context()
        self.inner = threading.Thread(target=self.context.run, args=(self._run,), daemon=True)

    @property
    def native_id(self) -> int | None:
        """The number of the thread within the system."""
        return self.inner.native_id

    def start(self) -> None:
        """Begin."""
        with self.agenda.turn:
            self.agenda.busy += 1
        self.inner.start()

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not self.ended.is_set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, or so long by the cloud's clock."""
        self.ended.wait(timeout)

    def _run(self) -> None:
        _counted.set(True)
        try:
            self.target(*self.args)
        except Exception:  # what it was for has its own way to report an error
            self.agenda.failures.append(traceback.format_exc(limit=-6))
        finally:
            self.ended.set()
            with self.agenda.turn:
                self.agenda.busy -= 1
                self.agenda.turn.notify_all()
