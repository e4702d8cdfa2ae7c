"""How faithful each configuration is to the model it was made from, in words that several renderers share."""

# ruff: noqa: RUF002 - apostrophes and dashes are meant

from bench.analyse.interval import Estimate
from bench.analyse.quality import Quality
from bench.analyse.results import LoadResult
from bench.report.code_words import word
from bench.report.format import figure, in_brackets, interval, listed, number, plural
from bench.report.language import gettext as _, mark, ngettext
from bench.report.run_view import RunView

NOT_KNOWN = "—"
_LEAST = 0.0001
"""What is below of a divergence is rounding."""

_REASONS = {
    "not-finite": mark("its log-probabilities are not finite numbers"),
    "constant": mark("the same token is the likeliest everywhere"),
    "chance": mark("its likeliest token is that of the reference no more often than by chance"),
    "vocabulary": mark("it answers with tokens that the vocabulary does not have"),
    "collapsed": mark("every timed answer is one token repeated"),
    "longest": mark("on the longest prompt of the sweep, not on the short texts"),
    "device": mark("the same artifact is right on the CPU, so the device or its driver is at fault"),
    "no-reference": mark("there is no reference to compare it with"),
    "no-scores": mark("it was not scored"),
    "failed": mark("it could not be scored"),
}
"""Code of :attr:`bench.analyse.quality.Quality.reason` -> its words; that of a ratio is the ratio itself."""


def reason(load: LoadResult) -> str:
    """Why the verdict is that, in a few words; blank where the ratio says it."""
    if load.quality is None:
        return _(_REASONS["no-scores"])
    code = load.quality.reason
    return _(_REASONS[code]) if code in _REASONS else ""


def ratio(load: LoadResult) -> str:
    """What stands in the column, e.g. ``1.28``."""
    quality = load.quality
    if quality is not None and quality.is_reference:
        return _("reference")
    return NOT_KNOWN if quality is None or quality.ratio is None else number(quality.ratio.value)


def in_one_line(load: LoadResult) -> str:
    """The column where there is no room for a badge, e.g. ``1.28 (1.21–1.36), degraded``."""
    quality = load.quality
    if quality is None or quality.is_reference:
        return ratio(load)
    verdict = word(quality.verdict) if quality.verdict != "faithful" else ""
    return ", ".join(filter(None, (ratio(load) + in_brackets(interval(quality.ratio)), verdict)))


def beside(load: LoadResult) -> str:
    """What stands in parentheses behind the name of a winner."""
    quality = load.quality
    if quality is None:
        return _("quality not measured")
    if quality.is_reference:
        return _("the reference of quality")
    if quality.verdict == "degraded" and quality.ratio is not None:
        return _("degraded, at {ratio} times the perplexity of the reference").format(ratio=number(quality.ratio.value))
    return _("quality unknown") if quality.verdict == "unknown" else word(quality.verdict)


def named(view: RunView, load: LoadResult) -> str:
    """The name of ``load`` with its quality, in a run that knows of any."""
    name = view.names.of(load)
    return f"{name} ({beside(load)})" if "perplexity_ratio" in view.columns else name


def not_measured(view: RunView) -> str:
    """That nothing is known of quality; blank where something is, and where nothing ran that could have one."""
    if not view.measured or view.simulated == "all" or any(cell.load.quality for cell in view.measured):
        return ""
    return _("Quality was not measured: nothing here says whether the answers are right.")


def broken_banner(view: RunView) -> str:
    """Which configurations gave no answer worth its time; blank where all did."""
    measured = {cell.load.load_key: cell.load for cell in view.measured}
    found = [load for load in measured.values() if load.broken]
    if not found:
        return ""
    names = []
    for load in found:
        quality = load.quality
        assert quality is not None, "nothing is broken that was not scored"
        why = ratio_words(quality, quality.ratio) if quality.ratio else word(quality.verdict)
        names.append(f"{view.names.of(load)} ({reason(load) or why})")
    return ngettext(
        "Broken output: {configurations}. Its latencies are struck through and it is in no ranking. Something is wrong "
        "with the conversion, the stack, the device or the model.",
        "Broken output: {configurations}. Their latencies are struck through and they are in no ranking. Something is "
        "wrong with the conversion, the stack, the device or the model.",
        len(found),
    ).format(configurations=listed(names))


def method(view: RunView) -> list[str]:
    """What was done, in a few sentences."""
    known = [load.quality for load in view.analysis.loads if load.quality]
    texts, positions = max(one.texts for one in known), max(one.positions for one in known)
    if not positions:
        return []
    found = [
        _(
            "Each configuration was given {texts} ({tokens}), with the stack, artifact, device and options that are "
            "timed but apart from all timing, and told how likely it finds each next token. Perplexity is the "
            "exponential of the mean negative log-likelihood of a token: the lower, the surer."
        ).format(
            texts=plural(texts, "{count} fixed text", "{count} fixed texts"),
            tokens=plural(positions, "{count} token", "{count} tokens"),
        )
    ]
    if min(one.positions for one in known if one.positions) < positions:
        found.append(
            _(
                "Those that score slowly scored fewer in their share of the time: compare ratios, since their "
                "perplexity is of fewer tokens."
            )
        )
    if references := list(dict.fromkeys(one.reference for one in known if one.reference)):
        found.append(
            _(
                "The ratio is to the perplexity of {reference} on the same texts: the geometric mean over texts, with "
                "its 95 % interval."
            ).format(reference=listed(references))
        )
    return found


def small(value: float | None) -> str:
    """A divergence: three digits that matter, however small it is."""
    if value is None:
        return ""
    if 0 < value < _LEAST:
        return f"< {number(_LEAST, 4)}"
    return number(value, 4) if 0 < value < 0.1 else number(value)


def ratio_words(quality: Quality, found: Estimate) -> str:
    """E.g. ``1.28 (1.21–1.36) times the perplexity of transformers fp32``."""
    return _("{ratio} times the perplexity of {reference}").format(
        ratio=figure(found), reference=quality.reference or _("the reference")
    )
