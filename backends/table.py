"""The table of backends: what the harness has to know about a stack without importing it.

Adding a backend:

1. write ``backends/<stack>.py`` with a class that satisfies :class:`backends.contract.Backend`;
2. add its packages as a dependency group to ``pyproject.toml``;
3. add one line to :data:`BACKENDS`, and run ``nox -s tests -- -k contract``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ARTIFACT_FORMATS = ("none", "huggingface", "openvino-ir", "ort-genai")
"""What the prepare stage can make; ``none`` needs no model at all."""


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """A load option of a backend: its default and what it is for. The default's type is the option's type."""

    default: str | int | float | bool | None
    help: str


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A backend as the plan sees it.

    Args:
        name: how a user names it.
        target: ``module:Class``, imported in the worker only.
        group: the dependency group of ``pyproject.toml`` that its venv is made from; ``None`` runs in the harness venv.
        artifact_format: one of :data:`ARTIFACT_FORMATS`.
        devices: device -> the weight formats it can be asked for there; ``GPU`` stands for ``GPU.0``, ``GPU.1``, … too.
        default_precisions: what a sweep without ``--precision`` asks for, on the CPU.
        batches: whether it streams batches larger than one.
        not_yet: device -> why it is not measured there yet, though the stack could.
        simulated: its latencies are played, not measured; every row says so.
        options: the load options that it takes.
    """

    name: str
    target: str
    group: str | None
    artifact_format: str
    devices: Mapping[str, tuple[str, ...]]
    default_precisions: tuple[str, ...]
    not_yet: Mapping[str, str] = field(default_factory=dict)
    batches: bool = False
    simulated: bool = False
    options: Mapping[str, OptionSpec] = field(default_factory=dict)

    def precisions(self, device: str) -> tuple[str, ...] | None:
        """The weight formats that ``device`` can be asked for; ``None`` for a device that this stack does not know."""
        return self.devices.get(device.partition(".")[0])


PRECISIONS = ("int4", "int8", "fp16", "bf16", "fp32")
"""Every weight format that some backend takes, narrowest first."""

_OPENVINO_FORMATS = ("int4", "int8", "fp16", "fp32")

BACKENDS: dict[str, BackendSpec] = {
    spec.name: spec
    for spec in (
        BackendSpec(
            name="openvino-genai",
            target="backends.openvino_genai:OpenVinoGenAI",
            group="openvino-genai",
            artifact_format="openvino-ir",
            devices={"CPU": _OPENVINO_FORMATS, "GPU": _OPENVINO_FORMATS},
            not_yet={"NPU": "it pads prompts there, so that a time to first token would be that of a longer prompt"},
            default_precisions=("int4", "int8", "fp32"),
            options={
                "attention_backend": OptionSpec("PA", "attention implementation: PA (paged attention) or SDPA"),
                "kv_cache_precision": OptionSpec(
                    None, "type of the KV cache, e.g. f16 or u8; without it OpenVINO chooses by weight format"
                ),
            },
        ),
        BackendSpec(
            name="ort-genai",
            target="backends.ort_genai:OrtGenAI",
            group="ort-genai",
            artifact_format="ort-genai",
            devices={"CPU": ("int4", "int8", "fp16", "fp32")},
            default_precisions=("int4", "int8", "fp32"),
            batches=True,
        ),
        BackendSpec(
            name="transformers",
            target="backends.hf_transformers:Transformers",
            group="transformers",
            artifact_format="huggingface",
            devices={"CPU": ("fp32", "bf16", "fp16")},
            default_precisions=("fp32",),
            batches=True,
        ),
        BackendSpec(
            name="simulated",
            target="backends.simulated:Simulated",
            group=None,
            artifact_format="none",
            devices={"CPU": PRECISIONS, "GPU": PRECISIONS, "NPU": PRECISIONS},
            default_precisions=("int4", "int8", "fp32"),
            batches=True,
            simulated=True,
            options={
                "ttft_ms": OptionSpec(
                    None, "time to first token; without it 0.05 ms per prompt token, more at wider formats"
                ),
                "itl_ms": OptionSpec(None, "time between tokens; without it 2 ms, more at wider formats"),
                "series_ms": OptionSpec(
                    "", "latencies to play in turn, as 'ttft;itl;itl;…', repeated from the second on"
                ),
                "spread": OptionSpec(0.0, "relative standard deviation of each step (log-normal, by seed)"),
                "process_spread": OptionSpec(
                    0.0, "relative standard deviation between processes (log-normal, by seed)"
                ),
                "seed": OptionSpec(0, "seed of the noise within a process"),
                "process_seed": OptionSpec(-1, "seed of the noise between processes; -1 draws one per process"),
                "load_ms": OptionSpec(0.0, "time that a load takes"),
                "fail_load": OptionSpec("", "message of an error that the load raises"),
                "fail_at": OptionSpec(-1, "step at which the generation raises, counted from 0"),
                "hang_at": OptionSpec(-1, "step at which the generation hangs"),
                "crash_at": OptionSpec(-1, "step at which the process dies"),
                "only_prompt_tokens": OptionSpec(
                    0, "prompt length at which the failures above happen; 0 means at each"
                ),
                "extra_tokens": OptionSpec(0, "steps more (or, negative, fewer) than asked for"),
            },
        ),
    )
}
