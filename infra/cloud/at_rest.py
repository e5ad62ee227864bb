"""S3 encrypts every object at rest: with SSE-S3 where neither request nor bucket names a way.

The engine leaves such objects and buckets without an encryption, as S3 did until January 2023.
Limit: changes what the engine says, nothing is encrypted here; import it once.
"""

from __future__ import annotations

from typing import Any

from moto.s3.models import S3Backend

from infra.cloud.errors import AwsError

PLAIN = "AES256"
WAYS = (PLAIN, "aws:kms", "aws:kms:dsse")
HEADER = "x-amz-server-side-encryption"
KEY = f"{HEADER}-aws-kms-key-id"

_put_object = S3Backend.put_object
_get_bucket_encryption = S3Backend.get_bucket_encryption


def check(headers: dict[str, str]) -> None:
    """Refuse a way that S3 has not, and a key without a way that uses it: AwsError."""
    way = headers.get(HEADER)
    if way is not None and way not in WAYS:
        raise AwsError("InvalidArgument", "The encryption method specified is not supported")
    if KEY in headers and (way is None or way == PLAIN):
        raise AwsError(
            "InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP "
            f"header {HEADER} : aws:kms",
        )


def _put(self: Any, *given: Any, **named: Any) -> Any:
    made = _put_object(self, *given, **named)
    made.encryption = made.encryption or PLAIN
    return made


def _default(self: Any, bucket_name: str) -> Any:
    plain = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": PLAIN}}}
    return _get_bucket_encryption(self, bucket_name) or plain


S3Backend.put_object = _put  # type: ignore[method-assign]
S3Backend.get_bucket_encryption = _default  # type: ignore[method-assign]
