"""What a comparison says of the quality of loads, in the language that is chosen; all renderers share it."""

from collections.abc import Sequence

from bench.analyse.quality import Verdict
from bench.analyse.quality_change import QualityChange
from bench.metrics import METRICS
from bench.report.code_words import word
from bench.report.compare.comparison_figures import change, ratio, shape, verdict_name
from bench.report.compare.comparison_view import ComparisonView, QualityFigure
from bench.report.format import clean, number, percent, plural
from bench.report.language import gettext as _
from bench.report.quality_words import reason as load_reason

_LONGEST = 300


def state(one: QualityChange) -> str:
    """What the load itself is on both sides, e.g. ``faithful`` or ``faithful, now degraded``; blank where unknown."""
    there, here = one.base.quality, one.head.quality
    return now(there.verdict if there else "unknown", here.verdict if here else "unknown")


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


def artifact(one: QualityChange) -> str:
    """Whether the artifact changed too; blank where that is not recorded, and where neither changed."""
    if one.same_artifact is None:
        return ""
    if one.same_artifact:
        return _("same artifact") if one.changed else ""
    return _("another artifact")


def known(one: QualityChange) -> str:
    """What is known beside the perplexities, but for errors; blank for nothing."""
    own = "" if one.reason in ("degraded", "mended") else state(one)
    if one.reason == "broken":
        own = load_reason(one.head)
    return "; ".join(filter(None, (reason(one), own, artifact(one))))


def perplexities(one: QualityChange) -> str:
    """From what to what; blank where no text was scored on both sides."""
    if one.contrast is None:
        return ""
    return f"{number(one.base_perplexity)} -> {number(one.head_perplexity)}"


def line(one: QualityChange, name: str) -> str:
    """All that is said of a load, for a terminal."""
    said = [f"{name}: {verdict_name(one.verdict)}"]
    if one.contrast is not None:
        texts = plural(one.contrast.ratio.blocks, "{count} text", "{count} texts")
        said.append(f"perplexity {perplexities(one)} ({texts}), {ratio(one.contrast.ratio)}")
    return "; ".join(filter(None, (*said, known(one), error(one))))


def lines(view: ComparisonView) -> list[str]:
    """A line for each load and head, those that changed first."""
    return [line(one.change, named(one, view)) for one in changed_first(view.qualities)]


def changed_first(found: Sequence[QualityFigure]) -> list[QualityFigure]:
    """Worse loads, then better ones, then the others in their order."""
    order = {"worse": 0, "better": 1}
    return sorted(found, key=lambda one: (order.get(one.change.verdict, 2), -_size(one.change)))


def _size(one: QualityChange) -> float:
    if not one.changed or one.contrast is None:
        return 0.0
    over = one.contrast.ratio.value
    return max(over, 1 / over)


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
    load, what = named(first, view), _what(first.change)
    if first.change.verdict == "worse" and first.faster:
        one = first.faster.difference
        sentence = _("Faster and worse: {load}: {metric} at {shape} {latency}; {quality}.").format(
            load=load,
            metric=METRICS[one.metric].short,
            shape=shape(first.faster.cell),
            latency=change(one.contrast.ratio),
            quality=what,
        )
    elif first.change.verdict == "worse":
        sentence = _("Worse: {load}: {quality}.").format(load=load, quality=what)
    else:
        sentence = _("Better: {load}: {quality}.").format(load=load, quality=what)
    more = plural(
        len(others), "The quality of {count} more load changed.", "The quality of {count} more loads changed."
    )
    return f"{sentence} {more}" if others else sentence


def _what(one: QualityChange) -> str:
    """The reason, or the change of perplexity where that is the reason."""
    if one.contrast is None or one.reason in ("collapsed", "broken", "mended"):
        return reason(one)
    return _("perplexity {change}").format(change=change(one.contrast.ratio))


def rule(tolerance: float) -> str:
    """How the verdicts come about."""
    return _(
        "Quality: perplexity of fixed texts, head over base, paired by text; intervals cover the texts. Same: within "
        "{tolerance}; worse and better: after Holm's adjustment over the loads. Without an interval, a load is worse "
        "that is broken, or answers one token repeated, and did not before, or that is no longer faithful and whose "
        "perplexity rose beyond the tolerance. Where the artifact is the same, what changed is the stack, its driver "
        "or its options."
    ).format(tolerance=percent(tolerance, None))
