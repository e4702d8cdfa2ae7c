"""How fast this machine's CPU reads its memory: the limit of decoding, which reads every weight for every token."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

_BYTES = 256 * 1024 * 1024
"""More than any cache."""

_PASSES = 5

_READERS: Sequence[Callable[[Any], Any]] = (np.max, np.bitwise_or.reduce, np.sum)
"""Reductions that only read; which is fastest depends on numpy's build."""


def read_bandwidth(threads: int) -> float:
    """Bytes per second that ``threads`` threads read together: the best of several passes, as is usual for a limit.

    Each thread reads its part of 256 MiB; numpy releases the interpreter's lock for it. Takes about a second.
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
