"""S3 through the front door, with boto3: what works, what is refused, and in which words."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import Cloud, Identity, allow
from tests.infra import client, raw

DATA = "arn:aws:s3:::data"


@pytest.fixture
def owner(cloud: Cloud) -> Identity:
    """Somebody who may do anything with S3."""
    cloud.bucket("data")
    return cloud.identity("owner", [allow(["s3:*"])])


KEYS = [
    "plain", "a b/c+d", "ü/ß", "per%20cent", "a//b", "x/../y", "/lead", "q?x=1&y", "dot/.", "#1",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_any_key_comes_back(cloud: Cloud, owner: Identity, key: str) -> None:
    s3 = client.of(cloud, "s3", owner)
    s3.put_object(Bucket="data", Key=key, Body=key.encode())
    assert s3.get_object(Bucket="data", Key=key)["Body"].read() == key.encode()
    listed = s3.list_objects_v2(Bucket="data")["Contents"]
    assert [entry["Key"] for entry in listed] == [key]
    assert cloud.log[-1].resource == DATA
    s3.delete_object(Bucket="data", Key=key)
    assert s3.list_objects_v2(Bucket="data")["KeyCount"] == 0


def test_the_life_of_an_object(cloud: Cloud, owner: Identity) -> None:
    s3 = client.of(cloud, "s3", owner)
    s3.put_object(
        Bucket="data", Key="k", Body=b"one", Metadata={"a_b": "1"}, Tagging="team=ops",
        ContentType="text/csv", CacheControl="no-store",
    )
    head = s3.head_object(Bucket="data", Key="k")
    assert head["ContentLength"] == 3
    assert head["ContentType"] == "text/csv"
    assert head["Metadata"] == {"a_b": "1"}
    assert s3.get_object(Bucket="data", Key="k", Range="bytes=1-2")["Body"].read() == b"ne"
    assert s3.get_object_tagging(Bucket="data", Key="k")["TagSet"] == [
        {"Key": "team", "Value": "ops"}
    ]
    s3.copy_object(Bucket="data", Key="copy", CopySource={"Bucket": "data", "Key": "k"})
    assert s3.get_object(Bucket="data", Key="copy")["Body"].read() == b"one"


def test_conditional_writes(cloud: Cloud, owner: Identity) -> None:
    s3 = client.of(cloud, "s3", owner)
    s3.put_object(Bucket="data", Key="k", Body=b"1", IfNoneMatch="*")
    twice = client.code(s3.put_object, Bucket="data", Key="k", Body=b"2", IfNoneMatch="*")
    assert twice == "PreconditionFailed"
    tag = s3.get_object(Bucket="data", Key="k")["ETag"]
    for wrong in ({"IfNoneMatch": '"abc"'}, {"IfNoneMatch": tag},
                  {"IfNoneMatch": "*", "IfMatch": tag}):  # fmt: skip
        put = {"Bucket": "data", "Key": "k", "Body": b"3", **wrong}
        assert client.code(s3.put_object, **put) == "NotImplemented", wrong
    assert s3.get_object(Bucket="data", Key="k")["Body"].read() == b"1"
    s3.put_object(Bucket="data", Key="k", Body=b"4", IfMatch=tag)


def test_conditional_copies(cloud: Cloud, owner: Identity) -> None:
    s3 = client.of(cloud, "s3", owner)
    tag = s3.put_object(Bucket="data", Key="k", Body=b"1")["ETag"]
    copy = {"Bucket": "data", "Key": "l", "CopySource": {"Bucket": "data", "Key": "k"}}
    assert client.code(s3.copy_object, **copy, IfMatch=tag) == "NoSuchKey"
    s3.copy_object(**copy, IfNoneMatch="*")
    assert client.code(s3.copy_object, **copy, IfNoneMatch="*") == "PreconditionFailed"
    assert client.code(s3.copy_object, **copy, IfNoneMatch=tag) == "NotImplemented"
    assert client.code(s3.copy_object, **copy, IfMatch='"other"') == "PreconditionFailed"
    s3.copy_object(**copy, IfMatch=tag)


def test_a_policy_insists_on_a_condition_as_aws_documents_it(
    cloud: Cloud, owner: Identity
) -> None:
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{DATA}/*",
        "Condition": {"Null": {"s3:if-none-match": "true"},
                      "Bool": {"s3:ObjectCreationOperation": "true"}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("s3").put_bucket_policy(Bucket="data", Policy=policy)
    s3, made = client.of(cloud, "s3", owner), {"Bucket": "data", "Key": "k"}
    assert client.code(s3.put_object, **made, Body=b"1") == "AccessDenied"
    s3.put_object(**made, Body=b"1", IfNoneMatch="*")
    copy = {**made, "CopySource": {"Bucket": "data", "Key": "k"}}
    assert client.code(s3.copy_object, **copy) == "AccessDenied"
    for key, then in (("k", "PreconditionFailed"), ("l", "")):
        made["Key"] = key
        whole = {**made, "UploadId": s3.create_multipart_upload(**made)["UploadId"]}
        part = s3.upload_part(**whole, PartNumber=1, Body=b"2")
        whole["MultipartUpload"] = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        assert client.code(s3.complete_multipart_upload, **whole) == "AccessDenied"
        if then:
            found = client.code(s3.complete_multipart_upload, **whole, IfNoneMatch="*")
            assert found == then
        else:
            s3.complete_multipart_upload(**whole, IfNoneMatch="*")


def test_multipart_upload(cloud: Cloud, owner: Identity) -> None:
    s3 = client.of(cloud, "s3", owner)
    s3.upload_fileobj(io.BytesIO(b"z" * (9 << 20)), "data", "large")
    assert s3.head_object(Bucket="data", Key="large")["ContentLength"] == 9 << 20
    operations = {call.operation for call in cloud.log}
    assert {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"} <= operations


def test_a_chunked_upload_with_a_trailer_over_tls(cloud: Cloud, owner: Identity) -> None:
    s3 = cloud.client("s3", owner, https=True)
    s3.put_object(Bucket="data", Key="k", Body=io.BytesIO(b"streamed"), ChecksumAlgorithm="SHA256")
    assert s3.get_object(Bucket="data", Key="k", ChecksumMode="ENABLED")["Body"].read() == (
        b"streamed"
    )


def test_versions(cloud: Cloud, owner: Identity) -> None:
    s3 = client.of(cloud, "s3", owner)
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="data", Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket="data", Key="k", Body=b"2")
    reader = cloud.identity("reader", [allow(["s3:GetObject", "s3:ListBucket"])])
    theirs = client.of(cloud, "s3", reader)
    assert theirs.get_object(Bucket="data", Key="k")["Body"].read() == b"2"
    asked = {"Bucket": "data", "Key": "k", "VersionId": first}
    assert client.code(theirs.get_object, **asked) == "AccessDenied"
    assert client.code(theirs.list_object_versions, Bucket="data") == "AccessDenied"
    assert s3.get_object(**asked)["Body"].read() == b"1"
    assert len(s3.list_object_versions(Bucket="data")["Versions"]) == 2


def test_a_batch_delete_is_decided_key_by_key(cloud: Cloud, owner: Identity) -> None:
    s3 = client.of(cloud, "s3", owner)
    for key in ("mine/1", "mine/<2>", "yours/1"):
        s3.put_object(Bucket="data", Key=key, Body=b"x")
    some = cloud.identity("some", [allow(["s3:DeleteObject"], [f"{DATA}/mine/*"])])
    keys = [{"Key": key} for key in ("mine/1", "mine/<2>", "yours/1")]
    answer = client.of(cloud, "s3", some).delete_objects(Bucket="data", Delete={"Objects": keys})
    assert {row["Key"] for row in answer["Deleted"]} == {"mine/1", "mine/<2>"}
    assert [(row["Key"], row["Code"]) for row in answer["Errors"]] == [("yours/1", "AccessDenied")]
    assert list(cloud.state("s3")["data"]["objects"]) == ["yours/1"]


def test_a_copy_needs_its_source(cloud: Cloud, owner: Identity) -> None:
    cloud.bucket("other")
    cloud.client("s3").put_object(Bucket="other", Key="k", Body=b"x")
    writer = cloud.identity("writer", [allow(["s3:PutObject"]), allow(["s3:GetObject"], [DATA])])
    source = {"Bucket": "other", "Key": "k"}
    refused = client.code(
        client.of(cloud, "s3", writer).copy_object, Bucket="data", Key="k", CopySource=source
    )
    assert refused == "AccessDenied"
    client.of(cloud, "s3", owner).copy_object(Bucket="data", Key="k", CopySource=source)


SOURCES = [
    "//secret/pub/k", "http://x/secret/pub/k", "secret/pub/k?versionId=", "secret%2Fpub%2Fk",
    "/secret/pub/k", "data/../secret/pub/k", "data/pub/k?x=/secret/pub/k", "data/pub/k#/secret",
    "data/pub/k;x", "arn:aws:s3:::secret/pub/k", "DATA/pub/k", "secret", "data/%2e%2e/secret/pub/k",
    "?/secret/pub/k", "data%00/pub/k", "secret/pub/k?versionId=1&versionId=2",
]


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_is_what_was_authorised(cloud: Cloud, source: str) -> None:
    """Whatever a copy's source looks like, nothing of another bucket comes along."""
    cloud.bucket("data")
    cloud.bucket("secret")
    cloud.client("s3").put_object(Bucket="secret", Key="pub/k", Body=b"x")
    own = cloud.identity("own", [allow(["s3:*"], [f"{DATA}/*", "arn:aws:s3:::http:*"])])
    headers = {"x-amz-copy-source": source}
    request = raw.signed(cloud, own, method="PUT", path="/data/copy", headers=headers)
    assert raw.send(cloud, request)[0] >= 400
    assert cloud.state("s3")["data"]["objects"] == {}


