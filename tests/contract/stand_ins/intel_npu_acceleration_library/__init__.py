"""A stand-in with the surface of the NPU library that its adapter uses. It runs transformers on the CPU.

It exists so that the adapter can be shown to keep the contract where the library has no wheel. What the adapter has to
know about the library is as in the real one: types of its own, weights that are quantized in place, quantized layers
whose weights are no parameters, attention that is never quantized, graphs that are kept in ``cache/``. Nothing that it
measures is a device's latency, and it is on no path but a test's.
"""

from __future__ import annotations

from .compiler import compile  # noqa: A004 - the library's own name
from .dtypes import float16, int4, int8

__all__ = ["compile", "float16", "int4", "int8"]
