"""What is asked of which cloud: service, operation and key of an HTTP request, by each cloud's API.

AWS's names are the API's operations, Azure's those of its storage logs, Google's those of its audit
logs. Limit: reads and names, believes nothing; what it cannot name has an empty operation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.cloud.gate import Request

CLOUDS = ("aws", "azure", "gcp")
# What a request is about, by the first of these that it carries.
_KEYS = (
    "TableName", "SecretId", "KeyId", "QueueUrl", "StreamName", "FunctionName", "TopicArn",
    "stateMachineArn", "logGroupName", "RoleName", "UserName", "RoleArn", "Name", "name",
)


@dataclass(frozen=True)
class Asked:
    """One request by name. `protocol` is how the service writes: s3, query, json, rest, ..."""

    cloud: str
    service: str
    operation: str
    key: str
    method: str
    protocol: str


def name(cloud: str, service: str, request: Request) -> Asked:
    """Name a request to a cloud; `service` is what its listener serves, where that is one thing."""
    path, _, query = request.path.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if cloud == "azure":
        return _azure(service, request, unquote(path), given)
    return _google(request, path) if cloud == "gcp" else _aws(request, path, query)


# --- AWS -----------------------------------------------------------------------------------


def _aws(request: Request, path: str, query: str) -> Asked:
    from infra.cloud import sigv4
    from infra.cloud.errors import AwsError

    pairs = parse_qsl(query, keep_blank_values=True)
    headers = dict(request.headers)
    try:
        signature = sigv4.parse(sigv4.Message(request.method, path, pairs, headers, b""))
    except AwsError:
        signature = None
    service = signature.service if signature is not None else ""
    if "x-amz-target" in headers:
        operation, protocol = headers["x-amz-target"].rpartition(".")[2], "json"
        key = _about(_json(request.body))
    elif headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        operation, protocol, key = form.get("Action", ""), "query", _about(form)
    elif service in {"s3", ""}:
        operation = _s3(request.method, unquote(path), sigv4.without_signature(pairs), headers)
        service, protocol, key = "s3", "s3", unquote(path).removeprefix("/")
    else:
        operation, protocol, key = _rest(service, request.method, path), "rest", unquote(path)
    return Asked("aws", service, operation, key, request.method, protocol)


def _s3(method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str]) -> str:
    from infra.cloud import routes
    from infra.cloud.errors import AwsError

    try:
        return routes.s3(method, path, query, headers).name
    except AwsError:
        return ""


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _about(fields: Mapping[str, Any]) -> str:
    return next((str(fields[key]) for key in _KEYS if key in fields), "")


def _rest(service: str, method: str, path: str) -> str:
    """Return the operation of a request to a service whose operations are paths."""
    fits = [
        (len(pattern.pattern), operation)
        for verb, pattern, operation in _paths(service)
        if verb == method and pattern.fullmatch(path)
    ]
    return max(fits)[1] if fits else ""


@cache
def _paths(service: str) -> tuple[tuple[str, re.Pattern[str], str], ...]:
    from botocore.exceptions import UnknownServiceError

    from infra.cloud import routes

    model_name = "sagemaker-runtime" if service == "sagemaker" else service
    try:
        model = routes.model(model_name)
    except UnknownServiceError:
        return ()
    found = []
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        path = re.escape(http["requestUri"].partition("?")[0])
        pattern = re.sub(r"\\\{\w+(\\\+)?\\\}", lambda m: ".+" if m[1] else "[^/]+", path)
        found.append((http["method"], re.compile(pattern.rstrip("/") + "/?"), operation))
    return tuple(found)


# --- Azure ---------------------------------------------------------------------------------

_AZURE = {
    ("blob", 0, "GET", "list"): "ListContainers",
    ("blob", 1, "PUT", ""): "CreateContainer", ("blob", 1, "DELETE", ""): "DeleteContainer",
    ("blob", 1, "GET", ""): "GetContainerProperties",
    ("blob", 1, "HEAD", ""): "GetContainerProperties",
    ("blob", 1, "GET", "list"): "ListBlobs", ("blob", 2, "PUT", ""): "PutBlob",
    ("blob", 2, "GET", ""): "GetBlob", ("blob", 2, "HEAD", ""): "GetBlobProperties",
    ("blob", 2, "DELETE", ""): "DeleteBlob", ("blob", 2, "PUT", "block"): "PutBlock",
    ("blob", 2, "PUT", "blocklist"): "PutBlockList",
    ("blob", 2, "GET", "blocklist"): "GetBlockList",
    ("blob", 2, "PUT", "appendblock"): "AppendBlock",
    ("blob", 2, "PUT", "metadata"): "SetBlobMetadata",
    ("blob", 2, "PUT", "properties"): "SetBlobProperties",
    ("blob", 2, "PUT", "tags"): "SetBlobTags", ("blob", 2, "GET", "tags"): "GetBlobTags",
    ("queue", 0, "GET", "list"): "ListQueues", ("queue", 1, "PUT", ""): "CreateQueue",
    ("queue", 1, "DELETE", ""): "DeleteQueue", ("queue", 2, "POST", ""): "PutMessage",
    ("queue", 2, "GET", ""): "GetMessages", ("queue", 2, "DELETE", ""): "ClearMessages",
    ("queue", 3, "DELETE", ""): "DeleteMessage", ("queue", 3, "PUT", ""): "UpdateMessage",
    ("table", 1, "POST", ""): "InsertEntity", ("table", 1, "GET", ""): "QueryEntities",
    ("table", 1, "PUT", ""): "UpdateEntity", ("table", 1, "PATCH", ""): "MergeEntity",
    ("table", 1, "MERGE", ""): "MergeEntity", ("table", 1, "DELETE", ""): "DeleteEntity",
}


def _azure(service: str, request: Request, path: str, given: Mapping[str, str]) -> Asked:
    """Name a request to Azurite, whose paths begin with the account."""
    key = path.removeprefix("/").partition("/")[2]
    depth = min(len([part for part in key.split("/") if part]), 2 if service == "blob" else 3)
    comp = given.get("comp", "")
    operation = _AZURE.get((service, depth, request.method, comp), "")
    if service == "blob" and operation == "PutBlob" and request.header("x-ms-copy-source"):
        operation = "CopyBlob"
    elif service == "blob" and comp == "lease":
        operation = f"{request.header('x-ms-lease-action').title()}BlobLease"
    elif service == "table" and key.startswith(("Tables", "$batch")):
        tables = {"POST": "CreateTable", "GET": "QueryTables", "DELETE": "DeleteTable"}
        batch = key.startswith("$batch")
        operation = "EntityGroupTransaction" if batch else tables.get(request.method, "")
    return Asked("azure", service, operation, key, request.method, service)


# --- Google --------------------------------------------------------------------------------

_GOOGLE = re.compile(r"/(?:upload/|download/)?storage/v1/b(?:/([^/]+)(/o(?:/(.+?))?)?)?")
_ONE = {"GET": "get", "DELETE": "delete", "PATCH": "patch", "PUT": "update", "POST": "insert"}
_MANY = {"GET": "list", "POST": "insert", "PUT": "insert"}
_DEEDS = re.compile(r"(.+?)/(copyTo|rewriteTo|compose)(?:/.*)?")


def _google(request: Request, path: str) -> Asked:
    """Name a request to Cloud Storage's JSON API; its XML API is named by method."""
    match = _GOOGLE.fullmatch(path)
    if match is None:
        verb, key = request.method.lower(), unquote(path).removeprefix("/")
        operation = f"storage.objects.{'create' if verb == 'put' else verb}"
        return Asked("gcp", "storage", operation, key, request.method, "xml")
    bucket, objects, item = match.groups()
    kind = "objects" if objects else "buckets"
    deed = _DEEDS.fullmatch(item or "")
    if deed is not None:
        item, verb = deed[1], deed[2].removesuffix("To")
    else:
        one = item or (bucket and not objects)
        verb = (_ONE if one else _MANY).get(request.method, "")
    key = "/".join(unquote(part) for part in (bucket, item) if part)
    return Asked("gcp", "storage", f"storage.{kind}.{verb}", key, request.method, "json")
