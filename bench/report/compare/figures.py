"""How cells and figures of a comparison are written, in the language that is chosen."""

from __future__ import annotations

from bench.analyse.compare import Difference
from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult
from bench.report import text
from bench.report.compare import words
from bench.report.format import localized, number
from bench.report.language import chosen
from bench.report.names import Naming

MARKS = {"slower": "▲", "faster": "▼", "same": "=", "inconclusive": "?"}
"""Verdict -> the sign that stands beside its colour."""

SERIOUS_MARK = "!"
"""What stands beside a figure that a serious finding touches."""


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
    ends = text.NO_INTERVAL
    if estimate.low is not None and estimate.high is not None:
        ends = words.between(_ratio(estimate.low), _ratio(estimate.high))
    return f"{_ratio(estimate.value)} ({ends})"


def _ratio(value: float) -> str:
    return localized(f"{value:.3f}")


def change(estimate: Estimate) -> str:
    """A ratio as a change, e.g. ``+12.0 % (+8.1 % to +16.0 %)``."""
    ends = text.NO_INTERVAL
    if estimate.low is not None and estimate.high is not None:
        ends = words.between(signed(estimate.low), signed(estimate.high))
    return f"{signed(estimate.value)} ({ends})"


def signed(value: float) -> str:
    """A ratio as a change."""
    return times(value) if value >= 3 else signed_percent(f"{100 * (value - 1):+.1f}")


def times(value: float) -> str:
    """A ratio that is too large to be told as a change in percent."""
    return words.TIMES.format(ratio=localized(f"{value:.3g}"))


def signed_percent(value: str) -> str:
    """A number of percent as Python writes it, with its sign, e.g. ``+12.0`` as ``+12.0 %``."""
    return value[0] + chosen().percent.format(localized(value[1:]))


def percent(share: float) -> str:
    """A share in percent."""
    return chosen().percent.format(localized(f"{100 * share:.3g}"))


def span(estimate: Estimate) -> str:
    """An interval as changes, as short as it can be said, e.g. ``+8.1 to +16.0 %``; blank without one."""
    if estimate.low is None or estimate.high is None:
        return ""
    return words.between_in_short(signed(estimate.low), signed(estimate.high))
