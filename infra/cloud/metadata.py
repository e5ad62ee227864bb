"""An instance metadata service: IMDSv2 tokens, identity, role credentials, spot notices.

Limit: version 2 only (a request without a token gets 401); the paths of `_tree`, no others.
EC2 gives a notice two minutes ahead and best effort; a judge schedules it, or schedules none.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from infra.cloud.clock import Clock
from infra.cloud.door import Incoming
from infra.cloud.errors import Answer
from infra.cloud.log import CallLog

TOKEN = "/latest/api/token"
_TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_LONGEST = 21600

Credentials = Callable[[], dict[str, str]]


@dataclass
class Notice:
    """A spot interruption notice: visible from `visible` on, the end at `at`, as EC2 writes it."""

    action: str
    visible: float
    at: str


@dataclass
class Metadata:
    """The service of one pretended instance."""

    clock: Clock
    log: CallLog
    region: str
    role: str = ""
    credentials: Credentials | None = None
    instance: str = field(default_factory=lambda: f"i-{secrets.token_hex(8)}0")
    kind: str = "g5.xlarge"
    spot: bool = True
    notice: Notice | None = None
    tokens: dict[str, tuple[float, int]] = field(default_factory=dict)
    polls: int = 0

    def schedule(self, notice_seconds: float | None, *, wait: float = 0.0,
                 action: str = "terminate") -> None:
        """Give notice `wait` seconds from now, `notice_seconds` before the end; None: no notice."""
        if notice_seconds is None:
            self.notice = None
            return
        visible = self.clock.now() + wait
        self.notice = Notice(action, visible, _stamp(visible + notice_seconds))

    def publish(self, action: str, at: str) -> None:
        """Give notice at once, with a time that may be of another clock."""
        self.notice = Notice(action, 0.0, at)

    def handle(self, incoming: Incoming) -> Answer:
        """Answer one request and log it."""
        answer = self._answer(incoming)
        self.log.add(
            incoming.target, time=self.clock.real(), virtual=self.clock.now(), service="imds",
            operation=incoming.method, action=f"imds:{incoming.method.title()}",
            principal=self.instance, key_id="", status=answer.status, error=answer.error,
            received=len(incoming.body), bytes=len(answer.body), tls=incoming.secure, by="learner",
        )
        return answer

    def _answer(self, incoming: Incoming) -> Answer:
        path = incoming.target
        # As on EC2: a proxy in between must not fetch a token for somebody else.
        if "x-forwarded-for" in incoming.headers:
            return _plain(403, "")
        if incoming.method == "PUT":
            return self._token(incoming) if path == TOKEN else _plain(405, "")
        if incoming.method not in {"GET", "HEAD"}:
            return _plain(405, "")
        if not self._valid(incoming.headers.get("x-aws-ec2-metadata-token", "")):
            return _plain(401, "")
        found = self._tree().get(path.removeprefix("/latest/").rstrip("/"))
        text = found() if found else None
        return _plain(200, text) if text is not None else _plain(404, "")

    def _token(self, incoming: Incoming) -> Answer:
        ttl = incoming.headers.get(_TTL, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= _LONGEST:
            return _plain(400, "")
        token = secrets.token_urlsafe(40)
        self.tokens[token] = (self.clock.real(), int(ttl))
        while len(self.tokens) > 1000:
            self.tokens.pop(next(iter(self.tokens)))
        answer = _plain(200, token)
        answer.headers[_TTL] = ttl
        return answer

    def _valid(self, token: str) -> bool:
        made, ttl = self.tokens.get(token, (0.0, 0))
        return token in self.tokens and self.clock.age(made) < ttl

    def _tree(self) -> dict[str, Callable[[], str | None]]:
        zone = f"{self.region}a"
        return {
            "meta-data": lambda: (
                "iam/\ninstance-id\ninstance-life-cycle\ninstance-type\nplacement/\nspot/"
            ),
            "meta-data/instance-id": lambda: self.instance,
            "meta-data/instance-type": lambda: self.kind,
            "meta-data/instance-life-cycle": lambda: "spot" if self.spot else "on-demand",
            "meta-data/placement": lambda: "availability-zone\nregion",
            "meta-data/placement/availability-zone": lambda: zone,
            "meta-data/placement/region": lambda: self.region,
            "meta-data/spot": lambda: "instance-action\ntermination-time" if self._due() else "",
            "meta-data/spot/instance-action": self._instance_action,
            "meta-data/spot/termination-time": self._termination_time,
            "meta-data/iam/security-credentials": lambda: self.role or None,
            f"meta-data/iam/security-credentials/{self.role or '-'}": self._credentials,
            "dynamic/instance-identity/document": self._document,
        }

    def _due(self) -> Notice | None:
        notice = self.notice
        return notice if notice is not None and self.clock.now() >= notice.visible else None

    def _instance_action(self) -> str | None:
        self.polls += 1
        notice = self._due()
        return json.dumps({"action": notice.action, "time": notice.at}) if notice else None

    def _termination_time(self) -> str | None:
        notice = self._due()
        return notice.at if notice and notice.action == "terminate" else None

    def _credentials(self) -> str | None:
        return json.dumps(self.credentials()) if self.role and self.credentials else None

    def _document(self) -> str:
        return json.dumps({
            "instanceId": self.instance, "instanceType": self.kind, "region": self.region,
            "availabilityZone": f"{self.region}a",
        })


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(status: int, text: str) -> Answer:
    error = "" if status < 400 else str(status)
    return Answer(status, {"content-type": "text/plain"}, text.encode(), error)
