"""The configuration of an ONNX Runtime GenAI model, read by a list of the keys that are taken.

ONNX Runtime GenAI hands every key of ``session_options`` that it does not know to ONNX Runtime, and some that it does
know load libraries, write files or name memory. So a key is taken if it is known to do nothing of the kind.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.prepare.vet.files import DOCUMENT, Folder, RefusedError

NAME = "genai_config.json"

_LONGEST_TEXT = 512

_Check = Callable[[Any], str | None]
"""Says what is wrong with a value; ``None`` where nothing is."""


def _number(value: Any) -> str | None:
    good = isinstance(value, int | float) and abs(value) < 2**63 and math.isfinite(value)
    return None if good else "is no number"


def _text(value: Any) -> str | None:
    good = isinstance(value, str) and len(value) <= _LONGEST_TEXT and (value.isprintable() or not value)
    return None if good else f"is no text of up to {_LONGEST_TEXT} characters"


def _numbers(value: Any) -> str | None:
    listed = value if isinstance(value, list) else [value]
    return "is neither a number nor a list of numbers" if any(map(_number, listed)) else None


def _texts(value: Any) -> str | None:
    good = isinstance(value, list) and not any(map(_text, value))
    return None if good else "is no list of texts"


_TOKENS = ("pad", "eos", "bos", "sep", "decoder_start", "image", "audio", "boa", "video", "vision_start")
_THOUGHTS = ("bot", "eot", "bor", "eor")

_MODEL: Mapping[str, _Check] = {
    "type": _text,
    "vocab_size": _number,
    "context_length": _number,
    **{f"{token}_token_id": _numbers for token in (*_TOKENS, *_THOUGHTS)},
}

_DECODER: Mapping[str, _Check] = {
    **dict.fromkeys(
        ("head_size", "hidden_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads"), _number
    ),
    **dict.fromkeys(("conv_cache_size", "state_update_capacity", "ple_token_pad_id"), _number),
    "layer_types": _texts,
}

_STAGE: Mapping[str, _Check] = {
    **dict.fromkeys(("run_on_prompt", "run_on_token_gen", "is_lm_head", "inherit_session_options"), _number),
    "reset_session_idx": _number,
    "inputs": _texts,
    "outputs": _texts,
}

_WINDOW: Mapping[str, _Check] = {
    **dict.fromkeys(("window_size", "pad_value", "slide_key_value_cache", "slide_inputs", "cache_slack"), _number),
    "alignment": _text,
    "layers": _numbers,
}

_SESSION: Mapping[str, _Check] = {
    "log_id": _text,
    "graph_optimization_level": _text,
    **dict.fromkeys(("intra_op_num_threads", "inter_op_num_threads"), _number),
    **dict.fromkeys(("log_severity_level", "log_verbosity_level"), _number),
    **dict.fromkeys(("enable_cpu_mem_arena", "enable_mem_pattern"), _number),
    **dict.fromkeys(
        (
            "ep.cuda.fpa_intb_gemm",
            "ep.dml.disable_memory_arena",
            "ep.dml.enable_graph_capture",
            "mlas.enable_gemm_fastmath_arm64_bfloat16",
            "optimization.disable_specified_optimizers",
            "optimization.enable_gelu_approximation",
            "session.disable_cpu_ep_fallback",
            "session.disable_prepacking",
            "session.disable_quant_qdq",
            "session.dynamic_block_base",
            "session.enable_dq_matmulnbits_fusion",
            "session.enable_quant_qdq_cleanup",
            "session.force_spinning_stop",
            "session.inter_op.allow_spinning",
            "session.intra_op.allow_spinning",
            "session.qdq_matmulnbits_accuracy_level",
            "session.set_denormal_as_zero",
            "session.use_device_allocator_for_initializers",
            "session.use_env_allocators",
        ),
        _text,
    ),
}

_RUN: Mapping[str, _Check] = dict.fromkeys(
    ("disable_synchronize_execution_providers", "gpu_graph_id", "memory.enable_memory_arena_shrinkage"), _text
)

_PROVIDERS: Mapping[str, frozenset[str]] = {
    "cpu": frozenset(),
    "cuda": frozenset(
        (
            "arena_extend_strategy",
            "cudnn_conv1d_pad_to_nc1d",
            "cudnn_conv_algo_search",
            "cudnn_conv_use_max_workspace",
            "device_id",
            "do_copy_in_default_stream",
            "enable_cuda_graph",
            "enable_skip_layer_norm_strict_mode",
            "fuse_conv_bias",
            "gpu_mem_limit",
            "prefer_nhwc",
            "sdpa_kernel",
            "use_ep_level_unified_stream",
            "use_tf32",
        )
    ),
    "dml": frozenset(
        (
            *("device_filter", "device_id", "device_index", "disable_metacommands", "enable_graph_capture"),
            *("enable_graph_serialization", "performance_preference"),
        )
    ),
    "openvino": frozenset(
        (
            *("device_type", "disable_dynamic_shapes", "enable_causallm", "enable_opencl_throttling"),
            *("enable_qdq_optimizer", "model_priority", "num_of_threads", "num_streams", "precision"),
        )
    ),
    "webgpu": frozenset(("enableGraphCapture", "multiRotaryCacheConcatOffset", "validationMode")),
}
"""Provider, in lower case and without ``ExecutionProvider`` -> its options that are taken."""

_SEARCH: Mapping[str, _Check] = dict.fromkeys(
    (
        *("batch_size", "blank_penalty", "chunk_size", "diversity_penalty", "do_sample", "early_stopping"),
        *("length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beams", "num_return_sequences"),
        *("past_present_share_buffer", "random_seed", "repetition_penalty", "temperature", "top_k", "top_p"),
    ),
    _number,
)

_BATCHING: Mapping[str, _Check] = dict.fromkeys(
    (
        *("block_size", "gpu_utilization_factor", "max_batch_size", "max_scheduled_tokens", "num_blocks"),
        "prefix_caching",
    ),
    _number,
)

_REASONS = {
    "custom_ops_library": "loads a library, whose native code would run with your rights",
    "custom_op_library": "loads a library, whose native code would run with your rights",
    "backend_path": "loads a library, whose native code would run with your rights",
    "enable_profiling": "writes a file where the model says",
    "cache_dir": "writes files where the model says",
    "load_config": "sets any property of OpenVINO, paths among them",
    "shared_initializers": "maps parts of any file into memory unchecked",
    "tokenizer_dir": "has a folder read that the model names",
    "session.optimized_model_filepath": "writes a file where the model says",
    "gpu_external_alloc": "is an address of code",
    "gpu_external_free": "is an address of code",
    "user_compute_stream": "is an address in memory",
}
"""Key -> what it does, of those that are met; others are refused because it is not known that they do no harm."""


def vet(folder: Folder, config: Any) -> tuple[str, list[str]]:
    """The text of the configuration as it is taken, and the names of the ONNX files that it names.

    Args:
        folder: of the model.
        config: what its ``genai_config.json`` holds.

    Raises:
        RefusedError: a key is not taken, or its value is none that it can have.
    """
    reader = _Reader(folder)
    taken = reader.root(config)
    if not reader.graphs:
        raise RefusedError(f"{NAME}: model.decoder.filename is missing: without a graph it is no model")
    # GenAI's own reader of JSON knows no \u0000 for a letter.
    return json.dumps(taken, indent=4, ensure_ascii=False), reader.graphs


class _Reader:
    """Copies what is taken of a configuration, and gathers the ONNX files that it names."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.graphs: list[str] = []

    def root(self, config: Any) -> dict[str, Any]:
        parts = {"model": self._model, "search": _values_of(_SEARCH), "engine": self._engine}
        return _object(config, "", {}, parts)

    def _model(self, value: Any, where: str) -> dict[str, Any]:
        return _object(value, where, _MODEL, {"decoder": self._decoder})

    def _engine(self, value: Any, where: str) -> dict[str, Any]:
        batching = _values_of(_BATCHING)
        return _object(value, where, {}, {"dynamic_batching": batching, "static_batching": batching})

    def _decoder(self, value: Any, where: str) -> dict[str, Any]:
        parts = {
            **self._graph,
            "inputs": _strings,
            "outputs": _strings,
            "sliding_window": _values_of(_WINDOW),
            "pipeline": self._pipeline,
        }
        return _object(value, where, _DECODER, parts)

    def _pipeline(self, value: Any, where: str) -> Any:
        if isinstance(value, list):
            return [self._stages(one, f"{where}[{place}]") for place, one in enumerate(value)]
        return self._stages(value, where)

    def _stages(self, value: Any, where: str) -> dict[str, Any]:
        parts = {**self._graph, "output_names_forwarder": _strings}
        return {name: _object(stage, f"{where}.{name}", _STAGE, parts) for name, stage in _named(value, where).items()}

    @property
    def _graph(self) -> dict[str, Callable[[Any, str], Any]]:
        """What every part with a graph of its own has."""
        return {"filename": self._filename, "session_options": _session, "run_options": _values_of(_RUN)}

    def _filename(self, value: Any, where: str) -> str:
        _refuse_value(_text, value, where)
        if not value.endswith(".onnx"):
            raise RefusedError(f"{NAME}: {where} names {value!r}, which is no .onnx file")
        self._folder.file(value, NAME)
        self.graphs.append(value)
        return str(value)


