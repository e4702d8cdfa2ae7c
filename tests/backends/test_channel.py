"""The channel carries messages of limited length, and says clearly what else came."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from typing import Any

import pytest

from backends import channel
from backends.channel import ChannelClosed, ProtocolError, receive, send

Line = tuple[Any, Any]


@pytest.fixture
def line() -> Iterator[Line]:
    left, right = Pipe()
    with left, right:
        yield left, right


def test_a_message_arrives_as_it_was_sent(line: Line) -> None:
    send(line[0], "load", artifact="C:\\models\\ä", threads=None, extra={"ids": [1, 2, 3]})

    assert receive(line[1]) == {
        "kind": "load",
        "artifact": "C:\\models\\ä",
        "threads": None,
        "extra": {"ids": [1, 2, 3]},
    }


def test_messages_arrive_in_order(line: Line) -> None:
    for number in range(3):
        send(line[0], "step", number=number)

    assert [receive(line[1])["number"] for _ in range(3)] == [0, 1, 2]


def test_the_wire_carries_json_and_nothing_that_could_be_unpickled(line: Line) -> None:
    send(line[0], "go")

    assert line[1].recv_bytes() == b'{"kind":"go"}'


def test_a_number_that_is_no_json_is_refused_by_the_sender(line: Line) -> None:
    with pytest.raises(ValueError, match="JSON"):
        send(line[0], "loaded", load_s=float("nan"))


def test_a_message_over_the_limit_is_refused_by_the_sender(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "MAX_MESSAGE_BYTES", 100)

    with pytest.raises(ProtocolError, match=r"generate message of 1\d\d bytes is over the limit of 100"):
        send(line[0], "generate", text="x" * 100)


@pytest.mark.parametrize("sent", [b"[" * 50_000, b'{"kind": ' * 5_000, b'{"kind": "a", "kind": "b"}', b"\xff\xfe"])
def test_what_is_nested_without_end_or_said_twice_is_no_message(line: Line, sent: bytes) -> None:
    # Windows keeps 8 kB of what nobody has read yet.
    sender = threading.Thread(target=line[0].send_bytes, args=(sent,))
    sender.start()
    with pytest.raises(ProtocolError, match="what came is no JSON"):
        receive(line[1])
    sender.join()


@pytest.mark.fault("worker-breaks-protocol")
def test_a_message_over_the_limit_is_not_read_by_the_receiver(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    send(line[0], "generate", text="x" * 200)
    monkeypatch.setattr(channel, "MAX_MESSAGE_BYTES", 100)

    with pytest.raises(ProtocolError, match="over the limit of 100 bytes"):
        receive(line[1])


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04K\x01.", b"Loading weights: 100%", b'"go"', b"[1]", b'{"go": 1}', b'{"kind": 1}']
)
@pytest.mark.fault("worker-breaks-protocol")
def test_what_is_no_message_is_told_apart(line: Line, data: bytes) -> None:
    line[0].send_bytes(data)

    with pytest.raises(ProtocolError):
        receive(line[1])


@pytest.mark.fault("worker-breaks-protocol")
def test_a_receiver_is_told_that_the_other_side_is_gone(line: Line) -> None:
    line[0].close()

    with pytest.raises(ChannelClosed):
        receive(line[1])


@pytest.mark.fault("worker-breaks-protocol")
def test_a_sender_is_told_that_the_other_side_is_gone(line: Line) -> None:
    line[1].close()

    with pytest.raises(ChannelClosed):
        send(line[0], "go")
