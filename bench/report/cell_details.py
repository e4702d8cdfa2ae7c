"""All that is known of each cell: its series, what does not count and why, what was loaded, how to repeat it."""

# ruff: noqa: RUF001, RUF002 - en dashes and signs of multiplication are meant

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.analyse.grouping import group_by
from bench.analyse.results import CellResult, Generation, LoadResult, LoadTimes, Use
from bench.metrics import BY_GENERATION, EXPORTED
from bench.plan.cells import Request
from bench.report import agreement_words, metric_words, quality_words
from bench.report.code_words import word
from bench.report.drawing.series_chart import SeriesChart, of_many, series_chart
from bench.report.finding_notes import Note
from bench.report.format import capital, listed, number, plural, shares, with_interval
from bench.report.language import gettext as _, ngettext
from bench.report.measure_again import alone
from bench.report.run_facts import timed_region
from bench.report.run_view import Row, RunView

MOST_UNFOLDED = 24
"""With more cells than this, those of one shape are folded away together."""
_MOST_LEFT_OUT = 12
"""So many generations that do not count are told one by one."""


@dataclass(frozen=True, slots=True)
class CellDetail:
    """One cell, in the language that was chosen when it was made.

    Args:
        row: of the main table.
        estimates: in a line.
        plots: a drawing per metric that it has, and its title.
        columns: heads of the figures of a block.
        blocks: the same as the plots, in figures: the number of a block, and for each metric the generations that
            count, their median, and the warm-ups.
        left_out: what does not count, and what failed, a sentence each.
        warnings: what the guard saw of it, each with the note that says what to do.
        facts: names and values of what was loaded.
        command: measures it alone.
    """

    row: Row
    estimates: str
    plots: tuple[tuple[str, SeriesChart], ...]
    columns: tuple[str, ...]
    blocks: tuple[tuple[int, tuple[str, ...]], ...]
    left_out: tuple[str, ...]
    warnings: tuple[tuple[Note, str], ...]
    facts: tuple[tuple[str, str], ...]
    command: str


def cell_details(view: RunView, notes: Sequence[Note]) -> list[tuple[Request, list[CellDetail]]]:
    """The details of every row of the main table, by shape; ``notes`` are those of the view."""
    failed = _failed(view)
    return [(group.shape, [_detail(view, row, notes, failed) for row in group.rows]) for group in view.groups]


def _failed(view: RunView) -> dict[str, list[str]]:
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


def _detail(view: RunView, row: Row, notes: Sequence[Note], failed: Mapping[str, Sequence[str]]) -> CellDetail:
    cell = row.cell
    known = [metric for metric in BY_GENERATION if getattr(cell, metric)]
    own = [notes[at - 1] for at in row.notes]
    return CellDetail(
        row=row,
        estimates=" · ".join(metric_words.figure(one, getattr(cell, one).estimate.value) for one in known),
        plots=tuple(_plot(cell, metric) for metric in known),
        columns=tuple(
            f"{metric_words.short(metric)}, {column}"
            for metric in known
            for column in (_("each"), _("median"), _("warm-ups"))
        ),
        blocks=tuple(_block_rows(cell, known)),
        left_out=(*_excluded(cell.series), *failed.get(cell.cell_key, ())),
        warnings=tuple((note, seen) for note in own for seen in note.messages_about(cell)),
        facts=tuple((fact, value) for fact, value in _all_facts(view, cell) if value),
        command=alone(cell.load, [cell], view.record),
    )


def _plot(cell: CellResult, metric: str) -> tuple[str, SeriesChart]:
    chart = series_chart(cell.series, metric, getattr(cell, metric))
    title = _("{metric} by block, {unit} (logarithmic)") if chart.logarithmic else _("{metric} by block, {unit}")
    return capital(title.format(metric=metric_words.name(metric), unit=metric_words.unit(metric))), chart


