"""Whatever comes to the door unsigned or half signed is answered, refused and logged."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.cloud import chunks, routes
from infra.cloud.door import Door, Incoming
from infra.cloud.errors import AwsError
from infra.cloud.keys import RootKey

TEXT = st.text(st.characters(max_codepoint=255), max_size=60)
METHODS = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "x"])
STAMP = "20260101T000000Z"
AUTHORIZATION = st.sampled_from([
    "", "AWS4-HMAC-SHA256", "AWS a:b", "Basic x",
    "AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64,
    "AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/20260101/us-east-1/iam/aws4_request, "
    "SignedHeaders=host, Signature=" + "f" * 64,
])  # fmt: skip
HEADERS = st.fixed_dictionaries(
    {"host": TEXT},
    optional={
        "authorization": AUTHORIZATION | TEXT, "x-amz-date": st.just(STAMP) | TEXT,
        "x-amz-content-sha256": st.sampled_from([*chunks.KINDS, "UNSIGNED-PAYLOAD"]) | TEXT,
        "x-amz-target": TEXT, "content-type": TEXT, "x-amz-security-token": TEXT,
        "x-amz-decoded-content-length": TEXT, "x-amz-copy-source": TEXT,
    },
)  # fmt: skip
QUERY = st.lists(
    st.tuples(
        st.sampled_from(["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Expires", "acl", "Action",
                         "X-Amz-Date", "X-Amz-Algorithm", "X-Amz-SignedHeaders", "uploads"]) | TEXT,
        TEXT,
    ), max_size=6,
)  # fmt: skip
DOOR = Door(RootKey())


@settings(max_examples=300, deadline=None)
@given(METHODS, TEXT, QUERY, HEADERS, st.binary(max_size=200))
def test_the_unsigned_are_refused(
    method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes
) -> None:
    target = "/" + path + "?" + "&".join(f"{n}={v}" for n, v in query)
    before = len(DOOR.log.records)
    answer = DOOR.handle(Incoming(method, target, headers, body))
    assert 400 <= answer.status < 600
    assert answer.error != "InternalError", DOOR.log.records[-1].detail
    assert len(DOOR.log.records) == before + 1


@settings(max_examples=300, deadline=None)
@given(METHODS, TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=4), HEADERS)
def test_any_request_is_one_operation_or_none(
    method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str]
) -> None:
    try:
        found = routes.s3(method, "/" + path, query, headers)
    except AwsError:
        return
    assert found.name in routes.model("s3").operation_names


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["iam", "sts", "kms", "secretsmanager"]), st.binary(max_size=300), TEXT)
def test_any_body_is_one_operation_or_none(service: str, body: bytes, name: str) -> None:
    try:
        if service in {"iam", "sts"}:
            found = routes.query(service, body)
        else:
            prefix = routes.model(service).metadata["targetPrefix"]
            found = routes.target(service, {"x-amz-target": f"{prefix}.{name}"}, body)
    except AwsError:
        return
    assert found.name in routes.model(service).operation_names


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(chunks.KINDS)), st.integers(0, 300))
def test_any_chunks_decode_or_do_not(body: bytes, kind: str, length: int) -> None:
    try:
        found = chunks.decode(body, kind, chunks.Signer(b"k", STAMP, "s", "0"), length)
    except (chunks.Malformed, chunks.BadSignature):
        return
    assert len(found.body) == length
