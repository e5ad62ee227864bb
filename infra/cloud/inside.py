"""What a service of this cloud may use besides the call: clock, logs, stores, other services.

A service that acts for somebody asks `inside.client("s3", role_arn)`: a boto3 client whose calls
go through the front door in this process, with that role's rights and a record in the call log
(`by` is "service"). Limit: not while the door's lock is held: act from a thread, or answer `Later`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.cloud.errors import Answer

if TYPE_CHECKING:
    from infra.cloud.agenda import Agenda
    from infra.cloud.clock import Clock
    from infra.cloud.door import Door, Incoming
    from infra.cloud.log import CallLog
    from infra.cloud.usage import UsageLog

Later = Callable[[], Answer]
"""An answer that takes time: the door lets go of its lock before it calls this."""


@dataclass
class Inside:
    """One cloud, as its services see it. `stores`: what services without an engine keep, by name.

    `broker` runs programs (None: this cloud runs none; see infra.cloud.broker).
    """

    door: Door
    region: str = "eu-central-1"
    stores: dict[str, Any] = field(default_factory=dict)
    broker: Any = None

    @property
    def clock(self) -> Clock:
        """The cloud's clock."""
        return self.door.clock

    @property
    def agenda(self) -> Agenda:
        """What this cloud does by itself, and when."""
        from infra.cloud.agenda import Agenda

        made: Agenda = self.store("agenda", lambda: Agenda(self.clock))
        return made

    @property
    def log(self) -> CallLog:
        """The call log."""
        return self.door.log

    @property
    def usage(self) -> UsageLog:
        """What the bill needs and no call tells."""
        return self.door.usage

    def store(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what a service keeps in this cloud, made at the first call."""
        if name not in self.stores:
            self.stores[name] = make()
        return self.stores[name]

    def session(self, role_arn: str, name: str, seconds: int = 3600) -> dict[str, str]:
        """Return fresh credentials of a role (key_id, secret, token). LookupError: no such role."""
        from infra.cloud import state, sts

        role = state.role_by_arn(role_arn)
        if role is None:
            raise LookupError(f"there is no role {role_arn!r}")
        made = self.door.keys.sessions.open(
            sts.role_principal(role, name), self.clock.real(), seconds
        )
        return {"key_id": made.key_id, "secret": made.secret, "token": made.token}

    def client(
        self, service: str, role_arn: str, name: str = "service", seconds: int = 3600,
        region: str = "", **config: Any,
    ) -> Any:
        """Return a boto3 client with a role's rights that asks this cloud without a socket.

        It asks in the cloud's own region unless another is named.
        """
        made = self.session(role_arn, name, seconds)
        keys = made["key_id"], made["secret"], made["token"]
        return self._client(service, *keys, config, region)

    def own_client(self, service: str, region: str = "", **config: Any) -> Any:
        """Return a client that no policy limits: for what AWS does on its own behalf."""
        root = self.door.keys.root
        return self._client(service, root.key_id, root.secret, "", config, region)

    def _client(
        self, service: str, key_id: str, secret: str, token: str, config: dict[str, Any],
        region: str = "",
    ) -> Any:
        from infra.cloud import clients

        made = clients.client(
            service, "http://127.0.0.1", key_id, secret, token, region or self.region, **config
        )
        made.meta.events.register("before-send.*.*", self._send)
        return made

    def _send(self, request: Any, **_: Any) -> Any:
        """Answer a prepared request of botocore by a call of the door."""
        from botocore.awsrequest import AWSResponse

        answer = self.door.handle(_incoming(request), by="service")
        return AWSResponse(request.url, answer.status, _Headers(answer.headers), _Raw(answer.body))


def _incoming(request: Any) -> Incoming:
    from urllib.parse import urlsplit

    from infra.cloud.door import Incoming

    parts = urlsplit(request.url)
    headers = {
        str(name).lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    headers.setdefault("host", parts.netloc)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    raw = body.encode() if isinstance(body, str) else bytes(body)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Incoming(request.method, target, headers, raw, "127.0.0.1", True)


class _Headers(dict[str, str]):
    """Names in any case, as botocore looks them up."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


class _Raw:
    """A body that is already here, with urllib3's way to read it."""

    def __init__(self, body: bytes) -> None:
        self.left = body

    def read(self, amount: int | None = None, **_: Any) -> bytes:
        """Return so many bytes of what is left."""
        size = len(self.left) if amount is None or amount < 0 else amount
        piece, self.left = self.left[:size], self.left[size:]
        return piece

    def stream(self, amount: int = 65536, **_: Any) -> Any:
        """Yield the body in pieces."""
        while piece := self.read(amount):
            yield piece

    def close(self) -> None:
        """Nothing is held."""
