"""What the details of a cell tell of its generations: by block, and which do not count and why."""

# ruff: noqa: RUF001, RUF002 - en dashes and signs of multiplication are meant

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.analyse.grouping import group_by
from bench.analyse.results import CellResult, Generation, LoadResult, LoadTimes, Use
from bench.metrics import BY_GENERATION
from bench.report import metric_words
from bench.report.code_words import word
from bench.report.drawing.series_chart import SeriesChart, of_many, series_chart
from bench.report.format import capital, listed, number, shares
from bench.report.language import gettext as _, ngettext
from bench.report.run_view import RunView

MOST_UNFOLDED = 24
"""With more cells than this, those of one shape are folded away together."""
_MOST_LEFT_OUT = 12
"""So many generations that do not count are told one by one."""


def failed(view: RunView) -> dict[str, list[str]]:
    """Cell key -> what failed of it in some blocks. A generation that is not counted is told by itself."""
    found: dict[str, list[str]] = {}
    for failure in view.analysis.failures:
        if failure.status != "invalid":
            sentence = ngettext(
                "Block {blocks}: {status}, {message}", "Blocks {blocks}: {status}, {message}", len(failure.blocks)
            ).format(
                blocks=listed([number(block + 1, 0) for block in failure.blocks]),
                status=word(failure.status),
                message=failure.message,
            )
            for cell in failure.cells:
                found.setdefault(cell.cell_key, []).append(sentence)
    return found


def known(cell: CellResult) -> list[str]:
    """The metrics of :data:`bench.metrics.BY_GENERATION` that it has."""
    return [metric for metric in BY_GENERATION if getattr(cell, metric)]


def plot(cell: CellResult, metric: str) -> tuple[str, SeriesChart]:
    """A drawing of one metric, and its title."""
    chart = series_chart(cell.series, metric, getattr(cell, metric))
    title = _("{metric} by block, {unit} (logarithmic)") if chart.logarithmic else _("{metric} by block, {unit}")
    return capital(title.format(metric=metric_words.name(metric), unit=metric_words.unit(metric))), chart


def blocks(cell: CellResult) -> Iterator[tuple[int, list[str]]]:
    """The number of a block, and for each metric the generations that count, their median, and the warm-ups."""
    for block, own in sorted(group_by(cell.series, lambda one: one.block).items()):
        figures = []
        for metric in known(cell):
            median = number(getattr(cell, metric).by_block.get(block))
            figures += [_times(own, metric, "timed"), median, _times(own, metric, "warm-up")]
        yield block + 1, figures


def _times(own: Sequence[Generation], metric: str, use: Use) -> str:
    values = [value for one in own if one.use == use and (value := getattr(one, metric)) is not None]
    shown = [number(values[place]) for place in of_many(values)]
    if len(shown) == len(values):
        return " ".join(shown)
    return _("{ends} (of {count})").format(ends="–".join(shown), count=number(len(values), 0))


def left_out(series: Sequence[Generation]) -> Iterator[str]:
    """Each generation that was to be timed and does not count, and why; of many the first ones."""
    excluded = 0
    ordinals: dict[int, int] = {}
    for one in series:
        if one.use == "warm-up":
            continue
        ordinals[one.block] = ordinals.get(one.block, 0) + 1
        if one.use == "excluded":
            excluded += 1
            if excluded <= _MOST_LEFT_OUT:
                times = [(metric, getattr(one, metric)) for metric in BY_GENERATION]
                told = ", ".join(metric_words.figure(key, value) for key, value in times if value is not None)
                yield _("Block {block}, generation {ordinal} ({times}): {reason}.").format(
                    block=one.block + 1,
                    ordinal=ordinals[one.block],
                    times=told or _("no times"),
                    reason=one.reason or _("its record lacks a time or a step"),
                )
    if excluded > _MOST_LEFT_OUT:
        yield _("And {count} more generations.").format(count=number(excluded - _MOST_LEFT_OUT, 0))


def pairs(values: Mapping[str, object] | None) -> str:
    """Options as they are typed."""
    return ", ".join(f"{key}={value}" for key, value in sorted((values or {}).items()))


def weights(load: LoadResult) -> str:
    """What it keeps them in, e.g. ``int4, 4.9 bits per weight, 79 % int4, 21 % int8``."""
    bits = _("{bits} bits per weight").format(bits=number(load.bits_per_weight, 1)) if load.bits_per_weight else ""
    return ", ".join(filter(None, (load.precision, bits, shares(load.weight_bits))))


def cache_state(times: LoadTimes) -> str:
    """A state of the compile cache and how many processes found it so, e.g. ``hit × 9``."""
    state = _("not told") if times.compile_cache == "unknown" else word(times.compile_cache)
    return f"{state} × {number(times.processes, 0)}"
