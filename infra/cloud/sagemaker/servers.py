"""A model's container as a web server: started with `serve`, asked by /ping, given /invocations.

Limit: HTTP/1.1, one connection a request, whole bodies.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.cloud.broker import BrokerError
from infra.cloud.inside import Inside
from infra.cloud.sagemaker import images
from infra.cloud.sagemaker.containers import Container
from infra.cloud.sagemaker.journal import Journal
from infra.cloud.sagemaker.models import Model
from infra.cloud.sagemaker.places import PlaceError

PORT = 8080
PING, INVOCATION = 2.0, 60.0  # seconds for an answer
ENDLESS = 1e9  # CPU-seconds of a server that runs until it is closed
STARTUP = 480.0  # seconds of the cloud's clock until the first good ping
_PAUSE = 0.05


@dataclass(frozen=True)
class Reply:
    """What a container answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Server:
    """One container that serves one model."""

    def __init__(
        self, inside: Inside, model: Model, kind: str, group: str, stream: str,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.inside, self.model, self.env = inside, model, dict(env or {})
        self.container = Container(
            inside, images.for_model(inside, model.image), model.role, kind
        )
        self.journal = Journal(inside, group, stream)
        self.began = inside.clock.now()
        self.ready = False
        self.busy = 0

    def start(self, startup: float = STARTUP, given_up: Callable[[], bool] = lambda: False) -> str:
        """Start and wait until it is healthy; return what is wrong, "" when all is well."""
        try:
            self.container.make("model")
            self.model.load(self.inside, self.container.path("model"))
            self._run()
        except (PlaceError, BrokerError) as error:
            return str(error)
        began = self.inside.clock.now()
        while self.alive and not given_up() and self.inside.clock.now() - began < startup:
            if self.healthy():
                self.ready = True
                return ""
            self.journal.feed(self._output())
            time.sleep(_PAUSE)
        self.journal.feed(self._output(), last=True)
        return "ping"

    def _run(self) -> None:
        container = self.container
        container.port = container.broker.port(PORT)
        env = {
            "SAGEMAKER_BIND_TO_PORT": str(container.port), "SM_MODEL_DIR": container.sees("model"),
            "SAGEMAKER_REGION": self.inside.region, **self.model.environment, **self.env,
        }
        container.start(["serve"], env, ENDLESS, container.port)

    def revive(self) -> None:
        """Start its program anew after it has ended; it is asked again once it is healthy."""
        self.ready = False
        self.look()
        if self.container.running is not None:
            self.container.running.close()
        self.journal.taken = 0
        self._run()

    @property
    def alive(self) -> bool:
        """Whether its program runs."""
        running = self.container.running
        return running is not None and running.poll() is None

    def healthy(self) -> bool:
        """Whether it answers a ping with 200 in time."""
        try:
            return self.ask("GET", "/ping", {}, b"", PING).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes,
        timeout: float = INVOCATION,
    ) -> Reply:
        """Send one request. OSError, HTTPException."""
        running = self.container.running
        assert running is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.container.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.sock = running.connect()
            connection.sock.settimeout(timeout)
            connection.request(method, path, body, dict(headers) | {"Connection": "close"})
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                         answer.read())

    def look(self) -> None:
        """Send what it has written to its log."""
        self.journal.feed(self._output())

    def _output(self) -> bytes:
        running = self.container.running
        return running.output() if running is not None else b""

    def close(self) -> None:
        """End it; what it wrote until then is in its log."""
        with contextlib.suppress(Exception):  # a log must not keep a container alive
            if self.alive and self.container.running is not None:
                self.container.running.kill()  # its output is whole once its end is known
            self.journal.feed(self._output(), last=True)
        self.container.close()
