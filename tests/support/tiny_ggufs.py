"""Tiny models as GGUF files by our converter, and what transformers' own reader of GGUF files makes of them.

``python -m tests.support.tiny_ggufs FOLDER KIND…`` in the conversion venv converts ``FOLDER/KIND`` of
:mod:`tests.support.tiny_models` into ``FOLDER/KIND/gguf``, and prints a JSON object: kind -> the answers to its
prompts, ``null`` where transformers reads no GGUF of that architecture. ``FOLDER/prompts.json`` has the prompts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.interpreters import told
from tests.support.tiny_models import KINDS, Answered, answer

READ_BY_TRANSFORMERS = tuple(
    kind
    for kind, (named, _) in KINDS.items()
    if named in ("Llama", "Phi3", "Qwen2", "Qwen3", "Qwen3Moe", "Gemma2", "Lfm2")
)
"""Of what transformers reads the weights. It leaves many settings at their defaults, so the folder's are taken."""

Answers = dict[str, list[list[int]] | None]
"""Kind -> the answers to its prompts."""


def converted(python: str, folder: Path, models: Mapping[str, Answered]) -> Answers:
    """Convert ``models``, which lie in ``folder``, and return what transformers answers from the GGUF files."""
    prompts = {kind: list(model.prompts) for kind, model in models.items()}
    (folder / "prompts.json").write_text(json.dumps(prompts), "utf-8")
    return told(python, "-m", "tests.support.tiny_ggufs", str(folder), *models)


def main(folder: Path, kinds: Sequence[str]) -> None:
    """Convert and print what is answered."""
    from backends.convert.to_gguf import convert  # noqa: PLC0415 - for the process that converts

    prompts = json.loads((folder / "prompts.json").read_text("utf-8"))
    for kind in kinds:
        (folder / kind / "gguf").mkdir()
        convert(str(folder / kind), folder / kind / "gguf", {"weight_format": "fp32"})
    print(json.dumps({kind: _read(folder / kind / "gguf", kind, prompts[kind]) for kind in kinds}))


def _read(folder: Path, kind: str, prompts: Sequence[list[int]]) -> Any:
    import torch  # noqa: PLC0415 - for the process that converts
    import transformers  # noqa: PLC0415

    if kind not in READ_BY_TRANSFORMERS:
        return None
    torch.set_num_threads(1)
    config = transformers.AutoConfig.from_pretrained(folder.parent)
    if hasattr(config, "query_pre_attn_scalar"):
        # llama.cpp divides by the root of a head's width whatever the model says, so the weights make up for it.
        config.query_pre_attn_scalar = config.head_dim
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file="model.gguf", config=config, dtype=torch.float32, attn_implementation="eager"
    )
    return [answer(torch, model.eval(), prompt) for prompt in prompts]


if __name__ == "__main__":
    assert set(READ_BY_TRANSFORMERS) <= set(KINDS)
    main(Path(sys.argv[1]), sys.argv[2:])