def _block_rows(cell: CellResult, known: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for block, own in sorted(group_by(cell.series, lambda one: one.block).items()):
        figures = []
        for metric in known:
            median = number(getattr(cell, metric).by_block.get(block))
            figures += [_times(own, metric, "timed"), median, _times(own, metric, "warm-up")]
        yield block + 1, tuple(figures)


def _times(own: Sequence[Generation], metric: str, use: Use) -> str:
    values = [value for one in own if one.use == use and (value := getattr(one, metric)) is not None]
    shown = [number(values[place]) for place in of_many(values)]
    if len(shown) == len(values):
        return " ".join(shown)
    return _("{ends} (of {count})").format(ends="–".join(shown), count=number(len(values), 0))


def _excluded(series: Sequence[Generation]) -> Iterator[str]:
    """Each generation that was to be timed and does not count, and why."""
    excluded = 0
    ordinals: dict[int, int] = {}
    for one in series:
        if one.use == "warm-up":
            continue
        ordinals[one.block] = ordinals.get(one.block, 0) + 1
        if one.use == "excluded":
            excluded += 1
            if excluded <= _MOST_LEFT_OUT:
                yield _exclusion(one, ordinals[one.block])
    if excluded > _MOST_LEFT_OUT:
        yield _("And {count} more generations.").format(count=number(excluded - _MOST_LEFT_OUT, 0))


def _exclusion(one: Generation, ordinal: int) -> str:
    """A generation that does not count, and why; ``ordinal`` is which one of those to be timed in its block, from 1."""
    known = [(metric, getattr(one, metric)) for metric in BY_GENERATION]
    times = ", ".join(metric_words.figure(key, value) for key, value in known if value is not None)
    return _("Block {block}, generation {ordinal} ({times}): {reason}.").format(
        block=one.block + 1,
        ordinal=ordinal,
        times=times or _("no times"),
        reason=one.reason or _("its record lacks a time or a step"),
    )


def _all_facts(view: RunView, cell: CellResult) -> Iterator[tuple[str, str | None]]:
    yield from quality_words.facts(cell.load)
    yield from agreement_words.facts(view, cell)
    yield from _facts(cell)


def _facts(cell: CellResult) -> Iterator[tuple[str, str | None]]:
    load = cell.load
    padded = cell.padded_prompt_tokens
    for metric in EXPORTED:
        if metric not in BY_GENERATION and (measured := getattr(cell, metric)):
            yield capital(metric_words.name(metric)), with_interval(measured.estimate, metric_words.unit(metric))
    yield _("Weights"), _weights(load)
    yield _("Weight quantization"), _pairs(load.weight_recipe or {})
    yield _("Computes in"), load.inference_precision
    yield _("KV cache"), load.kv_cache_precision
    yield _("Attention"), load.attention_backend
    yield _("Inside the timed region"), timed_region(load.backend)
    yield _("Prompt padded to"), plural(padded, "{count} token", "{count} tokens") if padded else None
    yield _("Nodes ran on"), shares(load.node_placement)
    yield _("Load options"), _pairs(load.options)
    yield _("Changed by the device"), "; ".join(f"{hint}: {now}" for hint, now in (load.changed_hints or {}).items())
    yield _("Compile cache"), ", ".join(cache_state(times) for times in load.times)
    yield _("Threads"), None if load.threads is None else str(load.threads)
    yield _("Environment"), _pairs(load.environment or {})
    yield _("Version of the stack"), load.backend_version


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(values.items()))


def _weights(load: LoadResult) -> str:
    bits = _("{bits} bits per weight").format(bits=number(load.bits_per_weight, 1)) if load.bits_per_weight else ""
    return ", ".join(filter(None, (load.precision, bits, shares(load.weight_bits))))


def cache_state(times: LoadTimes) -> str:
    """A state of the compile cache and how many processes found it so, e.g. ``hit × 9``."""
    state = _("not told") if times.compile_cache == "unknown" else word(times.compile_cache)
    return f"{state} × {number(times.processes, 0)}"
