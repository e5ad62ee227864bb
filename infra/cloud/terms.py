"""What S3 looks at before it works, and the engine does not: conditions, customers' keys, ACLs.

And the retention of an object, which the engine keeps and cannot tell. Limit: SSE-C is refused, as
every bucket made since April 2026 refuses it; a bucket's setting that would allow it is not read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from infra.cloud import at_rest, s3, state
from infra.cloud.calls import Call
from infra.cloud.dispatch import backend
from infra.cloud.errors import Answer, AwsError

_SOURCE = "x-amz-copy-source"
_CUSTOMER = "server-side-encryption-customer-"
_WRITES = {"PutObject", "CopyObject", "CompleteMultipartUpload"}
_STORES = {"PutObject", "CopyObject", "CreateMultipartUpload"}
_ENFORCED = "BucketOwnerEnforced"
_LISTS = _STORES | {"PutBucketAcl", "PutObjectAcl"}


def check(call: Call) -> None:
    """Refuse a call whose terms are not met.

    AwsError: AccessControlListNotSupported, AccessDenied, InvalidArgument, NoSuchKey,
    NotImplemented, PreconditionFailed.
    """
    if any(_CUSTOMER in name for name in call.headers):
        raise AwsError(
            "AccessDenied", f"This cloud has no SSE-C: s3:{call.operation} takes no key of a "
            "customer. (On AWS, new buckets block it.)", 403,
        )
    if _SOURCE in call.headers and any(f"{_SOURCE}-if-" in name for name in call.headers):
        found = _object(*s3.copy_source(call))
        if found is not None and not _holds(call, found):
            raise _failed()
    _check_lists(call)
    if call.operation in _STORES:
        at_rest.check(call.headers)
    if call.operation in _WRITES:
        _check_write(call)


def owned(call: Call, answer: Answer) -> None:
    """Let a new bucket's owner own all that is in it, unless the request says otherwise."""
    if call.operation == "CreateBucket" and answer.status == 200:
        made: Any = backend("s3").get_bucket(call.params["Bucket"])
        made.ownership_rule = made.ownership_rule or _ENFORCED


def _check_lists(call: Call) -> None:
    """Refuse an access control list in a bucket whose owner owns everything, as in each new one."""
    canned = call.headers.get("x-amz-acl", "")
    given = bool(canned) or any(name.startswith("x-amz-grant-") for name in call.headers)
    if call.operation == "CreateBucket":
        rule = call.headers.get("x-amz-object-ownership", _ENFORCED)
        if given and canned != "private" and rule == _ENFORCED:
            raise AwsError(
                "InvalidBucketAclWithObjectOwnership",
                f"Bucket cannot have ACLs set with ObjectOwnership's {_ENFORCED} setting",
            )
    elif call.operation in _LISTS and state.bucket(call.params["Bucket"]) is not None:
        set_alone = call.operation.endswith("Acl")
        rule = backend("s3").get_bucket(call.params["Bucket"]).ownership_rule
        allowed = canned == "bucket-owner-full-control"
        if rule == _ENFORCED and (set_alone or given) and not allowed:
            raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def _check_write(call: Call) -> None:
    """Refuse a write on a condition that S3 has not, and a copy whose condition does not hold.

    The engine itself looks at the conditions of the other writes.
    """
    match, unless = call.headers.get("if-match"), call.headers.get("if-none-match")
    if unless is not None and (unless.strip() != "*" or match is not None):
        raise AwsError(
            "NotImplemented",
            "A header you provided implies functionality that is not implemented: "
            "If-None-Match of a write is * and stands alone.", 501,
        )
    if call.operation != "CopyObject" or match == unless:
        return
    there = _object(call.params["Bucket"], call.params["Key"], None)
    if match is not None and there is None:
        raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
    if there is not None and (match is None or not _fits(match, there.etag)):
        raise _failed()


def _failed() -> AwsError:
    return AwsError(
        "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412
    )


def own_work(call: Call) -> Answer | None:
    """Answer what the engine cannot, or return None."""
    if call.operation != "GetObjectRetention":
        return None
    found = _object(call.params["Bucket"], call.params["Key"], call.params.get("VersionId"))
    if found is None:
        return None
    if not found.lock_mode or not found.lock_until:
        raise AwsError(
            "NoSuchObjectLockConfiguration",
            "The specified object does not have a ObjectLock configuration", 404,
        )
    inside = f"<Mode>{found.lock_mode}</Mode><RetainUntilDate>{found.lock_until}</RetainUntilDate>"
    body = f"<Retention>{inside}</Retention>"
    return Answer(200, {"content-type": "application/xml"}, body.encode())


def _object(bucket: str, key: str, version: str | None) -> Any | None:
    if state.bucket(bucket) is None:
        return None
    found = backend("s3").get_object(bucket, key, version_id=version)
    return found if hasattr(found, "lock_mode") else None


def _holds(call: Call, found: Any) -> bool:
    """Whether a source is as it shall be: a tag that fits outweighs a date, and so one that not."""
    match, unmatch = _said(call, "match"), _said(call, "none-match")
    since, before = _moment(call, "modified-since"), _moment(call, "unmodified-since")
    changed = found.last_modified.replace(tzinfo=UTC, microsecond=0)
    if match is not None and not _fits(match, found.etag):
        return False
    if match is None and before is not None and changed > before:
        return False
    if unmatch is not None:
        return not _fits(unmatch, found.etag)
    return since is None or changed > since or since > datetime.now(UTC)


def _said(call: Call, name: str) -> str | None:
    return call.headers.get(f"{_SOURCE}-if-{name}")


def _fits(wanted: str, etag: str) -> bool:
    return wanted == "*" or wanted.strip('"') == etag.strip('"')


def _moment(call: Call, name: str) -> datetime | None:
    """Return a date of a condition; one that cannot be read is none, as in HTTP."""
    try:
        found = parsedate_to_datetime(_said(call, name) or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
