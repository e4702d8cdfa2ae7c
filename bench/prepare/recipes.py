"""How each artifact is made: everything that changes the result, in plain values that go into its digest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backends.spec import ORIGINAL
from bench.errors import UsageError
from bench.prepare.model_facts import ModelFacts

RECIPE_VERSION = 1
"""Raised when a converter of ours changes its result, so that what was made before is made again."""

_GGUF_WRITER = 2
"""Raised when our own writer of GGUF files changes what it writes, so that these alone are made again."""

GROUP_SIZES = (128, 64, 32)
PER_CHANNEL = -1

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "cast": ("torch", "safetensors"),
    "gguf": ("gguf", "safetensors", "tokenizers", "torch", "transformers"),
    "gguf-as-is": (),
    "gguf-tokenizer": ("gguf", "tokenizers", "transformers"),
    "hub": (),
    "hub-lookup": (),
    "inspect": ("gguf", "onnx", "openvino"),
    "openvino-ir": ("nncf", "openvino", "openvino-tokenizers", "optimum", "optimum-intel", "torch", "transformers"),
    "ort-genai": ("onnx", "onnx-ir", "onnxruntime", "onnxruntime-genai", "torch", "transformers"),
    "prompts": ("tokenizers", "transformers"),
    "reference": ("numpy", "safetensors", "torch", "transformers"),
    "synthetic": ("numpy", "safetensors", "tokenizers", "torch", "transformers"),
    "to-gguf": ("gguf", "numpy", "torch", "transformers"),
}
"""Converter task -> the packages whose version can change what it makes."""

_PROVIDERS = {"CPU": "cpu", "OPENVINO": "cpu", "OVEP": "cpu", "DML": "dml", "WINML": "dml", "CUDA": "cuda"}
"""Device family of ONNX Runtime GenAI -> the builder's provider, which decides the graph."""

_FORMATS = ("int4", "int8", "fp16", "fp32")

_MIXED = {"matmul_mixed_precision": "last_matmul:int8,mixed_layers:int8"}
"""int8 for the output layer and for the layers that llama.cpp's mixtures keep wider."""

INT4: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "openvino-ir": {
        "awq": {"ratio": 1.0, "awq": True},
        "plain": {"ratio": 1.0},
        "calibrated": {"ratio": 1.0, "calibrated": True},
        "document": {"ratio": 0.6},
    },
    "ort-genai": {
        "mixed": {"algo_config": "rtn", **_MIXED},
        "k-quant-mixed": {"algo_config": "k_quant", **_MIXED},
        "plain": {},
    },
    "gguf": {"plain": {}, "q4_1": {"kind": "q4_1"}},
}
"""Artifact format -> the ways in which int4 weights are made, the default first; see ``docs/quality.md``.

``awq`` scales weights by their own magnitudes, without data; ``calibrated`` by what the model computes for texts of
ours; ``document`` is what the tutorial that this project began with used. ``k-quant-mixed`` takes four times as long to
make as ``mixed``.
"""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts of ours: their digest and their files."""

    digest: str
    files: Sequence[str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One conversion.

    Args:
        task: the converter, a name in ``backends.convert``.
        values: what goes into the digest and the manifest.
        options: what the converter is given beside them, such as paths, which do not change the result.
    """

    task: str
    values: Mapping[str, Any]
    options: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What the artifact's digest sees of the recipe."""
        return {"task": self.task, "recipe_version": RECIPE_VERSION, **self.values}


def recipe_for(
    artifact_format: str, precision: str, device: str, facts: ModelFacts, int4: str = "", corpus: Corpus | None = None
) -> Recipe:
    """The recipe of a model artifact.

    ``int4``: how int4 weights are made, a key of :data:`INT4`; where it is empty, the first of the format, but
    ``plain`` for ONNX Runtime on other devices than the CPU: not every provider has a kernel for its mixture.

    Raises:
        UsageError: no converter makes ``artifact_format`` in ``precision`` for ``device``, or in this way.
    """
    known = INT4.get(artifact_format, {})
    if int4 and int4 not in known:
        raise UsageError(f"int4 weights of {artifact_format} are made as {', '.join(known)}, not as {int4!r}")
    family = device.partition(".")[0]
    default = "plain" if artifact_format == "ort-genai" and family != "CPU" else next(iter(known), "")
    settings = known.get(int4 or default, {}) if precision == "int4" else {}
    if artifact_format == "huggingface":
        _require(precision, ("fp32", "bf16", "fp16"), "a Hugging Face directory")
        return Recipe("cast", {"weight_format": precision}, {"precision": precision})
    if artifact_format == "openvino-ir":
        return _openvino(precision, family, facts, settings, corpus)
    if artifact_format == "ort-genai":
        return _ort(precision, family, facts, settings)
    if artifact_format == "gguf":
        return _gguf(precision, settings)
    raise UsageError(f"no converter makes {artifact_format!r}: choose one of huggingface, {', '.join(INT4)}")


