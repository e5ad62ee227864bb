"""Judges a class on many machines, with Dask as the executor. Prints nothing, writes nothing.

The client reads submissions, makes their seeds and sends jobs; workers (`farmhand`) judge them and
answer in JSON, which is checked here against what was asked. At most a few submissions for each
worker are under way, so memory does not grow with the class. Nothing is kept on workers: a job
whose worker dies is done again elsewhere.

Workers are trusted to judge honestly, as Dask demands it (see `scheduler`); the comparison finds
mistakes, not malice. Learners' code runs in sandboxes that reach neither scheduler nor worker.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from autograder import farmhand
from autograder.channel import Found
from autograder.court import Court, Job
from autograder.errors import GraderError, LadderError, SubmissionError
from autograder.farmhand import MAX_ANSWER, MAX_SAID, Answer, judge, written
from autograder.manifest import Course
from autograder.plain import CONTROL
from autograder.scheduler import Farm, connected, crew, deserted, gone, wait
from autograder.submission import Submission
from autograder.verdict import ENGINE, CheckResult, LabResult

if TYPE_CHECKING:
    from distributed import Client, Future

    from autograder.cohort import Outcome, Plan

AHEAD = 2  # jobs under way for each thread of a worker: one is judged, one waits there
MAX_AHEAD, MAX_BYTES = 512, 256 << 20  # of all jobs under way; a single job may be larger
TICK = 0.5  # seconds between two looks at scheduler and workers
MakeJob = Callable[[Course, Court, "Plan", Submission], Job]


@dataclass(frozen=True)
class Flight:
    """A job under way, and the workers that it was sent to; none: to any."""

    found: Found
    job: Job
    workers: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(map(len, self.job.submission.files.values()))


def judge_far(
    course: Course, found: Sequence[Found], plan: Plan, farm: Farm, make_job: MakeJob
) -> Iterator[Outcome]:
    """Judge submissions on a farm's workers; yield each result as soon as it is there.

    Raises UsageError for an address that is not safe or does not answer, GraderError when the
    scheduler goes away or no worker is left; what was yielded before stands.
    """
    with connected(farm) as client:
        for lab in {f.lab.id: f.lab for f in found}.values():
            with Court(lab, "D") as court:  # tells the names of the checks; judges nothing here
                pass
            field = Field(client, farm, plan, court, partial(make_job, course, court, plan))
            yield from field.results([f for f in found if f.lab is lab])


def walls(farm: Farm) -> tuple[str, tuple[str, ...]]:
    """Return sandbox mode and layers of the farm's workers, as one of them says.

    Raises UsageError for an address that is not safe or does not answer and when no worker comes,
    GraderError when the worker cannot confine others' code.
    """
    with connected(farm) as client:
        wait(client, farm)
        with gone(farm):
            data = _ended(client.submit(farmhand.walls, pure=False))
    answer = data if isinstance(data, LadderError) else _decoded(data or b"")
    if isinstance(answer, LadderError):
        raise answer
    mode, layers = msgspec.json.decode(answer.result, type=tuple[str, tuple[str, ...]])
    return mode, layers


class Field:
    """The jobs of one lab that are under way, at most `room` of them."""

    def __init__(
        self,
        client: Client,
        farm: Farm,
        plan: Plan,
        court: Court,
        make: Callable[[Submission], Job],
    ) -> None:
        self.client, self.farm, self.court, self.make = client, farm, court, make
        self.sandboxed = plan.mode != "D"
        self.flying: dict[Future[bytes], Flight] = {}
        self.landed: queue.SimpleQueue[Future[bytes]] = queue.SimpleQueue()
        self.room, self.looked, self.seen = 0, 0.0, time.monotonic()
        self.shunned: set[str] = set()  # workers at which something has failed that was not theirs
        self.good: list[str] | None = None  # the others, once only they shall judge

    def results(self, found: Sequence[Found]) -> Iterator[Outcome]:
        """Yield an outcome for each submission, in the order in which they come.

        What failed by a fault of ours is judged once more when the rest is done, where nothing
        has failed. A job at which several workers died is tried once more with no other under way:
        it may have been another's doing, and if it is its own, only its own grade is missing.
        """
        again: list[Found] = []
        killers: list[Flight] = []
        for one, outcome in self._round(found, killers):
            if _ours(outcome):
                again.append(one)
            else:
                yield one, outcome
        self.good = []
        yield from self._round(again, killers)
        for flight in list(killers):
            killers.clear()
            yield from self._round([flight.found], killers)
            for _ in killers:
                why = "the workers that judged it died, again and again"
                yield flight.found, self.court.ungraded(flight.job, why)

    def _round(self, found: Sequence[Found], killers: list[Flight]) -> Iterator[Outcome]:
        """Yield the outcomes of submissions; add those that no worker survived to `killers`."""
        todo, self.looked = iter(found), 0.0
        while True:
            yield from self._send(todo)
            if not self.flying:
                return
            future = self._next()
            flight = self.flying.pop(future)
            outcome = self._outcome(future, flight)
            if outcome is None:
                killers.append(flight)
            else:
                yield flight.found, outcome

    def _send(self, todo: Iterator[Found]) -> Iterator[Outcome]:
        """Send jobs as long as there is room; yield what cannot be read."""
        self._look()
        while not self.room and not self.flying:  # nobody is there, yet or any more
            time.sleep(TICK)
            self._look()
        while len(self.flying) < self.room and self._light():
            one = next(todo, None)
            if one is None:
                return
            try:
                flight = Flight(one, self.make(one.read()), frozenset(self.good or ()))
            except LadderError as error:
                yield one, error
            except Exception as error:  # one submission must not keep the others from a grade
                yield one, GraderError(f"{type(error).__name__}: {error}", str(one.path))
            else:
                self._submit(flight)

    def _light(self) -> bool:
        return sum(flight.size for flight in self.flying.values()) < MAX_BYTES

    def _submit(self, flight: Flight) -> None:
        with gone(self.farm):
            head, body = written(flight.job, flight.found.lab, self.sandboxed)
            future = self.client.submit(
                judge, head, body, pure=False, workers=sorted(flight.workers) or None,
                allow_other_workers=bool(flight.workers),
            )  # fmt: skip
            future.add_done_callback(self.landed.put)
        self.flying[future] = flight

    def _next(self) -> Future[bytes]:
        """Wait for the next job that has an end, whichever."""
        while True:
            with suppress(queue.Empty):
                future = self.landed.get(timeout=TICK)
                if future in self.flying:
                    return future
            self._look()

    def _outcome(self, future: Future[bytes], flight: Flight) -> LabResult | LadderError | None:
        """Return how a job ended; None when the workers that had it died."""
        with gone(self.farm):
            data = _ended(future)
            if data is None:
                return None
            outcome: LabResult | LadderError
            if isinstance(data, GraderError):
                outcome = data
            else:
                outcome = read_answer(data, flight, self.court.checks, self.sandboxed)
            if _ours(outcome):
                self.shunned.update(*self.client.who_has([future]).values())
        return outcome

    def _look(self) -> None:
        """See, now and then, how many threads there are. Raises GraderError when there are none."""
        now = time.monotonic()
        if now - self.looked < TICK:
            return
        with gone(self.farm):
            if self.client.status != "running":
                raise ConnectionError(self.client.status)
            threads = crew(self.client, self.farm)
        self.looked, self.seen = now, now if threads else self.seen
        self.room = min(AHEAD * sum(threads.values()), MAX_AHEAD)
        if self.good is not None:  # as many as they judge at once: none waits where it may be moved
            self.good = sorted(threads.keys() - self.shunned)
            self.room = sum(threads[name] for name in self.good) or min(1, len(threads))
        if now - self.seen > self.farm.patience:
            raise deserted(self.farm)
        self._free(threads)

    def _free(self, there: Mapping[str, int]) -> None:
        """Send a job whose workers are all gone once more, to any.

        Dask holds it for ever, `allow_other_workers` or not, when the last of its workers died
        while no other was there.
        """
        for future, flight in list(self.flying.items()):
            if flight.workers and flight.workers.isdisjoint(there):
                del self.flying[future]
                with gone(self.farm):
                    future.cancel()
                self._submit(replace(flight, workers=frozenset()))


def _ours(outcome: LabResult | LadderError) -> bool:
    """Tell whether there is no grade by a fault that is not the submission's."""
    return outcome.ungraded if isinstance(outcome, LabResult) else isinstance(outcome, GraderError)


