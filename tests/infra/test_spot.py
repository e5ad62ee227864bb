"""A fleet's machines: killed where they should be, told what they should be told, counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from infra.cloud import timeline
from infra.cloud.gate import Reply, Request
from infra.cloud.spot import Event, Fleet, Life, Write

STEPS = 40


class Notices:
    """A metadata service that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def notice(self, action: str = "terminate", *, time: str) -> None:
        self.said.append("notice")

    def clear(self) -> None:
        self.said.append("clear")

    def expire_tokens(self) -> None:
        self.said.append("expire")


class Job:
    """A thread that plays the job; a killed one gets no more answers."""

    def __init__(self, work: Callable[[Job], None]) -> None:
        self.exit: int | None = None
        self.signals: list[int] = []
        self.thread = threading.Thread(target=self.run, args=(work,), daemon=True)
        self.thread.start()

    def run(self, work: Callable[[Job], None]) -> None:
        work(self)
        self.exit = 0 if self.exit is None else self.exit

    def poll(self) -> int | None:
        return self.exit

    def kill(self, sig: int) -> int | None:
        self.signals.append(sig)
        if sig == 9:
            self.exit = -9
        return self.exit


class Rehearsal:
    """A fleet whose job takes steps and stores a checkpoint every ten."""

    def __init__(self, wait: bool = False) -> None:
        self.notices, self.done, self.kept, self.cleaned, self.wait = Notices(), 0, 0, 0, wait
        self.jobs: list[Job] = []
        self.fleet = Fleet(self.start, self.clean, self.notices, self.kind, STEPS)
        self.put = self.fleet.through(self.store)

    def start(self, told: bool) -> Job:
        self.jobs.append(Job(self.work))
        return self.jobs[-1]

    def clean(self) -> None:
        self.cleaned += 1

    def kind(self, request: Request) -> str:
        return {"/checkpoint": "checkpoint", "/model": "model"}.get(request.path, "")

    def store(self, request: Request) -> Reply | None:
        self.kept = int(request.body) if request.path == "/checkpoint" else self.kept
        return Reply(200)

    def keep(self, step: int) -> bool:
        while not self.fleet.life.over:
            reply = self.put(Request("PUT", "/checkpoint", (), b"%d" % step))
            if reply is not None and reply.status == 200:
                return True
        return False

    def work(self, job: Job) -> None:
        for step in range(self.kept, STEPS):
            if not self.fleet.tick(step):
                return
            if (step + 1) % 10 == 0:
                if self.wait:
                    if not self.keep(step + 1):
                        return
                else:
                    threading.Thread(target=self.keep, args=(step + 1,), daemon=True).start()
        self.put(Request("PUT", "/model", (), b"done"))


@pytest.fixture
def rehearsal() -> Rehearsal:
    return Rehearsal(wait=True)


def test_a_calm_life_sees_every_step_once(rehearsal: Rehearsal) -> None:
    life = rehearsal.fleet.machine()
    assert life.seen == list(range(STEPS))
    assert (life.exit, life.orderly, life.first, life.last) == (0, True, 0, STEPS)
    assert [step for _, step in life.stored] == [10, 20, 30, 40]
    assert rehearsal.cleaned == 1


def test_death_comes_before_the_step_is_answered(rehearsal: Rehearsal) -> None:
    dead = rehearsal.fleet.machine(Event(25, "die"))
    assert (dead.exit, dead.held, dead.last) == (-9, 25, 25)
    heir = rehearsal.fleet.machine()
    assert heir.first == 20
    assert rehearsal.fleet.lives == [dead, heir]


@pytest.mark.parametrize(("applied", "kept"), [(False, 10), (True, 20)])
def test_death_in_a_write_falls_before_or_after_it(
    rehearsal: Rehearsal, applied: bool, kept: int
) -> None:
    dead = rehearsal.fleet.machine(write=Write("checkpoint", nth=2, applied=applied))
    assert (dead.exit, dead.last, rehearsal.kept) == (-9, 20, kept)


def test_next_is_the_first_change_after_a_checkpoint(rehearsal: Rehearsal) -> None:
    dead = rehearsal.fleet.machine(write=Write("next"))
    assert (dead.last, rehearsal.kept) == (20, 10)


def test_a_machine_is_told_in_the_order_of_the_steps(rehearsal: Rehearsal) -> None:
    life = rehearsal.fleet.machine(
        Event(9, "signal"), Event(5, "announce"), Event(3, "expire"), Event(30, "die")
    )
    assert rehearsal.notices.said == ["clear", "expire", "notice"]
    assert rehearsal.jobs[0].signals == [15, 9]
    assert life.told == ["expire at 3", "announce at 5", "signal at 9"]


def test_waiting_for_a_slow_store_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.cloud.spot.STILL", 0.2)
    waits, goes_on = Rehearsal(wait=True), Rehearsal(wait=False)
    assert waits.fleet.machine(slow=True).waited > 0
    assert goes_on.fleet.machine(slow=True).waited == 0


def test_the_training_cannot_outrun_an_upload() -> None:
    rehearsal, seen = Rehearsal(wait=False), list[int]()

    def late(request: Request) -> Reply:
        if request.path == "/checkpoint":
            time.sleep(0.3)
            seen.append((rehearsal.fleet.life.last or 0) - int(request.body))
        return Reply(200)

    rehearsal.put = rehearsal.fleet.through(late)
    rehearsal.fleet.machine()
    assert max(seen[:3]) <= 5


def test_a_job_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.cloud.spot.PATIENCE", 0.2)
    rehearsal = Rehearsal()
    hung = threading.Event()
    rehearsal.work = lambda job: hung.wait(10)  # type: ignore[method-assign, assignment]
    life = rehearsal.fleet.machine()
    hung.set()
    assert (life.exit, life.first, life.last, life.orderly) == (-9, None, None, True)


def lives(*given: dict[str, Any]) -> list[Life]:
    return [Life(over=True, **one) for one in given]


def test_the_timeline_says_what_was_lost() -> None:
    night = lives(
        {"seen": [0, 1, 2, 3], "exit": -9, "stored": [("a", 2)], "told": ["signal at 2"]},
        {"seen": [2, 3, 4], "exit": 75, "waited": 4},
        {"seen": [7, 9], "exit": -9},
        {"exit": 0},
    )
    assert timeline.text(night).splitlines() == [
        "machine 1: steps 0-3, killed (told: signal at 2), checkpoints by 2",
        "machine 2: steps 2-4, ended with 75, 2 repeated, stood still for 4, checkpoints by none",
        "machine 3: steps 7-9, killed without a word, 2 SKIPPED, NOT IN THE ORDER OF A CALM NIGHT, "
        "checkpoints by none",
        "machine 4: asked for nothing, ended with 0, checkpoints by none",
    ]
    drawn = timeline.svg(night, 10)
    assert drawn.count("<circle") == 1
    assert drawn.count("<path") == 2
    assert drawn.count("<text") == 4
