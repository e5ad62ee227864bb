"""What engines hand out as root, tried at the front door: keys, control endpoints, tricks of HTTP.

Each line was found to work on an engine as it ships; each must fail here on every version.
"""

from __future__ import annotations

import socket
from urllib.parse import quote

import pytest

from infra.cloud import fixtures
from infra.cloud.fixtures import Cloud, Identity, allow
from tests.infra import client, raw


@pytest.fixture
def ann(cloud: Cloud) -> Identity:
    """A learner: may list buckets, no more."""
    return cloud.identity("ann", [allow(["s3:ListAllMyBuckets"])])


def unchanged(cloud: Cloud) -> bool:
    """Whether the cloud still enforces, and holds what it held."""
    state = cloud.state("iam")
    nobody = cloud.identity(f"probe-{len(state['users'])}")
    refused = client.code(client.of(cloud, "iam", nobody).list_users) == "AccessDenied"
    return refused and "ann" in state["users"]


KEYS = [
    ("test", "test"), ("AKIAIOSFODNN7EXAMPLE", "x"), ("123456789012", "x"), ("000000000000", "x"),
    ("AKIAENGINEENGINEENGI", "x"), ("ASIAIOSFODNN7EXAMPLE", "x"), ("mock_access_key", "x"),
    ("foobar_key", "foobar_secret"), ("AKIAEXAMPLE", "x"), ("A" * 128, "x"),
]


CALLS = [
    ("iam", "list_users"), ("kms", "list_keys"), ("secretsmanager", "list_secrets"),
    ("sts", "get_caller_identity"),
]  # fmt: skip


@pytest.mark.parametrize(("key_id", "secret"), KEYS)
def test_no_key_that_was_not_issued(cloud: Cloud, key_id: str, secret: str) -> None:
    who = Identity("", key_id, secret)
    for service, call in (("s3", "list_buckets"), *CALLS):
        code = client.code(getattr(client.of(cloud, service, who), call))
        assert code in {
            "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException",
            "AuthorizationHeaderMalformed",
        }, service  # fmt: skip


def test_an_issued_key_with_another_secret(cloud: Cloud, ann: Identity) -> None:
    wrong = Identity("", ann.key_id, cloud.root.secret)
    assert client.code(client.of(cloud, "s3", wrong).list_buckets) == "SignatureDoesNotMatch"
    empty = Identity("", ann.key_id, "x")
    assert client.code(client.of(cloud, "sts", empty).get_caller_identity) == (
        "SignatureDoesNotMatch"
    )


def test_the_judges_key_is_nothing_at_the_learners_door(cloud: Cloud) -> None:
    assert client.code(client.of(cloud, "s3", cloud.root).list_buckets) == "InvalidAccessKeyId"
    for service, call in CALLS:
        denied = client.code(getattr(client.of(cloud, service, cloud.root), call))
        assert denied in {"InvalidClientTokenId", "UnrecognizedClientException"}


def test_the_learner_is_bound_at_the_judges_listener_too(cloud: Cloud, ann: Identity) -> None:
    assert client.code(cloud.client("iam", ann).list_users) == "AccessDenied"
    guess = Identity("", cloud.root.key_id, "x")
    assert client.code(cloud.client("iam", guess).list_users) == "SignatureDoesNotMatch"


CONTROL = [
    "/moto-api/reset", "/moto-api/reset-auth", "/moto-api/data.json", "/moto-api/seed?a=1",
    "/moto-api/config", "/moto-api/state-manager/set-transition", "/moto-api/", "/moto-api",
    "/moto-api/recorder/start-recording", "/moto-api/static/s3/inventory", "/favicon.ico",
    "/_ministack/reset", "/_ministack/config", "/_ministack/lambda-code", "/_ministack/health",
    "/_localstack/health", "/_localstack/init", "/_aws/ses", "/_localstack/state/reset",
    "/latest/meta-data/iam/security-credentials/", "/latest/api/token", "/health", "/metrics",
]
DISGUISES = [
    lambda p: p, lambda p: "/" + p, lambda p: "/." + p, lambda p: "/x/.." + p,
    lambda p: p.replace("-", "%2D").replace("_", "%5F"), lambda p: "/%2e%2e" + p,
    lambda p: quote(p, safe=""), lambda p: "/" + quote(p, safe=""), lambda p: p + "/..",
    lambda p: p.upper(), lambda p: p + "%00", lambda p: p.replace("/", "%252f"),
]


