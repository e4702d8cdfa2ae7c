"""What models answer by definition: ``python -m studies.architectures.reference ASKED NEW_TOKENS``.

It runs in the venv of transformers: eager attention in f32, and all tokens anew for each further one, so that nothing
depends on a cache or on a kernel of some kind. ``ASKED`` is a JSON object: folder of a model -> its prompts, lists of
ids. It prints a JSON object with the same keys -> ``ids``, one list for each prompt, and ``gaps``, by how much the
likeliest id's logit is above the next one's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM


def answer(folder: str, prompts: Sequence[Sequence[int]], new_tokens: int) -> dict[str, Any]:
    """Answer the prompts of one model."""
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    ).eval()
    answers: dict[str, Any] = {"ids": [], "gaps": []}
    for prompt in prompts:
        ids, gaps = list(prompt), []
        with torch.inference_mode():
            for _ in range(new_tokens):
                best, chosen = model(torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
                ids.append(int(chosen[0]))
                gaps.append(float(best[0] - best[1]))
        answers["ids"].append(ids[len(prompt) :])
        answers["gaps"].append(gaps)
    return answers


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps({folder: answer(folder, prompts, int(sys.argv[2])) for folder, prompts in asked.items()}))
