"""What an S3 call needs: its actions, resources and condition keys, and the KMS key behind it.

Limit: access control lists grant nothing (as with BucketOwnerEnforced, AWS's default);
operations that are not listed here are refused.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

from infra.cloud import kms, state
from infra.cloud.calls import Call, Context, Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.routes import BUCKET

# Operation -> action, where the action is not simply the operation's name.
ACTIONS = {
    "ListBuckets": "ListAllMyBuckets",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "GetObjectAttributes": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
}
SAME_NAME = {
    "CreateBucket", "DeleteBucket", "GetBucketLocation", "GetBucketPolicy", "PutBucketPolicy",
    "DeleteBucketPolicy", "GetBucketPolicyStatus", "GetBucketVersioning", "PutBucketVersioning",
    "GetBucketAcl", "PutBucketAcl", "GetBucketTagging", "PutBucketTagging", "GetBucketLogging",
    "PutBucketLogging", "GetBucketOwnershipControls", "PutBucketOwnershipControls",
    "GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite", "GetObject", "PutObject",
    "DeleteObject", "AbortMultipartUpload", "GetObjectTagging", "PutObjectTagging",
    "DeleteObjectTagging", "GetObjectAcl", "PutObjectAcl", "GetObjectRetention",
    "PutObjectRetention", "GetObjectLegalHold", "PutObjectLegalHold",
}
SUPPORTED = set(ACTIONS) | SAME_NAME | {"DeleteObjects"}
# Actions that AWS calls differently when the request names a version.
_VERSIONED = {
    "GetObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging", "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObjectTagging": "DeleteObjectVersionTagging", "GetObjectAcl": "GetObjectVersionAcl",
    "PutObjectAcl": "PutObjectVersionAcl",
}
# Actions that S3 decides without s3:ExistingObjectTag: an object cannot keep itself by its tags.
_BLIND = {"PutObject", "DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload"}
# Whether a PutObject makes an object, or only a part of one that is yet to be completed.
_CREATES = {
    "PutObject": True, "CopyObject": True, "CompleteMultipartUpload": True,
    "CreateMultipartUpload": False, "UploadPart": False, "UploadPartCopy": False,
}
_HEADER_KEYS = (
    "x-amz-acl", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class", "x-amz-copy-source", "x-amz-metadata-directive",
    "x-amz-content-sha256", "x-amz-grant-full-control", "x-amz-grant-read",
    "x-amz-object-ownership", "if-none-match", "if-match",
)


def needs(call: Call) -> list[Need]:
    """Return what an S3 call needs, KMS included. DeleteObjects is decided key by key."""
    if call.operation not in SUPPORTED:
        raise AwsError("NotImplemented", f"This cloud has no s3:{call.operation}.", 501)
    if call.operation == "DeleteObjects":
        return []
    found = [_main(call), *_extras(call)]
    return found + [need for use in _key_uses(call) for need in _with_key(call, *use)]


def arn(bucket: str, key: str = "") -> str:
    """Return the ARN of a bucket or an object."""
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def delete_need(call: Call, key: str, version: str | None) -> Need:
    """Return what deleting one key of a batch needs."""
    bucket = call.params["Bucket"]
    action = "s3:DeleteObjectVersion" if version else "s3:DeleteObject"
    keys = _context(call) | ({"s3:versionid": version} if version else {})
    return Need(action, arn(bucket, key), keys, state.bucket_policy(bucket))


def list_need(call: Call) -> Need:
    """Return what it takes to be told that a key does not exist."""
    bucket = call.params["Bucket"]
    return Need("s3:ListBucket", arn(bucket), _context(call), state.bucket_policy(bucket))


def _main(call: Call) -> Need:
    action = ACTIONS.get(call.operation, call.operation)
    bucket, key = call.params.get("Bucket", ""), call.params.get("Key", "")
    version = call.params.get("VersionId")
    if version and action in _VERSIONED:
        action = _VERSIONED[action]
    resource = arn(bucket or "*", key)
    keys = _context(call)
    if call.operation in _CREATES:
        keys["s3:objectcreationoperation"] = str(_CREATES[call.operation]).lower()
    if key and action not in _BLIND:
        keys |= _existing_tags(bucket, key, version)
    policy = state.bucket_policy(bucket) if bucket else None
    return Need(f"s3:{action}", resource, keys, policy)


def _extras(call: Call) -> list[Need]:
    """What some headers add: the source of a copy, tags, an access control list, retention."""
    headers, bucket = call.headers, call.params.get("Bucket", "")
    resource, policy = arn(bucket, call.params.get("Key", "")), state.bucket_policy(bucket)
    more: list[Need] = []
    if call.operation in {"CopyObject", "UploadPartCopy"}:
        more.append(_source_need(call))
    if call.operation in {"PutObject", "CopyObject", "CreateMultipartUpload"}:
        if "x-amz-tagging" in headers:
            more.append(Need("s3:PutObjectTagging", resource, _context(call), policy))
        if "x-amz-acl" in headers and headers["x-amz-acl"] != "bucket-owner-full-control":
            more.append(Need("s3:PutObjectAcl", resource, _context(call), policy))
        if any(name.startswith("x-amz-object-lock-") for name in headers):
            more.append(Need("s3:PutObjectRetention", resource, _context(call), policy))
    if call.operation == "GetObjectAttributes":
        more.append(Need("s3:GetObjectAttributes", resource, _context(call), policy))
    return more


def copy_source(call: Call) -> tuple[str, str, str | None]:
    """Return bucket, key and version of a copy's source."""
    raw, _, query = call.headers["x-amz-copy-source"].partition("?")
    bucket, _, key = unquote(raw).removeprefix("/").partition("/")
    pairs = parse_qsl(query, keep_blank_values=True)
    if not BUCKET.fullmatch(bucket) or not key or [n for n, _ in pairs] not in ([], ["versionId"]):
        raise AwsError("InvalidArgument", "Copy Source must mention the source bucket and key")
    return bucket, key, dict(pairs).get("versionId")


