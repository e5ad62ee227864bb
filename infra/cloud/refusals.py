"""How each cloud says no: throttled, broken inside, credentials expired, in its own dialect.

Codes and statuses are those of the services' API references: AWS's "Common errors" and the lists of
S3, DynamoDB and others; Azure Storage's "Common REST API error codes"; Cloud Storage's "HTTP status
and error codes for JSON". Limit: knows what a whole service may answer, no operation's own errors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.sax.saxutils import escape

from infra.cloud.asked import Asked
from infra.cloud.gate import Reply

Said = tuple[int, str, str]
_BROKEN = "We encountered an internal error. Please try again."
_RATE = "Rate exceeded"
_OLD = "The security token included in the request is expired"

_AWS: dict[str, dict[str, Said]] = {
    "error": {
        "s3": (500, "InternalError", _BROKEN),
        "dynamodb": (500, "InternalServerError", "The request could not be processed."),
        "kms": (500, "KMSInternalException", "An internal error occurred."),
        "secretsmanager": (500, "InternalServiceError", "An error occurred on the server side."),
        "lambda": (500, "ServiceException", "The service encountered an internal error."),
        "athena": (500, "InternalServerException", "An internal error occurred."),
        "glue": (500, "InternalServiceException", "An internal service error occurred."),
        "kinesis": (500, "InternalFailureException", "The processing of the request failed."),
        "sns": (500, "InternalError", "An internal service error occurred."),
        "": (500, "InternalFailure", "The request processing has failed."),
    },
    "throttle": {
        "s3": (503, "SlowDown", "Please reduce your request rate."),
        "dynamodb": (
            400, "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        "kinesis": (400, "ProvisionedThroughputExceededException", "Rate exceeded for shard."),
        "lambda": (429, "TooManyRequestsException", "Rate Exceeded."),
        "athena": (400, "TooManyRequestsException", _RATE),
        "sns": (429, "Throttled", _RATE),
        "sqs": (400, "RequestThrottled", "The request was denied due to request throttling."),
        "iam": (400, "Throttling", _RATE),
        "sts": (400, "Throttling", _RATE),
        "": (400, "ThrottlingException", _RATE),
    },
    "expired": {
        "s3": (400, "ExpiredToken", "The provided token has expired."),
        "iam": (403, "ExpiredToken", _OLD),
        "sts": (403, "ExpiredToken", _OLD),
        "sns": (403, "ExpiredToken", _OLD),
        "": (403, "ExpiredTokenException", _OLD),
    },
}
_AZURE: dict[str, Said] = {
    "error": (
        500, "InternalError", "The server encountered an internal error. Please retry the request.",
    ),
    "throttle": (503, "ServerBusy", "The server is currently unable to receive requests."),
    "expired": (
        403, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the "
        "value of Authorization header is formed correctly including the signature.",
    ),
}
_GOOGLE: dict[str, Said] = {
    "error": (503, "backendError", "Backend Error"),
    "throttle": (429, "rateLimitExceeded", "The project exceeded the rate limit."),
    "expired": (401, "authError", "Invalid Credentials"),
}
# Codes that a rule may ask for and whose status follows from them.
STATUS = {
    "ServiceUnavailable": 503, "SlowDown": 503, "InternalError": 500, "InternalFailure": 500,
    "RequestTimeout": 400, "OperationTimedOut": 500, "ServerBusy": 503, "TooManyRequests": 429,
    "backendError": 503, "internalError": 500, "rateLimitExceeded": 429,
    "userRateLimitExceeded": 429, "AccountBeingCreated": 409, "InvalidAuthenticationInfo": 401,
}


@dataclass(frozen=True)
class Refusal:
    """A status, the service's code for it, and its sentence."""

    status: int
    code: str
    message: str


def refusal(asked: Asked, fault: str, code: str = "", status: int = 0) -> Refusal:
    """Return what the asked service says for an error, a throttle or expired credentials.

    A code without a status has its own status where it is a known one, else that of the fault.
    """
    own, named, message = _said(asked, fault)
    if code and code != named:
        own, message = STATUS.get(code, own), "The request could not be served now."
    return Refusal(status or own, code or named, message)


def _said(asked: Asked, fault: str) -> Said:
    if asked.cloud == "azure":
        return _AZURE[fault]
    if asked.cloud == "gcp":
        return _GOOGLE[fault]
    table = _AWS[fault]
    return table.get(asked.service, table[""])


def write(asked: Asked, said: Refusal, request_id: str, retry_after: int | None = None) -> Reply:
    """Return the refusal as an HTTP answer that the cloud's own client library can read."""
    if asked.cloud == "azure":
        reply = _azure(asked, said, request_id)
    elif asked.cloud == "gcp":
        reply = _google(said)
    else:
        reply = _aws(asked, said, request_id)
    extra = () if retry_after is None else (("retry-after", str(retry_after)),)
    return Reply(reply.status, reply.body, (*reply.headers, *extra))


def _aws(asked: Asked, said: Refusal, request_id: str) -> Reply:
    from infra.cloud.errors import AwsError, render

    dialect = {"s3": "s3", "query": "sts"}.get(asked.protocol, "kms")
    error = AwsError(said.code, said.message, said.status)
    answer = render(error, dialect, request_id, f"/{asked.key}")
    return Reply(answer.status, answer.body, tuple(answer.headers.items()))


def _azure(asked: Asked, said: Refusal, request_id: str) -> Reply:
    headers = (("x-ms-error-code", said.code), ("x-ms-request-id", request_id),
               ("x-ms-version", "2021-12-02"))
    if asked.service == "table":
        message = {"lang": "en-US", "value": said.message}
        body = json.dumps({"odata.error": {"code": said.code, "message": message}}).encode()
        return Reply(said.status, body, (("content-type", "application/json"), *headers))
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{escape(said.code)}</Code>'
        f"<Message>{escape(said.message)}\nRequestId:{request_id}</Message></Error>"
    )
    return Reply(said.status, text.encode(), (("content-type", "application/xml"), *headers))


def _google(said: Refusal) -> Reply:
    first = {"message": said.message, "domain": "global", "reason": said.code}
    if said.status == 401:
        first |= {"locationType": "header", "location": "Authorization"}
    elif said.status == 429:
        first["domain"] = "usageLimits"
    error = {"code": said.status, "message": said.message, "errors": [first]}
    headers = (("content-type", "application/json; charset=UTF-8"),)
    return Reply(said.status, json.dumps({"error": error}).encode(), headers)
