"""moto, in this process: dispatches an already authorised call to the engine that keeps the state.

Limit: authorises nothing and is not thread-safe; the front door checks first and holds a lock.
Importing it costs 0.5 CPU-s; `infra.cloud.engine` does that once in a parent that forks.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from infra.cloud.errors import Answer
from infra.cloud.surroundings import apart
from infra.cloud.table import ENTRIES

with apart(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from moto import backends
    from moto.core.request import Request
    from moto.iam.access_control import PermissionResult
    from moto.moto_api._internal import mock_random
    from moto.s3.models import FakeBucket
    from moto.s3.responses import S3Response
    from werkzeug.exceptions import HTTPException

ACCOUNT = "123456789012"
REGION = "eu-central-1"
SERVICES = frozenset(name for name, entry in ENTRIES.items() if entry.engine == "moto")
_HOSTS = {
    "s3": "s3.amazonaws.com", "iam": "iam.amazonaws.com", "budgets": "budgets.amazonaws.com",
    "dynamodbstreams": "streams.dynamodb.{}.amazonaws.com",
}
# The engine reads only the region out of this; whose call it is has been settled before.
_CREDENTIAL = "AWS4-HMAC-SHA256 Credential=AKIAENGINEENGINEENGI/20260101/{}/{}/aws4_request"

# The door has read the bucket's policy; the engine's own reading takes any condition for true.
FakeBucket.get_permission = (  # type: ignore[method-assign]
    lambda self, action, resource: PermissionResult.NEUTRAL
)



def _tags(request: Any) -> dict[str, str]:
    """Return the tags of a request; the engine's own reading fails where the set is empty."""
    found = ElementTree.fromstring(request.body).iter()
    tags = [one for one in found if one.tag.rpartition("}")[2] == "Tag"]
    return {str(one.findtext("{*}Key")): one.findtext("{*}Value") or "" for one in tags}


S3Response._tagging_from_xml = _tags  # type: ignore[method-assign, assignment]

Handler = Callable[[Any, str, Any], Any]
_routes: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}


@cache
def backend(service: str, region: str = REGION) -> Any:
    """Return the engine's own store of a service, to read state that no call returns."""
    name = ENTRIES[service].backend if service in ENTRIES else service
    regions: Any = _engine(name)[ACCOUNT]
    return regions[region] if region in regions else regions["aws"]


def regional(service: str) -> list[Any]:
    """Return the engine's stores of a service in the regions that were used."""
    name = ENTRIES[service].backend if service in ENTRIES else service
    return list(_engine(name)[ACCOUNT].values())


@cache
def _engine(name: str) -> Any:
    """Load one of the engine's services, and cut what it brings off from the network."""
    found = backends.get_backend(name)  # type: ignore[call-overload]
    for title, module in tuple(sys.modules.items()):
        if title.startswith("moto.") and isinstance(getattr(module, "requests", None), ModuleType):
            module.requests = _Closed()  # type: ignore[attr-defined]
    return found


class _Closed:
    """In place of `requests`: moto posts to http endpoints that a client named."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("this cloud opens no connection")


@cache
def regions() -> frozenset[str]:
    """Return the regions that exist in this cloud."""
    return frozenset(backends.get_backend("kms")[ACCOUNT].regions)


def _table(service: str) -> list[tuple[re.Pattern[str], Handler]]:
    if service not in _routes:
        urls = backend(service).urls.items()
        _routes[service] = [(re.compile(u), f) for u, f in urls if "amazonaws.com.cn" not in u]
    return _routes[service]


def call(
    service: str,
    region: str,
    method: str,
    path: str = "/",
    query: Sequence[tuple[str, str]] = (),
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Run one call. `path` is decoded text; it and the query are encoded here, once."""
    host = _HOSTS.get(service, f"{service}.{{}}.amazonaws.com").format(region)
    clean = f"https://{host}{quote(path, safe='/~')}"
    url = f"{clean}?{urlencode(query, quote_via=quote)}" if query else clean
    sent = {k: v for k, v in (headers or {}).items() if not k.startswith("x-moto")}
    sent["Authorization"] = _CREDENTIAL.format(region, service)
    request = Request.from_primitives(method, url, sent, body)
    for pattern, handler in _table(service):
        if pattern.match(clean):
            return _run(handler, request)
    raise NotImplementedError(f"the engine has no {method} {path} of {service}")


def _run(handler: Handler, request: Request) -> Answer:
    try:
        status, headers, body = handler(request, request.raw_url, request.headers)
    except HTTPException as error:
        status, headers, body = error.code, dict(error.get_headers()), error.get_body()
    raw = body.encode() if isinstance(body, str) else bytes(body or b"")
    return Answer(int(status or 500), {str(k).lower(): str(v) for k, v in headers.items()}, raw)


class _Pool:
    """The system's randomness, fetched in larger pieces: the engine draws fifty times a call."""

    def __init__(self) -> None:
        self.left = b""

    def bits(self, count: int) -> int:
        """Return an integer of so many random bits."""
        size = (count + 7) // 8
        if len(self.left) < size:
            self.left = os.urandom(max(4096, size))
        taken, self.left = self.left[:size], self.left[size:]
        return int.from_bytes(taken, "big") >> (8 * size - count)


def fresh_randomness() -> None:
    """Give a forked child its own unpredictable ids and secrets.

    The engine draws access keys from a Mersenne Twister that every fork would inherit.
    """
    pool = _Pool()
    mock_random.getrandbits = pool.bits  # type: ignore[method-assign]
    mock_random.random = lambda: pool.bits(53) / (1 << 53)  # type: ignore[method-assign]


