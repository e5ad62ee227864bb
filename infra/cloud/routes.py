"""Which operation is this request, and what are its parameters? From botocore's own models.

Limit: path-style S3 only; a request that could mean two operations is refused, never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from infra.cloud import clients
from infra.cloud.errors import AwsError
from infra.cloud.sigv4 import Pairs

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# Deprecated twins and what needs other hosts; never routed.
_SKIP = {
    "GetBucketLifecycle", "PutBucketLifecycle", "GetBucketNotification", "PutBucketNotification",
    "ListDirectoryBuckets", "WriteGetObjectResponse", "CreateSession",
}
_ALWAYS = {"x-id"}


@dataclass(frozen=True)
class Route:
    """One S3 operation: what a request must carry to be it, and what it may carry."""

    name: str
    literals: frozenset[tuple[str, str]]
    required: frozenset[str]
    allowed: frozenset[str]
    copy: bool
    query_names: Mapping[str, str]
    header_names: Mapping[str, str]


@dataclass
class Operation:
    """A parsed request: operation name and its parameters by their API names."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)


@cache
def model(service: str) -> Any:
    """Return botocore's model of a service."""
    return clients.core().get_service_model(service)


@cache
def s3_routes() -> dict[tuple[str, str], tuple[Route, ...]]:
    """Return S3's operations by method and level (service, bucket, object)."""
    table: dict[tuple[str, str], list[Route]] = {}
    for name in model("s3").operation_names:
        if name not in _SKIP:
            operation = model("s3").operation_model(name)
            path, _, query = operation.http["requestUri"].partition("?")
            level = "object" if "{Key" in path else "bucket" if "{Bucket}" in path else "service"
            route = _route(name, operation, query)
            table.setdefault((operation.http["method"], level), []).append(route)
    return {key: tuple(routes) for key, routes in table.items()}


def _route(name: str, operation: Any, query: str) -> Route:
    shape = operation.input_shape
    members = shape.members if shape is not None else {}
    where = {"querystring": {}, "header": {}}  # type: dict[str, dict[str, str]]
    for member, details in members.items():
        location = details.serialization.get("location")
        if location in where:
            wire = details.serialization["name"]
            where[location][wire if location == "querystring" else wire.lower()] = member
    literals = frozenset(parse_qsl(query, keep_blank_values=True))
    needed = set(shape.required_members) if shape is not None else set()
    required = frozenset(w for w, m in where["querystring"].items() if m in needed)
    allowed = frozenset(where["querystring"]) | {k for k, _ in literals} | _ALWAYS
    copy = "x-amz-copy-source" in where["header"] and "CopySource" in needed
    return Route(name, literals, required, allowed, copy, where["querystring"], where["header"])


def s3(method: str, path: str, query: Pairs, headers: Mapping[str, str]) -> Operation:
    """Return the S3 operation of a request; `path` is decoded."""
    bucket, _, key = path.removeprefix("/").partition("/")
    level = "object" if key else "bucket" if bucket else "service"
    if bucket and not BUCKET.fullmatch(bucket):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", 400)
    given = dict(query)
    if len(given) != len(query):
        raise AwsError("InvalidArgument", "A query parameter is given twice.")
    route = _best(s3_routes().get((method, level), ()), given, "x-amz-copy-source" in headers)
    extra = set(given) - route.allowed
    if extra:
        raise AwsError(
            "NotImplemented", f"{route.name} takes no query parameter {sorted(extra)[0]!r}.", 501
        )
    params: dict[str, Any] = {m: given[w] for w, m in route.query_names.items() if w in given}
    params |= {m: headers[w] for w, m in route.header_names.items() if w in headers}
    if bucket:
        params["Bucket"] = bucket
    if key:
        params["Key"] = key
    return Operation(route.name, params)


def _best(routes: tuple[Route, ...], given: dict[str, str], copy: bool) -> Route:
    fits = [
        r for r in routes
        if all(k in given and (not v or given[k] == v) for k, v in r.literals)
        and all(k in given for k in r.required)
        and r.copy <= copy
    ]
    if not fits:
        raise AwsError("MethodNotAllowed", "This method is not allowed here.", 405)
    return max(fits, key=lambda r: (len(r.literals) + len(r.required), r.copy))


def query(service: str, body: bytes) -> Operation:
    """Return the operation of a form-encoded request (IAM, STS)."""
    try:
        fields = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=2000
        )
    except ValueError:
        raise AwsError("MalformedQueryString", "The body is not a form.") from None
    params = dict(fields)
    if len(params) != len(fields):
        raise AwsError("InvalidParameterCombination", "A parameter is given twice.")
    name = params.pop("Action", "")
    version = params.pop("Version", model(service).metadata["apiVersion"])
    if name not in model(service).operation_names:
        raise AwsError("InvalidAction", f"Could not find operation {name!r}.")
    if version != model(service).metadata["apiVersion"]:
        raise AwsError("InvalidAction", f"There is no version {version!r} of this API.")
    return Operation(name, params)


def target(service: str, headers: Mapping[str, str], body: bytes) -> Operation:
    """Return the operation of a JSON request (KMS, Secrets Manager)."""
    prefix, _, name = headers.get("x-amz-target", "").partition(".")
    if prefix != model(service).metadata["targetPrefix"]:
        raise AwsError("UnknownOperationException", "The X-Amz-Target is not of this service.")
    if name not in model(service).operation_names:
        raise AwsError("UnknownOperationException", f"There is no operation {name!r}.")
    try:
        params = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise AwsError("SerializationException", "The body is not JSON.") from None
    if not isinstance(params, dict):
        raise AwsError("SerializationException", "The body is not a JSON object.")
    return Operation(name, params)