def _source_need(call: Call) -> Need:
    bucket, key, version = copy_source(call)
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    keys = _context(call) | _existing_tags(bucket, key, version)
    return Need(action, arn(bucket, key), keys, state.bucket_policy(bucket))


def _existing_tags(bucket: str, key: str, version: str | None) -> Context:
    found = state.stored(bucket, key, version)
    tags = found.tags if found else {}
    keys: Context = {f"s3:existingobjecttag/{k.lower()}": v for k, v in tags.items()}
    return keys


def _context(call: Call) -> Context:
    keys: Context = {
        "s3:authtype": "REST-QUERY-STRING" if call.presigned else "REST-HEADER",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
        "s3:signatureage": str(max(0, int(call.signature_age * 1000))),
        "s3:resourceaccount": ACCOUNT,
    }
    if call.secure:
        keys["s3:tlsversion"] = "1.3"
    keys |= {f"s3:{name}": call.headers[name] for name in _HEADER_KEYS if name in call.headers}
    for name, key in (
        ("Prefix", "prefix"), ("Delimiter", "delimiter"), ("MaxKeys", "max-keys"),
        ("VersionId", "versionid"),
    ):
        if name in call.params:
            keys[f"s3:{key}"] = str(call.params[name])
    tags = _request_tags(call)
    keys |= {f"s3:requestobjecttag/{k.lower()}": v for k, v in tags.items()}
    if tags:
        keys["s3:requestobjecttagkeys"] = list(tags)
    return keys


def _request_tags(call: Call) -> dict[str, str]:
    """Return the object tags that a request carries, in its header or in its body."""
    if call.operation != "PutObjectTagging":
        return dict(parse_qsl(call.headers.get("x-amz-tagging", ""), keep_blank_values=True))
    try:
        found = ElementTree.fromstring(call.body).iter()
    except ElementTree.ParseError:
        return {}  # the engine tells what is wrong with it
    tags = [{part.tag.rpartition("}")[2]: part.text or "" for part in tag} for tag in found
            if tag.tag.rpartition("}")[2] == "Tag"]
    return {tag["Key"]: tag.get("Value", "") for tag in tags if "Key" in tag}


# --- the KMS key behind an object --------------------------------------------------------------

def _key_uses(call: Call) -> list[tuple[str, str, str, bool]]:
    """Return (KMS action, key, object ARN, bucket key) for each use of a key by this call."""
    name, bucket = call.operation, call.params.get("Bucket", "")
    resource = arn(bucket, call.params.get("Key", ""))
    uses: list[tuple[str, str, str, bool]] = []
    wants_checksum = call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    if name == "GetObject" or (name == "HeadObject" and wants_checksum):
        uses += _decrypts(bucket, call.params["Key"], call.params.get("VersionId"))
    if name in {"CopyObject", "UploadPartCopy"}:
        uses += _decrypts(*copy_source(call))
    if name in {"PutObject", "CopyObject", "CreateMultipartUpload"}:
        uses += [("GenerateDataKey", key, resource, on) for key, on in chosen_key(call)]
    if name in {"UploadPart", "UploadPartCopy", "CompleteMultipartUpload"}:
        uses += _upload_uses(call, resource)
    return uses


def _decrypts(bucket: str, key: str, version: str | None) -> list[tuple[str, str, str, bool]]:
    found = state.stored(bucket, key, version)
    if found is None or not found.encryption.startswith("aws:kms"):
        return []
    return [("Decrypt", found.kms_key or "alias/aws/s3", arn(bucket, key), found.bucket_key)]


def chosen_key(call: Call) -> list[tuple[str, bool]]:
    """Return the key that headers or the bucket's default choose for a new object."""
    headers = call.headers
    algorithm, key, on = state.bucket_default(call.params["Bucket"])
    if "x-amz-server-side-encryption" in headers:
        algorithm = headers["x-amz-server-side-encryption"]
        key = headers.get("x-amz-server-side-encryption-aws-kms-key-id", "")
    if not algorithm.startswith("aws:kms"):
        return []
    return [(key or "alias/aws/s3", on)]


def _upload_uses(call: Call, resource: str) -> list[tuple[str, str, str, bool]]:
    upload = state.upload_encryption(call.params["Bucket"], str(call.params.get("UploadId")))
    if upload is None or not upload[0].startswith("aws:kms"):
        return []
    actions = ["Decrypt"] if call.operation == "CompleteMultipartUpload" else [
        "GenerateDataKey", "Decrypt",
    ]
    return [(action, upload[1] or "alias/aws/s3", resource, False) for action in actions]


def _with_key(call: Call, action: str, key: str, resource: str, bucket_key: bool) -> list[Need]:
    region = bucket_region(call)
    about = resource.split("/", 1)[0] if bucket_key else resource
    try:
        return kms.use(action, region, key, "s3", {"aws:s3:arn": about})
    except AwsError as error:
        raise AwsError(f"KMS.{error.code}", error.message, 400) from None


def bucket_region(call: Call) -> str:
    """Return the region a bucket lives in: its keys are looked for there."""
    found: Any = state.bucket(call.params.get("Bucket", ""))
    return str(found.region_name) if found is not None else call.region
