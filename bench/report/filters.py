"""What a reader can narrow the page by: the axes of the sweep that have a choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.analyse.results import RunAnalysis
from bench.report import text


@dataclass(frozen=True, slots=True)
class FilterAxis:
    """One axis and its values, as the page's ``data-`` attributes have them."""

    key: str
    label: str
    values: tuple[str, ...]


def filter_axes(analysis: RunAnalysis) -> list[FilterAxis]:
    """The axes along which something differs among what was measured or failed; none in a run without results."""
    if not analysis.cells:
        return []
    loads = [cell.load for cell in analysis.cells] + [failure.load for failure in analysis.failures]
    found = {
        "backend": _distinct(load.backend for load in loads),
        "device": _distinct(load.ran_on for load in loads),
        "precision": _distinct(load.precision for load in loads),
        "prompt": tuple(str(length) for length in sorted({cell.prompt_tokens for cell in analysis.cells})),
    }
    return [FilterAxis(key, text.VIEW_AXES[key], values) for key, values in found.items() if len(values) > 1]


def known_quantiles(analysis: RunAnalysis) -> list[str]:
    """The quantiles of inter-token latency that any sample of the run can carry."""
    samples = [cell.itl_ms for cell in analysis.cells]
    return [name for name in text.CHART_QUANTILES if any(getattr(sample, name) is not None for sample in samples)]


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
