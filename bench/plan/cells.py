"""What is measured: loads, cells, and the keys by which runs are joined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Ask = Literal["first", "again"]
"""Whether a process is asked prompts that it has not seen, or the one that it was asked just before."""

ASKS: tuple[Ask, ...] = ("first", "again")


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no white space: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: object, length: int = 16) -> str:
    """The first ``length`` hex digits of the SHA-256 of ``value``'s canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()[:length]


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
        """Make the key once: a large plan asks for it many times."""
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
            cache may serve it.
        key: ``cell_key``, the same in every run that measures the same.
    """

    load: Load
    prompt_tokens: int
    new_tokens: int
    batch_size: int = 1
    ask: Ask = "first"
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the key once: a large plan asks for it many times."""
        # A first ask has the key that it had before there was another.
        again = {} if self.ask == "first" else {"ask": self.ask}
        identity = {
            "load": self.load.identity,
            "prompt_tokens": self.prompt_tokens,
            "new_tokens": self.new_tokens,
            "batch_size": self.batch_size,
            **again,
        }
        object.__setattr__(self, "key", digest(identity))

    @property
    def size(self) -> tuple[int, int, int]:
        """Prompt tokens, new tokens and batch size: the order of requests by size."""
        return self.prompt_tokens, self.new_tokens, self.batch_size

    @property
    def shape(self) -> str:
        """The request's shape for test ids, e.g. ``p128-n64-b1``, or ``p128-n64-b1-again``."""
        again = "" if self.ask == "first" else f"-{self.ask}"
        return f"p{self.prompt_tokens}-n{self.new_tokens}-b{self.batch_size}{again}"

    @property
    def label(self) -> str:
        """A name for people and for test ids, e.g. ``openvino-genai-CPU-int4-p128-n64-b1``."""
        return f"{self.load.label}-{self.shape}"
