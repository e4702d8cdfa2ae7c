"""A guess of how long a sweep takes, made before anything ran; a measured figure replaces it after the first block."""

from __future__ import annotations

from backends.spec import ORIGINAL
from bench.plan.cells import Cell
from bench.plan.flags import PROFILES
from bench.plan.options import Options
from bench.plan.plan import Plan

_BYTES_PER_WEIGHT = {"int4": 0.6, "int8": 1.1, "fp16": 2.0, "bf16": 2.0, "fp32": 4.0, ORIGINAL: 1.0}
_BANDWIDTH_BYTES_PER_S = 15e9
_OPERATIONS_PER_S = 60e9
_STEP_OVERHEAD_S = 0.005
_START_S = 3.0


def guess_seconds(plan: Plan, options: Options, parameters: int) -> float:
    """The wall time of all visits, in seconds: a prefill bound by arithmetic, a decode bound by memory bandwidth."""
    total = 0.0
    for visit in plan.visits:
        total += _START_S + options.cooldown_s
        total += parameters * _BYTES_PER_WEIGHT[visit.load.precision] / 1e9
        for cell in visit.cells:
            warmup_s = generation_seconds(cell, parameters, options.warmup_new_tokens)
            own = options.warmups * warmup_s + options.repeats * generation_seconds(cell, parameters)
            # What is asked again is asked a first time too.
            total += own * (2 if cell.ask == "again" else 1)
    return total


def generation_seconds(cell: Cell, parameters: int, most: int | None = None) -> float:
    """One generation: 2 operations per parameter and prompt token, then one pass over the weights per new token.

    Args:
        cell: whose request it answers.
        parameters: of the model.
        most: new tokens at most.
    """
    prefill = 2 * parameters * cell.prompt_tokens * cell.batch_size / _OPERATIONS_PER_S
    step = parameters * _BYTES_PER_WEIGHT[cell.load.precision] / _BANDWIDTH_BYTES_PER_S + _STEP_OVERHEAD_S
    return prefill + cell.request.shortened(most).new_tokens * step


def quality_seconds(blocks: int, measured_s: float) -> float:
    """The wall time that scoring texts may take after ``blocks`` blocks that took ``measured_s``, in seconds."""
    if blocks <= PROFILES["quick"][0]:
        return max(60.0, 0.05 * measured_s)
    return 0.15 * measured_s


def memory_bytes(plan: Plan, parameters: int) -> float:
    """The most memory that a worker takes: the weights, half as much again while they are read, and the stack."""
    widest = max(_BYTES_PER_WEIGHT[load.precision] for load in plan.loads)
    return parameters * widest * 1.5 + 300e6


def format_duration(seconds: float) -> str:
    """A duration for people: ``40 s``, ``9 min``, ``1 h 20 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
