
"""Frames: whatever arrives is a message of ours or a WireError, and costs what arrived."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import LearnerError, WireError
from autograder.wire import CHUNK, MAX_HEADER, PREFIX, Handle, parse, receive, send, take


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def frame(
    header: bytes, body: bytes = b"", length: int | None = None, size: int | None = None
) -> bytes:
    return (
        PREFIX.pack(
            b"LDR1", len(header) if length is None else length, len(body) if size is None else size
        )
        + header
        + body
    )


def test_a_message_arrives_as_it_was_sent(pair):
    ours, theirs = pair
    send(theirs, {"op": "x", "value": [1, "é"]}, [b"abc", b"", bytearray(b"de")])
    header, buffers = receive(ours)
    assert header == {"op": "x", "value": [1, "é"]}
    assert [bytes(b) for b in buffers] == [b"abc", b"", b"de"]


def test_a_clean_end_is_no_message(pair):
    ours, theirs = pair
    theirs.close()
    assert receive(ours) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x95 this is a pickle",
        b"LDR2" + bytes(12),
        frame(b"{}", length=MAX_HEADER + 1),
        frame(b"{}", size=1 << 40),
        frame(b"[]"),
        frame(b"{"),
        frame(b'{"sizes":[1]}'),
        frame(b'{"sizes":[-1,1]}'),
        frame(b'{"sizes":[true]}', b"x"),
        frame(b'{"sizes":"aa"}'),
        frame(b"{}"),
        frame(b'{"sizes":[],"x":NaN}'),
        frame(b'{"sizes":[' + b"0," * 30_000 + b"0]}"),
        frame(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        frame(b'{"x":' + b"9" * 100_000 + b"}"),
        frame(b'{"x":"\xff"}'),
    ],
)
def test_forged_frames_are_refused(pair, data):
    ours, theirs = pair
    writer = threading.Thread(target=theirs.sendall, args=(data,))
    writer.start()
    with pytest.raises(WireError):
        receive(ours)
    ours.close()
    theirs.close()
    writer.join()


@pytest.mark.parametrize("cut", [1, 15, 17, 30])
def test_a_truncated_frame_is_refused(pair, cut):
    ours, theirs = pair
    theirs.sendall(frame(b'{"sizes":[8]}', b"8 bytes.")[:cut])
    theirs.close()
    with pytest.raises(WireError, match="ended after"):
        receive(ours)


def test_a_late_reply_is_not_waited_for(pair):
    ours, theirs = pair
    theirs.sendall(frame(b"{}")[:3])
    with pytest.raises(TimeoutError):
        receive(ours, until=0)


def test_what_has_arrived_was_sent():
    """The other side may have all of it, and end, before an empty buffer's turn comes."""
    here, there = socket.socketpair()
    gone = []

    class Hasty(socket.socket):
        def sendall(self, data, *args):
            super().sendall(data, *args)
            if len(data) > CHUNK:
                reader.join()
                gone.append(there.close())

    reader = threading.Thread(target=lambda: gone.append(receive(there)))
    reader.start()
    with Hasty(fileno=here.detach()) as hasty:
        send(hasty, {"is": "here"}, [bytes(CHUNK + 1), b""])
    header, buffers = gone[0]
    assert (header["is"], [len(b) for b in buffers]) == ("here", [CHUNK + 1, 0])


def test_too_large_a_message_is_not_sent(pair):
    with pytest.raises(WireError):
        send(pair[0], {"x": "y" * MAX_HEADER})


@given(st.binary(max_size=200))
def test_any_header_is_an_object_or_refused(data):
    with contextlib.suppress(WireError):
        assert type(parse(data)) is dict


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_only_objects_are_headers(value):
    text = json.dumps(value).encode("utf-8", "surrogatepass")
    with pytest.raises(WireError):
        parse(text)


class Remote:
    """A session that remembers what it was asked."""

    def method(self, target, name, args, kwargs):
        return target, name, args, kwargs

    def items(self, target, count):
        return [target] * count


def test_a_handle_offers_methods_and_take_only():
    handle = Handle(Remote(), 7)
    assert handle.predict(1, k=2) == (7, "predict", (1,), {"k": 2})
    assert take(handle, 3) == [7, 7, 7]
    assert repr(handle) == "<an object of the learner's>"


@pytest.mark.parametrize(
    "use",
    [
        lambda h: h == 1, lambda h: h != h, lambda h: h < 1, lambda h: bool(h), lambda h: len(h),
        lambda h: list(h), lambda h: hash(h), lambda h: f"{h}", lambda h: str(h), lambda h: 1 in h,
        lambda h: isinstance(h, str), lambda h: h[0], lambda h: h(), lambda h: int(h),
        lambda h: setattr(h, "x", 1),
    ],
)  # fmt: skip
def test_everything_else_about_a_handle_is_refused(use):
    with pytest.raises(LearnerError):
        use(Handle(Remote(), 0))


def test_take_reads_no_more_than_it_was_asked_for():
    def endless():
        while True:
            yield 1

    assert take(endless(), 4) == [1, 1, 1, 1]