@pytest.mark.parametrize("key", ["a b", "a?b", "a#b", "ü%2F+", "a;b", "/a//b"])
def test_any_key_can_be_copied(cloud: Cloud, owner: Identity, key: str) -> None:
    s3 = client.of(cloud, "s3", owner)
    s3.put_object(Bucket="data", Key=key, Body=b"x")
    s3.copy_object(Bucket="data", Key="copy", CopySource={"Bucket": "data", "Key": key})
    assert s3.get_object(Bucket="data", Key="copy")["Body"].read() == b"x"


SUBRESOURCES = [
    ("get_bucket_policy", {}, "s3:GetBucketPolicy"),
    ("get_bucket_acl", {}, "s3:GetBucketAcl"),
    ("get_bucket_versioning", {}, "s3:GetBucketVersioning"),
    ("get_bucket_encryption", {}, "s3:GetEncryptionConfiguration"),
    ("get_bucket_lifecycle_configuration", {}, "s3:GetLifecycleConfiguration"),
    ("get_bucket_tagging", {}, "s3:GetBucketTagging"),
    ("get_bucket_location", {}, "s3:GetBucketLocation"),
    ("get_public_access_block", {}, "s3:GetBucketPublicAccessBlock"),
    ("get_bucket_cors", {}, "s3:GetBucketCORS"),
    ("list_objects", {}, "s3:ListBucket"),
    ("list_objects_v2", {}, "s3:ListBucket"),
    ("list_object_versions", {}, "s3:ListBucketVersions"),
    ("list_multipart_uploads", {}, "s3:ListBucketMultipartUploads"),
    ("head_bucket", {}, "s3:ListBucket"),
    ("delete_bucket", {}, "s3:DeleteBucket"),
    ("delete_bucket_policy", {}, "s3:DeleteBucketPolicy"),
    ("put_bucket_versioning", {"VersioningConfiguration": {}}, "s3:PutBucketVersioning"),
    ("head_object", {"Key": "k"}, "s3:GetObject"),
    ("get_object_tagging", {"Key": "k"}, "s3:GetObjectTagging"),
    ("get_object_acl", {"Key": "k"}, "s3:GetObjectAcl"),
    ("delete_object", {"Key": "k"}, "s3:DeleteObject"),
    ("delete_object", {"Key": "k", "VersionId": "v"}, "s3:DeleteObjectVersion"),
    ("create_multipart_upload", {"Key": "k"}, "s3:PutObject"),
    ("list_parts", {"Key": "k", "UploadId": "u"}, "s3:ListMultipartUploadParts"),
    ("abort_multipart_upload", {"Key": "k", "UploadId": "u"}, "s3:AbortMultipartUpload"),
]


