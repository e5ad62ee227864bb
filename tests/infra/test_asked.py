"""Names of requests to three clouds, and how each refuses, as its documentation has it."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPResponse
from xml.etree import ElementTree

import pytest

from infra.cloud.asked import Asked, name
from infra.cloud.faults import faults
from infra.cloud.fixtures import loopback
from infra.cloud.gate import Reply, Request, listen

KEY = "20260101/eu-central-1/{}/aws4_request"


def aws(method: str, path: str, service: str, body: bytes = b"", **more: str) -> Asked:
    """Name a request as an SDK would have signed it."""
    signature = (
        f"AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/{KEY.format(service)}, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    )
    headers = {"host": "h", "x-amz-date": "20260101T000000Z", "authorization": signature, **more}
    return name("aws", "", Request(method, path, tuple(headers.items()), body))


@pytest.mark.parametrize(
    ("asked", "operation", "key"),
    [
        (aws("PUT", "/bkt/a%20b?partNumber=1&uploadId=u", "s3"), "UploadPart", "bkt/a b"),
        (aws("GET", "/bkt?list-type=2", "s3"), "ListObjectsV2", "bkt"),
        (aws("GET", "/bkt?nonsense=1&list-type=2", "s3"), "", "bkt"),
        (
            aws("POST", "/", "dynamodb", b'{"TableName": "t"}',
                **{"x-amz-target": "DynamoDB_20120810.PutItem"}),
            "PutItem", "t",
        ),
        (aws("POST", "/", "sqs", b"[", **{"x-amz-target": "AmazonSQS.SendMessage"}),
         "SendMessage", ""),
        (
            aws("POST", "/", "iam", b"Action=GetRole&RoleName=r&Version=2010-05-08",
                **{"content-type": "application/x-www-form-urlencoded; charset=utf-8"}),
            "GetRole", "r",
        ),
        (aws("POST", "/2015-03-31/functions/f%3Ax/invocations", "lambda"), "Invoke",
         "/2015-03-31/functions/f:x/invocations"),
        (aws("POST", "/endpoints/e/invocations", "sagemaker"), "InvokeEndpoint",
         "/endpoints/e/invocations"),
        (aws("GET", "/x", "nonsuch"), "", "/x"),
    ],
)
def test_requests_to_aws(asked: Asked, operation: str, key: str) -> None:
    assert (asked.cloud, asked.operation, asked.key) == ("aws", operation, key)


def test_an_unsigned_request_is_named_all_the_same() -> None:
    asked = name("aws", "", Request("GET", "/bkt/k"))
    assert (asked.service, asked.operation, asked.key) == ("s3", "GetObject", "bkt/k")


@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "operation", "key"),
    [
        ("blob", "PUT", "/acc/c?restype=container", {}, "CreateContainer", "c"),
        ("blob", "GET", "/acc/c?restype=container&comp=list", {}, "ListBlobs", "c"),
        ("blob", "GET", "/acc?comp=list", {}, "ListContainers", ""),
        ("blob", "PUT", "/acc/c/d/a%20b", {}, "PutBlob", "c/d/a b"),
        ("blob", "PUT", "/acc/c/d", {"x-ms-copy-source": "u"}, "CopyBlob", "c/d"),
        ("blob", "PUT", "/acc/c/d?comp=block&blockid=x", {}, "PutBlock", "c/d"),
        ("blob", "PUT", "/acc/c/d?comp=lease", {"x-ms-lease-action": "acquire"},
         "AcquireBlobLease", "c/d"),
        ("blob", "HEAD", "/acc/c/d", {}, "GetBlobProperties", "c/d"),
        ("blob", "GET", "/acc/c/d?sig=s&se=t", {}, "GetBlob", "c/d"),
        ("blob", "GET", "/acc/c/d?comp=strange", {}, "", "c/d"),
        ("queue", "POST", "/acc/q/messages", {}, "PutMessage", "q/messages"),
        ("queue", "DELETE", "/acc/q/messages/7", {}, "DeleteMessage", "q/messages/7"),
        ("table", "POST", "/acc/Tables", {}, "CreateTable", "Tables"),
        ("table", "GET", "/acc/t(PartitionKey='a',RowKey='b')", {}, "QueryEntities",
         "t(PartitionKey='a',RowKey='b')"),
        ("table", "POST", "/acc/$batch", {}, "EntityGroupTransaction", "$batch"),
    ],
)
def test_requests_to_azure(
    service: str, method: str, path: str, headers: dict[str, str], operation: str, key: str
) -> None:
    asked = name("azure", service, Request(method, path, tuple(headers.items())))
    assert (asked.service, asked.operation, asked.key) == (service, operation, key)


@pytest.mark.parametrize(
    ("method", "path", "operation", "key"),
    [
        ("GET", "/storage/v1/b?project=p", "storage.buckets.list", ""),
        ("POST", "/storage/v1/b?project=p", "storage.buckets.insert", ""),
        ("GET", "/storage/v1/b/x", "storage.buckets.get", "x"),
        ("GET", "/storage/v1/b/x/o?prefix=a", "storage.objects.list", "x"),
        ("POST", "/upload/storage/v1/b/x/o?uploadType=media", "storage.objects.insert", "x"),
        ("PUT", "/upload/storage/v1/b/x/o?upload_id=1", "storage.objects.insert", "x"),
        ("GET", "/download/storage/v1/b/x/o/a%2Fb?alt=media", "storage.objects.get", "x/a/b"),
        ("DELETE", "/storage/v1/b/x/o/a%2Fb", "storage.objects.delete", "x/a/b"),
        ("POST", "/storage/v1/b/x/o/a/rewriteTo/b/y/o/c", "storage.objects.rewrite", "x/a"),
        ("POST", "/storage/v1/b/x/o/a/compose", "storage.objects.compose", "x/a"),
        ("GET", "/x/a/b?X-Goog-Signature=s", "storage.objects.get", "x/a/b"),
        ("PUT", "/x/a", "storage.objects.create", "x/a"),
    ],
)
def test_requests_to_google(method: str, path: str, operation: str, key: str) -> None:
    asked = name("gcp", "", Request(method, path))
    assert (asked.service, asked.operation, asked.key) == ("storage", operation, key)


def refused(cloud: str, service: str, path: str, rule: str) -> tuple[HTTPResponse, bytes]:
    """Send one request through a seam; return what it answers."""
    upstream = loopback()
    with listen(upstream, lambda request: Reply(200, b"passed")), faults(
        upstream.getsockname(), f"[[rule]]\n{rule}", cloud=cloud, service=service
    ) as seam:
        connection = HTTPConnection(seam.url.removeprefix("http://"), timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
    return answer, body


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ("fault = 'throttle'\nretry_after = 3", 503, "ServerBusy"),
        ("fault = 'error'", 500, "InternalError"),
        ("fault = 'error'\ncode = 'OperationTimedOut'", 500, "OperationTimedOut"),
        ("fault = 'expired'", 403, "AuthenticationFailed"),
        ("fault = 'expired'\ncode = 'InvalidAuthenticationInfo'", 401,
         "InvalidAuthenticationInfo"),
    ],
)
def test_azure_refuses_in_xml_with_its_header(rule: str, status: int, code: str) -> None:
    answer, body = refused("azure", "blob", "/acc/c/d", rule)
    assert (answer.status, answer.getheader("x-ms-error-code")) == (status, code)
    assert ElementTree.fromstring(body).findtext("Code") == code
    assert answer.getheader("x-ms-request-id")
    assert answer.getheader("retry-after") == ("3" if "retry" in rule else None)


def test_azures_tables_refuse_in_json() -> None:
    answer, body = refused("azure", "table", "/acc/t()", "fault = 'throttle'")
    assert answer.status == 503
    assert json.loads(body)["odata.error"]["code"] == "ServerBusy"


@pytest.mark.parametrize(
    ("rule", "status", "reason"),
    [
        ("fault = 'throttle'", 429, "rateLimitExceeded"),
        ("fault = 'error'", 503, "backendError"),
        ("fault = 'error'\nstatus = 500", 500, "backendError"),
        ("fault = 'expired'", 401, "authError"),
    ],
)
def test_google_refuses_in_json(rule: str, status: int, reason: str) -> None:
    answer, body = refused("gcp", "", "/storage/v1/b/x/o/y", rule)
    error = json.loads(body)["error"]
    assert answer.status == error["code"] == status
    assert error["errors"][0]["reason"] == reason
    assert ("location" in error["errors"][0]) == (status == 401)
