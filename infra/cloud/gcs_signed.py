"""Signed URLs of Cloud Storage, version 4: the signature is made anew from the request.

Limit: RSA keys of service accounts only; no HMAC keys, no version 2, no policy documents.
"""

from __future__ import annotations

import calendar
import hashlib
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, quote

from infra.cloud.clock import Clock
from infra.cloud.gcs_accounts import Account, signed
from infra.cloud.gcs_errors import GcsError

ALGORITHM = "GOOG4-RSA-SHA256"
LONGEST = 7 * 24 * 3600
SKEW = 15 * 60
_STAMP = re.compile(r"\d{8}T\d{6}Z")


def is_signed(query: str) -> bool:
    """Whether a query string claims to be signed, by either version."""
    names = {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}
    return bool(names & {"x-goog-signature", "googleaccessid"})


def signer(
    method: str, target: str, headers: dict[str, str], find: Callable[[str], Account | None],
    clock: Clock,
) -> Account:
    """Return whose key signed this request; raise GcsError as Cloud Storage refuses."""
    path, _, query = target.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    fields = {name.lower(): value for name, value in pairs}
    if "googleaccessid" in fields:
        raise GcsError(501, "This emulated Cloud Storage does not take version 2 signatures.")
    if fields.get("x-goog-algorithm") != ALGORITHM:
        raise _invalid(f"X-Goog-Algorithm must be {ALGORITHM}.")
    email, _, scope = fields.get("x-goog-credential", "").partition("/")
    stamp = fields.get("x-goog-date", "")
    _check_time(stamp, fields.get("x-goog-expires", ""), scope, clock)
    account = find(email)
    text = _canonical(method, path, pairs, fields.get("x-goog-signedheaders", ""), headers)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    message = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    try:
        signature = bytes.fromhex(fields.get("x-goog-signature", ""))
    except ValueError:
        raise _invalid("X-Goog-Signature is not hexadecimal.") from None
    if account is None or not signed(account, signature, message.encode()):
        raise GcsError(
            403, "Access denied. The request signature we calculated does not match the signature"
            " you provided. Check your Google secret key and signing method.",
            code="SignatureDoesNotMatch",
        )
    return account


def _check_time(stamp: str, expires: str, scope: str, clock: Clock) -> None:
    if not _STAMP.fullmatch(stamp) or not expires.isdigit():
        raise _invalid("X-Goog-Date or X-Goog-Expires is missing or malformed.")
    if not 1 <= int(expires) <= LONGEST:
        raise _invalid(f"X-Goog-Expires must be from 1 to {LONGEST} seconds.")
    if not re.fullmatch(rf"{stamp[:8]}/[\w-]+/storage/goog4_request", scope):
        raise _invalid("X-Goog-Credential's scope does not fit.")
    made = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    if made - clock.real() > SKEW:
        raise GcsError(403, "X-Goog-Date is in the future.", code="AccessDenied")
    if clock.age(made) > int(expires):
        raise GcsError(400, "Invalid argument.", code="ExpiredToken")


def _canonical(
    method: str, path: str, pairs: list[tuple[str, str]], names: str, headers: dict[str, str]
) -> str:
    signed_names = names.split(";")
    if "host" not in signed_names or signed_names != sorted(signed_names):
        raise _invalid("X-Goog-SignedHeaders must be sorted and name host.")
    unsigned = sorted(name for name in headers if name.startswith("x-goog-"))
    left = [name for name in unsigned if name not in signed_names]
    if left:
        raise _invalid(f"{left[0]} was sent and not signed.")
    query = "&".join(sorted(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in pairs if name.lower() != "x-goog-signature"
    ))  # fmt: skip
    lines = "".join(
        f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed_names
    )
    digest = headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
    return f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"


def _invalid(message: str) -> GcsError:
    return GcsError(400, message, code="InvalidArgument")
