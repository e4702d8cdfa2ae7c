"""The adapter on the real NPU library: what a worker of the contract suite opens wherever the library is installed.

Without an NPU the library compiles its graphs for the CPU, which the adapter refuses. Here it believes that there is an
NPU, so that the library's own Python, quantization and graphs run; nothing of an NPU or of its driver does.
"""

from __future__ import annotations

import os
from typing import Any

# A CPU with bf16 would compute in it, and its ids could not be compared with fp32.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE")

import backends.npu
from backends.npu import IntelNpuLibrary

__all__ = ["IntelNpuLibrary"]

_adapter: Any = backends.npu
if not _adapter.npu_available():
    _adapter.npu_available = lambda: True
    _adapter.get_driver_version = lambda: "none: the CPU in the NPU's place"
