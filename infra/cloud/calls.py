"""A call in flight, and what it needs to be allowed: actions on resources, with their policies.

Limit: data only; `s3`, `kms`, `secrets`, `accounts` fill it, `verdicts` decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.iam import Document, Principal
from infra.cloud.state import KeyInfo

Context = dict[str, str | Sequence[str]]
# Services with one endpoint for all regions, and the region that their calls count for.
GLOBAL = {"iam": "us-east-1"}


@dataclass(frozen=True)
class Caller:
    """Who calls and with what: the principal, its session policy, the credentials' kind."""

    principal: Principal
    key_id: str
    session: Sequence[Document] | None = None
    issued: float | None = None
    restricted: bool = True


@dataclass
class Call:
    """One parsed and authenticated call."""

    service: str
    region: str
    operation: str
    params: dict[str, Any]
    caller: Caller
    method: str = "POST"
    path: str = "/"
    query: Sequence[tuple[str, str]] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    secure: bool = False
    address: str = "127.0.0.1"
    time: float = 0.0
    presigned: bool = False
    signature_age: float = 0.0
    real_time: float = 0.0

    @property
    def principal(self) -> Principal:
        """Who calls."""
        return self.caller.principal

    def context(self) -> Context:
        """Return the global condition keys of this call."""
        moment = datetime.fromtimestamp(self.time, UTC)
        keys: Context = {
            "aws:securetransport": str(self.secure).lower(),
            "aws:currenttime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:epochtime": str(int(self.time)),
            "aws:sourceip": self.address,
            "aws:requestedregion": GLOBAL.get(self.service, self.region),
            "aws:resourceaccount": ACCOUNT,
            "aws:viaawsservice": "false",
        }
        if "user-agent" in self.headers:
            keys["aws:useragent"] = self.headers["user-agent"]
        if self.caller.issued is not None:
            issued = datetime.fromtimestamp(self.caller.issued, UTC)
            keys["aws:tokenissuetime"] = issued.strftime("%Y-%m-%dT%H:%M:%SZ")
            keys["aws:multifactorauthpresent"] = "false"
        return keys


@dataclass(frozen=True)
class Need:
    """One action that must be allowed; `verdicts` tells how a service fills it.

    `key` is the KMS key that must then be `working`; its grants may allow as well.
    """

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    policy: Document | None = None
    must_delegate: bool = False
    key: KeyInfo | None = None
    working: bool = False


def request_tags(tags: Mapping[str, str]) -> Context:
    """Return the condition keys of the tags that a request carries."""
    keys: Context = {f"aws:requesttag/{k.lower()}": v for k, v in tags.items()}
    if tags:
        keys["aws:tagkeys"] = list(tags)
    return keys


def resource_tags(tags: Mapping[str, str], *services: str) -> Context:
    """Return the condition keys of the tags on a resource, also under a service's own name."""
    starts = ("aws", *services)
    return {f"{start}:resourcetag/{k.lower()}": v for k, v in tags.items() for start in starts}
