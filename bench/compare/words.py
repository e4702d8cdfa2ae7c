"""What a comparison and the gate call things: metrics, cells, ratios."""

from __future__ import annotations

from bench.analyse.compare import Difference
from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult
from bench.report.format import number
from bench.report.names import Naming

METRICS = {"ttft_ms": "TTFT", "tpot_ms": "TPOT", "itl_p95_ms": "p95 ITL"}
"""Metric -> its name."""


def cell_name(cell: CellResult, naming: Naming) -> str:
    """E.g. ``ort-genai CPU int4, 128+64``."""
    return f"{naming.of(cell.load)}, {shape(cell)}"


def shape(cell: CellResult) -> str:
    """Prompt tokens + new tokens, and a batch where there is one."""
    batch = f" x{cell.batch_size}" if cell.batch_size > 1 else ""
    return f"{cell.prompt_tokens}+{cell.new_tokens}{batch}"


def values(one: Difference) -> str:
    """From what to what."""
    return f"{number(one.base_ms)} -> {number(one.head_ms)} ms"


def ratio(estimate: Estimate) -> str:
    """A ratio with its interval; without one, that too is said."""
    ends = "no interval" if estimate.low is None else f"{estimate.low:.3f} to {estimate.high:.3f}"
    return f"{estimate.value:.3f} ({ends})"


def change(estimate: Estimate) -> str:
    """A ratio as a change, e.g. ``+12.0 % (+8.1 % to +16.0 %)``."""
    ends = "no interval"
    if estimate.low is not None and estimate.high is not None:
        ends = f"{signed(estimate.low)} to {signed(estimate.high)}"
    return f"{signed(estimate.value)} ({ends})"


def signed(value: float) -> str:
    """A ratio as a change."""
    return f"{value:.3g} times" if value >= 3 else f"{100 * (value - 1):+.1f} %"


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100 * share:.3g} %"
