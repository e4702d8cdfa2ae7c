"""What the harness has to know about an inference stack without importing it.

A backend of this project is an entry of :data:`backends.table.BACKENDS`. A package of somebody else offers a
:class:`BackendSpec` through the entry point :data:`ENTRY_POINT`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ENTRY_POINT = "aipc_bench.backends"
"""The group of entry points that third parties offer a :class:`BackendSpec` through."""

ARTIFACT_FORMATS = ("none", "huggingface", "openvino-ir", "ort-genai", "gguf")
"""What the prepare stage can make; ``none`` needs no model at all."""

PREFIX_CACHING = "prefix_caching"
"""The load option that is ``"on"`` for the loads that have a stack's prefix cache, and absent from all others."""

ORIGINAL = "original"
"""The weight format of a model that is taken as it is: a GGUF's own, or that of a ready-made artifact."""

PRECISIONS = ("int4", "int8", "fp16", "bf16", "fp32", ORIGINAL)
"""Every weight format that some backend takes, narrowest first."""

OPENVINO_PROVIDERS = ("OPENVINO", "OVEP")
"""Device families whose names go on with one of OpenVINO's own: ONNX Runtime's build with OpenVINO, and its plugin."""

Hardware = Literal["intel-gpu", "nvidia-gpu", "amd-gpu", "directx-gpu", "intel-npu"]
"""What the system lists of accelerators, as far as a default depends on it; ``directx-gpu`` is any GPU on Windows."""


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """A load option of a backend. The default's type is the option's type.

    Args:
        devices: device families that it belongs to; empty for all. On others it is no part of a load.
        precisions: weight formats that it belongs to; empty for all.
        follows: the axis that its default is taken from, so that loads split by it; a default of an NPU's padded
            prompt length is that of the cell.
        step: what such a default is rounded up to a multiple of.
        choices: all values that there are; empty where there are too many to name.
    """

    default: str | int | float | bool | None
    help: str
    devices: tuple[str, ...] = ()
    follows: Literal["prompt_tokens", "new_tokens"] | None = None
    step: int = 1
    precisions: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    def applies_to(self, device: str, precision: str) -> bool:
        """Whether a load on ``device`` in ``precision`` has this option."""
        return (not self.devices or family(device) in self.devices) and (
            not self.precisions or precision in self.precisions
        )

    def value_for(self, shape: Mapping[str, int]) -> str | int | float | bool | None:
        """The default for a request of ``shape`` (``prompt_tokens`` and ``new_tokens``)."""
        if self.follows is None:
            return self.default
        return -(-shape[self.follows] // self.step) * self.step


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """A stack's memory of how earlier prompts began.

    It is off, so that no repeat is taken for a first ask, but for the loads that are asked the same prompt again on
    purpose, or the next message of a chat. It is no option that a user sets: what was measured with it would be taken
    for something else.

    Args:
        devices: device families that have such a cache.
        needs: load options without whose values there is none.
    """

    devices: tuple[str, ...]
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimedRegion:
    """What a stack does between the request and its tokens, where stacks differ; each is a code that the report words.

    Args:
        setup: of a request, within its TTFT: ``scheduler`` a request is queued and KV-cache blocks are taken as
            needed; ``generator`` a generator is made with the KV cache of the whole answer; ``generate`` the settings
            of a call are copied and checked, and the model's state is reset; ``clear`` the KV cache of the request
            before is marked empty; ``new cache`` an empty KV cache is made, which each step enlarges.
        prompt_logits: ``last``: the output layer runs for the last position of a prompt; ``all``: for every position,
            so that the prefill is longer and holds logits of prompt tokens times vocabulary; ``artifact``: as the model
            was exported, those made by this project for the last alone.
        loop: what goes from one step to the next: ``native`` compiled code of the stack, which calls back per token;
            ``generate`` the Python function that the stack's users call; ``steps`` a loop of this project, for a stack
            whose interface is a single step; ``bare`` a loop of this project in place of the stack's own ``generate``.
        kv_cache: its type unless a load option says otherwise: ``f16``; ``model`` that of the exported graph, f32 on a
            CPU; ``weights`` the type that the weights are loaded in.
    """

    setup: Literal["scheduler", "generator", "generate", "clear", "new cache"]
    prompt_logits: Literal["last", "all", "artifact"]
    loop: Literal["native", "generate", "steps", "bare"]
    kv_cache: Literal["f16", "model", "weights"]


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A backend as the plan sees it.

    Args:
        target: ``module:Class``, imported in the worker only.
        group: the dependency group of ``pyproject.toml`` that its venv is made from; ``None`` runs in the harness venv.
        devices: device family -> the weight formats it can be asked for there.
        default_precisions: what a sweep without ``--precision`` asks for, as far as a device takes them.
        groups: device family -> its own dependency group, where that differs from ``group``.
        by_default: whether a sweep without ``--backend`` measures it; for backends of this project.
        default_on: hardware that the system lists -> the device that a sweep without ``--device`` then asks for too.
        made_on_load: weight format -> format of the artifact that it is made from while loading.
        reads_quantized: the ways of quantization in which it loads a Hugging Face folder as it is, see
            :func:`backends.hf_weights.quantization_of`.
        refuses: device family -> why this stack cannot run there, whatever the machine has.
        scores: device families on which the stack tells what a model thinks of given tokens, see
            :class:`backends.contract.ScoringSession`.
        profiled: device families on which the stack's own profile tells where the work is placed.
        tested_on: devices that the contract suite loads it on, in venvs that ``nox -s tests`` makes: what installs
            without a compiler and runs without a GPU or NPU.
        tested_if_installed: further ones that it is loaded on where somebody has made their venv.
        simulated: its latencies are played, not measured; every row says so.
        prefix_cache: what lets a repeated prompt be answered from memory; ``None`` for a stack without that.
        requirements: what a third party's worker venv is made from, in place of ``group``.
        timed: what is inside the timed region; ``None`` where that is not described.
    """

    name: str
    target: str
    group: str | None
    artifact_format: str
    devices: Mapping[str, tuple[str, ...]]
    default_precisions: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)
    by_default: bool = False
    default_on: Mapping[Hardware, str] = field(default_factory=dict)
    made_on_load: Mapping[str, str] = field(default_factory=dict)
    reads_quantized: tuple[str, ...] = ()
    refuses: Mapping[str, str] = field(default_factory=dict)
    scores: tuple[str, ...] = ()
    profiled: tuple[str, ...] = ()
    tested_on: tuple[str, ...] = ("CPU",)
    tested_if_installed: tuple[str, ...] = ()
    batches: bool = False
    simulated: bool = False
    options: Mapping[str, OptionSpec] = field(default_factory=dict)
    prefix_cache: PrefixCache | None = None
    requirements: tuple[str, ...] = ()
    timed: TimedRegion | None = None

    def precisions(self, device: str) -> tuple[str, ...] | None:
        """The weight formats that ``device`` can be asked for; ``None`` for a device that this stack does not know."""
        return self.devices.get(device) or self.devices.get(family(device))

    def group_for(self, device: str) -> str | None:
        """The dependency group of the venv that runs on ``device``; ``None`` for the harness venv."""
        if self.requirements:
            return f"plugin-{self.name}"
        return self.groups.get(family(device), self.group)

    def stored_precision(self, precision: str) -> str:
        """The weight format of the artifact that a load in ``precision`` reads."""
        return self.made_on_load.get(precision, precision)

    def load_options(
        self, device: str, precision: str, shape: Mapping[str, int], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The options of a load: the defaults that belong to ``device`` and ``precision``, and what the user gave.

        An option whose default is empty leaves the choice to the stack, and is part of a load only where it is given.
        """
        defaults = {
            name: value
            for name, option in self.options.items()
            if option.applies_to(device, precision) and not self.simulated and (value := option.value_for(shape)) != ""
        }
        applying = {name: value for name, value in given.items() if self.options[name].applies_to(device, precision)}
        return {**defaults, **applying}


def caching_options(spec: BackendSpec, device: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The ``options`` of a load with the stack's prefix cache on; ``None`` where there is none."""
    cache = spec.prefix_cache
    if cache is None or family(device) not in cache.devices:
        return None
    if any(options.get(name) != value for name, value in cache.needs.items()):
        return None
    return {**options, PREFIX_CACHING: "on"}


def family(device: str) -> str:
    """``GPU`` of ``GPU.1``, ``OPENVINO`` of ``OPENVINO.CPU``."""
    return device.partition(".")[0]


def names_for(device: str) -> tuple[str, ...]:
    """The names by which a stack may list what ``device`` asks for, the likeliest first.

    ``GPU`` is met by ``GPU.0``, and ``GPU.0`` by ``GPU``, as OpenVINO calls a sole one. ``OPENVINO`` means its CPU.
    """
    wanted = f"{device}.CPU" if device in OPENVINO_PROVIDERS else device
    sole = (wanted.removesuffix(".0"),) if wanted.endswith("GPU.0") else ()
    return (wanted, f"{wanted}.0", *sole)


def name_among(device: str, listed: Collection[str]) -> str | None:
    """The name in ``listed`` that is what ``device`` asks for; ``None`` if there is none."""
    return next((name for name in names_for(device) if name in listed), None)


def hardware_of(device: str) -> Literal["CPU", "GPU", "NPU"] | None:
    """The kind of hardware whose counters move if work runs on ``device``; ``None`` where the name leaves it open."""
    kind, _, rest = device.partition(".")
    if kind in OPENVINO_PROVIDERS:
        return hardware_of(rest or "CPU")
    if kind in ("GPU", "DML", "WINML", "CUDA", "XPU"):
        return "GPU"
    if kind == "VULKAN":
        # GPUs are numbered; a software device, which computes on the CPU, has a name: VULKAN.LLVMPIPE.
        return "CPU" if rest and not rest.isdigit() else "GPU"
    if kind == "CPU":
        return "CPU"
    return "NPU" if kind == "NPU" else None
