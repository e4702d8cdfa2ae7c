"""A Hugging Face directory in another floating-point format, for stacks that read such directories themselves."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from backends.hf_weights import source_files, stored_tensors

TORCH_NAMES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Copy the directory ``source`` with every float weight in ``options["precision"]``, one file at a time."""
    name = TORCH_NAMES[options["precision"]]
    dtype = getattr(torch, name)
    folder = Path(source)
    held = stored_tensors(folder)
    for file in source_files(folder):
        if file.suffix == ".safetensors":
            tensors = {
                key: value.to(dtype) if value.is_floating_point() else value
                for key, value in load_file(file).items()
                if key in held and held[key].file == file
            }
            save_file(tensors, output / file.name, metadata={"format": "pt"})
        else:
            shutil.copyfile(file, output / file.name)
    config = json.loads((output / "config.json").read_text("utf-8"))
    config.pop("torch_dtype", None)  # transformers 4's name for it
    config["dtype"] = name
    (output / "config.json").write_text(json.dumps(config, indent=2), "utf-8", newline="\n")
    return {}
