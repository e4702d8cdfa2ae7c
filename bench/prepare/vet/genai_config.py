"""The configuration of an ONNX Runtime GenAI model, read by a list of the keys that are taken.

ONNX Runtime GenAI hands every key of ``session_options`` that it does not know to ONNX Runtime, and some that it does
know load libraries, write files or name memory. So a key is taken if it is known to do nothing of the kind.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.prepare.vet.files import DOCUMENT, Folder, RefusedError

NAME = "genai_config.json"

_LONGEST_TEXT = 512

_Taker = Callable[[Any, str], Any]
"""Takes a value and the place where it stands; raises :class:`RefusedError` where it is none for that place."""


def _refused(where: str, problem: str) -> RefusedError:
    return RefusedError(f"{NAME}: {where or 'it'} {problem}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**63 and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT and (value.isprintable() or not value)


def _number(value: Any, where: str) -> Any:
    if not _is_number(value):
        raise _refused(where, "is no number")
    return value


def _numbers(value: Any, where: str) -> Any:
    if not all(map(_is_number, value if isinstance(value, list) else [value])):
        raise _refused(where, "is neither a number nor a list of numbers")
    return value


def _text(value: Any, where: str) -> Any:
    if not _is_text(value):
        raise _refused(where, f"is no text of up to {_LONGEST_TEXT} characters")
    return value


def _texts(value: Any, where: str) -> Any:
    if not isinstance(value, list) or not all(map(_is_text, value)):
        raise _refused(where, "is no list of texts")
    return value


def _entries(value: Any, where: str) -> Iterator[tuple[str, Any, str]]:
    """Name, value and place of each entry of the object ``value``."""
    if not isinstance(value, dict):
        raise _refused(where, "is no object")
    for name, one in value.items():
        if not _is_text(name):
            raise _refused(where, "has a key that is no name")
        yield name, one, f"{where}.{name}".lstrip(".")


def _named(take: _Taker) -> _Taker:
    """Of an object whose keys are names that the model gives."""
    return lambda value, where: {name: take(one, place) for name, one, place in _entries(value, where)}


def _object(known: Mapping[str, _Taker]) -> _Taker:
    """Of an object with no other keys than those that are ``known``."""

    def take(value: Any, where: str) -> dict[str, Any]:
        taken = {}
        for key, one, place in _entries(value, where):
            if key not in known:
                reason = _REASONS.get(key, f"is none of the keys that are taken (see {DOCUMENT})")
                raise _refused(place, f"{reason}: remove it from a copy of the folder, if the model works without it")
            taken[key] = known[key](one, place)
        return taken

    return take


def _providers(value: Any, where: str) -> list[dict[str, Any]]:
    """Objects of providers, each with its options; ``null`` stands for none."""
    if not isinstance(value, list):
        raise _refused(where, "is no list")
    taken = []
    for entry in value:
        for name, options, place in _entries(entry, where):
            known = _PROVIDERS.get(name.lower().removesuffix("executionprovider"), frozenset())
            taken.append({name: _object(dict.fromkeys(known, _text))({} if options is None else options, place)})
    return taken


_TOKENS = ("pad", "eos", "bos", "sep", "decoder_start", "image", "audio", "boa", "video", "vision_start")
_THOUGHTS = ("bot", "eot", "bor", "eor")

_MODEL: Mapping[str, _Taker] = {
    "type": _text,
    "vocab_size": _number,
    "context_length": _number,
    **{f"{token}_token_id": _numbers for token in (*_TOKENS, *_THOUGHTS)},
}

_DECODER: Mapping[str, _Taker] = {
    **dict.fromkeys(
        ("head_size", "hidden_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads"), _number
    ),
    **dict.fromkeys(("conv_cache_size", "state_update_capacity", "ple_token_pad_id"), _number),
    "layer_types": _texts,
}

_STAGE: Mapping[str, _Taker] = {
    **dict.fromkeys(("run_on_prompt", "run_on_token_gen", "is_lm_head", "inherit_session_options"), _number),
    "reset_session_idx": _number,
    "inputs": _texts,
    "outputs": _texts,
}

_WINDOW: Mapping[str, _Taker] = {
    **dict.fromkeys(("window_size", "pad_value", "slide_key_value_cache", "slide_inputs", "cache_slack"), _number),
    "alignment": _text,
    "layers": _numbers,
}

_SESSION: Mapping[str, _Taker] = {
    "provider_options": _providers,
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

_RUN: Mapping[str, _Taker] = dict.fromkeys(
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

_SEARCH: Mapping[str, _Taker] = dict.fromkeys(
    (
        *("batch_size", "blank_penalty", "chunk_size", "diversity_penalty", "do_sample", "early_stopping"),
        *("length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beams", "num_return_sequences"),
        *("past_present_share_buffer", "random_seed", "repetition_penalty", "temperature", "top_k", "top_p"),
    ),
    _number,
)

_BATCHING: Mapping[str, _Taker] = dict.fromkeys(
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

    Raises:
        RefusedError: a key is not taken, or its value is none that it can have.
    """
    graphs: list[str] = []

    def filename(value: Any, where: str) -> str:
        name = str(_text(value, where))
        if not name.endswith(".onnx"):
            raise _refused(where, f"names {name!r}, which is no .onnx file")
        folder.file(name, NAME)
        graphs.append(name)
        return name

    graph = {"filename": filename, "session_options": _object(_SESSION), "run_options": _object(_RUN)}
    stages = _named(_object({**_STAGE, **graph, "output_names_forwarder": _named(_text)}))

    def pipeline(value: Any, where: str) -> Any:
        if isinstance(value, list):
            return [stages(one, f"{where}[{place}]") for place, one in enumerate(value)]
        return stages(value, where)

    ports = {"inputs": _named(_text), "outputs": _named(_text)}
    more = {"sliding_window": _object(_WINDOW), "pipeline": pipeline}
    model = _object({**_MODEL, "decoder": _object({**_DECODER, **graph, **ports, **more})})
    engine = _object(dict.fromkeys(("dynamic_batching", "static_batching"), _object(_BATCHING)))
    taken = _object({"model": model, "search": _object(_SEARCH), "engine": engine})(config, "")
    if not graphs:
        raise _refused("model.decoder.filename", "is missing: without a graph it is no model")
    # GenAI's own reader of JSON knows no \u0000 for a letter.
    return json.dumps(taken, indent=4, ensure_ascii=False), graphs
