"""One invocation: an environment is found or started, answers, and is kept warm for the next.

Writes what AWS writes: log lines with START, END and REPORT, metrics, a record for the bill.
Limit: at most ENVIRONMENTS at once on this machine; timeouts go by the wall clock.
"""

from __future__ import annotations

import json
import math
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.cloud.broker import BrokerError
from infra.cloud.errors import AwsError
from infra.cloud.lambdas import environments, functions, journal
from infra.cloud.lambdas.environments import Ended, Environment
from infra.cloud.lambdas.functions import Version

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

ENVIRONMENTS = 16
FRESH = 3600.0  # seconds of the cloud's clock after which an idle environment is not used again
PATIENCE = 120.0


@dataclass
class Outcome:
    """What an invocation came to."""

    request_id: str
    version: str
    payload: bytes
    error: str = ""  # "Unhandled" where the function failed
    kind: str = ""  # the runtime's own word for a failure that it found
    log: str = ""
    seconds: float = 0.0
    load_seconds: float | None = None
    peak_mb: int = 1
    stream: str = ""


@dataclass
class Runtime:
    """The environments of one cloud, and how many events each function answers right now.

    `starts` counts cold starts and `events` invocations, by function.
    """

    inside: Inside
    turn: threading.Condition = field(default_factory=threading.Condition)
    idle: list[Environment] = field(default_factory=list)
    alive: int = 0
    active: Counter[str] = field(default_factory=Counter)
    starts: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)

    def invoke(self, version: Version, event: Any, context: Any = None) -> Outcome:
        """Run one event. AwsError: throttled, or this cloud runs no programs."""
        kept = version.kept
        self._enter(kept)
        try:
            outcome = self._answer(version, event, context)
        finally:
            with self.turn:
                self.active[kept.function_name] -= 1
                self.turn.notify_all()
        journal.write(self.inside, version, outcome)
        return outcome

    def close(self) -> None:
        """End every idle environment."""
        with self.turn:
            gone, self.idle = self.idle, []
            self.alive -= len(gone)
        environments.end(gone)

    def _enter(self, kept: Any) -> None:
        name = kept.function_name
        reserved = functions.latest(kept.region, name).reserved_concurrency  # type: ignore[union-attr]
        with self.turn:
            if reserved is not None and self.active[name] >= int(reserved):
                journal.throttled(self.inside, kept)
                raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
            self.active[name] += 1
            self.events[name] += 1

    def _answer(self, version: Version, event: Any, context: Any) -> Outcome:
        request_id = str(uuid.uuid4())
        try:
            one = self._take(version)
        except BrokerError as error:
            return _refused(version, request_id, str(error))
        cold = one.wire is None
        started = time.monotonic()
        try:
            if cold:
                one.load()
                started = time.monotonic()
            done = one.handle(event, request_id, context)
        except Ended as end:
            outcome = _ended(one, version, request_id, end, time.monotonic() - started)
            self._drop(one)
            return outcome
        except BaseException:
            self._drop(one)
            raise
        seconds = time.monotonic() - started
        outcome = Outcome(
            request_id, version.number, done.payload, "Unhandled" if done.failed else "", "",
            done.log, seconds, one.load_seconds if cold else None, one.peak_mb(), one.stream,
        )
        self._give_back(one)
        return outcome

    # --- environments -----------------------------------------------------------------------

    def _take(self, version: Version) -> Environment:
        """Return an environment for a version: a warm one, or one that is starting."""
        now = self.inside.clock.now()
        with self.turn:
            warm = self._warm(version, now)
            if warm is not None:
                return warm
            gone = self._make_room()
            self.alive += 1
            self.starts[version.kept.function_name] += 1
        environments.end(gone)
        try:
            return self._start(version, now)
        except BaseException:
            with self.turn:
                self.alive -= 1
            raise

    def _warm(self, version: Version, now: float) -> Environment | None:
        """Return an idle environment of this very version, if it is fresh."""
        stamp = version.stamp
        for one in reversed(self.idle):
            if one.stamp == stamp:
                self.idle.remove(one)
                if one.alive() and now - one.opened < FRESH:
                    one.version = version
                    return one
                self.alive -= 1
                environments.end([one])
        return None

    def _make_room(self) -> list[Environment]:
        until = time.monotonic() + PATIENCE
        while self.alive >= ENVIRONMENTS and not self.idle:
            if not self.turn.wait(until - time.monotonic()):
                raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
        if self.alive < ENVIRONMENTS:
            return []
        self.alive -= 1
        return [self.idle.pop(0)]

    def _start(self, version: Version, now: float) -> Environment:
        broker, kept = self.inside.broker, version.kept
        if broker is None:
            raise BrokerError("this cloud runs no programs")
        try:
            credentials = self.inside.session(kept.role, kept.function_name, 12 * 3600)
        except LookupError:
            raise BrokerError(f"the role {kept.role} does not exist") from None
        stream = journal.stream(version, now)
        return environments.start(broker, version, credentials, kept.region, stream, now)

    def _give_back(self, one: Environment) -> None:
        with self.turn:
            self.idle.append(one)
            self.turn.notify_all()

    def _drop(self, one: Environment) -> None:
        environments.end([one])
        with self.turn:
            self.alive -= 1
            self.turn.notify_all()


def runtime(inside: Inside) -> Runtime:
    """Return the runtime of a cloud."""
    made: Runtime = inside.store("lambda", lambda: Runtime(inside))
    return made


def _refused(version: Version, request_id: str, why: str) -> Outcome:
    kind = "Runtime.InitError"
    payload = _payload(kind, f"RequestId: {request_id} Error: {why}")
    return Outcome(request_id, version.number, payload, "Unhandled", kind, f"{why}\n")


def _ended(
    one: Environment, version: Version, request_id: str, end: Ended, seconds: float
) -> Outcome:
    """Tell of an environment that went past its time or whose process ended."""
    code = None if end.late else one.running.wait(5.0)
    limit = float(version.kept.timeout)
    if end.late:
        kind, what = "Sandbox.Timedout", f"Task timed out after {limit:.2f} seconds"
        seconds = max(seconds, limit)
    elif one.running.reason == "memory":
        kind, what = "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"
    else:
        kind, what = "Runtime.ExitError", _exit(code)
    log = one.take_log() + one.running.output().decode(errors="replace")[-4096:]
    told = "Runtime.ExitError" if kind == "Runtime.OutOfMemory" else kind
    payload = _payload(told, f"RequestId: {request_id} Error: {what}")
    log += f"RequestId: {request_id} Error: {what}\n"
    return Outcome(
        request_id, version.number, payload, "Unhandled", kind, log, seconds,
        one.load_seconds if one.events <= 1 else None, one.peak_mb(), one.stream,
    )


def _exit(code: int | None) -> str:
    if code == 0:
        return "Runtime exited without providing a reason"
    if code is not None and code < 0:
        return f"Runtime exited with error: signal: {-code}"
    return f"Runtime exited with error: exit status {1 if code is None else code}"


def _payload(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def billed_ms(outcome: Outcome) -> int:
    """Return the milliseconds that are billed: loading counts, each begun one counts whole."""
    return max(1, math.ceil(1000 * (outcome.seconds + (outcome.load_seconds or 0.0))))
