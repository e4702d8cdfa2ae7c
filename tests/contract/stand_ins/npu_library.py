"""The adapter of the NPU library on the stand-in for it: what a worker of the contract suite opens."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from backends.npu import IntelNpuLibrary

__all__ = ["IntelNpuLibrary"]
