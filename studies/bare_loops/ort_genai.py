"""ONNX Runtime GenAI as its own examples call it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import onnxruntime_genai as og

from backends.ort_genai import OrtSession


def bare_loop(session: OrtSession, prompt: Sequence[int], new_tokens: int) -> tuple[int, int, int]:
    """Generate and stamp the beginning, the first token and the last."""
    model = session._model  # noqa: SLF001 - the same loaded model is the point
    clock = time.perf_counter_ns
    submitted = clock()
    parameters = og.GeneratorParams(model)
    parameters.set_search_options(max_length=len(prompt) + new_tokens, do_sample=False)
    generator = og.Generator(model, parameters)
    generator.append_tokens(np.array(prompt, dtype=np.int32))
    generator.generate_next_token()
    generator.get_next_tokens()
    first = clock()
    for _ in range(new_tokens - 1):
        generator.generate_next_token()
        generator.get_next_tokens()
    return submitted, first, clock()
