"""The HTTP server alone: bodies, budgets, connections that stay and that go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from infra.cloud import server
from infra.cloud.door import Incoming
from infra.cloud.errors import Answer
from infra.cloud.fixtures import loopback
from infra.cloud.server import Budget, Listener
from tests.infra import raw


def echo(incoming: Incoming) -> Answer:
    """Answer with what came."""
    text = f"{incoming.method} {incoming.target} {len(incoming.body)} {incoming.secure}"
    return Answer(204 if incoming.target == "/none" else 200, {"x-a": "1"}, text.encode())


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server that echoes."""
    with loopback() as listener:
        Listener(listener, echo).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_two_requests_on_one_connection(port: int) -> None:
    reply = raw.exchange(
        port,
        b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
        b"POST /b HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc",
    )
    assert raw.statuses(reply) == [200, 200]
    assert reply.endswith(b"POST /b 3 False")


def test_a_chunked_body(port: int) -> None:
    reply = raw.exchange(
        port,
        b"PUT /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    assert reply.endswith(b"PUT /c 5 False")


def test_heads_and_empty_answers_have_no_body(port: int) -> None:
    assert raw.exchange(port, b"HEAD /a HTTP/1.1\r\nhost: x\r\n\r\n").endswith(b"\r\n\r\n")
    reply = raw.exchange(port, b"GET /none HTTP/1.1\r\nhost: x\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert reply.endswith(b"\r\n\r\n")


def test_a_client_that_waits_to_be_asked(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(
            b"PUT /k HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
        )
        assert wire.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        wire.sendall(b"ok")
        assert b"PUT /k 2" in wire.recv(1000)


def test_a_body_that_ends_early_is_no_request(port: int) -> None:
    reply = raw.exchange(port, b"PUT /k HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc")
    assert all(status >= 400 for status in raw.statuses(reply))


def test_bodies_have_a_size(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LARGEST_BODY", 1000)
    head = b"PUT /k HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n"
    assert raw.statuses(raw.exchange(port, head + b"a" * 2000)) in ([413], [])
    small = b"PUT /k HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n" + b"a" * 10
    assert raw.statuses(raw.exchange(port, small)) == [200]


def test_a_budget_is_shared_and_given_back() -> None:
    budget = Budget(10)
    assert budget.take(6)
    assert not budget.take(6)
    budget.give(6)
    assert budget.take(10)


def test_bodies_together_have_a_size_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_IN_FLIGHT", 1500)
    inside, go_on = threading.Event(), threading.Event()

    def slow(incoming: Incoming) -> Answer:
        inside.set()
        go_on.wait(20)
        return echo(incoming)

    body = b"PUT /k HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n" + b"a" * 1000
    with loopback() as listener:
        Listener(listener, slow).start()
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=20) as first:
            first.sendall(body)
            assert inside.wait(20)
            assert raw.statuses(raw.exchange(port, body)) == [503]
            go_on.set()
            assert first.recv(20).startswith(b"HTTP/1.1 200")
        answers = (raw.statuses(raw.exchange(port, body)) for _ in range(1000))
        assert [200] in answers, "what was sent counts no longer, at the latest soon after"
        listener.shutdown(socket.SHUT_RDWR)
