"""How faithful each load is to the model it was made from: what it thinks of given texts, beside a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.analyse.interval import Estimate

Verdict = Literal["faithful", "degraded", "broken", "unknown"]
"""What is claimed of a load's words; thresholds are :class:`Limits`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which ratio of perplexities on a load is called degraded, and broken."""

    degraded: float = 1.05
    broken: float = 2.0


@dataclass(frozen=True, slots=True)
class OfTexts:
    """A load on texts of one kind.

    Args:
        kind: of text; see ``docs/quality.md``.
        texts: how many.
        positions: scored tokens.
        ratio: perplexity over that of the reference; ``None`` without a reference.
        kl_mean: mean KL divergence from the reference over positions, in nats; ``None`` without distributions.
        same_top: share of positions at which the likeliest token is that of the reference.
    """

    kind: str
    texts: int
    positions: int
    perplexity: float
    ratio: float | None = None
    kl_mean: float | None = None
    same_top: float | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of the quality of one load. ``None`` and ``()`` mean: not measured, or nothing to compare with.

    Args:
        verdict: see :data:`Verdict`.
        reason: why it is that, as a code that the report words: ``ratio``, ``not-finite``, ``constant`` (one likeliest
            token everywhere), ``chance`` (agrees with the reference as often as chance would), ``collapsed`` (answers
            of one token repeated), ``longest`` (only on the sweep's longest prompt), ``device`` (the same artifact is
            right on the CPU), ``no-reference``, ``no-scores``, ``failed``.
        perplexity: over all positions of the fixed texts.
        reference: what it is compared with, e.g. ``transformers fp32``.
        is_reference: this load is what the others of the run are compared with.
        ratio: perplexity over that of the reference on the same texts, with an interval over texts.
        kl_mean: as of :class:`OfTexts`.
        kl_p99: 99th percentile over positions.
        same_top: as of :class:`OfTexts`.
        texts: how many of the fixed texts were scored.
        positions: scored tokens of these.
        kinds: by kind of text.
        longest: on the sweep's longest prompt, which is none of the fixed texts.
        cpu_ratio: perplexity over that of the same artifact with the same stack on the CPU; only for another device.
        by_text: digest of a fixed text -> perplexity, for comparisons between runs.
        error: why it could not be scored, as recorded.
    """

    verdict: Verdict
    reason: str
    perplexity: float | None = None
    reference: str | None = None
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
    error: str | None = None
