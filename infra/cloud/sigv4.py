"""Verify AWS Signature Version 4: headers, presigned URLs, chunked uploads.

Limit: knows nothing of users; the caller looks up the secret of a key id. SigV4a and SigV2 are
refused.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import quote, unquote_to_bytes

from infra.cloud import chunks
from infra.cloud.errors import AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = 15 * 60
WEEK = 7 * 24 * 3600
Pairs = Sequence[tuple[str, str]]

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)
_CREDENTIAL = re.compile(
    r"([A-Z0-9]{16,128})/(\d{8})/([a-z0-9-]{1,32})/([a-z0-9-]{1,32})/aws4_request"
)
_SIGNATURE_PARAMETERS = {
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
    "X-Amz-Signature", "X-Amz-Security-Token",
}


@dataclass(frozen=True)
class Signature:
    """What a request claims about its signer; nothing of it is believed before `verify`."""

    key_id: str
    day: str
    region: str
    service: str
    signed: tuple[str, ...]
    value: str
    stamp: str
    token: str = ""
    expires: int | None = None

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    @property
    def presigned(self) -> bool:
        """Whether the signature came in the URL."""
        return self.expires is not None

    @cached_property
    def time(self) -> float:
        """When the request says it was signed, in seconds since the epoch."""
        return datetime.strptime(self.stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Message:
    """The parts of an HTTP request that a signature covers, as they came over the wire."""

    method: str
    path: str
    query: Pairs
    headers: Mapping[str, str]
    body: bytes


def without_signature(query: Pairs) -> list[tuple[str, str]]:
    """Return the query without what only carries the signature."""
    return [(name, value) for name, value in query if name not in _SIGNATURE_PARAMETERS]


def parse(message: Message) -> Signature | None:
    """Return the claimed signature, or None when the request carries none at all."""
    authorization = message.headers.get("authorization")
    in_query = any(name in _SIGNATURE_PARAMETERS for name, _ in message.query)
    _no_version_2(message, authorization or "")
    if authorization is None and not in_query:
        return None
    if authorization is not None and in_query:
        raise AwsError("InvalidArgument", "Only one auth mechanism allowed")
    try:
        found = _from_header(message, authorization) if authorization else _from_query(message)
        found.time  # noqa: B018  (a stamp that is no time is malformed too)
    except ValueError:
        raise AwsError(
            "AuthorizationHeaderMalformed", "The authorization is malformed", 400
        ) from None
    if "host" not in found.signed or not found.stamp.startswith(found.day):
        raise AwsError("AuthorizationHeaderMalformed", "The authorization is malformed", 400)
    return found


def _no_version_2(message: Message, authorization: str) -> None:
    """S3 takes no SigV2 for buckets made since 2020; boto3 still presigns so in old regions."""
    in_query = any(name == "AWSAccessKeyId" for name, _ in message.query)
    if in_query or authorization.startswith("AWS "):
        raise AwsError(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. "
            "Please use AWS4-HMAC-SHA256.",
        )


def _from_header(message: Message, authorization: str) -> Signature:
    match = _HEADER.fullmatch(authorization.strip())
    if match is None:
        raise ValueError
    credential = _CREDENTIAL.fullmatch(match.group(1))
    if credential is None:
        raise ValueError
    key_id, day, region, service = credential.groups()
    return Signature(
        key_id, day, region, service,
        signed=tuple(match.group(2).split(";")),
        value=match.group(3),
        stamp=message.headers.get("x-amz-date", ""),
        token=message.headers.get("x-amz-security-token", ""),
    )


def _from_query(message: Message) -> Signature:
    values = dict(message.query)
    names = [name for name, _ in message.query if name in _SIGNATURE_PARAMETERS]
    credential = _CREDENTIAL.fullmatch(values.get("X-Amz-Credential", ""))
    expires = values.get("X-Amz-Expires", "")
    if (
        credential is None
        or len(names) != len(set(names))
        or values.get("X-Amz-Algorithm") != ALGORITHM
        or not re.fullmatch(r"\d{1,7}", expires)
        or not 1 <= int(expires) <= WEEK
    ):
        raise ValueError
    key_id, day, region, service = credential.groups()
    return Signature(
        key_id, day, region, service,
        signed=tuple(values.get("X-Amz-SignedHeaders", "").split(";")),
        value=values.get("X-Amz-Signature", ""),
        stamp=values.get("X-Amz-Date", ""),
        token=values.get("X-Amz-Security-Token", ""),
        expires=int(expires),
    )


def check_time(signature: Signature, age: float, now: float) -> None:
    """Refuse what was presigned and has expired, or was signed by a clock that is wrong.

    `age` may include hours that a judge let pass; `now` is real, as the signer's clock was.
    """
    if signature.expires is not None:
        if age > signature.expires:
            raise AwsError("AccessDenied", "Request has expired", 403)
        if now - signature.time < -SKEW:
            raise AwsError("AccessDenied", "Request is not valid yet", 403)
    elif abs(now - signature.time) > SKEW:
        code = "RequestTimeTooSkewed" if signature.service == "s3" else "SignatureDoesNotMatch"
        raise AwsError(
            code, "The difference between the request time and the current time is too large.", 403
        )


def sign(
    message: Message, key_id: str, secret: str, region: str, service: str, now: float
) -> dict[str, str]:
    """Return the headers of `message` with a signature; for health checks, not a client library."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = dict(message.headers) | {
        "x-amz-date": stamp, "x-amz-content-sha256": hashlib.sha256(message.body).hexdigest(),
    }
    names = tuple(sorted(headers))
    claim = Signature(key_id, stamp[:8], region, service, names, "", stamp)
    sent = Message(message.method, message.path, message.query, headers, message.body)
    value = _sign(sent, claim, signing_key(secret, claim), headers["x-amz-content-sha256"])
    headers["authorization"] = (
        f"{ALGORITHM} Credential={key_id}/{claim.scope}, SignedHeaders={';'.join(names)}, "
        f"Signature={value}"
    )
    return headers


