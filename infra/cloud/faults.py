"""The seam: one proxy in front of all three clouds, which injects the faults of a plan.

    with faults(cloud, Path("faults.toml"), work.listen(4570)) as seam:
        work.env |= {"AWS_ENDPOINT_URL": seam.url}
        ...
        assert len(tried) == 1 + len([i for i in seam.log if i.rule == "busy"])
        seam.switch(None)                                 # from now on everything passes

A request that passes reaches the engine byte for byte, so its signature stays valid. Limit: plain
HTTP/1.1, messages up to gate.LARGEST in memory; the plan is of this seam, its log in memory.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cloud import asked, refusals
from infra.cloud.faultplan import Plan, Play, Strike, load
from infra.cloud.gate import Reply, Request, Respond, forwarder, listen
from infra.cloud.process import loopback

if TYPE_CHECKING:
    from infra.cloud.fixtures import Cloud

Source = Plan | Path | str | None


@dataclass(frozen=True)
class Injected:
    """One fault that a request met.

    `time` is real; `ordinal` says the how many-th request that the rule matched it was; `ms` is a
    wait; `when` a drop's moment; `request_id` stands in the answer where the dialect has a place.
    `status` is what the client got, or for a drop after the work what it was not told; else 0.
    """

    number: int
    time: float
    rule: str
    fault: str
    cloud: str
    service: str
    operation: str
    method: str
    key: str
    ordinal: int
    ms: float = 0.0
    when: str = ""
    status: int = 0
    code: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Front:
    """A listener of the seam and the server behind it. `service` where it serves but one."""

    cloud: str
    address: tuple[str, int]
    listener: socket.socket
    service: str = ""

    @property
    def url(self) -> str:
        """Where clients find this front."""
        host, port = self.listener.getsockname()[:2]
        return f"http://{host}:{port}"


class Seam:
    """The switch, the log and the counters of a running seam.

    `seen` counts the requests that came; `passed` those that the engine answered.
    """

    def __init__(
        self, plan: Source = None, *, sleep: Callable[[float], object] = time.sleep,
        keep: Callable[[Injected], None] | None = None,
    ) -> None:
        self.fronts: Sequence[Front] = ()
        self.seen = self.passed = 0
        self._sleep, self._keep = sleep, keep
        self._log: list[Injected] = []
        self._lock = threading.Lock()
        self.switch(plan)

    @property
    def url(self) -> str:
        """Where clients find the first front."""
        return self.fronts[0].url

    @property
    def urls(self) -> dict[str, str]:
        """Where clients find each front, by cloud or by cloud and service ("azure/blob")."""
        return {f"{f.cloud}/{f.service}".rstrip("/"): f.url for f in self.fronts}

    @property
    def log(self) -> list[Injected]:
        """Every fault so far, in the order in which they struck."""
        with self._lock:
            return list(self._log)

    def switch(self, plan: Source) -> None:
        """Follow another plan from the next request on, counting afresh; None lets all pass.

        Raises records.RecordError and changes nothing when the plan says what cannot be.
        """
        play = None if plan is None else Play(load(plan))
        with self._lock:
            self._play, self._since = play, time.monotonic()

    def respond(self, front: Front) -> Respond:
        """Return what answers the requests of one front."""
        forward = forwarder(*front.address)

        def passing(request: Request) -> Reply | None:
            reply = forward(request)
            with self._lock:
                self.passed += 1
            return reply

        def answer(request: Request) -> Reply | None:
            with self._lock:
                self.seen += 1
                play, since = self._play, self._since
            if play is None:
                return passing(request)
            one = asked.name(front.cloud, front.service, request)
            return self._meet(one, play.meet(one, time.monotonic() - since), request, passing)

        return answer

    def _meet(
        self, one: asked.Asked, strikes: Sequence[Strike], request: Request, forward: Respond
    ) -> Reply | None:
        for strike in strikes:
            if strike.rule.fault != "latency":
                return self._strike(one, strike, request, forward)
            self._add(one, strike)
            self._sleep(strike.ms / 1000)
        return forward(request)

    def _strike(
        self, one: asked.Asked, strike: Strike, request: Request, forward: Respond
    ) -> Reply | None:
        rule = strike.rule
        if rule.fault == "drop":
            return self._drop(one, strike, request, forward)
        said = refusals.refusal(one, rule.fault, rule.code or "", rule.status or 0)
        request_id = secrets.token_hex(8).upper()
        self._add(one, strike, status=said.status, code=said.code, request_id=request_id)
        return refusals.write(one, said, request_id, rule.retry_after)

    def _drop(
        self, one: asked.Asked, strike: Strike, request: Request, forward: Respond
    ) -> Reply | None:
        when = strike.rule.when or "before"
        if when == "before":
            self._add(one, strike, when=when)
            return None
        reply = forward(request)
        assert reply is not None
        if when == "body" and reply.body and request.method != "HEAD":
            self._add(one, strike, when=when, status=reply.status)
            return replace(reply, cut=len(reply.body) // 2)
        self._add(one, strike, when="after", status=reply.status)
        return None

    def _add(
        self, one: asked.Asked, strike: Strike, *, when: str = "", status: int = 0, code: str = "",
        request_id: str = "",
    ) -> None:
        with self._lock:
            made = Injected(
                len(self._log), time.time(), strike.rule.name, strike.rule.fault, one.cloud,
                one.service, one.operation, one.method, one.key, strike.ordinal, strike.ms, when,
                status, code, request_id,
            )
            self._log.append(made)
            if self._keep is not None:
                self._keep(made)


def line(injected: Injected) -> str:
    """Return a fault as one line of JSON."""
    return json.dumps(asdict(injected))


@contextmanager
def serve(
    seam: Seam, fronts: Sequence[Front], before: Callable[[], object] = lambda: None
) -> Iterator[Seam]:
    """Serve the fronts while the block runs; `before` is called ahead of every request."""
    seam.fronts = tuple(fronts)
    with ExitStack() as stack:
        for front in fronts:
            stack.enter_context(listen(front.listener, _after(before, seam.respond(front))))
        yield seam


def _after(before: Callable[[], object], respond: Respond) -> Respond:
    def answer(request: Request) -> Reply | None:
        before()
        return respond(request)

    return answer


@contextmanager
def faults(
    target: Cloud | tuple[str, int], plan: Source = None, listener: socket.socket | None = None, *,
    cloud: str = "aws", service: str = "", sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Seam]:
    """Put a seam in front of a private cloud, or of any address that speaks a cloud's API.

    `cloud` is aws, azure or gcp; Azurite has a `service` a port: blob, queue or table. Without a
    listener the seam takes a free port of loopback.
    """
    if cloud not in asked.CLOUDS:
        raise ValueError(f"there is no cloud {cloud!r}; there are {', '.join(asked.CLOUDS)}")
    address = target if isinstance(target, tuple) else target.address
    with ExitStack() as stack:
        front = Front(cloud, address, listener or stack.enter_context(loopback()), service)
        yield stack.enter_context(serve(Seam(plan, sleep=sleep), [front]))
