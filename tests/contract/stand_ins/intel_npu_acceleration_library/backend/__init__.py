"""As in the library: what it finds of an NPU; here what a test says by the environment."""

from __future__ import annotations

import os


def npu_available() -> bool:
    """Whether there is an NPU."""
    return os.environ.get("STAND_IN_NPU", "yes") == "yes"


def get_driver_version() -> int:
    """The driver's version."""
    if not npu_available():
        raise RuntimeError("NPU is not available on this system")
    return 2408
