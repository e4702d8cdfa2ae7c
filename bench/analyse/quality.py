"""How faithful each load is to the model it was made from: what it thinks of given texts, beside a reference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.analyse.interval import Contrast, Estimate, paired

Verdict = Literal["faithful", "degraded", "broken", "unknown"]
"""What is claimed of a load's words; thresholds are :class:`Limits`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which ratio of perplexities on a load is called degraded, and broken.

    The estimate decides, not its interval: an interval of few texts would leave slow loads without a verdict. What the
    interval says stands beside it, and decides whether two runs differ (:func:`between`).
    """

    degraded: float = 1.05
    broken: float = 2.0


@dataclass(frozen=True, slots=True)
class OfTexts:
    """A load on texts of one kind.

    Args:
        kind: of text; see ``docs/quality.md``.
        texts: how many.
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
        verdict: see :data:`Verdict`.
        reason: why it is that, as a code that the report words: ``ratio``, ``reference`` (it is compared with itself),
            ``not-finite``, ``constant`` (one likeliest token everywhere), ``chance`` (agrees with the reference as
            often as chance would), ``collapsed`` (answers of one token repeated), ``longest`` (only on the sweep's
            longest prompt), ``device`` (the same artifact is right on the CPU), ``no-reference``, ``no-scores``,
            ``failed``.
        perplexity: over all positions of the fixed texts; ``None`` where a value is not finite.
        reference: what it is compared with, e.g. ``transformers fp32``; the label of a load of this run.
        reference_key: ``load_key`` of that load; ``None`` where the reference is none of the run's.
        is_reference: this load is what the others of the run are compared with; its ratio is 1.
        ratio: perplexity over that of the reference on the same positions, the geometric mean over texts, with an
            interval over texts; their number is that of its ``blocks``.
        kl_mean: as of :class:`OfTexts`.
        kl_p99: 99th percentile over positions.
        same_top: as of :class:`OfTexts`.
        texts: how many of the fixed texts were scored.
        positions: scored tokens of these.
        kinds: by kind of text.
        longest: on the sweep's longest prompt, which is none of the fixed texts.
        cpu_ratio: perplexity over that of the same artifact with the same stack on the CPU; only for another device.
        by_text: digest of a fixed text -> perplexity over what was scored of it.
        log_probs: digest of a fixed text -> log-probability of each scored token, for :func:`between`.
        error: why it could not be scored, as recorded.
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
    by_text: Mapping[str, float] = field(default_factory=dict)
    log_probs: Mapping[str, Sequence[float]] = field(default_factory=dict)
    error: str | None = None


def perplexity(log_probs: Sequence[float]) -> float:
    """exp(-mean) of natural log-probabilities."""
    # A float holds no power of e beyond.
    return math.exp(min(700.0, -math.fsum(log_probs) / len(log_probs)))


def ratio_over_texts(pairs: Iterable[tuple[Sequence[float], Sequence[float]]]) -> Contrast | None:
    """How many times the perplexity of the second that of the first is; ``None`` without a pair.

    Args:
        pairs: of each text the log-probabilities by both, from the same position on. Where one has fewer, because the
            time for it was up, the text counts as far as both have it; not at all where a value of these is not finite.
    """
    one, other = {}, {}
    for text, (mine, theirs) in enumerate(pairs):
        both = min(len(mine), len(theirs))
        if both and all(map(math.isfinite, (*mine[:both], *theirs[:both]))):
            one[text], other[text] = perplexity(mine[:both]), perplexity(theirs[:both])
    return paired(one, other)


def between(head: Quality, base: Quality) -> Contrast | None:
    """How many times the perplexity of ``base`` that of ``head`` is, over the texts that both were asked for."""
    return ratio_over_texts((mine, base.log_probs.get(text, ())) for text, mine in head.log_probs.items())
