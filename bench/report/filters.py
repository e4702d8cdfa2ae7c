"""What a reader can narrow the page by: the axes of the sweep that have a choice, and what else has more than one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.analyse.results import RunAnalysis
from bench.metrics import METRICS, RANKED
from bench.plan.cells import ASKS
from bench.report import metric_words, text

EVERYTHING = "everything"
"""The weight that leaves every answer on the page."""


@dataclass(frozen=True, slots=True)
class FilterAxis:
    """One axis and its values, as the page's ``data-`` attributes have them; ``words`` for those that need any."""

    key: str
    label: str
    values: tuple[str, ...]
    words: Mapping[str, str] = field(default_factory=dict)


def filter_axes(analysis: RunAnalysis) -> list[FilterAxis]:
    """The axes along which something differs among what was measured or failed; none in a run without results."""
    if not analysis.cells:
        return []
    loads = [cell.load for cell in analysis.cells] + [failure.load for failure in analysis.failures]
    asks = {cell.ask for cell in analysis.cells} | {ask for failure in analysis.failures for ask in failure.asks}
    found = {
        "backend": _distinct(load.backend for load in loads),
        "device": _distinct(load.ran_on for load in loads),
        "precision": _distinct(load.precision for load in loads),
        "prompt": tuple(str(length) for length in sorted({cell.prompt_tokens for cell in analysis.cells})),
        "ask": tuple(ask for ask in ASKS if ask in asks),
    }
    return [
        FilterAxis(key, text.VIEW_AXES[key], values, text.VIEW_ASKS if key == "ask" else {})
        for key, values in found.items()
        if len(values) > 1
    ]


def known_quantiles(analysis: RunAnalysis) -> list[str]:
    """The quantiles of inter-token latency that any sample of the run can carry."""
    samples = [cell.itl_ms for cell in analysis.cells]
    return [name for name in text.ITL_NAMES if any(getattr(sample, name) is not None for sample in samples)]


def weight(metric: str) -> str:
    """The address of a metric where a reader chooses what matters, or of ``memory``."""
    return METRICS[metric].name if metric in METRICS else metric


def known_weights(analysis: RunAnalysis) -> dict[str, str]:
    """What a reader can give weight to, and its name: everything, and each metric that anything is ranked by."""
    ranked = {ranking.metric for ranking in analysis.rankings}
    found = {weight(metric): metric_words.weight_name(metric) for metric in RANKED if metric in ranked}
    memory = {"memory": text.VIEW_MEMORY} if analysis.memory_rankings else {}
    return {EVERYTHING: text.VIEW_EVERYTHING, **found, **memory}


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
