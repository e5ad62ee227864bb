"""Errors of the emulated Cloud Storage, as its JSON API and its XML API write them.

Limit: knows the shapes; who raises an error chooses its words.
"""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from infra.cloud.errors import Answer

REASONS = {
    304: "notModified", 400: "invalid", 401: "required", 403: "forbidden", 404: "notFound",
    409: "conflict", 412: "conditionNotMet", 416: "requestedRangeNotSatisfiable",
    429: "rateLimitExceeded", 500: "backendError", 501: "notImplemented",
}
CODES = {
    400: "InvalidArgument", 401: "AuthenticationRequired", 403: "AccessDenied",
    404: "NoSuchKey", 412: "PreconditionFailed", 416: "InvalidRange", 500: "InternalError",
    501: "NotImplemented",
}


class GcsError(Exception):
    """An answer that is an error; `code` is the XML API's word for it."""

    def __init__(self, status: int, message: str, *, code: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or CODES.get(status, "Error")
        self.reason = reason or REASONS.get(status, "error")


def render(error: GcsError, *, xml: bool) -> Answer:
    """Write an error as the API that was called writes it."""
    if error.status == 304:
        return Answer(304, {}, b"", error.reason)
    if xml:
        body = (
            "<?xml version='1.0' encoding='UTF-8'?><Error>"
            f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
        )
        return Answer(
            error.status, {"content-type": "application/xml; charset=UTF-8"}, body.encode(),
            error.code,
        )
    one = {"message": error.message, "domain": "global", "reason": error.reason}
    data = {"error": {"code": error.status, "message": error.message, "errors": [one]}}
    headers = {"content-type": "application/json; charset=UTF-8"}
    if error.status == 401:
        headers["www-authenticate"] = 'Bearer realm="https://accounts.google.com/"'
    return Answer(error.status, headers, json.dumps(data).encode(), error.reason)
