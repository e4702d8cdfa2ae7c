"""Where the libraries lie that a provider of ONNX Runtime loads and its package does not carry."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

PLUGIN = "OpenVINOExecutionProvider"
"""The name that GenAI looks a registered OpenVINO provider up by."""


def make_findable(kind: str | None) -> None:
    """Let the provider of the device family ``kind`` find what it loads. Called before the first model is loaded.

    On Windows ONNX Runtime's OpenVINO package leaves OpenVINO to the package ``openvino``; on Linux it carries it.
    NVIDIA's libraries come as packages of their own on both, and ONNX Runtime's module knows how to load them.
    """
    if kind == "CUDA":
        import_module("onnxruntime").preload_dlls()
    if kind == "OPENVINO" and sys.platform == "win32":
        add_to_search(openvino_libraries())


def plugin_library() -> str:
    """The library of ONNX Runtime's OpenVINO plugin, which is registered under :data:`PLUGIN` before a model is loaded.

    GenAI and ONNX Runtime's own module keep lists of their own, so each is told.
    """
    return str(import_module("onnxruntime_ep_openvino").get_library_path())


def openvino_libraries() -> Path | None:
    """The folder of OpenVINO's libraries in the package ``openvino``; ``None`` where it is not installed."""
    found = find_spec("openvino")
    folders = [] if found is None else [Path(place) / "libs" for place in found.submodule_search_locations or ()]
    return next((folder for folder in folders if folder.is_dir()), None)


def add_to_search(folder: Path | None) -> None:
    """Have Windows look for libraries in ``folder`` too, by either of its two ways to search."""
    if folder is None:
        return
    os.environ["PATH"] = os.pathsep.join((str(folder), os.environ.get("PATH", "")))
    if sys.platform == "win32":
        os.add_dll_directory(str(folder))
