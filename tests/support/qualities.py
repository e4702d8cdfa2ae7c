"""Runs whose loads were scored, without a table of scores behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.analyse.interval import Estimate
from bench.analyse.quality import OfTexts, Quality, Verdict
from bench.analyse.ranking import faithful_rankings, memory_rankings, rankings
from bench.analyse.results import RunAnalysis

REFERENCE = "transformers fp32"
TEXTS = 12


def quality(verdict: Verdict, ratio: float | None, **known: Any) -> Quality:
    """As of a load that was scored on all texts; ``ratio`` is given an interval of a tenth on each side."""
    told: dict[str, Any] = {
        "reason": "ratio",
        "perplexity": None if ratio is None else 27 * ratio,
        "reference": REFERENCE,
        "ratio": None if ratio is None else Estimate(ratio, 0.9 * ratio, 1.1 * ratio, TEXTS),
        "texts": TEXTS,
        "positions": 1920,
        "kinds": tuple(OfTexts(kind, TEXTS // 2, 960, 27 * ratio, ratio) for kind in ("chat", "code")) if ratio else (),
    }
    return Quality(verdict, **{**told, **known})


FAITHFUL = quality("faithful", 1.001, kl_mean=0.0044, kl_p99=0.031, same_top=0.964)
DEGRADED = quality("degraded", 1.284, kl_mean=0.374, kl_p99=2.41, same_top=0.654)
BROKEN = quality("broken", 812.0, kl_mean=8.1, kl_p99=14.2, same_top=0.011)
UNKNOWN = quality(
    "unknown", None, reason="failed", reference=None, texts=0, positions=0, error="the worker was killed by signal 9"
)
THE_REFERENCE = quality("faithful", 1.0, reason="reference", is_reference=True)


def scored(run: RunAnalysis, known: Mapping[str, Quality]) -> RunAnalysis:
    """``run`` with the quality of loads by the beginning of their labels, the longest that fits; others have none."""

    def of_label(label: str) -> Quality | None:
        return next((known[start] for start in sorted(known, key=len, reverse=True) if label.startswith(start)), None)

    loads = {load.load_key: replace(load, quality=of_label(load.label)) for load in run.loads}
    cells = [replace(cell, load=loads[cell.load.load_key]) for cell in run.cells]
    ranked = rankings(cells)
    return replace(
        run,
        loads=tuple(loads.values()),
        cells=tuple(cells),
        rankings=tuple(ranked),
        faithful_rankings=tuple(faithful_rankings(cells, ranked)),
        memory_rankings=tuple(memory_rankings(cells)),
    )
