"""A stand-in with the surface of the NPU library that its adapter uses. It runs transformers on the CPU.

It exists so that the adapter can be shown to keep the contract where the library has no wheel. Nothing it measures is
a device's latency, and it is on no path but a test's.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM

from .compiler import CompilerConfig

int4, int8, float16 = "int4", "int8", torch.float16


class NPUModelForCausalLM:
    """Loads the model in float32 whatever it is asked for: the contract is about ids and steps."""

    @staticmethod
    def from_pretrained(model: str, config: CompilerConfig, export: bool = True, **settings: Any) -> Any:
        """As the library's, but nothing is compiled."""
        if export:
            raise RuntimeError("the adapter has to say export=False: the library's next load would fail to unpickle")
        if config.dtype not in (int4, int8, float16):
            raise RuntimeError(f"no such type: {config.dtype}")
        settings.pop("use_cache")
        return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, **settings)
