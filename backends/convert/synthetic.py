"""The Phi-3 architecture with seeded random weights: the latency of a real model of that shape, and noise for text."""

import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import GenerationConfig, Phi3Config

from backends.convert.tokenizer_files import save_tokenizer, with_byte_level

SPECIAL = ("<unk>", "<s>", "<|endoftext|>")
WEIGHT_SPREAD = 0.02  # Phi-3's own initializer_range
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)

Shapes = dict[str, tuple[int, ...]]


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write a Phi-3 as a Hugging Face directory, one file per layer, one file in memory at a time.

    The options are ``config`` (fields of Phi-3's configuration), ``dtype`` (``float32`` or ``bfloat16``), ``seed``, and
    ``corpus``, the text files that the tokenizer is trained on.
    """
    del source
    config = options["config"]
    Phi3Config(
        **config,
        architectures=["Phi3ForCausalLM"],
        dtype=options["dtype"],
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=False,
        # Phi-3-mini-4k attends to 2047 tokens back, which not every stack honours; here each attends to all.
        sliding_window=None,
    ).save_pretrained(output)
    GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=2).save_pretrained(output)
    corpus = [Path(file) for file in options["corpus"]]
    write_tokenizer(config["vocab_size"], corpus, output, config["max_position_embeddings"])
    return {"parameters": _write_weights(config, options["dtype"], options["seed"], output)}


def write_tokenizer(vocab_size: int, corpus: Sequence[Path], output: Path, context_tokens: int) -> None:
    """Train a tokenizer of ``vocab_size`` ids on the text files ``corpus``, and write it into ``output``."""
    tokenizer = with_byte_level(Tokenizer(models.BPE()), single_digits=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((file.read_text("utf-8") for file in sorted(corpus)), trainer)
    save_tokenizer(
        tokenizer,
        output,
        special={"unk_token": SPECIAL[0], "bos_token": SPECIAL[1], "eos_token": SPECIAL[2], "pad_token": SPECIAL[2]},
        chat_template=CHAT_TEMPLATE,
        context_tokens=context_tokens,
    )


def _write_weights(config: dict[str, Any], dtype: str, seed: int, output: Path) -> int:
    files = list(_files(config))
    weight_map, parameters, size = {}, 0, 0
    for number, shapes in enumerate(files, 1):
        name = f"model-{number:05d}-of-{len(files):05d}.safetensors"
        tensors = {key: _tensor(key, shape, dtype, seed) for key, shape in shapes.items()}
        save_file(tensors, output / name, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(shapes, name))
        parameters += sum(tensor.numel() for tensor in tensors.values())
        size += sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (output / "model.safetensors.index.json").write_text(json.dumps(index, indent=2), "utf-8", newline="\n")
    return parameters


def _files(config: dict[str, Any]) -> Iterator[Shapes]:
    hidden, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    head = hidden // config["num_attention_heads"]
    fused = hidden + 2 * config["num_key_value_heads"] * head
    yield {"model.embed_tokens.weight": (vocabulary, hidden)}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        yield {
            f"{prefix}.self_attn.qkv_proj.weight": (fused, hidden),
            f"{prefix}.self_attn.o_proj.weight": (hidden, hidden),
            f"{prefix}.mlp.gate_up_proj.weight": (2 * inner, hidden),
            f"{prefix}.mlp.down_proj.weight": (hidden, inner),
            f"{prefix}.input_layernorm.weight": (hidden,),
            f"{prefix}.post_attention_layernorm.weight": (hidden,),
        }
    yield {"model.norm.weight": (hidden,), "lm_head.weight": (vocabulary, hidden)}


def _tensor(name: str, shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    kind = getattr(torch, dtype)
    # Seeded by name too, so that a weight does not depend on how many were drawn before it.
    draw = numpy.random.default_rng([seed, zlib.crc32(name.encode("ascii"))])
    values = draw.standard_normal(shape, dtype=numpy.float32)
    values *= WEIGHT_SPREAD
    if len(shape) == 1:
        values += 1  # a norm; were it exactly 1, converters would take it out, which they cannot in a real model
    return torch.from_numpy(values).to(kind)
