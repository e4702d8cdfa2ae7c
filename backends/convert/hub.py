"""A model of the Hugging Face hub, as a directory on this disk.

Unverified: the hub was not reachable where this was written, so only its refusal has been seen to work.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, snapshot_download

from backends.convert import ConversionError

WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.model", "*.txt"]
"""Weights as safetensors only, never pickles, and no code."""

UNWANTED = ["*.py", "onnx/*", "openvino/*", "original/*", "*/*"]


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Download ``source`` (``owner/name``) at ``options["revision"]``, ``None`` for the newest."""
    remedy = "check the id and the network, accept the model's licence on the hub if it asks, or name a local directory"
    try:
        commit = HfApi().model_info(source, revision=options["revision"]).sha
        snapshot_download(source, revision=commit, local_dir=output, allow_patterns=WANTED, ignore_patterns=UNWANTED)
    except Exception as error:
        raise ConversionError(f"{source} cannot be downloaded ({type(error).__name__}): {remedy}") from error
    shutil.rmtree(output / ".cache", ignore_errors=True)
    if not any(output.glob("*.safetensors")):
        raise ConversionError(f"{source} has no safetensors on the hub: choose a model that has")
    return {"commit": commit}
