"""The machines behind an endpoint: variants, their shares of the traffic, their servers.

Traffic is shared by a smooth weighted round: of any n requests each variant gets its share to
within one. Limit: no canaries: a new fleet takes over at once, when all of it is healthy.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.inside import Inside
from infra.cloud.sagemaker.models import Model
from infra.cloud.sagemaker.servers import INVOCATION, STARTUP, Server
from infra.cloud.usage import Usage

GROUP = "/aws/sagemaker/Endpoints/{}"
_LOOK = 0.5  # seconds between two looks at the servers
_UNHEALTHY = (
    "The primary container for production variant {} did not pass the ping health check. Please"
    " check CloudWatch logs for this endpoint."
)


class FleetError(Exception):
    """A fleet did not come up: the endpoint's FailureReason."""


@dataclass
class Variant:
    """One production variant: what was asked, its weight now, its servers."""

    asked: Mapping[str, Any]
    model: Model
    weight: float
    count: int
    servers: list[Server] = field(default_factory=list)
    credit: float = 0.0
    turn: int = 0

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.asked["VariantName"])

    @property
    def kind(self) -> str:
        """The kind of its machines."""
        return str(self.asked["InstanceType"])

    def pick(self) -> Server | None:
        """Return the next server in turn that is healthy."""
        ready = [one for one in self.servers if one.ready and one.alive]
        if not ready:
            return None
        self.turn += 1
        return ready[self.turn % len(ready)]


class Fleet:
    """All variants of one endpoint, started together and ended together."""

    def __init__(
        self, inside: Inside, endpoint: str, resource: str, tags: Mapping[str, str],
        variants: list[Variant],
    ) -> None:
        self.inside, self.endpoint, self.resource = inside, endpoint, resource
        self.tags, self.variants = tags, variants
        self.ended = threading.Event()

    def start(self, given_up: Callable[[], bool]) -> None:
        """Start every server and wait until all are healthy. FleetError; then all have ended."""
        try:
            for variant in self.variants:
                self.scale(variant, variant.count, given_up)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._watch, daemon=True, name=self.endpoint).start()

    def scale(
        self, variant: Variant, count: int, given_up: Callable[[], bool] = lambda: False
    ) -> None:
        """Let a variant have so many servers. FleetError when a new one does not come up."""
        while len(variant.servers) < count:
            stream = f"{variant.name}/i-{secrets.token_hex(8)}"
            server = Server(
                self.inside, variant.model, variant.kind, GROUP.format(self.endpoint), stream
            )
            variant.servers.append(server)
            asked = variant.asked.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP)
            wrong = server.start(float(asked), given_up)
            if wrong:
                variant.servers.remove(server)
                self._end(variant, server)
                raise FleetError(_UNHEALTHY.format(variant.name) if wrong == "ping" else wrong)
        while len(variant.servers) > count:
            self._end(variant, variant.servers.pop())
        variant.count = count

    def choose(self, name: str = "") -> Variant | None:
        """Return the variant for the next request: the named one, or by weight."""
        if name:
            return next((one for one in self.variants if one.name == name), None)
        total = sum(one.weight for one in self.variants)
        for one in self.variants:
            one.credit += one.weight
        best = max(self.variants, key=lambda one: one.credit)
        best.credit -= total
        return best

    def _watch(self) -> None:
        """Send logs, and start anew what has ended."""
        while not self.ended.wait(_LOOK):
            for _, server in list(self._servers()):
                with contextlib.suppress(Exception):  # the next look tries again
                    server.look()
                    if not server.alive:
                        server.revive()
                    elif not server.ready:
                        server.ready = server.healthy()

    def _servers(self) -> Iterator[tuple[Variant, Server]]:
        for variant in self.variants:
            yield from ((variant, server) for server in variant.servers)

    def _end(self, variant: Variant, server: Server) -> None:
        """Let a server finish what it is at, then end it and bill it."""
        until = time.monotonic() + INVOCATION
        while server.busy and time.monotonic() < until:
            time.sleep(0.02)
        server.close()
        self.inside.usage.add(self._used(variant, server))

    def _used(self, variant: Variant, server: Server) -> Usage:
        seconds = round(max(0.0, self.inside.clock.now() - server.began), 3)
        return Usage(
            "sagemaker", variant.kind, seconds, "second", resource=self.resource, tags=self.tags,
            region=self.inside.region,
        )

    def meter(self) -> list[Usage]:
        """Return what it would cost if it ended now."""
        return [self._used(variant, server) for variant, server in self._servers()]

    def close(self) -> None:
        """End every server."""
        self.ended.set()
        for variant in self.variants:
            while variant.servers:
                self._end(variant, variant.servers.pop())
