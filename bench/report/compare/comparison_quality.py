"""What a comparison says of the quality of loads, in the language that is chosen; all renderers share it."""

from collections.abc import Sequence

from bench.analyse.quality import Verdict
from bench.analyse.quality_change import QualityChange
from bench.metrics import METRICS
from bench.report.code_words import word
from bench.report.compare.comparison_figures import change, ratio, shape, verdict_name
from bench.report.compare.comparison_view import ComparisonView, Figure, QualityFigure
from bench.report.format import clean, number, percent, plural
from bench.report.language import gettext as _
from bench.report.quality_words import reason as load_reason

_LONGEST = 300


def now(there: Verdict, here: Verdict) -> str:
    """The verdict here, and the one there where that is another; blank where that here is unknown."""
    if here == "unknown":
        return ""
    if there in ("unknown", here):
        return word(here)
    return _("{before}, now {now}").format(before=word(there), now=word(here))


def reason(one: QualityChange) -> str:
    """What the verdict rests on, or why there is none; blank where the perplexities say all."""
    return {
        "perplexity": "",
        "collapsed": plural(
            one.collapsed,
            "the answers of {count} cell are one token repeated",
            "the answers of {count} cells are one token repeated",
        ),
        "broken": _("it is broken, and was not before"),
        "degraded": _("it is degraded, and was faithful before"),
        "mended": _("it was broken before, and is not now"),
        "base-none": _("the base did not score it"),
        "head-none": _("the head did not score it"),
        "base-unscored": _("it could not be scored in the base"),
        "head-unscored": _("it could not be scored in the head"),
        "no-scores": _("the stack gives no scores"),
        "other-texts": _("no text was scored on both sides"),
    }[one.reason]


def error(one: QualityChange) -> str:
    """Why it could not be scored in the head, as recorded, in English; blank where it could."""
    quality = one.head.quality
    return clean(quality.error)[:_LONGEST] if quality and quality.error and one.reason == "head-unscored" else ""


def known(one: QualityChange) -> str:
    """What is known beside the perplexities, but for errors; blank for nothing.

    What the verdict rests on; what the load itself is on both sides; and whether the artifact changed too, where that
    is recorded, and where either changed.
    """
    there, here = one.base.quality, one.head.quality
    state = now(there.verdict if there else "unknown", here.verdict if here else "unknown")
    if one.reason in ("degraded", "mended"):
        state = ""
    elif one.reason == "broken":
        state = load_reason(one.head)
    artifact = _("another artifact") if one.same_artifact is False else ""
    if one.same_artifact and one.changed:
        artifact = _("same artifact")
    return "; ".join(filter(None, (reason(one), state, artifact)))


def line(one: QualityChange, name: str) -> str:
    """All that is said of a load, for a terminal."""
    said = [f"{name}: {verdict_name(one.verdict)}"]
    if one.contrast is not None:
        over = one.contrast.ratio
        texts = plural(over.blocks, "{count} text", "{count} texts")
        ends = f"{number(one.base_perplexity)} -> {number(one.head_perplexity)}"
        said.append(f"perplexity {ends} ({texts}), {ratio(over)}")
    return "; ".join(filter(None, (*said, known(one), error(one))))


def changed_first(found: Sequence[QualityFigure]) -> list[QualityFigure]:
    """Worse loads, then better ones, then the others in their order."""

    def place(one: QualityFigure) -> tuple[int, float]:
        change = one.change
        over = change.contrast.ratio.value if change.changed and change.contrast else None
        return {"worse": 0, "better": 1}.get(change.verdict, 2), -max(over, 1 / over) if over else 0.0

    return sorted(found, key=place)


def named(one: QualityFigure, view: ComparisonView) -> str:
    """The load, and the head where there are several."""
    name = view.names.of(one.change.base)
    return _("{load} in head {number}").format(load=name, number=one.head + 1) if view.comparison.several else name


def answer(view: ComparisonView) -> str:
    """The change of quality that matters most, in a sentence; empty where none is claimed."""
    found = [one for one in changed_first(view.qualities) if one.change.changed]
    if not found:
        return ""
    first, *others = found
    load, quality = named(first, view), reason(first.change)
    if first.change.contrast is not None and first.change.reason not in ("collapsed", "broken", "mended"):
        quality = _("perplexity {change}").format(change=change(first.change.contrast.ratio))
    if first.change.verdict == "worse" and (faster := _fastest(first, view)):
        one = faster.difference
        sentence = _("Faster and worse: {load}: {metric} at {shape} {latency}; {quality}.").format(
            load=load,
            metric=METRICS[one.metric].short,
            shape=shape(faster.cell),
            latency=change(one.contrast.ratio),
            quality=quality,
        )
    elif first.change.verdict == "worse":
        sentence = _("Worse: {load}: {quality}.").format(load=load, quality=quality)
    else:
        sentence = _("Better: {load}: {quality}.").format(load=load, quality=quality)
    more = plural(
        len(others), "The quality of {count} more load changed.", "The quality of {count} more loads changed."
    )
    return f"{sentence} {more}" if others else sentence


def _fastest(of: QualityFigure, view: ComparisonView) -> Figure | None:
    """The load's figure that got faster most, if any is called so."""
    own = (one for one in view.figures if (one.head, one.cell.load.load_key) == (of.head, of.change.base.load_key))
    return max((one for one in own if one.difference.verdict == "faster"), key=lambda one: one.size, default=None)


def rule(tolerance: float) -> str:
    """How the verdicts come about."""
    return _(
        "Quality: perplexity of fixed texts, head over base, paired by text; intervals cover the texts. Same: within "
        "{tolerance}; worse and better: after Holm's adjustment over the loads. Without an interval, a load is worse "
        "that is broken, or answers one token repeated, and did not before, or that is no longer faithful and whose "
        "perplexity rose beyond the tolerance. Where the artifact is the same, what changed is the stack, its driver "
        "or its options."
    ).format(tolerance=percent(tolerance, None))
