"""Signatures: what AWS's own signer makes is taken, what anybody changed afterwards is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import zlib

import pytest

from infra.cloud import chunks, sigv4
from infra.cloud.fixtures import Cloud, Identity, allow
from tests.infra import raw


@pytest.fixture
def owner(cloud: Cloud) -> Identity:
    """Somebody who may do anything with S3, and a bucket."""
    cloud.bucket("data")
    return cloud.identity("owner", [allow(["s3:*"])])


def test_the_example_of_the_documentation() -> None:
    """GET Object, from "Signature Calculations for the Authorization Header" in the S3 API."""
    message = sigv4.Message("GET", "/test.txt", [], {
        "host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9",
        "x-amz-content-sha256": chunks.EMPTY, "x-amz-date": "20130524T000000Z",
        "authorization":
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    }, b"")  # fmt: skip
    claim = sigv4.parse(message)
    assert claim is not None
    assert claim.service == "s3"
    found = sigv4.payload(message, claim, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    assert found.body == b""


def test_a_right_signature(cloud: Cloud, owner: Identity) -> None:
    assert raw.send(cloud, raw.signed(cloud, owner))[0] == 200


def test_every_signed_part_counts(cloud: Cloud, owner: Identity) -> None:
    good = {"method": "PUT", "path": "/data/k", "body": b"1", "headers": {"x-amz-meta-a": "1"}}
    assert raw.send(cloud, raw.signed(cloud, owner, **good))[0] == 200
    for change in ("path", "query", "body", "header", "host", "date", "method"):
        request = raw.signed(cloud, owner, **good)
        if change == "path":
            request.target = "/data/l"
        elif change == "query":
            request.target = "/data/k?tagging"
        elif change == "body":
            request.body = b"2"
        elif change == "header":
            request.headers["x-amz-meta-a"] = "2"
        elif change == "host":
            request.headers["host"] = "elsewhere"
        elif change == "date":
            day = request.headers["x-amz-date"][:8]
            request.headers["x-amz-date"] = f"{day}T000001Z"
        else:
            request.method = "POST"
        assert raw.send(cloud, request)[0] in {400, 403, 405}, change
    assert list(cloud.state("s3")["data"]["objects"]) == ["k"]


def test_an_unsigned_amz_header_is_refused(cloud: Cloud, owner: Identity) -> None:
    request = raw.signed(cloud, owner, method="PUT", path="/data/k", body=b"1")
    request.extra.append("x-amz-acl: public-read")
    status, body = raw.send(cloud, request)
    assert (status, b"not signed" in body) == (403, True)


def test_a_header_given_twice_is_refused(cloud: Cloud, owner: Identity) -> None:
    request = raw.signed(cloud, owner)
    request.extra.append(f"authorization: {request.headers['authorization']}")
    assert raw.send(cloud, request)[0] == 400


@pytest.mark.parametrize("minutes", [-20, 20, -60 * 24, 60 * 24 * 400])
def test_a_wrong_clock_is_told(cloud: Cloud, owner: Identity, minutes: int) -> None:
    request = raw.signed(cloud, owner, now=time.time() + 60 * minutes)
    status, body = raw.send(cloud, request)
    assert (status, b"RequestTimeTooSkewed" in body) == (403, True)


def test_a_scope_of_another_service_or_region(cloud: Cloud, owner: Identity) -> None:
    assert raw.send(cloud, raw.signed(cloud, owner, region="mars-north-1"))[0] == 400
    assert raw.send(cloud, raw.signed(cloud, owner, service="lightsail"))[0] == 501
    # A signature for STS is none for S3: the scope is part of the key.
    request = raw.signed(cloud, owner, service="sts")
    request.headers["authorization"] = request.headers["authorization"].replace("/sts/", "/s3/")
    assert raw.send(cloud, request)[0] == 403


AUTHORIZATIONS = [
    "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", "Basic dGVzdDp0ZXN0", "Bearer x", "AWS a:b",
    "AWS4-ECDSA-P256-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/s3/aws4_request, "
    "SignedHeaders=host, Signature=00",
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
    "SignedHeaders=x-amz-date, Signature=" + "0" * 64,
]


@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
def test_other_authorizations(cloud: Cloud, owner: Identity, authorization: str) -> None:
    request = raw.signed(cloud, owner)
    request.headers["authorization"] = authorization
    assert raw.send(cloud, request)[0] in {400, 403}


def test_version_2_is_told_apart(cloud: Cloud, owner: Identity) -> None:
    query = [("AWSAccessKeyId", owner.key_id), ("Signature", "x"), ("Expires", "1")]
    target = "/data/k?" + "&".join(f"{n}={v}" for n, v in query)
    status, body = raw.send(cloud, raw.Signed("GET", target, {"host": "x"}))
    assert (status, b"AWS4-HMAC-SHA256" in body) == (400, True)


# --- aws-chunked ---------------------------------------------------------------------------

def chunked(
    cloud: Cloud, owner: Identity, kind: str, data: bytes, *, spoil: str = ""
) -> tuple[int, bytes]:
    """Upload data in signed chunks as older SDKs do over plain HTTP."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {
        "host": f"127.0.0.1:{raw.port_of(cloud.url)}", "x-amz-date": stamp,
        "x-amz-content-sha256": kind, "x-amz-decoded-content-length": str(len(data)),
        "content-encoding": "aws-chunked",
    }
    if kind != chunks.SIGNED:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    names = tuple(sorted(headers))
    claim = sigv4.Signature(owner.key_id, stamp[:8], cloud.region, "s3", names, "", stamp)
    message = sigv4.Message("PUT", "/data/k", [], headers, b"")
    key = sigv4.signing_key(owner.secret, claim)
    seed = sigv4._sign(message, claim, key, kind)
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={owner.key_id}/{claim.scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={seed}"
    )
    body = _body(chunks.Signer(key, stamp, claim.scope, seed), kind, data, spoil)
    headers["content-length"] = str(len(body))
    return raw.send(cloud, raw.Signed("PUT", "/data/k", headers, body))


