"""A Hugging Face directory to a GGUF file, by the ``gguf`` package: the float weights that every stack starts from.

The file carries no tokenizer, as every stack is given ids.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from safetensors import safe_open

from backends.convert import ConversionError
from backends.convert.gguf_file import weights_of
from backends.hf_weights import learned_tensors, output_layer

KINDS = {"int4": Kind.Q4_0, "q4_1": Kind.Q4_1, "int8": Kind.Q8_0, "fp16": Kind.F16, "fp32": Kind.F32}
"""Weight format, or a kind of it -> the GGUF type of the large matrices.

Norms stay in float32, as in llama.cpp's own converter.
"""

_ARCHITECTURES = {"LlamaForCausalLM": gguf.MODEL_ARCH.LLAMA, "Phi3ForCausalLM": gguf.MODEL_ARCH.PHI3}
_LONGROPE = "longrope"
_SCALINGS = {gguf.MODEL_ARCH.LLAMA: ("default",), gguf.MODEL_ARCH.PHI3: ("default", _LONGROPE)}
"""The ways of scaling rotary positions that can be written, by architecture."""
_FACTORS = {"short_factor": "rope_factors_short.weight", "long_factor": "rope_factors_long.weight"}
_OUTPUT = ("token_embd.weight", "output.weight")


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``model.gguf`` from the directory ``source``, its matrices in a kind of :data:`KINDS`."""
    directory = Path(source)
    config = json.loads((directory / "config.json").read_text("utf-8"))
    architecture = _architecture(config)
    writer = gguf.GGUFWriter(str(output / "model.gguf"), gguf.MODEL_ARCH_NAMES[architecture])
    _metadata(writer, config, architecture)
    model = _Model(directory, config, architecture, KINDS[options.get("kind", options["weight_format"])])
    for name, shape, kind in model.index():
        # The writer takes the shape in bytes of what is quantized, and the type beside it.
        stored = gguf.quant_shape_to_byte_shape(shape, kind) if kind not in (Kind.F32, Kind.F16) else shape
        dtype = np.dtype({Kind.F32: np.float32, Kind.F16: np.float16}.get(kind, np.uint8))
        size = int(np.prod(stored)) * dtype.itemsize
        writer.add_tensor_info(name, stored, dtype, size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for values in model.tensors():
        writer.write_tensor_data(values)
    writer.close()
    return weights_of(output / "model.gguf")


def _architecture(config: Mapping[str, Any]) -> Any:
    named = (config.get("architectures") or ["none"])[0]
    if named not in _ARCHITECTURES:
        raise ConversionError(
            f"{named} cannot be written as GGUF here, only {', '.join(_ARCHITECTURES)}: "
            "convert it with llama.cpp's own converter and give the .gguf file with --model"
        )
    kind = _rotary(config).get("rope_type", "default")
    if kind not in _SCALINGS[_ARCHITECTURES[named]]:
        raise ConversionError(
            f"rotary scaling {kind!r} cannot be written as GGUF here: "
            "convert the model with llama.cpp's own converter and give the .gguf file with --model"
        )
    return _ARCHITECTURES[named]


def _rotary(config: Mapping[str, Any]) -> dict[str, Any]:
    """The rotary settings, which transformers 4 keeps beside each other and transformers 5 in one place."""
    scaling = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    scaling["rope_type"] = scaling.get("rope_type") or scaling.get("type") or "default"
    for name in ("rope_theta", "partial_rotary_factor", "original_max_position_embeddings"):
        if scaling.get(name) is None:
            scaling[name] = config.get(name)
    return scaling


def _attention_factor(config: Mapping[str, Any], rotary: Mapping[str, Any]) -> float:
    """By what longrope scales the attention: sqrt(1 + ln(s) / ln(c)), s the extension of a context that was c."""
    if rotary.get("attention_factor") is not None:
        return float(rotary["attention_factor"])
    original = rotary["original_max_position_embeddings"]
    extension = config["max_position_embeddings"] / original
    return math.sqrt(1 + math.log(extension) / math.log(original)) if extension > 1 else 1.0


def _metadata(writer: Any, config: Mapping[str, Any], architecture: Any) -> None:
    heads = config["num_attention_heads"]
    rotary = _rotary(config)
    head_size = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(int(head_size * (rotary["partial_rotary_factor"] or 1.0)))
    writer.add_rope_freq_base(float(rotary["rope_theta"] or 10_000.0))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    if architecture == gguf.MODEL_ARCH.PHI3:
        original = rotary["original_max_position_embeddings"] or config["max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(original)
        if rotary["rope_type"] == _LONGROPE:
            writer.add_rope_scaling_attn_factors(_attention_factor(config, rotary))
        writer.add_sliding_window(config.get("sliding_window") or 0)


class _Model:
    """The tensors of a directory under GGUF's names, one at a time in memory."""

    def __init__(self, directory: Path, config: Mapping[str, Any], architecture: Any, kind: Any) -> None:
        self._config = config
        self._architecture = architecture
        self._kind = kind
        self._names = gguf.get_tensor_name_map(architecture, config["num_hidden_layers"])
        self._held = learned_tensors(directory, tied=config.get("tie_word_embeddings"))
        self._tied = output_layer(self._held) is None

    def index(self) -> Iterator[tuple[str, tuple[int, ...], Any]]:
        """Name, shape and type of each tensor, in the order of :meth:`tensors`."""
        for handle, key in self._keys():
            shape = tuple(handle.get_slice(key).get_shape())
            yield self._name(key), shape, self._kind_of(self._name(key), shape)
        yield from ((name, values.shape, Kind.F32) for name, values in self._factors())

    def tensors(self) -> Iterator[Any]:
        """The values of each tensor, as they are stored."""
        for handle, key in self._keys():
            name, values = self._name(key), handle.get_tensor(key).to(torch.float32).numpy()
            if self._architecture == gguf.MODEL_ARCH.LLAMA:
                values = self._turned(name, values)
            yield gguf.quants.quantize(np.ascontiguousarray(values), self._kind_of(name, values.shape))
        yield from (values for _, values in self._factors())

    def _factors(self) -> Iterator[tuple[str, Any]]:
        """Longrope's factors, which a GGUF has among its tensors."""
        rotary = _rotary(self._config)
        if rotary["rope_type"] == _LONGROPE:
            for setting, name in _FACTORS.items():
                yield name, np.array(rotary[setting], dtype=np.float32)

    def _keys(self) -> Iterator[tuple[Any, str]]:
        for file in sorted({tensor.file for tensor in self._held.values()}):
            with safe_open(file, framework="pt") as handle:
                for key in handle.keys():  # noqa: SIM118 - it is no mapping
                    if key in self._held and self._held[key].file == file:
                        yield handle, key

    def _name(self, key: str) -> str:
        name = self._names.get_name(key, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise ConversionError(f"the tensor {key} has no place in a GGUF of this architecture: see its config.json")
        return str(name)

    def _kind_of(self, name: str, shape: tuple[int, ...]) -> Any:
        if len(shape) == 1:
            return Kind.F32
        # llama.cpp keeps what makes the logits wider than the rest; of what this package can write, 8 bits come next.
        output = name == "output.weight" or (self._tied and name == _OUTPUT[0])
        return Kind.Q8_0 if self._kind in (Kind.Q4_0, Kind.Q4_1) and output else self._kind

    def _turned(self, name: str, values: Any) -> Any:
        """Rotary halves interleaved, as llama.cpp has them for this architecture and transformers has not."""
        heads = self._config["num_attention_heads"]
        if name.endswith("attn_k.weight"):
            heads = self._config.get("num_key_value_heads") or heads
        elif not name.endswith("attn_q.weight"):
            return values
        halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
        return halves.swapaxes(1, 2).reshape(values.shape)