_CHOICES = (
    *("group_size", "symmetric", "ratio", "quant_method", "scale_estimation"),
    *("algo_config", "matmul_mixed_precision", "kind"),
)


def weight_recipe(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What was chosen where an artifact's weights were quantized, e.g. ``group_size`` -> ``64``; empty for floats.

    From its recipe, and of an ONNX model from the quantized products of its graph: ``4+8`` where they differ.
    """
    recipe = manifest.get("recipe") or {}
    values = {**recipe, **recipe.get("extra_options", {}), **recipe.get("calibrated", {})}
    found = {name: str(values[name]).lower() for name in _CHOICES if name in values}
    if "--awq" in recipe.get("arguments", ()):
        found["quant_method"] = "awq"
    blocks = (manifest.get("facts") or {}).get("blocks") or ()
    for name in ("block_size", "accuracy_level"):
        if seen := sorted({block[name] for block in blocks}):
            found[name] = "+".join(map(str, seen))
    return found


def group_size(widths: Sequence[int], device: str) -> int:
    """The largest group that divides every linear layer's input width; -1 (one group per channel) if none does.

    An NPU takes 128 or -1 only.
    """
    sizes = GROUP_SIZES[:1] if device == "NPU" else GROUP_SIZES
    return next((size for size in sizes if all(width % size == 0 for width in widths)), PER_CHANNEL)


def _require(precision: str, formats: Sequence[str], what: str) -> None:
    if precision not in formats:
        raise UsageError(f"{what} cannot be made in {precision}: choose one of {', '.join(formats)}")


def _openvino(precision: str, device: str, facts: ModelFacts, int4: Mapping[str, Any], corpus: Corpus | None) -> Recipe:
    _require(precision, _FORMATS, "OpenVINO models")
    values: dict[str, Any] = {"weight_format": precision}
    arguments = ["--task", "text-generation-with-past", "--weight-format", precision]
    if precision == "int4":
        size, ratio = group_size(facts.linear_widths, device), int4["ratio"]
        values |= {"group_size": size, "symmetric": True, "ratio": ratio}
        if int4.get("calibrated"):
            return _calibrated(values, corpus)
        awq = ["--awq"] if int4.get("awq") else []
        arguments += ["--group-size", str(size), "--ratio", str(ratio), "--sym", *awq]
    elif precision == "int8":
        # An NPU computes with symmetric weights alone.
        symmetric = device == "NPU"
        values |= {"group_size": PER_CHANNEL, "symmetric": symmetric}
        arguments += ["--sym"] if symmetric else []
    return Recipe("openvino-ir", {**values, "arguments": arguments}, {"arguments": arguments})


def _calibrated(values: Mapping[str, Any], corpus: Corpus | None) -> Recipe:
    """Scales by AWQ and scale estimation, from what the model computes for ``corpus``."""
    assert corpus is not None
    arguments = ["--task", "text-generation-with-past", "--weight-format", "fp16"]
    calibrated = {
        "bits": 4,
        "sym": values["symmetric"],
        "group_size": values["group_size"],
        "ratio": values["ratio"],
        "quant_method": "awq",
        "scale_estimation": True,
    }
    identity = {**values, "arguments": arguments, "calibrated": calibrated, "corpus": corpus.digest}
    return Recipe(
        "openvino-ir", identity, {"arguments": arguments, "calibrated": calibrated, "corpus": list(corpus.files)}
    )


def _ort(precision: str, device: str, facts: ModelFacts, int4: Mapping[str, Any]) -> Recipe:
    provider = _PROVIDERS.get(device)
    if provider is None or precision not in _FORMATS:
        raise UsageError(f"ONNX Runtime GenAI models cannot be made in {precision} for {device}: see --help")
    # Without this, ORT would compute the logits of every prompt position, of which it samples the last alone.
    extra = {"prune_lm_head": "true", **int4}
    options = [f"{key}={value}" for key, value in extra.items()]
    arguments = ["-p", precision, "-e", provider, "--extra_options", *options]
    values: dict[str, Any] = {"weight_format": precision, "execution_provider": provider, "extra_options": extra}
    if facts.window_everywhere:
        # Our converter tells the builder which layers have the window, where that is all of them.
        values["windows"] = "every layer"
    return Recipe("ort-genai", {**values, "arguments": arguments}, {"arguments": arguments})


def _gguf(precision: str, int4: Mapping[str, Any]) -> Recipe:
    if precision == ORIGINAL:
        return Recipe("gguf-as-is", {"weight_format": ORIGINAL}, {})
    _require(precision, _FORMATS, "GGUF models")
    values = {"weight_format": precision, **int4}
    return Recipe("to-gguf", {**values, "writer": _GGUF_WRITER}, values)