def _ended(future: Future[bytes]) -> bytes | GraderError | None:
    """Wait for a job and return what came of it; None when the workers that had it died."""
    from distributed import KilledWorker

    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, KilledWorker):
        return None
    return GraderError(f"the worker failed: {type(error).__name__}: {error}"[:MAX_SAID])


def read_answer(
    data: bytes, flight: Flight, checks: Mapping[str, CheckResult], sandboxed: bool
) -> LabResult | LadderError:
    """Return what a worker answered: a result that fits what was asked of it, or an error."""
    try:
        answer = _decoded(data)
        if isinstance(answer, LadderError):
            return answer
        result = LabResult.from_json(bytes(answer.result))
        _compare(result, flight, checks, sandboxed)
    except GraderError as error:
        return error
    return result


def _decoded(data: bytes) -> Answer | LadderError:
    """Return an answer that brings a result, or the error that it tells of or is."""
    if type(data) is not bytes or len(data) > MAX_ANSWER:
        return GraderError("a worker's answer is too large or of no known form")
    try:
        answer = msgspec.json.decode(data, type=Answer)
    except (msgspec.DecodeError, RecursionError) as error:
        return GraderError(f"a worker's answer cannot be read: {error}")
    if answer.say == "result":
        return answer
    said = [CONTROL.sub("", text)[:MAX_SAID] for text in answer.why]
    return (SubmissionError if answer.say == "refused" else GraderError)(*said)


def _compare(
    result: LabResult, flight: Flight, checks: Mapping[str, CheckResult], sandboxed: bool
) -> None:
    """Raise GraderError for a result of anything else than what was asked for."""
    lab, job = flight.found.lab, flight.job
    asked = {
        "lab": lab.id, "version": lab.version, "learner": job.submission.learner,
        "submission": job.submission.hash, "epoch": job.epoch, "engine": ENGINE,
    }  # fmt: skip
    for name, value in asked.items():
        if (got := getattr(result, name)) != value:
            raise GraderError(f"a worker answered for {name} {got!r}; asked for was {value!r}")
    fixed = [[(c.name, c.claim, c.points, c.observes, c.must, c.after) for c in some]
             for some in (result.checks, checks.values())]  # fmt: skip
    if fixed[0] != fixed[1]:
        raise GraderError("a worker answered with other checks than those of the lab", lab.id)
    if sandboxed and result.mode not in ("A", "B"):
        raise GraderError(f"a worker judged in sandbox mode {result.mode!r}", lab.id)
