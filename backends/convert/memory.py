"""The peak of this process's resident memory, as its system counts it."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import psutil
else:
    import resource


def peak_memory_bytes() -> int:
    """The most memory that this process held at once, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
