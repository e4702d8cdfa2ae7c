"""Conditions that a test makes of what it is about; everything else is as on a quiet machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from bench.observe.machine_conditions import Conditions, CpuTime

MakeConditions = Callable[..., Conditions]

QUIET = Conditions(
    wall_s=1000.0,
    awake_s=100.0,
    slept_s=0.0,
    cpu=CpuTime(400.0, 40.0, 10.0, 0.0),
    memory_bytes=16 * 10**9,
    available_bytes=12 * 10**9,
    swap_used_bytes=0,
    swapped_bytes=0,
    page_faults=0,
)


@pytest.fixture
def moment() -> MakeConditions:
    """Conditions ``seconds`` after the first, with what the test changes."""

    def make(seconds: float = 0.0, *, busy: float = 0.0, own: float = 0.0, cpus: int = 4, **changed: Any) -> Conditions:
        """``busy`` and ``own`` are shares of all ``cpus`` since the first moment."""
        capacity = cpus * seconds
        cpu = CpuTime(400.0 + capacity, 40.0 + busy * capacity, 10.0 + own * capacity, changed.pop("stolen_s", 0.0))
        whole: dict[str, Any] = {"wall_s": 1000.0 + seconds, "awake_s": 100.0 + seconds, "cpu": cpu} | changed
        return dataclasses.replace(QUIET, **whole)

    return make
