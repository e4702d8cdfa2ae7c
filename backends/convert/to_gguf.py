"""A Hugging Face directory to a GGUF file, by the ``gguf`` package: the float weights that every stack starts from.

The file carries no tokenizer, as every stack is given ids.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from gguf.lazy import LazyNumpyTensor
from safetensors import safe_open
from transformers import AutoConfig

from backends.convert import ConversionError
from backends.convert.gguf_families import (
    REMEDY,
    Config,
    Family,
    family_of,
    query_factor,
    refuse_what_differs,
    rotary_factors,
    write_metadata,
)
from backends.convert.gguf_file import weights_of
from backends.hf_weights import Tensor, embedding_of, learned_tensors, output_layer

KINDS = {"int4": Kind.Q4_0, "q4_1": Kind.Q4_1, "int8": Kind.Q8_0, "fp16": Kind.F16, "fp32": Kind.F32}
"""Weight format, or a kind of it -> the GGUF type of the large matrices.

What is small stays in float32, as in llama.cpp's own converter.
"""

_OUTPUT = ("token_embd.weight", "output.weight")
_ALWAYS_FLOAT = ("ffn_gate_inp.weight", "shortconv.conv.weight")
"""Ends of names: what chooses experts, and short convolutions."""

_BIASES = ("attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_qkv.bias")
_EXPERT = re.compile(r"\.experts\.(\d+)\.")
_RENAMED = (
    ("block_sparse_moe.experts.w1", "mlp.experts.gate_proj"),
    ("block_sparse_moe.experts.w2", "mlp.experts.down_proj"),
    ("block_sparse_moe.experts.w3", "mlp.experts.up_proj"),
)
"""Mixtral's experts, as the ``gguf`` package knows those of later models."""
_TWO_IN_ONE = ("mlp.experts.gate_up_proj", "block_sparse_moe.input_linear.weight")
"""Ends of names of tensors whose rows are first the gate's and then those beside it, of all experts."""


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``model.gguf`` from the directory ``source``, its matrices in a kind of :data:`KINDS`."""
    directory = Path(source)
    stated = json.loads((directory / "config.json").read_text("utf-8"))
    named = (stated.get("architectures") or ["a model that does not name its architecture"])[0]
    family = family_of(named)
    config = _completed(source)
    refuse_what_differs(named, family, config)
    model = _Model(directory, config, family, KINDS[options.get("kind", options["weight_format"])])
    writer = gguf.GGUFWriter(str(output / "model.gguf"), gguf.MODEL_ARCH_NAMES[family.arch])
    write_metadata(writer, family, config)
    for name, values, kind in model.tensors():
        writer.add_tensor(name, values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights_of(output / "model.gguf")


def _completed(source: str) -> Config:
    """The configuration with what its class knows: what is left out, and both ways of writing rotary settings."""
    try:
        config: Config = AutoConfig.from_pretrained(source, trust_remote_code=False).to_dict()
    except Exception as error:  # each class checks in its own way
        reason = " ".join(str(error).split())
        raise ConversionError(f"transformers refuses the model's config.json ({reason}): {REMEDY}") from error
    return config


@dataclass(frozen=True, slots=True)
class _Written:
    """A tensor of the GGUF.

    Args:
        keys: of the tensors that it is made of; several are stacked, in this order.
        half: 0 or 1 for the first or second half of the rows; ``None`` for all.
    """

    name: str
    keys: tuple[str, ...]
    half: int | None
    shape: tuple[int, ...]


class _Model:
    """The tensors of a directory under GGUF's names, each read and quantized as it is written."""

    def __init__(self, directory: Path, config: Config, family: Family, kind: Any) -> None:
        self._config = config
        self._family = family
        self._kind = kind
        self._names = gguf.get_tensor_name_map(family.arch, config["num_hidden_layers"])
        self._held = learned_tensors(directory, tied=config.get("tie_word_embeddings"))
        self._tied = output_layer(self._held) is None
        self._written = [*self._plan()]
        # A norm behind the projection would undo what is done to the projection.
        normed = any(one.name.endswith("attn_q_norm.weight") for one in self._written)
        self._queries = ("attn_q_norm.weight",) if normed else ("attn_q.weight", "attn_q.bias")
        self._query_factor = query_factor(family, config)

    def tensors(self) -> Iterator[tuple[str, Any, Any]]:
        """Name, values and type of each tensor; values are read only where the writer takes their bytes."""
        for one in self._written:
            kind = self._kind_of(one.name, one.shape)
            described = LazyNumpyTensor.meta_with_dtype_and_shape(np.float32, one.shape)
            values = LazyNumpyTensor(meta=described, args=(one,), func=self._values)
            yield one.name, gguf.quants.quantize(values, kind), kind
        for name, factors in rotary_factors(self._config).items():
            yield name, factors, Kind.F32

    def _values(self, one: _Written) -> Any:
        parts = [self._changed(one, key) for key in one.keys]
        values = parts[0] if len(parts) == 1 else np.stack(parts)
        return np.ascontiguousarray(values).reshape(one.shape)

    def _plan(self) -> Iterator[_Written]:
        ordered = sorted(self._held, key=lambda key: (self._held[key].file, self._held[key].begin))
        experts: dict[str, dict[int, str]] = {}
        for key in ordered:
            if found := _EXPERT.search(key):
                experts.setdefault(_EXPERT.sub(".experts.", key), {})[int(found[1])] = key
            else:
                yield from self._of_one(key, self._held[key])
        for merged, numbered in experts.items():
            named = merged
            for old, new in _RENAMED:
                named = named.replace(old, new)
            keys = tuple(numbered[number] for number in sorted(numbered))
            yield _Written(self._name(named), keys, None, (len(keys), *self._held[keys[0]].shape))
        embedding = embedding_of(self._held)
        if self._family.output == "always" and self._tied and embedding is not None:
            yield _Written(_OUTPUT[1], (embedding,), None, self._held[embedding].shape)

    def _of_one(self, key: str, tensor: Tensor) -> Iterator[_Written]:
        for end in _TWO_IN_ONE:
            if key.endswith(end):
                shape = (*tensor.shape[:-2], tensor.shape[-2] // 2, tensor.shape[-1])
                for half, part in enumerate(("gate_proj", "up_proj")):
                    name = self._name(f"{key.removesuffix(end)}mlp.experts.{part}.weight")
                    yield _Written(name, (key,), half, shape)
                return
        name = self._name(key)
        shape = (tensor.shape[0], tensor.shape[-1]) if name.endswith("shortconv.conv.weight") else tensor.shape
        yield _Written(name, (key,), None, shape)

    def _name(self, key: str) -> str:
        # A tensor of all experts may have no ``.weight`` behind its name.
        name = self._names.get_name(key, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise ConversionError(f"the tensor {key} has no place in a GGUF of this architecture: see its config.json")
        if name.endswith(".bias") and not self._family.biased and not name.endswith(_BIASES):
            raise ConversionError(
                f"llama.cpp adds no {key} in a model of this architecture: measure the model with another stack"
            )
        return str(name) if name.endswith((".weight", ".bias")) else f"{name}.weight"

    def _changed(self, one: _Written, key: str) -> Any:
        values = _opened(self._held[key].file).get_tensor(key).to(torch.float32).numpy()
        if one.half is not None:
            values = np.split(values, 2, axis=-2)[one.half]
        if self._family.shifted_norms and key.endswith("norm.weight"):
            values = values + 1
        if self._family.turned:
            values = self._turned(one.name, values)
        if one.name.endswith(self._queries):
            values = values * np.float32(self._query_factor)
        return values

    def _kind_of(self, name: str, shape: tuple[int, ...]) -> Any:
        if len(shape) == 1 or name.endswith(_ALWAYS_FLOAT):
            return Kind.F32
        # llama.cpp keeps what makes the logits wider than the rest; of what this package can write, 8 bits come next.
        output = name == "output.weight" or (self._tied and name == _OUTPUT[0])
        kind = Kind.Q8_0 if self._kind in (Kind.Q4_0, Kind.Q4_1) and output else self._kind
        block, _ = gguf.GGML_QUANT_SIZES[kind]
        return Kind.F16 if shape[-1] % block else kind

    def _turned(self, name: str, values: Any) -> Any:
        """Rotary halves interleaved, as llama.cpp has them for this architecture and transformers has not."""
        heads = self._config["num_attention_heads"]
        if name.endswith(("attn_k.weight", "attn_k.bias")):
            heads = self._config.get("num_key_value_heads") or heads
        elif not name.endswith(("attn_q.weight", "attn_q.bias")):
            return values
        halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
        return halves.swapaxes(1, 2).reshape(values.shape)


@lru_cache(maxsize=1)
def _opened(file: Path) -> Any:
    return safe_open(file, framework="pt")
