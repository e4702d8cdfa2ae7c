"""OpenVINO GenAI with a streamer that counts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai

from backends.openvino_genai import OpenVinoSession


def bare_loop(session: OpenVinoSession, prompt: Sequence[int], new_tokens: int) -> tuple[int, int, int]:
    """Generate and stamp the beginning, the first token and the last."""
    pipeline = session._pipeline  # noqa: SLF001 - the same loaded model is the point
    submitted = time.perf_counter_ns()
    config = genai.GenerationConfig()
    config.max_new_tokens = new_tokens
    config.do_sample = False
    config.ignore_eos = True
    config.apply_chat_template = False
    streamer = _Counter(new_tokens)
    pipeline.generate(ov.Tensor(np.array([prompt], dtype=np.int64)), config, streamer)
    return submitted, streamer.first, streamer.last


class _Counter(genai.StreamerBase):  # type: ignore[misc]
    """Looks at the clock twice."""

    def __init__(self, new_tokens: int) -> None:
        super().__init__()
        self.left = new_tokens
        self.first = self.last = 0

    def write(self, token: int | list[int]) -> Any:  # noqa: ARG002 - the stack's signature
        self.left -= 1
        if not self.first:
            self.first = time.perf_counter_ns()
        if not self.left:
            self.last = time.perf_counter_ns()
        return genai.StreamingStatus.RUNNING

    def end(self) -> None:
        pass
