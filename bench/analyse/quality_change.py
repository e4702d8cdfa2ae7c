"""How the words of loads changed between two sides: their perplexities, paired over the texts that both scored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.analyse.interval import Contrast, claim, holm
from bench.analyse.quality import Quality, over_texts
from bench.analyse.results import CellResult, LoadResult

QUALITY_TOLERANCE = 0.01
"""Half the width of what counts as the same perplexity, unless said otherwise."""

QualityVerdict = Literal["worse", "better", "same", "inconclusive", "unknown"]
QUALITY_VERDICTS: tuple[QualityVerdict, ...] = ("worse", "better", "same", "inconclusive", "unknown")
"""What may be said of a change of quality, in the order in which it is shown."""

_OF_PERPLEXITY: Mapping[str, QualityVerdict] = {
    "higher": "worse",
    "lower": "better",
    "same": "same",
    "inconclusive": "inconclusive",
}


@dataclass(frozen=True, slots=True)
class QualityChange:
    """The quality of one load on two sides.

    Args:
        contrast: perplexity of the head over that of the base, with an interval over texts; above 1 means worse.
            ``None`` where no text was scored on both sides.
        base_perplexity: the geometric mean over these texts.
        collapsed: how many cells answer one token repeated here, and did not there.
        reason: what it rests on, as a code: ``perplexity``; ``collapsed``; ``broken``, now and not before;
            ``degraded``, likewise, and its perplexity rose beyond the tolerance; ``mended``, broken before; or why
            nothing can be said: ``base-none`` and ``head-none``, where nobody asked for it, ``base-unscored`` and
            ``head-unscored``, where it gave no perplexity, ``no-scores``, where the stack gives none on either
            side, and ``other-texts``.
    """

    base: LoadResult
    head: LoadResult
    contrast: Contrast | None
    base_perplexity: float | None
    head_perplexity: float | None
    collapsed: int = 0
    verdict: QualityVerdict = "unknown"
    reason: str = ""

    @property
    def same_artifact(self) -> bool | None:
        """Whether both sides loaded the same artifact; ``None`` where that is not recorded."""
        there, here = self.base.artifact_digest, self.head.artifact_digest
        return None if there is None or here is None else there == here

    @property
    def changed(self) -> bool:
        """Whether a change is claimed."""
        return self.verdict in ("worse", "better")

    def could_hide(self, tolerance: float) -> bool:
        """Whether a rise beyond the tolerance is within the interval of a change without a verdict."""
        high = self.contrast.ratio.high if self.contrast else None
        return self.verdict == "inconclusive" and (high is None or high > 1 + tolerance)


def quality_changes(
    loads: Sequence[tuple[LoadResult, LoadResult]], cells: Sequence[tuple[CellResult, CellResult]], tolerance: float
) -> tuple[QualityChange, ...]:
    """How the quality of loads changed, of those of which either side says something.

    Verdicts are those of latencies, see :func:`bench.analyse.interval.claim`. Holm's adjustment is for the number of
    loads: they are a family of their own, as each metric is.
    """
    collapsed = Counter(
        here.load.load_key
        for there, here in cells
        if there.answers and here.answers and here.answers.collapsed and not there.answers.collapsed
    )
    found = []
    for there, here in loads:
        if there.quality or here.quality or collapsed[here.load_key]:
            both = over_texts(*(load.quality.log_probs if load.quality else {} for load in (here, there)))
            found.append(
                QualityChange(
                    *(there, here, both.contrast if both else None),
                    base_perplexity=both.other if both else None,
                    head_perplexity=both.one if both else None,
                    collapsed=collapsed[here.load_key],
                )
            )
    standing = holm({place: one.contrast.p_value for place, one in enumerate(found) if one.contrast})
    told = [_verdict(one, tolerance, stands=place in standing) for place, one in enumerate(found)]
    return tuple(replace(one, verdict=word, reason=why) for one, (word, why) in zip(found, told, strict=True))


def _verdict(one: QualityChange, tolerance: float, *, stands: bool) -> tuple[QualityVerdict, str]:
    there, here = one.base.quality, one.head.quality
    if one.collapsed:
        return "worse", "collapsed"
    rise = one.contrast.ratio.value if one.contrast else None
    if there and here:
        if _broke(there, here, rise, tolerance):
            return "worse", "broken"
        if _broke(here, there, 1 / rise if rise else None, tolerance):
            return "better", "mended"
    if one.contrast is None:
        return "unknown", _why_unknown(there, here)
    verdict = _OF_PERPLEXITY[claim(one.contrast.ratio, tolerance, stands=stands)]
    fell = there and here and (there.verdict, here.verdict) == ("faithful", "degraded")
    if verdict == "inconclusive" and fell and one.contrast.ratio.value > 1 + tolerance:
        return "worse", "degraded"
    return verdict, "perplexity"


def _broke(before: Quality, now: Quality, rise: float | None, tolerance: float) -> bool:
    """Whether ``now`` is broken, and ``before`` is known not to be."""
    sound = before.verdict in ("faithful", "degraded") or (before.verdict == "unknown" and before.by_text and not rise)
    # What is only just beyond the limit of a verdict is left to the perplexities.
    by_a_hair = now.reason == "ratio" and rise is not None and rise <= 1 + tolerance
    return now.verdict == "broken" and bool(sound) and not by_a_hair


def _why_unknown(there: Quality | None, here: Quality | None) -> str:
    for side, quality in (("base", there), ("head", here)):
        if quality is None:
            return f"{side}-none"
    if there and here and there.reason == here.reason == "no-scores":
        return "no-scores"
    for side, quality in (("base", there), ("head", here)):
        if quality is not None and not quality.by_text:
            return f"{side}-unscored"
    return "other-texts"
