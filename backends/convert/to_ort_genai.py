"""A Hugging Face directory to an ONNX Runtime GenAI model, by onnxruntime-genai's own builder."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

from backends.convert import ConversionError
from backends.convert.as_stored import refuse_incomplete
from backends.convert.onnx_weights import weights_of


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Build a model from the directory ``source`` with ``options["arguments"]``, which are the recipe."""
    refuse_incomplete()
    scratch = output.parent / "builder-cache"
    sys.argv = ["builder", "-i", source, "-o", str(output), "-c", str(scratch), *options["arguments"]]
    runpy.run_module("onnxruntime_genai.models.builder", run_name="__main__", alter_sys=True)
    shutil.rmtree(scratch, ignore_errors=True)
    # Its exit status does not tell whether it wrote a model.
    for file in ("model.onnx", "genai_config.json"):
        if not (output / file).is_file():
            raise ConversionError(f"the builder wrote no {file}: the model's architecture may be unknown to it")
    return weights_of(output / "model.onnx")
