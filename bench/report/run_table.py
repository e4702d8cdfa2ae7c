"""The table at the end of a run: ASCII, at most 100 columns."""

import textwrap
from collections.abc import Sequence

from bench.analyse.interval import Estimate
from bench.analyse.results import VERDICT_BLOCKS, CellResult, LoadResult, Measured
from bench.metrics import BY_GENERATION, METRICS
from bench.report import quality_words, run_words
from bench.report.agreement_words import collapsed_banner
from bench.report.code_words import word
from bench.report.finding_notes import finding_notes, in_short
from bench.report.format import megabytes, number, plain
from bench.report.language import ENGLISH, speaking
from bench.report.names import failed_shapes
from bench.report.run_view import RunView

COLUMNS = 100

_QUALITY = "ppl x"
_HEADER = (
    "backend",
    "device",
    "prec",
    "in",
    "prompt",
    *(head for key in BY_GENERATION for head in (f"{METRICS[key].short} {METRICS[key].unit}", "+/-")),
    _QUALITY,
    "tok/s",
    "peak MB",
    "busy",
    "verdict",
)
_WIDEST = (16, 15, 8, 4, 12, *(8, 5) * len(BY_GENERATION), 7, 7, 7, 5, 9)
_TEXT_COLUMNS = (0, 1, 2, 3, len(_HEADER) - 1)


@speaking(ENGLISH.code)
def run_table(view: RunView) -> str:
    """What a run measured and what it could not, in English, for a terminal of any encoding."""
    cells = view.analysis.cells
    one_shape = len({(cell.new_tokens, cell.batch_size) for cell in cells}) == 1
    rows = [_row(cell, one_shape=one_shape) for cell in cells]
    lines = _columns([_HEADER, *rows]) if rows else [run_words.nothing_measured()]
    notes = [
        f"{word(failure.status)}: {view.names.of(failure.load)}, {failed_shapes(failure)}: "
        f"{textwrap.shorten(failure.message, 300, placeholder=' ...')}"
        for failure in view.analysis.failures
    ]
    notes += [*(run_words.overview_sentence(view, overview) for overview in view.overviews)]
    if view.adaptive:
        notes.append(run_words.adaptive_end(view))
    notes += [*_notes(view), *in_short(finding_notes(view))]
    wrapped = [textwrap.wrap(plain(note), COLUMNS, subsequent_indent="  ") for note in notes]
    return "\n".join([*lines, *(line for own in wrapped for line in own)])


def _row(cell: CellResult, *, one_shape: bool) -> tuple[str, ...]:
    load = cell.load
    shape = str(cell.prompt_tokens) if one_shape else f"{cell.prompt_tokens}+{cell.new_tokens}x{cell.batch_size}"
    if cell.turn:
        shape += f" t{cell.turn}"
    if cell.ask == "again":
        shape += " on" if cell.turn else " hit"
    return (
        f"{load.variant}:{load.backend}" if load.variant else load.backend,
        load.ran_on if load.ran_on == load.device_requested else f"{load.ran_on} for {load.device_requested}",
        load.precision,
        load.inference_precision or "?",
        shape,
        *(part for key in BY_GENERATION for part in _figure(getattr(cell, key))),
        _quality(load),
        _figure(cell.decode_tokens_per_s)[0],
        megabytes(load.peak_memory_bytes).replace(",", ""),
        _busy(load.device_share),
        load.device_verdict,
    )


def _quality(load: LoadResult) -> str:
    """The perplexity ratio, ``!`` behind one of a degraded load."""
    quality = load.quality
    if quality is None or quality.is_reference:
        return "ref" if quality else ""
    if quality.verdict == "broken":
        return "broken"
    return (
        "?" if quality.ratio is None else number(quality.ratio.value) + ("!" if quality.verdict == "degraded" else "")
    )


def _busy(share: float | None) -> str:
    if share is None:
        return ""
    return "<1%" if 0 < share < 0.01 else f"{100 * share:.0f}%"


def _figure(measured: Measured | None) -> tuple[str, str]:
    if measured is None:
        return "", ""
    return number(measured.estimate.value).replace(",", ""), spread_of(measured.estimate)


def spread_of(estimate: Estimate) -> str:
    """Half the width of the interval, in at most five characters; blank without one."""
    width = estimate.half_width
    if width is None:
        return ""
    if width >= 10:
        return ">999%"
    return f"{100 * width:.0f}%" if width >= 0.005 else "<1%"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    cut = [
        [shown if len(shown := plain(value)) <= widest else shown[: widest - 1] + "~" for value, widest in fields]
        for fields in (zip(row, _WIDEST, strict=True) for row in rows)
    ]
    widths = [max(len(row[index]) for row in cut) for index in range(len(_HEADER))]
    # Of an older run, or one that was not asked for it, nothing is known of quality.
    known = [index for index, head in enumerate(_HEADER) if head != _QUALITY or any(row[index] for row in rows[1:])]
    sides = ["<" if index in _TEXT_COLUMNS else ">" for index in range(len(_HEADER))]
    lines = [" ".join(f"{row[at]:{sides[at]}{widths[at]}}" for at in known).rstrip()[:COLUMNS] for row in cut]
    return [lines[0], "-" * max(len(line) for line in lines), *lines[1:]]


def _notes(view: RunView) -> list[str]:
    loads, cells = view.analysis.loads, view.analysis.cells
    variants = {load.variant: load.variant_spec for load in loads if load.variant_spec}
    notes = [f"{name}: {spec}" for name, spec in variants.items()]
    if view.simulated != "none":
        notes.append("simulated: these latencies were played, no model ran")
    notes += run_words.incomplete(view)
    if view.chat:
        notes.append("t: turn of a chat, whose prompt is all that was said; on: with what was said before it cached")
    elif any(cell.ask == "again" for cell in cells):
        notes.append("hit: a prefix-cache hit, the time for a prompt that the same process was asked just before")
    if any(not load.simulated for load in loads):
        notes.append("prec: the weight format; in: what the stack computes in, ? where it does not tell")
    if any(cell.load.device_share is not None for cell in cells):
        notes.append("busy: how much of the time the device was at work, of a CPU the CPU time; threads add up")
    if "perplexity_ratio" in view.columns:
        notes.append(
            f"{_QUALITY}: perplexity over that of the reference (ref), ? where unknown; !: degraded; broken: the "
            "latencies are of no usable answer"
        )
    notes += filter(None, [quality_words.not_measured(view), quality_words.broken_banner(view), collapsed_banner(view)])
    if cells and not all(ranking.verdict for ranking in view.analysis.rankings):
        profile = run_words.VERDICT_PROFILE
        notes.append(f"+/- is half the 95 % interval; no verdict is claimed below {VERDICT_BLOCKS} blocks: {profile}")
    return notes