def test_every_operation_has_its_action(cloud: Cloud) -> None:
    nobody = cloud.identity("nobody")
    s3 = client.of(cloud, "s3", nobody)
    for method, arguments, action in SUBRESOURCES:
        refused = client.code(getattr(s3, method), Bucket="data", **arguments)
        assert refused in {"AccessDenied", "403"}, method
        assert cloud.log[-1].action == action, method
        assert cloud.log[-1].error == "AccessDenied"


def test_a_missing_key_is_a_secret_of_those_who_may_list(cloud: Cloud, owner: Identity) -> None:
    blind = cloud.identity("blind", [allow(["s3:GetObject"])])
    asked = {"Bucket": "data", "Key": "none"}
    assert client.code(client.of(cloud, "s3", blind).get_object, **asked) == "AccessDenied"
    assert client.code(client.of(cloud, "s3", owner).get_object, **asked) == "NoSuchKey"


def test_tls_by_policy(cloud: Cloud, owner: Identity) -> None:
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [DATA, f"{DATA}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("s3").put_bucket_policy(Bucket="data", Policy=policy)
    assert client.code(client.of(cloud, "s3", owner).list_objects_v2, Bucket="data") == (
        "AccessDenied"
    )
    put = {"Bucket": "data", "Key": "k", "Body": b"1"}
    assert client.code(client.of(cloud, "s3", owner).put_object, **put) == "AccessDenied"
    cloud.client("s3", owner, https=True).put_object(**put)
    assert cloud.client("s3", owner, secure=True).get_object(Bucket="data", Key="k")["Body"].read()
    cloud.client("s3").delete_object(Bucket="data", Key="k")
    assert cloud.client("s3", owner, https=True).list_objects_v2(Bucket="data")["KeyCount"] == 0
    assert cloud.client("s3", owner, secure=True).list_objects_v2(Bucket="data")["KeyCount"] == 0


def test_presigned_urls_expire(cloud: Cloud, owner: Identity) -> None:
    s3 = client.of(cloud, "s3", owner)
    s3.put_object(Bucket="data", Key="k", Body=b"x")
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "data", "Key": "k"}, ExpiresIn=60
    )
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"x"
    assert _refused(url.replace("Expires=60", "Expires=600")) == "SignatureDoesNotMatch"
    assert _refused(url.replace("/k?", "/l?")) == "SignatureDoesNotMatch"
    cloud.advance(61)
    assert _refused(url) == "Request has expired"
    fresh = s3.generate_presigned_url("get_object", Params={"Bucket": "data", "Key": "k"})
    with urllib.request.urlopen(fresh) as answer:
        assert answer.read() == b"x"


