"""The files of microsoft/Phi-3-mini-4k-instruct on the hub, with small random weights and a small vocabulary."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
LAYERS, WIDTH, INNER, PIECES = 2, 128, 256, 1_000
ADDED = (
    *("<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|placeholder2|>", "<|placeholder3|>"),
    *("<|placeholder4|>", "<|system|>", "<|end|>", "<|placeholder5|>", "<|placeholder6|>", "<|user|>"),
)
VOCABULARY = 1_024
"""More than the tokenizer has, as the real one."""

NEEDED = (
    *("added_tokens.json", "config.json", "generation_config.json", "model-00001-of-00002.safetensors"),
    *("model-00002-of-00002.safetensors", "model.safetensors.index.json", "special_tokens_map.json"),
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json"),
)
BESIDE = (
    *(".gitattributes", "CODE_OF_CONDUCT.md", "LICENSE", "NOTICE.md", "README.md", "SECURITY.md"),
    *("configuration_phi3.py", "modeling_phi3.py", "sample_finetune.py"),
)

_TOKENIZER = """
import sys
import sentencepiece, transformers
folder, pieces, *corpus = sys.argv[1:]
sentencepiece.SentencePieceTrainer.train(
    input=",".join(corpus), model_prefix=f"{folder}/tokenizer", model_type="bpe", vocab_size=int(pieces),
    byte_fallback=True, character_coverage=0.99, normalization_rule_name="identity", remove_extra_whitespaces=False,
    unk_id=0, bos_id=1, eos_id=2, pad_id=-1, split_digits=True, minloglevel=2,
)
transformers.LlamaTokenizer.from_pretrained(folder).save_pretrained(folder)
"""


def write(folder: Path, conversion_python: str) -> None:
    """Write all files into the new ``folder``; the conversion venv has what makes the tokenizer."""
    folder.mkdir(parents=True)
    corpus = sorted((ROOT / "bench" / "prepare" / "corpus").glob("*.txt"))
    command = [conversion_python, "-c", _TOKENIZER, str(folder), str(PIECES), *map(str, corpus)]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "tokenizer.vocab").unlink()
    _write_tokenizer_settings(folder)
    _write_json(folder / "config.json", _CONFIG)
    _write_json(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": [PIECES, PIECES + 7]})
    _write_weights(folder)
    for name in BESIDE:
        (folder / name).write_text("raise SystemExit('this is never run')\n", "utf-8")


def _write_tokenizer_settings(folder: Path) -> None:
    ids = {content: PIECES + number for number, content in enumerate(ADDED)}
    plain = {"lstrip": False, "normalized": False, "single_word": False}
    tokens = {
        **{str(index): {"content": content, "rstrip": False, "special": True} for index, content in _FIRST.items()},
        **{str(index): {"content": content, "rstrip": True, "special": True} for content, index in ids.items()},
    }
    tokens["2"] |= {"rstrip": True, "special": False}
    tokens = {index: {**token, **plain} for index, token in tokens.items()}
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    tokenizer["added_tokens"] = [{"id": int(index), **token} for index, token in tokens.items()]
    _write_json(file, tokenizer)
    _write_json(folder / "added_tokens.json", ids)
    special = {"bos_token": "<s>", "eos_token": ADDED[0], "pad_token": ADDED[0], "unk_token": "<unk>"}
    _write_json(folder / "special_tokens_map.json", special)
    more = {
        "add_bos_token": False,
        "add_eos_token": False,
        "added_tokens_decoder": tokens,
        "chat_template": "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + "
        "'<|end|>\n' }}{% endfor %}{{ '<|assistant|>\n' if add_generation_prompt else eos_token }}",
        "clean_up_tokenization_spaces": False,
        "legacy": False,
        "model_max_length": 4_096,
        "padding_side": "left",
        "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizer",
        "use_default_system_prompt": False,
    }
    _write_json(folder / "tokenizer_config.json", {**special, **more})


_FIRST = {0: "<unk>", 1: "<s>", 2: "</s>"}
_CONFIG = {
    "_name_or_path": "Phi-3-mini-4k-instruct",
    "architectures": ["Phi3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "auto_map": {
        "AutoConfig": "configuration_phi3.Phi3Config",
        "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM",
    },
    "bos_token_id": 1,
    "embd_pdrop": 0.0,
    "eos_token_id": PIECES,
    "hidden_act": "silu",
    "hidden_size": WIDTH,
    "initializer_range": 0.02,
    "intermediate_size": INNER,
    "max_position_embeddings": 4_096,
    "model_type": "phi3",
    "num_attention_heads": 4,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": 4,
    "original_max_position_embeddings": 4_096,
    "pad_token_id": PIECES,
    "resid_pdrop": 0.0,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10_000.0,
    "sliding_window": 2_047,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.40.2",
    "use_cache": True,
    "vocab_size": VOCABULARY,
}


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        below = f"model.layers.{layer}"
        shapes |= {
            f"{below}.input_layernorm.weight": (WIDTH,),
            f"{below}.self_attn.qkv_proj.weight": (3 * WIDTH, WIDTH),
            f"{below}.self_attn.o_proj.weight": (WIDTH, WIDTH),
            f"{below}.post_attention_layernorm.weight": (WIDTH,),
            f"{below}.mlp.gate_up_proj.weight": (2 * INNER, WIDTH),
            f"{below}.mlp.down_proj.weight": (WIDTH, INNER),
        }
    return {**shapes, "model.norm.weight": (WIDTH,), "lm_head.weight": (VOCABULARY, WIDTH)}


PARAMETERS = sum(int(np.prod(shape)) for shape in _shapes().values())


def _write_weights(folder: Path) -> None:
    shapes, random = _shapes(), np.random.default_rng(3)
    names = list(shapes)
    placed = {name: NEEDED[3] if index < len(names) // 2 else NEEDED[4] for index, name in enumerate(names)}
    for file in NEEDED[3:5]:
        own = {name: shapes[name] for name in names if placed[name] == file}
        header, data, end = {}, b"", 0
        for name, shape in own.items():
            values = np.ones(shape, "<f4") if len(shape) == 1 else random.normal(0, 0.1, shape).astype("<f4")
            # A bf16 is the upper half of a float.
            data += (values.view("<u4") >> 16).astype("<u2").tobytes()
            header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [end, len(data)]}
            end = len(data)
        text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
        (folder / file).write_bytes(len(text).to_bytes(8, "little") + text + data)
    _write_json(folder / NEEDED[5], {"metadata": {"total_size": 2 * PARAMETERS}, "weight_map": placed})


def _write_json(file: Path, value: Mapping[str, object]) -> None:
    file.write_text(json.dumps(value, indent=2), "utf-8")
