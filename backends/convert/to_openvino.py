"""A Hugging Face directory to OpenVINO IR, by optimum-intel's own exporter."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from optimum.commands.optimum_cli import main

from backends.convert import ConversionError
from backends.convert.as_stored import refuse_incomplete
from backends.convert.openvino_weights import weights_of

_MODEL = "openvino_model"
_SHORTEST_SAMPLE = 200
"""Characters; shorter paragraphs say little of how a model's activations are distributed."""


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Export the directory ``source``, tokenizer included, with ``options["arguments"]``, which are the recipe.

    With ``options["calibrated"]``, arguments of ``OVWeightQuantizationConfig``, NNCF then compresses the exported
    weights so that they fit what the model computes for the texts in the files ``options["corpus"]``.
    """
    refuse_incomplete()
    calibrated = options.get("calibrated")
    exported = output.parent / "exported" if calibrated else output
    sys.argv = ["optimum-cli", "export", "openvino", "--model", source, *options["arguments"], str(exported)]
    main()
    if not (exported / f"{_MODEL}.xml").is_file():
        raise ConversionError("optimum-cli wrote no openvino_model.xml: the model's architecture may be unknown to it")
    if calibrated:
        _compress(exported, output, calibrated, [Path(file).read_text("utf-8") for file in options["corpus"]])
    return weights_of(output / f"{_MODEL}.xml")


def _compress(exported: Path, output: Path, settings: dict[str, Any], texts: list[str]) -> None:
    from optimum.intel import OVModelForCausalLM, OVWeightQuantizationConfig  # noqa: PLC0415 - few recipes need it

    pieces = [piece for text in texts for piece in text.split("\n\n") if len(piece) >= _SHORTEST_SAMPLE]
    config = OVWeightQuantizationConfig(**settings, dataset=pieces, tokenizer=str(exported), num_samples=len(pieces))
    model = OVModelForCausalLM.from_pretrained(
        exported, quantization_config=config, compile=False, export=False, local_files_only=True
    )
    model.save_pretrained(output)
    for file in exported.iterdir():
        if file.stem != _MODEL and not (output / file.name).exists():
            shutil.copy2(file, output)
    shutil.rmtree(exported)
