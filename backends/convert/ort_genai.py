"""A Hugging Face directory to an ONNX Runtime GenAI model, by onnxruntime-genai's own builder."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

from backends.convert.as_stored import refuse_incomplete
from backends.convert.failure import ConversionError
from backends.convert.onnx_weights import weights_of


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Build the model in ``output`` from the directory ``source``.

    Args:
        source: a Hugging Face directory.
        output: an empty folder.
        options: ``arguments``, what ``onnxruntime_genai.models.builder`` is given beside the folders. They are the
            recipe.

    Returns:
        what :func:`backends.convert.onnx_weights.weights_of` counts in the result.

    Raises:
        ConversionError: weights are missing from ``source``, or the builder wrote no model, which its exit status does
            not tell.
    """
    refuse_incomplete()
    scratch = output.parent / "builder-cache"
    sys.argv = ["builder", "-i", source, "-o", str(output), "-c", str(scratch), *options["arguments"]]
    runpy.run_module("onnxruntime_genai.models.builder", run_name="__main__", alter_sys=True)
    shutil.rmtree(scratch, ignore_errors=True)
    for file in ("model.onnx", "genai_config.json"):
        if not (output / file).is_file():
            raise ConversionError(f"the builder wrote no {file}: the model's architecture may be unknown to it")
    return weights_of(output / "model.onnx")
