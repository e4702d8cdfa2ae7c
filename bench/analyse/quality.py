"""How faithful each load is to the model it was made from: what it thinks of given texts, beside a reference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.analyse.interval import Contrast, Estimate, paired
from bench.plan.options import DEFAULT_QUALITY_LIMITS

Verdict = Literal["faithful", "degraded", "broken", "unknown"]
"""What is claimed of a load's words; thresholds are :class:`Limits`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which ratio of perplexities on a load is called degraded, and broken.

    The estimate decides, not its interval: an interval of few texts would leave slow loads without a verdict. What the
    interval says stands beside it, and decides whether two runs differ (:mod:`bench.analyse.quality_change`).
    """

    degraded: float = DEFAULT_QUALITY_LIMITS["degraded"]
    broken: float = DEFAULT_QUALITY_LIMITS["broken"]


@dataclass(frozen=True, slots=True)
class OfTexts:
    """A load on texts of one kind.

    Args:
        positions: scored tokens.
        perplexity: over all of them; ``None`` where a value is not finite.
        ratio: perplexity over that of the reference, the geometric mean over texts; ``None`` without a reference.
        kl_mean: mean KL divergence from the reference over positions, in nats; ``None`` without distributions.
        same_top: share of positions at which the likeliest token is that of the reference.
    """

    kind: str
    texts: int
    positions: int
    perplexity: float | None = None
    ratio: float | None = None
    kl_mean: float | None = None
    same_top: float | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of the quality of one load. ``None`` and ``()`` mean: not measured, or nothing to compare with.

    Args:
        reason: why it is that, as a code that the report words: ``ratio``, ``reference`` (it is compared with itself),
            ``not-finite``, ``constant`` (one likeliest token everywhere), ``chance`` (agrees with the reference as
            often as chance would), ``vocabulary`` (answers with tokens that the model does not have), ``collapsed``
            (answers of one token repeated), ``longest`` (only on the sweep's longest prompt), ``device`` (the same
            artifact is right on the CPU), ``no-reference``, ``no-scores``, ``failed``.
        perplexity: over all positions of the fixed texts; ``None`` where a value is not finite.
        reference: what it is compared with, e.g. ``transformers fp32``; the label of a load of this run.
        reference_key: ``load_key`` of that load; ``None`` where the reference is none of the run's.
        is_reference: this load is what the others of the run are compared with; its ratio is 1.
        ratio: perplexity over that of the reference on the same positions, the geometric mean over texts, with an
            interval over texts; their number is that of its ``blocks``.
        positions: scored tokens of these.
        longest: on the sweep's longest prompt, which is none of the fixed texts.
        cpu_ratio: perplexity over that of the same artifact with the same stack on the CPU; only for another device.
        log_probs: digest of a fixed text -> log-probability of each scored token, NaN for what is not finite.
    """

    verdict: Verdict
    reason: str
    perplexity: float | None = None
    reference: str | None = None
    reference_key: str | None = None
    is_reference: bool = False
    ratio: Estimate | None = None
    kl_mean: float | None = None
    kl_p99: float | None = None
    same_top: float | None = None
    texts: int = 0
    positions: int = 0
    kinds: tuple[OfTexts, ...] = ()
    longest: OfTexts | None = None
    cpu_ratio: Estimate | None = None
    log_probs: Mapping[str, Sequence[float]] = field(default_factory=dict)
    error: str | None = None

    @property
    def by_text(self) -> dict[str, float]:
        """Digest of a fixed text -> perplexity over what was scored of it, where all of that is finite."""
        known = {text: own for text, own in self.log_probs.items() if own and all(map(math.isfinite, own))}
        return {text: perplexity(own) for text, own in known.items()}


def perplexity(log_probs: Sequence[float]) -> float:
    """exp(-mean) of natural log-probabilities."""
    # A float holds no power of e beyond.
    return math.exp(min(700.0, -math.fsum(log_probs) / len(log_probs)))


@dataclass(frozen=True, slots=True)
class OverTexts:
    """Two perplexities over the texts that both scored.

    Args:
        contrast: how many times the other the one is, with an interval over texts.
        one: the geometric mean over these texts.
    """

    contrast: Contrast
    one: float
    other: float


def over_texts(one: Mapping[str, Sequence[float]], other: Mapping[str, Sequence[float]]) -> OverTexts | None:
    """Compare what was scored of the same texts, from the same position on; ``None`` where none is scored by both.

    A text counts as far as both have it: where the time for it was up, one has fewer positions. Where a value of these
    is not finite, it does not count.
    """
    above, below = {}, {}
    for place, text in enumerate(sorted(one.keys() & other.keys())):
        both = min(len(one[text]), len(other[text]))
        if both and all(map(math.isfinite, (*one[text][:both], *other[text][:both]))):
            above[place], below[place] = perplexity(one[text][:both]), perplexity(other[text][:both])
    contrast = paired(above, below)
    if contrast is None:
        return None
    return OverTexts(contrast, *(math.exp(math.fsum(map(math.log, of.values())) / len(of)) for of in (above, below)))
