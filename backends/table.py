"""The table of backends; CONTRIBUTING.md shows how to add one."""

from dataclasses import fields

from backends.noise import Noise
from backends.spec import ORIGINAL, PRECISIONS, BackendSpec, OptionSpec, PrefixCache, TimedRegion

_OPENVINO_FORMATS = ("int4", "int8", "fp16", "fp32")
_ORT_FORMATS = ("int4", "int8", "fp16", "fp32")
_GGUF_FORMATS = ("int4", "int8", "fp16", "fp32", ORIGINAL)
_TORCH_FORMATS = ("int8", "fp16", "bf16", "fp32")

_KV_CACHE = OptionSpec(
    "f16",
    "type of the KV cache, e.g. f16 or u8, the same for every weight format; 'stack' lets OpenVINO choose",
    devices=("CPU", "GPU", "AUTO"),
)
_INFERENCE_PRECISION = OptionSpec(
    "",
    "type that is computed in: f32, bf16 or f16; without it OpenVINO chooses, bf16 on a CPU that has it",
    devices=("CPU", "GPU", "AUTO"),
    choices=("f32", "bf16", "f16"),
)
_DYNAMIC_QUANTIZATION = OptionSpec(
    "",
    "how many activations share a scale when they are rounded to int8 for quantized weights; 0 leaves them as they "
    "are; without it OpenVINO chooses",
    devices=("CPU", "GPU", "AUTO"),
    precisions=("int4", "int8"),
)
_RECIPE = OptionSpec(
    "", "how int4 weights are made, where the project makes them; see docs/quality.md", precisions=("int4",)
)
_COMPILE_CACHE = OptionSpec(
    "off",
    "compile cache: 'on' keeps compiled models for the length of a run, so that later loads are hits",
    choices=("on", "off"),
)
_LLAMA_CPP = TimedRegion(setup="clear", prompt_logits="last", loop="bare", kv_cache="f16")
_CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
_CACHE_TYPE = f"in the KV cache: {', '.join(_CACHE_TYPES)}"
_LLAMA_CPP_OPTIONS = {
    "type_k": OptionSpec("f16", f"type of the keys {_CACHE_TYPE}", choices=_CACHE_TYPES),
    "type_v": OptionSpec(
        "f16", f"type of the values {_CACHE_TYPE}; those below f16 take flash attention", choices=_CACHE_TYPES
    ),
    "flash_attention": OptionSpec("on", "fused attention: on, off or auto", choices=("on", "off", "auto")),
    "recipe": _RECIPE,
}

