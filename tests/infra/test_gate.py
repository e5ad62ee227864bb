"""The HTTP seam: what passes through it unchanged, and what it refuses to read."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import pytest

from infra.cloud.fixtures import allow, loopback, private_cloud
from infra.cloud.gate import Reply, Request, Respond, forwarder, listen

Serve = Callable[[Respond], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that serves something and returns its port."""
    opened = []

    def start(respond: Respond) -> int:
        listener = loopback()
        port = int(listener.getsockname()[1])
        block = listen(listener, respond)
        block.__enter__()
        opened.append(block)
        return port

    yield start
    for block in opened:
        block.__exit__(None, None, None)


def echo(request: Request) -> Reply:
    return Reply(200, b"|".join([request.method.encode(), request.path.encode(), request.body]))


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def raw(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        with contextlib.suppress(OSError):  # it may have let go of us already
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_requests_of_one_connection_are_answered_in_turn(serve: Serve) -> None:
    connection = HTTPConnection("127.0.0.1", serve(echo), timeout=10)
    for number in range(5):
        connection.request("PUT", f"/{number}%20a?b=c", b"x" * number)
        assert connection.getresponse().read() == b"PUT|/%d%%20a?b=c|" % number + b"x" * number
    connection.close()


def test_a_chunked_body_arrives_whole(serve: Serve) -> None:
    head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: u\r\n\r\n"
    assert raw(serve(echo), head + body).endswith(b"POST|/|abcde")


def test_a_client_that_waits_for_100_is_not_kept_waiting(serve: Serve) -> None:
    head = b"PUT / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    said = raw(serve(echo), head + b"hi")
    assert said.startswith(b"HTTP/1.1 100")
    assert said.endswith(b"PUT|/|hi")


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        b"PUT / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
        b"PUT / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab",
        b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n",
        b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_ends_the_connection_and_nothing_else(serve: Serve, sent: bytes) -> None:
    port = serve(echo)
    with contextlib.suppress(ConnectionError):  # closed while we were still talking
        assert raw(port, sent) == b""
    assert ask(port, "GET", "/still")[0] == 200


def test_none_drops_the_connection(serve: Serve) -> None:
    assert raw(serve(lambda request: None), b"GET / HTTP/1.1\r\n\r\n") == b""


def test_a_request_may_be_held_while_others_pass(serve: Serve) -> None:
    gate = threading.Event()

    def respond(request: Request) -> Reply:
        if request.path == "/held":
            gate.wait(10)
        return echo(request)

    port, answers = serve(respond), list[bytes]()
    held = threading.Thread(target=lambda: answers.append(ask(port, "GET", "/held")[1]))
    held.start()
    assert ask(port, "GET", "/free")[0] == 200
    assert answers == []
    gate.set()
    held.join(10)
    assert answers == [b"GET|/held|"]


def test_a_signature_stays_valid_through_a_forwarder(serve: Serve) -> None:
    seen = list[Request]()
    with loopback() as inner, private_cloud(inner) as cloud:
        forward = forwarder(*inner.getsockname())

        def respond(request: Request) -> Reply | None:
            seen.append(request)
            return forward(request)

        port = serve(respond)
        cloud.bucket("things")
        arns = ["arn:aws:s3:::things", "arn:aws:s3:::things/*"]
        ann = cloud.identity("ann", [allow(["s3:*"], arns)])
        import boto3

        s3 = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name=cloud.region,
            aws_access_key_id=ann.key_id, aws_secret_access_key=ann.secret,
        )  # fmt: skip
        s3.put_object(Bucket="things", Key="a b/ü", Body=b"\x00" * 5000)
        assert s3.head_object(Bucket="things", Key="a b/ü")["ContentLength"] == 5000
        assert s3.get_object(Bucket="things", Key="a b/ü")["Body"].read() == b"\x00" * 5000
        found = s3.list_objects_v2(Bucket="things")["Contents"]
        assert [item["Key"] for item in found] == ["a b/ü"]
        s3.delete_object(Bucket="things", Key="a b/ü")
        s3.close()
    assert [request.method for request in seen] == ["PUT", "HEAD", "GET", "GET", "DELETE"]