def _body(signer: chunks.Signer, kind: str, data: bytes, spoil: str) -> bytes:
    parts = []
    for piece in (data[:5], data[5:], b""):
        mark = f";chunk-signature={signer.next(piece)}" if kind != chunks.UNSIGNED else ""
        sent = b"#" * len(piece) if spoil == "data" and piece else piece
        parts.append(f"{len(piece):x}{mark}\r\n".encode() + sent + (b"\r\n" if piece else b""))
    if kind != chunks.SIGNED:
        crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        crc = "AAAAAA==" if spoil == "checksum" else crc
        line = f"x-amz-checksum-crc32:{crc}\n"
        parts.append(line.encode())
        if kind == chunks.SIGNED_TRAILER:
            value = signer.trailer(b"x:y\n" if spoil == "trailer" else line.encode())
            parts.append(f"x-amz-trailer-signature:{value}\n".encode())
    parts.append(b"\r\n")
    body = b"".join(parts)
    return body[:-30] if spoil == "cut" else body


@pytest.mark.parametrize("kind", sorted(chunks.KINDS))
def test_chunked_uploads(cloud: Cloud, owner: Identity, kind: str) -> None:
    status, body = chunked(cloud, owner, kind, b"hello world")
    assert status == 200, body
    got = cloud.client("s3").get_object(Bucket="data", Key="k")
    assert got["Body"].read() == b"hello world"
    assert "ContentEncoding" not in got


SPOILT = [
    (chunks.SIGNED, "data"), (chunks.SIGNED, "cut"), (chunks.SIGNED_TRAILER, "data"),
    (chunks.SIGNED_TRAILER, "trailer"), (chunks.SIGNED_TRAILER, "checksum"),
    (chunks.UNSIGNED, "checksum"), (chunks.UNSIGNED, "data"),
]


@pytest.mark.parametrize(("kind", "spoil"), SPOILT)
def test_spoilt_chunks(cloud: Cloud, owner: Identity, kind: str, spoil: str) -> None:
    status, _ = chunked(cloud, owner, kind, b"hello world", spoil=spoil)
    assert status in {400, 403}
    assert cloud.state("s3")["data"]["objects"] == {}


@pytest.mark.parametrize("body", [
    b"", b"5", b"5\r\n", b"zz\r\nhello", b"-1\r\n", b"5\r\nhell", b"5\r\nhello0\r\n\r\n",
    b"ffffffff\r\nx", b"123456789\r\nx", b"0\r\nno colon\r\n", b"\r\n0\r\n",
])  # fmt: skip
def test_malformed_chunks_are_refused(body: bytes) -> None:
    signer = chunks.Signer(b"k", "", "", "")
    with pytest.raises(chunks.Malformed):
        chunks.decode(body, chunks.UNSIGNED, signer, 5)


def test_a_digest_that_does_not_fit_the_body(cloud: Cloud, owner: Identity) -> None:
    md5 = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    request = raw.signed(
        cloud, owner, method="PUT", path="/data/k", body=b"1", headers={"content-md5": md5}
    )
    status, body = raw.send(cloud, request)
    assert (status, b"BadDigest" in body) == (400, True)


def test_the_signing_key_is_derived_as_documented() -> None:
    claim = sigv4.Signature("AKIA" + "X" * 16, "20150830", "us-east-1", "iam", (), "", "")
    key = sigv4.signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", claim)
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    assert hmac.new(key, b"", hashlib.sha256).hexdigest()
