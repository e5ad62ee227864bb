"""Machines that are taken away: one job's lives, one after another, seen from outside the job.

A Fleet starts the job, holds it at a chosen moment, warns or kills it, and remembers what it did.
Its clock is the number of batches the job asked for, never the wall, so it is the same on a busy
machine. Limit: one job at a time; whoever owns the batches must call `tick` for each.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from infra.cloud.gate import Reply, Request, Respond

LAG = 3  # batches that may be asked for while one request to the store is under way
PACE = 0.002  # seconds a batch takes at least, so that a second thread of the job gets its turn
PATIENCE = 60  # seconds without a sign of life after which a machine is given up
CRAWL = 4  # batches that an upload takes when the store is slow
FIRST = 80  # batches that the first of them takes
STILL = 3  # seconds in which a training that has not gone on stands still


class Program(Protocol):
    """A running job, as far as a fleet must know it."""

    exit: int | None

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""

    def kill(self, sig: int) -> int | None:
        """Send a signal."""


class Notices(Protocol):
    """Where spot notices are published."""

    def notice(self, action: str = "terminate", *, time: str) -> None:
        """Publish one."""

    def clear(self) -> None:
        """Take it back."""

    def expire_tokens(self) -> None:
        """Make every token invalid."""


@dataclass
class Event:
    """What happens when the batch at `step` or a later one is asked for.

    do: die, signal (SIGTERM), announce (in the metadata service) or expire (its tokens).
    """

    step: int
    do: str
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class Write:
    """Death at the `nth` request of a kind to the store, before or after it is carried out.

    kind: what the fleet's `kind` says, or "next": the first change after a checkpoint was stored.
    """

    kind: str
    nth: int = 1
    applied: bool = False


@dataclass
class Life:
    """One machine's life."""

    seen: list[int] = field(default_factory=list)  # the batches it got, by their place in the plan
    held: int | None = None  # the batch it asked for when it died
    stored: list[tuple[str, int]] = field(default_factory=list)  # checkpoint, last batch by then
    told: list[str] = field(default_factory=list)  # what it was told, and did happen to it
    waited: int = 0  # batches for which an upload kept the training from going on
    exit: int | None = None
    over: bool = False

    @property
    def first(self) -> int | None:
        """Return the place of the first batch this machine asked for."""
        return self.seen[0] if self.seen else self.held

    @property
    def last(self) -> int | None:
        """Return the place after the last batch this machine got."""
        return self.seen[-1] + 1 if self.seen else self.held

    @property
    def orderly(self) -> bool:
        """Return whether its batches follow each other as planned, none of them unknown (-1)."""
        return not self.seen or self.seen == list(range(self.seen[0], self.seen[-1] + 1))


