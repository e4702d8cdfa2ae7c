"""The line between harness and worker: length-limited JSON messages over a local pipe, versioned, never pickles.

The pipe is one of :mod:`multiprocessing.connection` (a named pipe on Windows, a Unix socket elsewhere) with its
challenge-response on a key that only the two processes have. Standard output is no part of it, so nothing that a
native library prints can reach it. Only ``send_bytes`` and ``recv_bytes`` are used: their pickling twins never are.
"""

import json
from typing import Any, Protocol

from backends.bounded_json import parse_json

PROTOCOL_VERSION = 1
MAX_MESSAGE_BYTES = 64 * 1024 * 1024

Message = dict[str, Any]


class Line(Protocol):
    """What is used of a connection: those of Windows and of other systems are of two classes that have it alike."""

    def send_bytes(self, data: bytes, /) -> None:
        """Send one message."""

    def recv_bytes(self, maxlength: int | None = None, /) -> bytes:
        """Wait for one."""


class ChannelClosed(Exception):  # noqa: N818 - an event more than an error
    """The other side is gone."""


class ProtocolError(Exception):
    """The other side said something that is no message of this protocol."""


def send(connection: Line, kind: str, **body: Any) -> None:
    """Send one message of ``kind``; :class:`ProtocolError` if it is too long."""
    data = json.dumps({"kind": kind, **body}, separators=(",", ":"), allow_nan=False).encode("utf-8")
    if len(data) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a {kind} message of {len(data)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    try:
        connection.send_bytes(data)
    except (OSError, ValueError) as error:
        raise ChannelClosed(str(error)) from error


def receive(connection: Line) -> Message:
    """Wait for one message; :class:`ProtocolError` if what came is too long, no message, or a part of one.

    That a part came is found out where the connection has a time limit: see ``limited`` of the harness.
    """
    try:
        data = connection.recv_bytes(MAX_MESSAGE_BYTES)
    except EOFError as error:
        raise ChannelClosed("the other side closed the channel") from error
    except BlockingIOError as error:
        raise ProtocolError("a message came in part, and the rest of it did not follow") from error
    except OSError as error:
        if str(error) == "bad message length":
            raise ProtocolError(f"a message over the limit of {MAX_MESSAGE_BYTES} bytes came") from error
        raise ChannelClosed(str(error)) from error
    try:
        message = parse_json(data, MAX_MESSAGE_BYTES)
    except ValueError as error:
        raise ProtocolError("what came is no JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise ProtocolError("what came is no message: it has no kind")
    return message