def test_a_presigned_url_is_worth_what_its_signer_may(cloud: Cloud, owner: Identity) -> None:
    nobody = cloud.identity("nobody")
    url = client.of(cloud, "s3", nobody).generate_presigned_url(
        "get_object", Params={"Bucket": "data", "Key": "k"}
    )
    assert "not authorized to perform: s3:GetObject" in _refused(url)


def _refused(url: str) -> str:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    with caught.value as answer:
        text = answer.read().decode()
    for code in ("SignatureDoesNotMatch", "Request has expired"):
        if code in text:
            return code
    return text


def test_what_is_not_imitated_says_so(cloud: Cloud, owner: Identity) -> None:
    s3 = client.of(cloud, "s3", owner)
    assert client.code(s3.get_bucket_replication, Bucket="data") == "NotImplemented"
    other = client.of(cloud, "comprehend", owner)
    assert client.code(other.list_entity_recognizers) == "NotImplemented"


def test_a_disk_has_an_end(cloud: Cloud, owner: Identity) -> None:
    cloud.quota(1000)
    s3 = client.of(cloud, "s3", owner)
    s3.put_object(Bucket="data", Key="a", Body=b"x" * 900)
    with pytest.raises(ClientError, match="disk is full"):
        s3.put_object(Bucket="data", Key="b", Body=b"x" * 900)
    cloud.client("s3").put_object(Bucket="data", Key="b", Body=b"x" * 900)
