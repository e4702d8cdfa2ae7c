"""Hugging Face folders with something wrong in them."""

from __future__ import annotations

import shutil
from pathlib import Path


def lacking_a_weight(folder: Path, copy: Path, key: str) -> Path:
    """A copy of ``folder`` in which the weight ``key`` has a name that nobody asks for."""
    shutil.copytree(folder, copy)
    other = "x" * len(key)
    for file in copy.glob("*.safetensors*"):
        data = file.read_bytes()
        if key.encode() in data:
            # The names stand in the header, whose length must not change.
            file.write_bytes(data.replace(key.encode(), other.encode(), 1))
    return copy
