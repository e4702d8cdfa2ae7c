"""What a model answers by definition: ``python -m studies.architectures.reference FOLDER PROMPTS NEW_TOKENS``.

It runs in the venv of transformers: eager attention in f32, and all tokens anew for each further one, so that nothing
depends on a cache or on a kernel of some kind. ``PROMPTS`` is a JSON list of lists of ids. It prints a JSON object:
``ids``, one list for each prompt, and ``gaps``, by how much the likeliest id's logit is above the next one's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import torch
from transformers import AutoModelForCausalLM


def main(arguments: Sequence[str]) -> None:
    """Answer the prompts."""
    folder, prompts, new_tokens = arguments
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    ).eval()
    answers: dict[str, list[list[float]]] = {"ids": [], "gaps": []}
    for prompt in json.loads(prompts):
        ids, gaps = list(prompt), []
        with torch.inference_mode():
            for _ in range(int(new_tokens)):
                best, chosen = model(torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
                ids.append(int(chosen[0]))
                gaps.append(float(best[0] - best[1]))
        answers["ids"].append(ids[len(prompt) :])
        answers["gaps"].append(gaps)
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1:])
