"""transformers' forward pass over its own cache."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from backends.hf_transformers import TransformersSession


def bare_loop(session: TransformersSession, prompt: Sequence[int], new_tokens: int) -> tuple[int, int, int]:
    """Generate and stamp the beginning, the first token and the last."""
    model = session._model  # noqa: SLF001 - the same loaded model is the point
    clock = time.perf_counter_ns
    submitted = clock()
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([prompt]), use_cache=True, logits_to_keep=1)
        ids = output.logits[:, -1].argmax(dim=-1, keepdim=True)
        ids.item()
        first = clock()
        for _ in range(new_tokens - 1):
            output = model(input_ids=ids, past_key_values=output.past_key_values, use_cache=True, logits_to_keep=1)
            ids = output.logits[:, -1].argmax(dim=-1, keepdim=True)
            ids.item()
        return submitted, first, clock()
