"""S3 on its way to the engine: clean headers, verified digests, batches key by key.

Limit: CRC32C and CRC64NVME checksums are stored as sent, not recomputed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from infra.cloud import at_rest, dispatch, s3, state, terms
from infra.cloud.calls import Call, Need
from infra.cloud.errors import Answer, AwsError

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_KEEP = {
    "content-type", "content-md5", "cache-control", "content-disposition", "content-language",
    "expires", "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
}
_DROP = {
    "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-trailer",
    "x-amz-decoded-content-length", "x-amz-user-agent",
}
_SOURCE = "x-amz-copy-source"
_RAW_BODY = {"PutObject", "UploadPart"}
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "content-md5": lambda b: hashlib.md5(b, usedforsecurity=False).digest(),
    "x-amz-checksum-crc32": lambda b: zlib.crc32(b).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda b: hashlib.sha1(b, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda b: hashlib.sha256(b).digest(),
}


def check_digests(body: bytes, headers: dict[str, str]) -> None:
    """Refuse a body that is not what its digests say."""
    if not body:
        return
    for name, digest in _DIGESTS.items():
        if name in headers and headers[name] != base64.b64encode(digest(body)).decode():
            raise AwsError("BadDigest", f"The {name} you specified did not match the body.")


def forward(call: Call) -> Answer:
    """Run an authorised S3 call on the engine."""
    if call.body and call.operation not in _RAW_BODY:
        _xml_is_plain(call.body)
    terms.check(call)
    own = terms.own_work(call)
    if own is not None:
        return own
    query = [(name, value) for name, value in call.query if name != "x-id"]
    region = s3.bucket_region(call) if "Bucket" in call.params else call.region
    path = f"/{call.params['Bucket']}" if "Bucket" in call.params else "/"
    path += f"/{call.params['Key']}" if "Key" in call.params else ""
    headers = clean_headers(call)
    answer = dispatch.call("s3", region, call.method, path, query, headers, call.body)
    answer.headers.pop("server", None)
    terms.owned(call, answer)
    return answer


def clean_headers(call: Call) -> dict[str, str]:
    """Return the headers that S3 knows; nothing a client invents reaches the engine."""
    kept = {
        name: value for name, value in call.headers.items()
        if name in _KEEP or (name.startswith("x-amz-") and name not in _DROP)
    }
    encodings = [e.strip() for e in call.headers.get("content-encoding", "").split(",")]
    left = ",".join(e for e in encodings if e and e != "aws-chunked")
    if left:
        kept["content-encoding"] = left
    kept["content-length"] = str(len(call.body))
    if _SOURCE in kept:
        kept[_SOURCE] = _plain_source(call)
    if call.operation in {"PutObject", "CopyObject", "CreateMultipartUpload"}:
        kept |= _named_key(call)
    return kept


def _plain_source(call: Call) -> str:
    """Write a copy's source as it was authorised, so that the engine cannot read another one."""
    bucket, key, version = s3.copy_source(call)
    return f"{bucket}/{quote(key, safe='')}" + (f"?versionId={quote(version)}" if version else "")


def _named_key(call: Call) -> dict[str, str]:
    """Name a KMS key by its ARN, as S3 does whichever way it was asked for."""
    for name, _ in s3.chosen_key(call):
        found = state.kms_key(s3.bucket_region(call), name)
        if found is not None:
            way = call.headers.get(at_rest.HEADER, "aws:kms")
            return {at_rest.HEADER: way, at_rest.KEY: found.arn}
    return {}


def _xml_is_plain(body: bytes) -> None:
    """No document types or entities, and no encoding that could hide them."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _malformed() from None
    if "\0" in text or "<!doctype" in text.lower() or "<!entity" in text.lower():
        raise _malformed()


def _malformed() -> AwsError:
    return AwsError("MalformedXML", "The XML you provided was not well-formed.")


def delete_many(call: Call, may: Callable[[Need], bool]) -> Answer:
    """Delete what the caller may delete; the answer names each key that was refused."""
    _xml_is_plain(call.body)
    quiet, wanted = _batch(call.body)
    allowed: list[tuple[str, str | None]] = []
    refused: list[tuple[str, str | None]] = []
    for key, version in wanted:
        good = may(s3.delete_need(call, key, version))
        (allowed if good else refused).append((key, version))
    answer = Answer(200, {"content-type": "application/xml"}, _result("").encode())
    if allowed:
        # The engine gets a body written here, not the client's.
        body = _delete_body(quiet, allowed).encode()
        path = f"/{call.params['Bucket']}"
        answer = dispatch.call(
            "s3", s3.bucket_region(call), "POST", path, [("delete", "")],
            {"content-type": "application/xml", "content-length": str(len(body))}, body,
        )
    return _with_errors(answer, refused)


def _batch(body: bytes) -> tuple[bool, list[tuple[str, str | None]]]:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise _malformed() from None
    wanted: list[tuple[str, str | None]] = []
    quiet = False
    for child in root:
        tag = child.tag.rpartition("}")[2]
        if tag == "Quiet":
            quiet = (child.text or "").strip().lower() == "true"
        if tag == "Object":
            wanted.append(_entry(child))
    if not 1 <= len(wanted) <= 1000:
        raise _malformed()
    return quiet, wanted


def _entry(element: Any) -> tuple[str, str | None]:
    texts = {child.tag.rpartition("}")[2]: child.text or "" for child in element}
    if not texts.get("Key"):
        raise _malformed()
    return texts["Key"], texts.get("VersionId")


def _delete_body(quiet: bool, entries: list[tuple[str, str | None]]) -> str:
    rows = "".join(f"<Object>{_names(k, v)}</Object>" for k, v in entries)
    flag = "<Quiet>true</Quiet>" if quiet else ""
    return f'<Delete xmlns="{_NAMESPACE}">{flag}{rows}</Delete>'


def _names(key: str, version: str | None) -> str:
    more = f"<VersionId>{escape(version)}</VersionId>" if version else ""
    return f"<Key>{escape(key)}</Key>{more}"


def _result(inside: str) -> str:
    return f'<DeleteResult xmlns="{_NAMESPACE}">{inside}</DeleteResult>'


def _with_errors(answer: Answer, refused: list[tuple[str, str | None]]) -> Answer:
    if answer.status != 200 or not refused:
        return answer
    rows = "".join(
        f"<Error>{_names(k, v)}<Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        for k, v in refused
    )
    text = answer.body.decode()
    text = re.sub(r"<DeleteResult([^>]*)/>", r"<DeleteResult\1></DeleteResult>", text)
    body = text.replace("</DeleteResult>", rows + "</DeleteResult>")
    headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
    return Answer(200, headers, body.encode())


def error_code(answer: Answer) -> str:
    """Return the error code in an engine's answer, for the log."""
    kind = answer.headers.get("x-amzn-errortype", "")
    found = re.search(rb'<Code>([^<]{1,80})</Code>|"__type"\s*:\s*"([^"]{1,80})"', answer.body)
    if found:
        return (found.group(1) or found.group(2)).decode().rpartition("#")[2]
    return kind or str(answer.status)