class Fleet:
    """The machines of one job. `start(told)` starts it, `clean()` makes the next machine new."""

    def __init__(
        self,
        start: Callable[[bool], Program],
        clean: Callable[[], None],
        notices: Notices,
        kind: Callable[[Request], str],
        steps: int,
    ) -> None:
        self.start, self.clean, self.notices, self.kind = start, clean, notices, kind
        self.steps = steps
        self.lives: list[Life] = []
        self.life = Life(over=True)
        self.events: list[Event] = []  # still to come
        self.queue: list[Event] = []  # due: the job waits for an answer until they are dealt with
        self.write: Write | None = None
        self.slow = False
        self.tries: dict[str, int] = {}  # of a slow store, by kind
        self.moved = threading.Condition()
        self.under_way: dict[int, int] = {}  # requests to the store: number -> batches by then
        self.requests = 0
        self.beat = time.monotonic()

    def machine(
        self, *events: Event, write: Write | None = None, slow: bool = False, told: bool = True
    ) -> Life:
        """Run the job on a new machine; return when it has ended or was taken away.

        With `slow`, uploads crawl, the first most of all, and of five tries one is refused and the
        next cut off; without `told`, the machine has no metadata service.
        """
        self.life, self.write, self.slow, self.tries = Life(), write, slow, {}
        self.events = sorted(events, key=lambda event: event.step)
        self.notices.clear()
        self.beat = time.monotonic()
        program = self.start(told)
        while program.poll() is None:
            self._act(program)
        return self._bury(program.exit)

    def _act(self, program: Program) -> None:
        """Do what is due."""
        with self.moved:
            self.moved.wait_for(lambda: self.queue, 0.02)
        if not self.queue:
            if time.monotonic() - self.beat > PATIENCE:
                _send(program, signal.SIGKILL)
            return
        event = self.queue[0]
        if event.do == "die":
            self._settle(event)
            _send(program, signal.SIGKILL)
            return
        if event.do == "signal":
            _send(program, signal.SIGTERM)
        elif event.do == "announce":
            self.notices.notice(time="2026-11-21T03:14:07Z")
        elif event.do == "expire":
            self.notices.expire_tokens()
        self.life.told.append(f"{event.do} at {event.step}")
        self.queue.remove(event)
        event.done.set()

    def _settle(self, event: Event) -> None:
        """Let the network finish what it has begun, unless the death is to be in its midst."""
        quiet, before = 0, -1
        while event.step >= 0 and quiet < 10 and time.monotonic() - self.beat < PATIENCE:
            time.sleep(0.02)
            quiet = quiet + 1 if before == self.requests and not self.under_way else 0
            before = self.requests

    def _bury(self, exit_code: int | None) -> Life:
        with self.moved:
            self.life.over, self.life.exit = True, exit_code
            self.lives.append(self.life)
            waiting, self.queue, self.under_way = self.queue, [], {}
            self.moved.notify_all()
        for event in waiting:
            event.done.set()
        self.clean()
        return self.life

    def _hold(self, event: Event) -> None:
        """Called in a service's thread: the job waits for its answer while the fleet acts."""
        with self.moved:
            self.queue.append(event)
            self.moved.notify_all()
        event.done.wait(2 * PATIENCE)

    # -- the clock

    def tick(self, place: int) -> bool:
        """Note that the job asks for a batch; return whether its machine still lives."""
        life = self.life
        while self.events and self.events[0].step <= place:
            event = self.events.pop(0)
            if event.do == "die":
                life.held = place
            self._hold(event)
        time.sleep(PACE)
        with self.moved:
            self.moved.wait_for(lambda: life.over or not self._ahead(), PATIENCE / 2)
            if not life.over:
                life.seen.append(place)
                self.beat = time.monotonic()
                self.moved.notify_all()
        return not life.over

    def _ahead(self) -> bool:
        """Return whether the training has outrun a request that is on its way to the store."""
        got = len(self.life.seen)
        return not self.slow and any(got - then >= LAG for then in self.under_way.values())

    # -- the way to the store

    def through(self, forward: Respond) -> Respond:
        """Return what stands between the job and the store."""

        def pass_on(request: Request) -> Reply | None:
            life, kind = self.life, self.kind(request)
            if life.over or self._dies(kind, applied=False):
                return None
            if self.slow and kind in ("checkpoint", "model"):
                self.tries[kind] = self.tries.get(kind, 0) + 1
                self._crawl(life, CRAWL if len(self.tries) + self.tries[kind] > 2 else FIRST)
                if self.tries[kind] % 5 == 1:
                    return Reply(503, b"<Error><Code>SlowDown</Code></Error>")
                if self.tries[kind] % 5 == 2:
                    return None  # the line goes dead
            with self._on_the_way(life):
                reply = forward(request)
            if kind == "checkpoint" and reply is not None and reply.status == 200:
                life.stored.append((request.path.partition("?")[0], (life.last or 0)))
            return None if self._dies(kind, applied=True) else reply

        return pass_on

    @contextmanager
    def _on_the_way(self, life: Life) -> Iterator[None]:
        with self.moved:
            self.requests += 1
            number = self.requests
            self.under_way[number] = len(life.seen)
        try:
            yield
        finally:
            with self.moved:
                self.under_way.pop(number, None)
                self.beat = time.monotonic()
                self.moved.notify_all()

    def _dies(self, kind: str, applied: bool) -> bool:
        """Return whether the machine dies here; if so, not before it is dead."""
        write = self.write
        if write is None or not kind or write.applied != applied:
            return False
        if not (kind == write.kind or (write.kind == "next" and self.life.stored)):
            return False
        write.nth -= 1
        if write.nth:
            return False
        self._hold(Event(-1, "die"))
        return True

    def _crawl(self, life: Life, batches: int) -> None:
        """Let an upload take some batches; a training that stands still meanwhile waits for it."""
        goal = min(len(life.seen) + batches, self.steps)
        with self.moved:
            while not life.over and (got := len(life.seen)) < goal:
                if not self._goes_on(life, got):
                    life.waited += goal - got
                    self.slow = life.waited < 4 * CRAWL  # known by now: no need to go on crawling
                    return

    def _goes_on(self, life: Life, got: int) -> bool:
        return self.moved.wait_for(lambda: life.over or len(life.seen) > got, STILL)


def _send(program: Program, number: int) -> None:
    with suppress(ProcessLookupError):  # it has ended meanwhile
        program.kill(number)