def signing_key(secret: str, signature: Signature) -> bytes:
    """Derive the key of a day, region and service from a secret."""
    key = ("AWS4" + secret).encode()
    for part in (signature.day, signature.region, signature.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def payload(message: Message, signature: Signature, secret: str) -> chunks.Chunked:
    """Verify, then return the decoded body with its trailing headers."""
    key = signing_key(secret, signature)
    body_hash = _body_hash(message, signature)
    expected = _sign(message, signature, key, body_hash)
    if not hmac.compare_digest(expected, signature.value):
        raise AwsError("SignatureDoesNotMatch", MISMATCH, 403)
    if body_hash not in chunks.KINDS:
        return chunks.Chunked(message.body)
    signer = chunks.Signer(key, signature.stamp, signature.scope, expected)
    try:
        length = int(message.headers.get("x-amz-decoded-content-length", ""))
        return chunks.decode(message.body, body_hash, signer, length)
    except chunks.BadSignature:
        raise AwsError("SignatureDoesNotMatch", MISMATCH, 403) from None
    except (chunks.Malformed, ValueError) as reason:
        raise AwsError("IncompleteBody", f"The chunked body is malformed: {reason}") from None


MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method."
)


def _body_hash(message: Message, signature: Signature) -> str:
    """The payload line of the canonical request; S3 lets clients leave the body unsigned."""
    if signature.presigned and signature.service == "s3":
        return "UNSIGNED-PAYLOAD"
    actual = hashlib.sha256(message.body).hexdigest()
    if signature.service != "s3":
        return actual
    claimed = message.headers.get("x-amz-content-sha256", "")
    if claimed == "UNSIGNED-PAYLOAD" or claimed in chunks.KINDS:
        return claimed
    if claimed != actual:
        raise AwsError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    return actual


def _sign(message: Message, signature: Signature, key: bytes, body_hash: str) -> str:
    _all_signed(message, signature)
    headers = [f"{n}:{' '.join(message.headers.get(n, '').split())}\n" for n in signature.signed]
    canonical = "\n".join((
        message.method,
        _path(message.path, signature.service),
        _query(message.query),
        "".join(headers),
        ";".join(signature.signed),
        body_hash,
    ))
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = "\n".join((ALGORITHM, signature.stamp, signature.scope, digest))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _all_signed(message: Message, signature: Signature) -> None:
    """AWS wants every x-amz-* header signed, so that nobody on the way adds one."""
    names = {n for n in message.headers if n.startswith("x-amz-")} - {"x-amz-content-sha256"}
    if names - set(signature.signed) or list(signature.signed) != sorted(set(signature.signed)):
        raise AwsError(
            "AccessDenied", "There were headers present in the request which were not signed", 403
        )


def _path(raw: str, service: str) -> str:
    once = quote(unquote_to_bytes(raw), safe="/-_.~")
    return once if service == "s3" else quote(once, safe="/-_.~")


def _query(pairs: Pairs) -> str:
    encoded = [
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in pairs
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))