@pytest.mark.parametrize("path", CONTROL)
def test_control_endpoints_are_not_there(cloud: Cloud, ann: Identity, path: str) -> None:
    for disguise in DISGUISES:
        for method in ("GET", "POST", "PUT"):
            target = disguise(path)
            head = f"{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
            reply = raw.exchange(raw.port_of(cloud.url), head.encode())
            assert all(status >= 400 for status in raw.statuses(reply)), (method, target)
    assert unchanged(cloud)


def test_signed_control_endpoints_are_not_there_either(cloud: Cloud, ann: Identity) -> None:
    for path in CONTROL:
        for method in ("GET", "POST", "PUT"):
            target, _, query = path.partition("?")
            pairs = [tuple(p.split("=")) for p in query.split("&") if p]
            request = raw.signed(cloud, ann, method=method, path=target, query=pairs)
            status, _ = raw.send(cloud, request)
            assert status >= 400, (method, path)
    assert unchanged(cloud)


HOSTS = [
    "moto_api", "moto-api", "motoapi.amazonaws.com", "iam.amazonaws.com", "instance_metadata",
    "s3.amazonaws.com", "data.s3.amazonaws.com", "moto-api.localhost", "169.254.169.254", "",
    "localhost:4566/moto-api", "s3.amazonaws.com@moto_api",
]


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_opens_another_door(cloud: Cloud, ann: Identity, host: str) -> None:
    for path in ("/", "/moto-api/reset-auth", "/latest/meta-data/"):
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n"
        reply = raw.exchange(raw.port_of(cloud.url), head.encode())
        assert all(status >= 400 for status in raw.statuses(reply))
    request = raw.signed(cloud, ann, path="/data", headers={"host": host})
    status, body = raw.send(cloud, request)
    assert (status, b"s3:ListBucket" in body) == (403, True) or status == 400
    assert unchanged(cloud)


TARGETS = [
    "http://moto_api/moto-api/reset-auth", "http://127.0.0.1/moto-api/reset-auth",
    "https://iam.amazonaws.com/", "*", "moto-api/reset-auth", "//moto-api/reset-auth",
    "\\moto-api\\reset-auth", "/\\moto-api", "/moto-api/reset-auth#x", "/?/moto-api/reset-auth",
    "/;/moto-api", "/..;/moto-api/reset-auth", "///moto-api/reset-auth",
]


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_but_a_path(cloud: Cloud, ann: Identity, target: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "CONNECT", "TRACE"):
        head = f"{method} {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
        reply = raw.exchange(raw.port_of(cloud.url), head.encode())
        assert all(status >= 400 for status in raw.statuses(reply))
    assert unchanged(cloud)


INNER = b"POST /moto-api/reset-auth HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
SMUGGLING = [
    b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    b"transfer-encoding: chunked\r\ncontent-length: 100\r\n\r\n0\r\n\r\n" + INNER,
    b"content-length: 0\r\ncontent-length: 77\r\n\r\n" + INNER,
    b"content-length: +0\r\n\r\n" + INNER,
    b"content-length: 0x0\r\n\r\n" + INNER,
    b"content-length: -1\r\n\r\n" + INNER,
    b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
    b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n" + INNER,
    b"transfer-encoding: chunked\r\n\r\n5;x=\"\r\n" + INNER,
    b"x: y\r\n content-length: 0\r\n\r\n" + INNER,
    b"x: y\rcontent-length: 0\r\n\r\n" + INNER,
]


@pytest.mark.parametrize("tail", SMUGGLING)
def test_nothing_is_smuggled_behind_a_request(cloud: Cloud, ann: Identity, tail: bytes) -> None:
    reply = raw.exchange(
        raw.port_of(cloud.url), b"POST / HTTP/1.1\r\nhost: localhost\r\n" + tail
    )
    assert all(status >= 400 for status in raw.statuses(reply))
    assert all("moto-api" not in call.resource for call in cloud.log)
    assert unchanged(cloud)


