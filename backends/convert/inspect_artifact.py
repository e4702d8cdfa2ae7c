"""What a ready-made artifact is made of, read from the artifact itself; nothing is written."""

import json
from pathlib import Path
from typing import Any

from backends.convert import ConversionError
from backends.hf_folder import context_tokens, text_settings


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Count the weights of ``source``, an artifact of the format ``options["format"]``, and read its limits.

    The facts have ``context_tokens`` and ``vocab_size`` too, ``None`` where the artifact does not tell.
    """
    del output
    if options["format"] == "gguf":
        from backends.convert.gguf_file import weights_of  # noqa: PLC0415 - one reader, one stack

        return weights_of(Path(source))
    return {"openvino-ir": _openvino, "ort-genai": _ort}[options["format"]](Path(source))


def _openvino(folder: Path) -> dict[str, Any]:
    from backends.convert.openvino_weights import weights_of  # noqa: PLC0415 - one reader, one stack

    model = folder / "openvino_model.xml"
    try:
        counted = weights_of(model)
    except RuntimeError as error:
        raise ConversionError(
            f"{folder.name}/openvino_model.xml cannot be read with its weights, which may be cut off: export it again"
        ) from error
    try:
        text = text_settings(json.loads((folder / "config.json").read_text("utf-8")))
    except (OSError, ValueError):
        text = {}
    return {**counted, "context_tokens": context_tokens(text), "vocab_size": text.get("vocab_size")}


def _ort(folder: Path) -> dict[str, Any]:
    from backends.convert.onnx_weights import weights_of  # noqa: PLC0415 - one reader, one stack

    settings = json.loads((folder / "genai_config.json").read_text("utf-8"))["model"]
    file = folder / settings.get("decoder", {}).get("filename", "model.onnx")
    if not file.is_file():
        raise ConversionError(f"{folder.name} names {file.name} as its decoder and does not hold it: build it again")
    return {
        **weights_of(file),
        "context_tokens": settings.get("context_length"),
        "vocab_size": settings.get("vocab_size"),
    }
