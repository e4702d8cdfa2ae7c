"""A Hugging Face directory to an ONNX Runtime GenAI model, by onnxruntime-genai's own builder."""

from __future__ import annotations

import importlib
import json
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import onnxruntime_genai.models  # noqa: F401 - it puts its own folder on the path, and takes its modules from there

from backends.contract import installed_versions
from backends.convert import ConversionError, RefusedError
from backends.convert.as_stored import refuse_incomplete
from backends.convert.onnx_weights import weights_of

_UNKNOWN = "is not currently supported."
"""What the builder's error ends in where it knows no such architecture, which it finds out before it reads weights."""


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Build a model from the directory ``source`` with ``options["arguments"]``, which are the recipe."""
    refuse_incomplete()
    _take_rotary_by_layer()
    scratch = output.parent / "builder-cache"
    sys.argv = ["builder", "-i", source, "-o", str(output), "-c", str(scratch), *options["arguments"]]
    try:
        runpy.run_module("onnxruntime_genai.models.builder", run_name="__main__", alter_sys=True)
    except NotImplementedError as error:
        if not str(error).endswith(_UNKNOWN):
            raise
        raise RefusedError(_refusal(Path(source))) from error
    shutil.rmtree(scratch, ignore_errors=True)
    # Its exit status does not tell whether it wrote a model.
    for file in ("model.onnx", "genai_config.json"):
        if not (output / file).is_file():
            raise ConversionError(f"the builder wrote no {file}: the model's architecture may be unknown to it")
    return weights_of(output / "model.onnx")


def _take_rotary_by_layer() -> None:
    """Have the builder read Gemma 3's rotary settings, which transformers 5 keeps for each kind of layer.

    The builder looks for those of transformers 4: one base for all layers, and another one for layers with a window.
    """
    gemma_3 = importlib.import_module("builders.gemma").Gemma3Model
    read = gemma_3.make_config_init

    def make_config_init(self: Any, config: Any) -> None:
        by_layer = dict(config.get_text_config().rope_parameters)
        read(self, config)
        if type(self) is gemma_3 and "sliding_attention" in by_layer:
            config.rope_parameters = by_layer["full_attention"]
            config.rope_theta = by_layer["full_attention"]["rope_theta"]
            config.rope_local_base_freq = by_layer["sliding_attention"]["rope_theta"]

    gemma_3.make_config_init = make_config_init


def _refusal(folder: Path) -> str:
    named = json.loads((folder / "config.json").read_text("utf-8")).get("architectures") or ["unnamed"]
    builder = f"onnxruntime-genai {installed_versions('onnxruntime-genai')['onnxruntime-genai']}"
    return (
        f"{builder} builds no {named[0]} models: choose another stack for this model, or give an ONNX Runtime GenAI "
        "model of it"
    )
