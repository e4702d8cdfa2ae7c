"""A Hugging Face directory to OpenVINO IR, by optimum-intel's own exporter."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from optimum.commands.optimum_cli import main

from backends.convert import ConversionError
from backends.convert.as_stored import refuse_incomplete
from backends.convert.openvino_weights import weights_of


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Export the directory ``source``, tokenizer included, with ``options["arguments"]``, which are the recipe."""
    refuse_incomplete()
    sys.argv = ["optimum-cli", "export", "openvino", "--model", source, *options["arguments"], str(output)]
    main()
    model = output / "openvino_model.xml"
    if not model.is_file():
        raise ConversionError("optimum-cli wrote no openvino_model.xml: the model's architecture may be unknown to it")
    return weights_of(model)