def _session(value: Any, where: str) -> dict[str, Any]:
    return _object(value, where, _SESSION, {"provider_options": _providers})


def _providers(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise RefusedError(f"{NAME}: {where} is no list")
    taken = []
    for entry in value:
        for name, options in _named(entry, where).items():
            known = _PROVIDERS.get(name.lower().removesuffix("executionprovider"), frozenset())
            checks = dict.fromkeys(known, _text)
            taken.append({name: _object({} if options is None else options, f"{where}.{name}", checks, {})})
    return taken


def _strings(value: Any, where: str) -> dict[str, str]:
    names = _named(value, where)
    for name, one in names.items():
        _refuse_value(_text, one, f"{where}.{name}")
    return names


def _values_of(checks: Mapping[str, _Check]) -> Callable[[Any, str], dict[str, Any]]:
    return lambda value, where: _object(value, where, checks, {})


def _object(
    value: Any, where: str, checks: Mapping[str, _Check], parts: Mapping[str, Callable[[Any, str], Any]]
) -> dict[str, Any]:
    """The entries of the object ``value``, each checked or taken over as a part; any other is refused."""
    return dict(_entries(_named(value, where), where, checks, parts))


def _entries(
    value: Mapping[str, Any],
    where: str,
    checks: Mapping[str, _Check],
    parts: Mapping[str, Callable[[Any, str], Any]],
) -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        place = f"{where}.{key}".lstrip(".")
        if key in parts:
            yield key, parts[key](one, place)
        elif key in checks:
            _refuse_value(checks[key], one, place)
            yield key, one
        else:
            raise _refused_key(key, place)


def _named(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RefusedError(f"{NAME}: {where or 'it'} is no object")
    for key in value:
        if _text(key):
            raise RefusedError(f"{NAME}: {where or 'it'} has a key that is no name")
    return value


def _refuse_value(check: _Check, value: Any, where: str) -> None:
    if problem := check(value):
        raise RefusedError(f"{NAME}: {where} {problem}")


def _refused_key(key: str, where: str) -> RefusedError:
    reason = _REASONS.get(key, f"is none of the keys that are taken (see {DOCUMENT})")
    return RefusedError(f"{NAME}: {where} {reason}: remove it from a copy of the folder, if the model works without it")
