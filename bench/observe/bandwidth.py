"""How fast this machine's CPU reads its memory: the limit of decoding, which reads every weight for every token."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

_BYTES = 256 * 1024 * 1024
"""More than any cache holds."""

_PASSES = 5

_READERS: Sequence[Callable[[Any], Any]] = (np.max, np.bitwise_or.reduce, np.sum)
"""Reductions that read each element once and write nothing; which is fastest depends on numpy's build."""


def read_bandwidth(threads: int) -> float:
    """Bytes per second that ``threads`` threads read together: the best pass of several, as is usual for a limit.

    Reads 256 MiB in all, a part per thread, which numpy does without holding the interpreter's lock. Takes about a
    second.
    """
    part = _BYTES // 8 // max(1, threads)
    parts: list[Any] = [np.ones(part, dtype=np.int64) for _ in range(max(1, threads))]
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        best = min(_seconds(pool, reader, parts) for reader in _READERS for _ in range(_PASSES))
    return part * 8 * len(parts) / best


def _seconds(pool: ThreadPoolExecutor, reader: Callable[[Any], Any], parts: Sequence[Any]) -> float:
    start = time.perf_counter()
    list(pool.map(reader, parts))
    return time.perf_counter() - start
