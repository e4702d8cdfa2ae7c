"""Hugging Face folders of a few bytes, and with something wrong in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


def write_weights(file: Path, tensors: Mapping[str, Any], kind: str = "F32") -> None:
    """A safetensors file with the arrays ``tensors``, stored as ``kind``: bytes, but for ``F32`` and ``I32``."""
    stored = {"F32": "<f4", "I32": "<i4"}.get(kind, "u1")
    values = {name: np.asarray(array).astype(stored) for name, array in tensors.items()}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, array in values.items():
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header).encode()
    data = b"".join(array.tobytes() for array in values.values())
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_index(folder: Path, placed: Mapping[str, str]) -> None:
    """The index of ``folder``: name of each tensor -> its file."""
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(placed)}), "utf-8")


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


@contextmanager
def with_weights(folder: Path, copy: Path, changes: Mapping[str, Callable[[Any], Any]]) -> Iterator[Path]:
    """A copy of ``folder``, of fp32 weights, for as long as it is needed, with some of them changed.

    Args:
        changes: key of a weight -> what makes another flat float array of its one.
    """
    shutil.copytree(folder, copy)
    try:
        found = [key for file in copy.glob("*.safetensors") for key in _changed(file, changes)]
        assert sorted(found) == sorted(changes)
        yield copy
    finally:
        shutil.rmtree(copy)


def _changed(path: Path, changes: Mapping[str, Callable[[Any], Any]]) -> Iterator[str]:
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        for key in changes.keys() & header.keys():
            assert header[key]["dtype"] == "F32"
            begin, end = header[key]["data_offsets"]
            file.seek(8 + length + begin)
            values = np.frombuffer(file.read(end - begin), "<f4")
            file.seek(8 + length + begin)
            file.write(changes[key](values).astype("<f4").tobytes())
            yield key