BACKENDS: dict[str, BackendSpec] = {
    spec.name: spec
    for spec in (
        BackendSpec(
            name="openvino-genai",
            target="backends.openvino_genai:OpenVinoGenAI",
            group="openvino-genai",
            artifact_format="openvino-ir",
            devices={"CPU": _OPENVINO_FORMATS, "GPU": _OPENVINO_FORMATS, "NPU": ("int4", "int8", "fp16")},
            scores=("CPU", "GPU"),
            timed=TimedRegion(setup="scheduler", prompt_logits="last", loop="native", kv_cache="f16"),
            default_precisions=("int4", "int8", "fp32"),
            default_on={"intel-gpu": "GPU", "intel-npu": "NPU"},
            by_default=True,
            prefix_cache=PrefixCache(devices=("CPU", "GPU"), needs={"attention_backend": "PA"}),
            options={
                "attention_backend": OptionSpec(
                    "PA",
                    "attention implementation: PA (paged attention) or SDPA",
                    devices=("CPU", "GPU"),
                    choices=("PA", "SDPA"),
                ),
                "kv_cache_precision": _KV_CACHE,
                "inference_precision": _INFERENCE_PRECISION,
                "dynamic_quantization_group_size": _DYNAMIC_QUANTIZATION,
                "compile_cache": _COMPILE_CACHE,
                "recipe": _RECIPE,
                "max_prompt_len": OptionSpec(
                    None,
                    "longest prompt on an NPU; shorter ones are padded to it or to whole chunks; follows the cell's",
                    devices=("NPU",),
                    follows="prompt_tokens",
                    step=64,
                ),
                "min_response_len": OptionSpec(
                    None,
                    "tokens that the NPU's KV cache leaves room for; follows --new-tokens",
                    devices=("NPU",),
                    follows="new_tokens",
                    step=64,
                ),
                "prefill_hint": OptionSpec(
                    "DYNAMIC",
                    "how the NPU compiles the prefill: DYNAMIC or STATIC",
                    devices=("NPU",),
                    choices=("DYNAMIC", "STATIC"),
                ),
                "generate_hint": OptionSpec(
                    "FAST_COMPILE",
                    "how the NPU compiles the decode: FAST_COMPILE or BEST_PERF",
                    devices=("NPU",),
                    choices=("FAST_COMPILE", "BEST_PERF"),
                ),
            },
        ),
        BackendSpec(
            name="ort-genai",
            target="backends.ort_genai:OrtGenAI",
            group="ort-genai",
            artifact_format="ort-genai",
            devices={
                "CPU": _ORT_FORMATS,
                "DML": ("int4", "fp16"),
                "CUDA": ("int4", "fp16"),
                "OPENVINO": _ORT_FORMATS,
                "OVEP": _ORT_FORMATS,
                "WINML": ("int4", "fp16"),
            },
            groups={
                "DML": "ort-genai-dml",
                "CUDA": "ort-genai-cuda",
                "OPENVINO": "ort-genai-openvino",
                "OVEP": "ort-genai-ovep",
                "WINML": "ort-genai-winml",
            },
            timed=TimedRegion(setup="generator", prompt_logits="artifact", loop="steps", kv_cache="model"),
            default_precisions=("int4", "int8", "fp32"),
            default_on={"directx-gpu": "DML"},
            by_default=True,
            tested_on=("CPU", "OPENVINO.CPU"),
            tested_if_installed=("OVEP.CPU",),
            scores=("CPU", "DML", "CUDA", "OPENVINO", "OVEP", "WINML"),
            profiled=("DML", "CUDA", "OPENVINO", "OVEP", "WINML"),
            prefix_cache=PrefixCache(devices=("CPU",)),
            batches=True,
            options={"recipe": _RECIPE},
        ),
        BackendSpec(
            name="optimum-intel",
            target="backends.optimum_intel:OptimumIntel",
            group="conversion",
            artifact_format="openvino-ir",
            devices={
                "CPU": _OPENVINO_FORMATS,
                "GPU": _OPENVINO_FORMATS,
                "NPU": ("int4", "int8", "fp16"),
                "AUTO": _OPENVINO_FORMATS,
            },
            refuses={
                "NPU": "optimum-intel asks for dynamic shapes, which an NPU cannot run; openvino-genai has a pipeline "
                "of its own for the NPU"
            },
            scores=("CPU", "GPU", "AUTO"),
            timed=TimedRegion(setup="generate", prompt_logits="all", loop="generate", kv_cache="f16"),
            default_precisions=("int4", "int8", "fp32"),
            default_on={"intel-gpu": "GPU"},
            batches=True,
            options={
                "kv_cache_precision": _KV_CACHE,
                "inference_precision": _INFERENCE_PRECISION,
                "dynamic_quantization_group_size": _DYNAMIC_QUANTIZATION,
                "compile_cache": _COMPILE_CACHE,
                "recipe": _RECIPE,
            },
        ),
        BackendSpec(
            name="npu",
            target="backends.npu:IntelNpuLibrary",
            group="npu",
            artifact_format="huggingface",
            devices={"NPU": ("int4", "int8", "fp16")},
            scores=("NPU",),
            timed=TimedRegion(setup="new cache", prompt_logits="last", loop="bare", kv_cache="weights"),
            default_precisions=("int4", "int8", "fp16"),
            default_on={"intel-npu": "NPU"},
            tested_on=(),
            tested_if_installed=("NPU",),
            made_on_load={"int4": ORIGINAL, "int8": ORIGINAL, "fp16": ORIGINAL},
        ),
        BackendSpec(
            name="transformers",
            target="backends.hf_transformers:Transformers",
            group="transformers",
            artifact_format="huggingface",
            devices={"CPU": _TORCH_FORMATS, "CUDA": _TORCH_FORMATS, "XPU": _TORCH_FORMATS},
            scores=("CPU", "CUDA", "XPU"),
            timed=TimedRegion(setup="new cache", prompt_logits="last", loop="bare", kv_cache="weights"),
            default_precisions=("fp32",),
            by_default=True,
            made_on_load={"int8": ORIGINAL},
            reads_quantized=("torchao Int8WeightOnlyConfig",),
            prefix_cache=PrefixCache(devices=("CPU", "CUDA", "XPU")),
            batches=True,
        ),
        BackendSpec(
            name="llama-cpp",
            target="backends.llama_cpp:LlamaCpp",
            group="llama-cpp",
            artifact_format="gguf",
            devices={"CPU": _GGUF_FORMATS, "VULKAN": _GGUF_FORMATS},
            groups={"VULKAN": "llama-cpp-vulkan"},
            scores=("CPU", "VULKAN"),
            timed=_LLAMA_CPP,
            default_precisions=("int4", "int8", ORIGINAL),
            default_on=dict.fromkeys(("intel-gpu", "nvidia-gpu", "amd-gpu", "directx-gpu"), "VULKAN"),
            # Not every Python that runs the tests has a wheel of it.
            tested_on=(),
            tested_if_installed=("CPU", "VULKAN.LLVMPIPE"),
            batches=True,
            prefix_cache=PrefixCache(devices=("CPU", "VULKAN")),
            options=_LLAMA_CPP_OPTIONS,
        ),
        BackendSpec(
            name="llama-cpp-python",
            target="backends.llama_cpp_python:LlamaCppPython",
            group="llama-cpp-python",
            artifact_format="gguf",
            devices={"CPU": _GGUF_FORMATS},
            scores=("CPU",),
            timed=_LLAMA_CPP,
            default_precisions=("int4", "int8", ORIGINAL),
            # It is compiled.
            tested_on=(),
            tested_if_installed=("CPU",),
            batches=True,
            prefix_cache=PrefixCache(devices=("CPU",)),
            options=_LLAMA_CPP_OPTIONS,
        ),
        BackendSpec(
            name="simulated",
            target="backends.simulated:Simulated",
            group=None,
            artifact_format="none",
            devices=dict.fromkeys(("CPU", "GPU", "NPU"), PRECISIONS[:-1]),
            default_precisions=("int4", "int8", "fp32"),
            batches=True,
            scores=("CPU", "GPU", "NPU"),
            simulated=True,
            prefix_cache=PrefixCache(devices=("CPU", "GPU")),
            options={
                "ttft_ms": OptionSpec(
                    None, "time to first token; without it 0.05 ms per prompt token, more at wider formats"
                ),
                "itl_ms": OptionSpec(None, "time between tokens; without it 2 ms, more at wider formats"),
                "series_ms": OptionSpec(
                    "", "latencies to play in turn, as 'ttft;itl;itl;…', repeated from the second on"
                ),
                **{part.name: OptionSpec(getattr(Noise(), part.name), part.metadata["help"]) for part in fields(Noise)},
                "seed": OptionSpec(0, "seed of the noise within a process; -1 draws one per process"),
                "process_seed": OptionSpec(-1, "seed of the noise between processes; -1 draws one per process"),
                "run_seed": OptionSpec(-1, "seed of the noise between runs; -1 draws one per run"),
                "load_ms": OptionSpec(0.0, "time that a load takes"),
                "fail_load": OptionSpec("", "message of an error that the load raises"),
                "fail_at": OptionSpec(-1, "step at which the generation raises, counted from 0"),
                "hang_at": OptionSpec(-1, "step at which the generation hangs"),
                "crash_at": OptionSpec(-1, "step at which the process dies"),
                "only_prompt_tokens": OptionSpec(
                    0, "prompt length at which the failures above happen; 0 means at each"
                ),
                "extra_tokens": OptionSpec(0, "steps more (or, negative, fewer) than asked for"),
                "perplexity_ratio": OptionSpec(
                    None, "perplexity over that of a load with a ratio of 1; without it no perplexity is played"
                ),
                "perplexity_spread": OptionSpec(
                    0.0, "relative standard deviation of that ratio between texts (log-normal, by seed)"
                ),
                "broken_from": OptionSpec(-1, "position of a text from which on all tokens are equally unlikely"),
            },
        ),
    )
}