def test_headers_have_a_size(cloud: Cloud, ann: Identity) -> None:
    port = raw.port_of(cloud.url)
    huge = b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 200_000 + b"\r\n\r\n"
    assert raw.statuses(raw.exchange(port, huge)) in ([431], [400], [])
    many = b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 20_000 + b"\r\n"
    assert raw.statuses(raw.exchange(port, many)) in ([431], [400], [])
    endless = b"GET /" + b"a" * 200_000
    assert raw.statuses(raw.exchange(port, endless)) in ([431], [400], [414], [])
    assert unchanged(cloud)


def test_one_slow_client_does_not_hold_the_others(cloud: Cloud, ann: Identity) -> None:
    port = raw.port_of(cloud.url)
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    for wire in idle:
        wire.sendall(b"GET / HT")
    assert client.of(cloud, "s3", ann).list_buckets()["Buckets"] == []
    for wire in idle:
        wire.close()


def test_headers_the_engine_would_obey_do_not_reach_it(cloud: Cloud, ann: Identity) -> None:
    cloud.bucket("data")
    owner = cloud.identity("owner", [allow(["s3:*"])])
    request = raw.signed(
        cloud, owner, method="PUT", path="/data/k", body=b"x",
        headers={"x-moto-account-id": "999999999999", "x-amz-target": "TrentService.ListKeys"},
    )
    assert raw.send(cloud, request)[0] == 200
    assert list(cloud.state("s3")["data"]["objects"]) == ["k"]


def test_two_meanings_are_no_meaning(cloud: Cloud) -> None:
    cloud.bucket("data")
    owner = cloud.identity("owner", [allow(["s3:*", "iam:*"])])
    for query in (
        [("policy", ""), ("acl", "")], [("acl", ""), ("acl", "")], [("versions", ""), ("x", "y")],
        [("delete", ""), ("policy", "")], [("Action", "ListBuckets")],
    ):
        request = raw.signed(cloud, owner, path="/data", query=query)
        assert raw.send(cloud, request)[0] >= 400, query
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = b"Action=ListUsers&Action=DeleteUser&UserName=owner&Version=2010-05-08"
    twice = raw.signed(cloud, owner, method="POST", service="iam", body=body, headers=form)
    assert raw.send(cloud, twice)[0] == 400
    elsewhere = raw.signed(
        cloud, owner, method="POST", service="iam", body=b"Action=ListUsers&Version=2010-05-08",
        headers=form, query=[("Action", "DeleteUser")],
    )
    assert raw.send(cloud, elsewhere)[0] == 400


BUCKETS = ["moto-api", "_ministack", "..", ".", "UPPER", "a", "x" * 64, "a_b", "a%00b"]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_bucket_names_are_names(cloud: Cloud, bucket: str) -> None:
    owner = cloud.identity("owner", [allow(["s3:*"])])
    request = raw.signed(cloud, owner, method="GET", path=f"/{bucket}/reset-auth")
    assert raw.send(cloud, request)[0] >= 400


def test_xml_brings_no_entities(cloud: Cloud) -> None:
    cloud.bucket("data")
    owner = cloud.identity("owner", [allow(["s3:*"])])
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'
        b"<Delete><Object><Key>&a;</Key></Object></Delete>"
    )
    for body in (bomb, bomb.decode().encode("utf-16")):
        for query in ([("delete", "")], [("versioning", "")], [("tagging", "")]):
            method = "POST" if query[0][0] == "delete" else "PUT"
            request = raw.signed(
                cloud, owner, method=method, path="/data", query=query, body=body
            )
            status, reply = raw.send(cloud, request)
            assert (status, b"MalformedXML" in reply) == (400, True)


def test_the_engine_listens_nowhere(cloud: Cloud) -> None:
    import psutil

    process = psutil.Process(cloud._child.pid)
    open_ports = {c.laddr.port for c in process.net_connections() if c.status == "LISTEN"}
    known = {raw.port_of(url) for url in cloud._urls.values()}
    assert open_ports == known


def test_a_client_of_our_own_is_no_backdoor(cloud: Cloud) -> None:
    stranger = fixtures.client("s3", cloud.https_url, Identity("", "A" * 20, "x"), cloud.region,
                               ca=cloud._ca_file)
    assert client.code(stranger.list_buckets) == "InvalidAccessKeyId"
