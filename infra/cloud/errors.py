"""AWS errors in each protocol's wire format.

Limit: knows the shapes, not the words; who raises an error chooses code, message and status.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from infra.cloud.table import ENTRIES, protocol

_VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}


class AwsError(Exception):
    """An answer that is an error: what the service says, and with which status."""

    def __init__(self, code: str, message: str, status: int = 400, **extra: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra


@dataclass
class Answer:
    """A response: status, headers, body. `error` is the code that the log keeps."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""


def render(
    error: AwsError, service: str, request_id: str, path: str = "/", *, form: bool = False
) -> Answer:
    """Write `error` as `service` writes its errors; with `form` in the older protocol."""
    kind = "query" if form else protocol(service)
    if kind == "ec2":
        answer = _ec2(error, request_id)
    elif kind == "query":
        answer = _query(error, service, request_id)
    elif kind == "rest-xml":
        answer = _s3(error, request_id, path)
    else:
        answer = _json(error, request_id)
    answer.error = error.code
    return answer


def _s3(error: AwsError, request_id: str, path: str) -> Answer:
    fields = {"Code": error.code, "Message": error.message, "Resource": path, **error.extra}
    fields |= {"RequestId": request_id, "HostId": request_id}
    inside = "".join(f"<{name}>{_xml(value)}</{name}>" for name, value in fields.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inside}</Error>'
    headers = {"content-type": "application/xml", "x-amz-request-id": request_id}
    return Answer(error.status, headers, body.encode())


def _query(error: AwsError, service: str, request_id: str) -> Answer:
    kind = "Sender" if error.status < 500 else "Receiver"
    body = (
        f'<ErrorResponse xmlns="{namespace(service)}"><Error><Type>{kind}</Type>'
        f"<Code>{_xml(error.code)}</Code><Message>{_xml(error.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    headers = {"content-type": "text/xml", "x-amzn-requestid": request_id}
    return Answer(error.status, headers, body.encode())


def _ec2(error: AwsError, request_id: str) -> Answer:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"<Code>{_xml(error.code)}</Code><Message>{_xml(error.message)}</Message>"
        f"</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    )
    return Answer(error.status, {"content-type": "text/xml"}, body.encode())


def namespace(service: str) -> str:
    """Return the namespace of a service's XML; clients read names without it."""
    return f"https://{service}.amazonaws.com/doc/{_VERSIONS.get(service, '2010-03-31')}/"


def _json(error: AwsError, request_id: str) -> Answer:
    body = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amzn-requestid": request_id,
        "x-amzn-errortype": error.code,
    }
    return Answer(error.status, headers, body.encode())


def _xml(text: str) -> str:
    """Escape for XML 1.0, which cannot carry control characters at all."""
    return escape("".join(c if c >= " " or c in "\t\n" else "?" for c in text))


def access_denied(service: str, message: str) -> AwsError:
    """Return the service's own way to say no."""
    kind = protocol(service)
    own = ENTRIES[service].denied if service in ENTRIES else ""
    code = own or ("AccessDeniedException" if "json" in kind else "AccessDenied")
    return AwsError(code, message, 400 if kind == "json" else 403)
