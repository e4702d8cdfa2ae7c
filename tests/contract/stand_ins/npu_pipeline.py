"""OpenVINO GenAI's NPU pipeline with all of its work handed to the CPU: what a worker of the contract suite opens.

The pipeline, its fixed shapes, its chunks and its KV cache are the real ones, of OpenVINO's NPU plugin; what it
compiles is compiled for the CPU by ``NPUW_DEVICES``, as in OpenVINO's own tests. Nothing of an NPU, of its compiler or
of its driver is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openvino_genai

from backends.openvino_genai import OpenVinoGenAI

_EASED = {
    # Partitioning gains nothing here, and that of OpenVINO 2026.4 fails on a model of four layers.
    "NPUW_ONLINE_PIPELINE": "NONE",
    "NPUW_LLM_PREFILL_ATTENTION_HINT": "STATIC",
}

_PIPELINE = openvino_genai.LLMPipeline


class _Core:
    """OpenVINO as it would answer beside an NPU."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self.available_devices = [*core.available_devices, "NPU"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


class NpuPipeline(OpenVinoGenAI):
    """The adapter, believing that there is an NPU."""

    places: Mapping[str, str] = {"NPUW_DEVICES": "CPU"}
    """What the plugin is told of where to compile, beside what the adapter tells it."""

    def __init__(self) -> None:
        super().__init__()
        self._core: Any = _Core(self._core)
        openvino_genai.LLMPipeline = self._pipeline

    def _pipeline(self, artifact: Any, device: str, **properties: Any) -> Any:
        more = {**_EASED, **self.places} if device == "NPU" else {}
        return _PIPELINE(artifact, device, **properties, **more)


class NpuAlone(NpuPipeline):
    """The same without a CPU in the NPU's place."""

    places: Mapping[str, str] = {}
