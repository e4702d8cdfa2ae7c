"""What a generation costs apart from time: energy, busy time of NPU and GPU, CPU time, by counters read around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

COUNTERS = ("energy_j", "npu_busy_ns", "gpu_busy_ns", "cpu_time_ns", "cpu_frequency_mhz")
"""Columns of the table ``generations``."""

_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class Costs:
    """Medians over those counted generations of a cell that a counter was read around; ``None`` where it never was.

    Zero is a value: a device whose counter stood still was not busy. These describe and have no interval.

    Args:
        energy_j: of one generation, prefill and decode together, as far as ``energy_source`` covers.
        energy_j_per_token: that over the new tokens of the whole batch.
        gpu_busy_ms: all engines added up, so that it can be more than the generation took.
        cpu_time_ms: of all threads of the worker process.
        cpu_frequency_mhz: of the cores that the worker may use.
    """

    energy_j: float | None = None
    energy_j_per_token: float | None = None
    energy_source: str | None = None
    npu_busy_ms: float | None = None
    gpu_busy_ms: float | None = None
    cpu_time_ms: float | None = None
    cpu_frequency_mhz: float | None = None


def costs(counters: Mapping[str, Any], energy_source: str | None, new_tokens: int) -> Costs:
    """The costs of one cell; ``new_tokens`` are those of a generation, over its whole batch.

    ``counters`` has the float arrays [generations] of :data:`COUNTERS`, NaN where the counter was not read.
    """
    medians: dict[str, Any] = {name.replace("_ns", "_ms"): _median(name, values) for name, values in counters.items()}
    energy_j = medians.get("energy_j")
    if energy_j is None:
        return Costs(**medians)
    return Costs(**medians, energy_j_per_token=energy_j / new_tokens, energy_source=energy_source)


def _median(name: str, values: Any) -> float | None:
    # A counter that went backwards was reset in between.
    known = values[np.isfinite(values) & (values >= 0)]
    if len(known) == 0:
        return None
    return float(np.median(known)) / (_NS_PER_MS if name.endswith("_ns") else 1)
