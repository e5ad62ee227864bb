"""What AWS does beyond a store of blobs: S3's own ways, IAM enforced, KMS, Secrets Manager."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.infra.contract.aws import S3Blobs, told
from tests.infra.contract.case import case, refused, same


def asks(call: Any, **arguments: Any) -> Any:
    """Call a method of boto3; errors become Refused."""
    with told():
        return call(**arguments)


# --- S3 --------------------------------------------------------------------------------------


@case("s3", "the ETag of an object put in one call is its MD5", aws="Object (ETag)")
def etag(blobs: S3Blobs) -> None:
    digest = hashlib.md5(b"bytes", usedforsecurity=False).hexdigest()
    same(blobs.put("k", b"bytes"), f'"{digest}"')


@case("s3", "an object put without a content type is binary/octet-stream",
      aws="Working with object metadata")  # fmt: skip
def default_type(blobs: S3Blobs) -> None:
    blobs.put("k", b"x")
    same(blobs.head("k").kind, "binary/octet-stream")


@case("s3", "of a multipart upload every part but the last has 5 MiB at least",
      aws="CompleteMultipartUpload")  # fmt: skip
def small_part(blobs: S3Blobs) -> None:
    refused(lambda: blobs.upload("k", [b"small", b"end"]), "400 EntityTooSmall")


@case("s3", "an upload that was aborted takes no more parts", aws="AbortMultipartUpload")
def aborted(blobs: S3Blobs) -> None:
    upload = blobs.begin("k")
    asks(blobs.s3.abort_multipart_upload, Bucket=blobs.name, Key="k", UploadId=upload)
    refused(lambda: blobs.part("k", upload, 1, b"x"), "404 NoSuchUpload")


@case("s3", "with versioning, to delete is to hide: the old version stays",
      aws="Working with delete markers")  # fmt: skip
def versions(blobs: S3Blobs) -> None:
    s3, name = blobs.s3, blobs.name
    asks(s3.put_bucket_versioning, Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    made = asks(s3.put_object, Bucket=name, Key="k", Body=b"one")["VersionId"]
    blobs.delete("k")
    refused(lambda: blobs.get("k"), "404 NoSuchKey")
    found = asks(s3.get_object, Bucket=name, Key="k", VersionId=made)["Body"].read()
    markers = asks(s3.list_object_versions, Bucket=name).get("DeleteMarkers", [])
    same((found, len(markers)), (b"one", 1))


@case("s3", "many objects are deleted in one call, missing ones among them", aws="DeleteObjects")
def delete_many(blobs: S3Blobs) -> None:
    blobs.put("a")
    blobs.put("b")
    wanted = {"Objects": [{"Key": key} for key in ("a", "b", "none")]}
    told_of = asks(blobs.s3.delete_objects, Bucket=blobs.name, Delete=wanted)
    same((len(told_of["Deleted"]), told_of.get("Errors", []), blobs.keys()), (3, [], []))


@case("s3", "tags are kept apart from the object", aws="PutObjectTagging")
def tags(blobs: S3Blobs) -> None:
    before = blobs.put("k", b"x")
    pairs = [{"Key": "depot", "Value": "LX1"}]
    asks(blobs.s3.put_object_tagging, Bucket=blobs.name, Key="k", Tagging={"TagSet": pairs})
    found = asks(blobs.s3.get_object_tagging, Bucket=blobs.name, Key="k")["TagSet"]
    same((found, blobs.head("k").tag), (pairs, before))


@case("s3", "a bucket without lifecycle rules says so with an error of its own",
      aws="GetBucketLifecycleConfiguration")  # fmt: skip
def no_lifecycle(blobs: S3Blobs) -> None:
    get = blobs.s3.get_bucket_lifecycle_configuration
    refused(lambda: asks(get, Bucket=blobs.name), "404 NoSuchLifecycleConfiguration")


# --- IAM -------------------------------------------------------------------------------------


def user(aws: Any, *policies: dict[str, Any]) -> tuple[str, str, str]:
    """Make a user with inline policies; return its name and keys."""
    iam, name = aws.client("iam"), f"contract-{aws.number}"
    asks(iam.create_user, UserName=name)
    for number, document in enumerate(policies):
        asks(iam.put_user_policy, UserName=name, PolicyName=f"p{number}",
             PolicyDocument=json.dumps(document))  # fmt: skip
    key = asks(iam.create_access_key, UserName=name)["AccessKey"]
    return name, key["AccessKeyId"], key["SecretAccessKey"]


def statement(effect: str, *actions: str) -> dict[str, Any]:
    """Return a policy of one statement on everything."""
    one = {"Effect": effect, "Action": list(actions), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [one]}


@case("aws", "a user without policies may do nothing", aws="Policy evaluation logic")
def nothing_allowed(aws: Any) -> None:
    _, key, secret = user(aws)
    s3 = aws.make("s3", key, secret)
    refused(lambda: asks(s3.list_buckets), "403 AccessDenied")


@case("aws", "a user may do what a policy allows, and only that", aws="Policy evaluation logic")
def only_allowed(aws: Any) -> None:
    _, key, secret = user(aws, statement("Allow", "s3:ListAllMyBuckets"))
    s3 = aws.make("s3", key, secret)
    asks(s3.list_buckets)
    wanted = f"contract-refused-{aws.number}"
    refused(lambda: asks(s3.create_bucket, Bucket=wanted), "403 AccessDenied")


@case("aws", "an explicit deny beats every allow", aws="Policy evaluation logic")
def deny_wins(aws: Any) -> None:
    _, key, secret = user(
        aws, statement("Allow", "*"), statement("Deny", "s3:ListAllMyBuckets")
    )
    s3 = aws.make("s3", key, secret)
    refused(lambda: asks(s3.list_buckets), "403 AccessDenied")


@case("aws", "a key that was made inactive is no key", aws="UpdateAccessKey")
def inactive_key(aws: Any) -> None:
    name, key, secret = user(aws, statement("Allow", "*"))
    sts = aws.make("sts", key, secret)
    asks(sts.get_caller_identity)
    asks(aws.client("iam").update_access_key, UserName=name, AccessKeyId=key, Status="Inactive")
    refused(lambda: asks(sts.get_caller_identity), "403 InvalidClientTokenId")


@case("aws", "a role is for those whom its trust policy names", aws="AssumeRole")
def trust(aws: Any) -> None:
    _, key, secret = user(aws, statement("Allow", "sts:AssumeRole"))
    document = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }]}  # fmt: skip
    role = asks(aws.client("iam").create_role, RoleName=f"contract-{aws.number}",
                AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]  # fmt: skip
    assume = aws.make("sts", key, secret).assume_role
    refused(
        lambda: asks(assume, RoleArn=role, RoleSessionName="contract"), "403 AccessDenied"
    )


@case("aws", "a user with policies is not deleted", aws="DeleteUser")
def delete_conflict(aws: Any) -> None:
    name, *_ = user(aws, statement("Allow", "*"))
    refused(lambda: asks(aws.client("iam").delete_user, UserName=name), "409 DeleteConflict")


@case("aws", "a policy that is none is refused", aws="PutUserPolicy")
def malformed_policy(aws: Any) -> None:
    refused(lambda: user(aws, {"Statement": "everything"}), "400 MalformedPolicyDocument")


# --- KMS -------------------------------------------------------------------------------------


def key_of(aws: Any) -> tuple[Any, str]:
    """Return a client and a fresh key."""
    kms = aws.client("kms")
    return kms, asks(kms.create_key)["KeyMetadata"]["KeyId"]


@case("aws", "what a key encrypted it decrypts, with the same context only", aws="Decrypt")
def context(aws: Any) -> None:
    kms, key = key_of(aws)
    blob = asks(kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})[
        "CiphertextBlob"
    ]
    found = asks(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"]
    same(found, b"x")
    refused(
        lambda: asks(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"a": "c"}),
        "400 InvalidCiphertextException",
    )


@case("aws", "a disabled key neither encrypts nor decrypts", aws="DisableKey")
def disabled_key(aws: Any) -> None:
    kms, key = key_of(aws)
    blob = asks(kms.encrypt, KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    asks(kms.disable_key, KeyId=key)
    refused(lambda: asks(kms.encrypt, KeyId=key, Plaintext=b"x"), "400 DisabledException")
    refused(lambda: asks(kms.decrypt, CiphertextBlob=blob), "400 DisabledException")


@case("aws", "a key that waits for its deletion does not encrypt", aws="ScheduleKeyDeletion")
def deleted_key(aws: Any) -> None:
    kms, key = key_of(aws)
    asks(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    refused(lambda: asks(kms.encrypt, KeyId=key, Plaintext=b"x"), "400 KMSInvalidStateException")


@case("aws", "KMS encrypts 4,096 bytes at most", aws="Encrypt")
def too_long(aws: Any) -> None:
    kms, key = key_of(aws)
    asks(kms.encrypt, KeyId=key, Plaintext=b"x" * 4096)
    refused(
        lambda: asks(kms.encrypt, KeyId=key, Plaintext=b"x" * 4097), "400 ValidationException"
    )


# --- Secrets Manager -------------------------------------------------------------------------


def secret_of(aws: Any) -> tuple[Any, str]:
    """Return a client and a fresh secret with the value "one"."""
    manager, name = aws.client("secretsmanager"), f"contract-{aws.number}"
    asks(manager.create_secret, Name=name, SecretString="one")
    return manager, name


@case("aws", "a new value becomes current, the old one previous", aws="PutSecretValue")
def labels(aws: Any) -> None:
    manager, name = secret_of(aws)
    asks(manager.put_secret_value, SecretId=name, SecretString="two")
    seen = [
        asks(manager.get_secret_value, SecretId=name, VersionStage=stage)["SecretString"]
        for stage in ("AWSCURRENT", "AWSPREVIOUS")
    ]
    same(seen, ["two", "one"])


@case("aws", "one token with another value is refused, with the same value it is one version",
      aws="PutSecretValue")  # fmt: skip
def idempotent(aws: Any) -> None:
    manager, name = secret_of(aws)
    token = {"SecretId": name, "ClientRequestToken": "t" * 32}
    first = asks(manager.put_secret_value, SecretString="two", **token)["VersionId"]
    same(asks(manager.put_secret_value, SecretString="two", **token)["VersionId"], first)
    refused(
        lambda: asks(manager.put_secret_value, SecretString="three", **token),
        "400 ResourceExistsException",
    )


@case("aws", "a secret that was deleted can be restored, not read", aws="DeleteSecret")
def deleted_secret(aws: Any) -> None:
    manager, name = secret_of(aws)
    asks(manager.delete_secret, SecretId=name)
    refused(lambda: asks(manager.get_secret_value, SecretId=name), "400 InvalidRequestException")
    asks(manager.restore_secret, SecretId=name)
    same(asks(manager.get_secret_value, SecretId=name)["SecretString"], "one")
