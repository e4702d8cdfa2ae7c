"""The quality of each load over the runs of a machine, and the places where it changed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from bench.analyse.environment import changes
from bench.analyse.grouping import group_by
from bench.analyse.quality import over_texts
from bench.analyse.timeline import QualitySeries, QualityStep, ReadQuality, ReadRun

ROUNDING = 1e-3
"""How far perplexities of the same artifact and stack may differ, as a share: sums in another order, on a GPU."""

_Point = tuple[int, ReadQuality]


def quality_series(runs: Sequence[ReadRun]) -> tuple[QualitySeries, ...]:
    """A series for each load.

    Perplexities of fixed texts do not vary from run to run as latencies do, so that no change point has to be looked
    for: every step beyond :data:`ROUNDING` is one.

    Args:
        runs: in the order of time.
    """
    found = [(number, one) for number, run in enumerate(runs) for one in run.qualities]
    return tuple(_series(runs, own) for own in group_by(found, lambda one: one[1].identity).values())


def _series(runs: Sequence[ReadRun], own: Sequence[_Point]) -> QualitySeries:
    number, newest = own[-1]
    return QualitySeries(
        load=newest,
        model=runs[number].model,
        points=tuple((place, one.quality) for place, one in own),
        steps=tuple(step for pair in itertools.pairwise(own) for step in _steps(runs, *pair)),
    )


def _steps(runs: Sequence[ReadRun], before: _Point, after: _Point) -> Iterator[QualityStep]:
    (low, there), (high, here) = before, after
    found = over_texts(here.quality.log_probs, there.quality.log_probs)
    ratio = found.contrast.ratio.value if found else None
    verdicts = there.quality.verdict, here.quality.verdict
    digests = there.artifact_digest, here.artifact_digest
    broken = [verdict == "broken" for verdict in verdicts]
    if broken[0] != broken[1] or (ratio is not None and abs(math.log(ratio)) > ROUNDING):
        yield QualityStep(
            before=low,
            after=high,
            ratio=ratio,
            verdicts=verdicts,
            same_artifact=None if None in digests else digests[0] == digests[1],
            backends=(here.backend,),
            changes=changes(runs[low].facts, runs[high].facts),
        )
