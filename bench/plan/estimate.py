"""A guess of how long a sweep takes, made before anything ran; a measured figure replaces it after the first block."""

from backends.spec import ORIGINAL
from bench.plan.cells import Cell, Request
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
            total += options.warmups * _turn_seconds(cell, parameters, options.warmup_new_tokens)
            total += options.repeats * _turn_seconds(cell, parameters)
    return total


def _turn_seconds(cell: Cell, parameters: int, most: int | None = None) -> float:
    """What is asked for one number: of an answer from a prefix cache, first what fills the cache, then the rest."""
    request, precision = cell.request.shortened(most), cell.load.precision
    before = request.before_again if cell.ask == "again" else None
    if before is None:
        return generation_seconds(request, precision, parameters)
    left = request._replace(prompt_tokens=request.prompt_tokens - before.prompt_tokens)
    return sum(generation_seconds(one, precision, parameters) for one in (before, left))


def generation_seconds(request: Request, precision: str, parameters: int) -> float:
    """One generation: 2 operations per parameter and prompt token, then one pass over the weights per new token."""
    prefill = 2 * parameters * request.prompt_tokens * request.batch_size / _OPERATIONS_PER_S
    step = parameters * _BYTES_PER_WEIGHT[precision] / _BANDWIDTH_BYTES_PER_S + _STEP_OVERHEAD_S
    return prefill + request.new_tokens * step


def quality_seconds(blocks: int, measured_s: float) -> float:
    """The wall time that scoring texts may take after ``blocks`` blocks that took ``measured_s``, in seconds."""
    if blocks <= PROFILES["quick"][0]:
        return max(60.0, 0.05 * measured_s)
    return 0.15 * measured_s


def memory_bytes(plan: Plan, parameters: int) -> float:
    """The most memory that a worker takes: the weights, half as much again while they are read, and the stack."""
    widest = max(_BYTES_PER_WEIGHT[load.precision] for load in plan.loads)
    return parameters * widest * 1.5 + 300e6


def counted(count: int, noun: str) -> str:
    """How many there are, for people: ``1 cell``, ``2 cells``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def format_duration(seconds: float) -> str:
    """A duration for people: ``40 s``, ``9 min``, ``1 h 20 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
