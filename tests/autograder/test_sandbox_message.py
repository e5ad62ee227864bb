"""Messages between grader, zygote and supervisor, and an other side that has gone."""

from __future__ import annotations

import os
import socket

import pytest

from autograder.sandbox.message import Channel, Message


def test_what_has_arrived_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was asked may have all of it, act, answer and end before the sender goes on."""
    here, there = map(Channel, socket.socketpair())
    arrived: list[Message] = []

    def send_and_lose_a_turn(*args: object) -> int:
        sent = original(*args)  # type: ignore[arg-type]
        arrived.append(there.receive())
        there.send({"say": "done"})
        there.close()
        return sent

    original = socket.send_fds
    monkeypatch.setattr(socket, "send_fds", send_and_lose_a_turn)
    lent = os.open(os.devnull, os.O_RDONLY)
    here.send({"lent": True}, b"", [lent])
    assert (here.receive().head, arrived[0].head) == ({"say": "done"}, {"lent": True})
    for fd in (lent, *arrived[0].fds):
        os.close(fd)
    with pytest.raises(ConnectionError):
        here.send({"lent": True})
    here.close()
