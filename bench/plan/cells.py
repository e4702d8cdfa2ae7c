"""What is measured: loads, cells, and the keys by which runs are joined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Ask = Literal["first", "again"]
"""Whether a process is asked prompts that it has not seen, or the one that it was asked just before."""

ASKS: tuple[Ask, ...] = ("first", "again")


class Request(NamedTuple):
    """The shape of a request, the same for every stack.

    Args:
        prompt_tokens: of the whole prompt, in a chat with all that was said before.
        turn: of a chat, from 1; 0 outside of one.
    """

    prompt_tokens: int
    new_tokens: int
    batch_size: int
    turn: int = 0

    @property
    def message_tokens(self) -> int:
        """Of each message of the user in a chat; 0 outside of one."""
        return (self.prompt_tokens + self.new_tokens) // self.turn - self.new_tokens if self.turn else 0

    @property
    def before_again(self) -> Request | None:
        """What is asked before an answer from the prefix cache is timed: the same, or in a chat what was said before.

        ``None`` at the first turn of a chat, before which nothing was said.
        """
        if self.turn == 0:
            return self
        history_tokens = self.prompt_tokens - self.message_tokens
        return Request(history_tokens, 1, self.batch_size) if self.turn > 1 else None

    def shortened(self, most: int | None) -> Request:
        """The same with at most so many new tokens; ``None`` for as many as they are."""
        return self if most is None else self._replace(new_tokens=min(self.new_tokens, most))


def conversation_tokens(message_tokens: int, new_tokens: int, turn: int) -> int:
    """The prompt at a turn of a chat, from 1: messages of ``message_tokens``, and ``new_tokens`` of answer between."""
    return turn * message_tokens + (turn - 1) * new_tokens


def digest(value: object, length: int = 16) -> str:
    """The first ``length`` hex digits of the SHA-256 of ``value``'s JSON with sorted keys and no white space."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class Load:
    """What one worker process holds: a model artifact on a device.

    Args:
        device: as requested, in canonical spelling (``CPU``, ``GPU.0``, ``NPU``).
        options: load options, as far as they are not a default of the stack's own.
        variant: tells two versions of the same stack apart; empty otherwise.
        key: ``load_key``, the same in every run that loads the same.
    """

    backend: str
    device: str
    precision: str
    options: Mapping[str, Any] = field(default_factory=dict)
    variant: str = ""
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", digest(self.identity))

    @property
    def identity(self) -> dict[str, Any]:
        """What the key is a digest of."""
        return {
            "variant": self.variant,
            "backend": self.backend,
            "device": self.device,
            "precision": self.precision,
            "options": dict(self.options),
        }

    @property
    def label(self) -> str:
        """A name for people and for test ids, e.g. ``openvino-genai-CPU-int4``."""
        variant = f"{self.variant}-" if self.variant else ""
        return f"{variant}{self.backend}-{self.device}-{self.precision}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination that gets a number: a load, the shape of the request, and how it is asked.

    Args:
        ask: ``again`` times the answer to a prompt that the process was asked just before, so that the stack's prefix
            cache may serve it; in a chat, after the process was asked what was said before the last message.
        turn: of a chat, from 1; 0 outside of one.
        key: ``cell_key``, the same in every run that measures the same.
    """

    load: Load
    prompt_tokens: int
    new_tokens: int
    batch_size: int = 1
    ask: Ask = "first"
    turn: int = 0
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # A cell has the key that it had before there was another ask, or a chat.
        again = {} if self.ask == "first" else {"ask": self.ask}
        turn = {"turn": self.turn} if self.turn else {}
        identity = {
            "load": self.load.identity,
            "prompt_tokens": self.prompt_tokens,
            "new_tokens": self.new_tokens,
            "batch_size": self.batch_size,
            **again,
            **turn,
        }
        object.__setattr__(self, "key", digest(identity))

    @property
    def request(self) -> Request:
        """What is asked for; in the order of requests by size."""
        return Request(self.prompt_tokens, self.new_tokens, self.batch_size, self.turn)

    @property
    def shape(self) -> str:
        """The request's shape for test ids, e.g. ``p128-n64-b1``, ``p128-n64-b1-again`` or ``p704-n64-b1-t4``."""
        again = "" if self.ask == "first" else f"-{self.ask}"
        turn = f"-t{self.turn}" if self.turn else ""
        return f"p{self.prompt_tokens}-n{self.new_tokens}-b{self.batch_size}{turn}{again}"

    @property
    def label(self) -> str:
        """A name for people and for test ids, e.g. ``openvino-genai-CPU-int4-p128-n64-b1``."""
        return f"{self.load.label}-{self.shape}"
