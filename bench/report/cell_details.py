"""All that is known of each cell: its series, what does not count and why, what was loaded, how to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analyse.results import CellResult, Generation, LoadResult, LoadTimes, RunAnalysis, Use
from bench.metrics import BY_GENERATION, EXPORTED
from bench.report import metric_words, text
from bench.report.commands import alone
from bench.report.drawing.series_chart import SeriesChart, of_many, series_chart
from bench.report.findings import Note
from bench.report.format import capital, number, shares, with_interval
from bench.report.results_table import Group, Row
from bench.report.timed import timed_region

MOST_UNFOLDED = 24
"""With more cells than this, those of one shape are folded away together."""
_MOST_LEFT_OUT = 12
"""So many generations that do not count are told one by one."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One metric's drawing and its title."""

    title: str
    chart: SeriesChart


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One block in figures: for each metric the generations that count, their median, and the warm-ups."""

    block: int
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CellDetail:
    """One cell.

    Args:
        row: of the main table.
        shape: in words.
        said: its estimates in a line.
        plots: one per metric that it has.
        columns: heads of the figures of a block.
        blocks: the same as the plots, in figures.
        left_out: what does not count, and what failed, a sentence each.
        warnings: what the guard saw of it, each with the note that says what to do.
        facts: names and values of what was loaded.
        command: measures it alone.
    """

    row: Row
    shape: str
    said: str
    plots: tuple[Plot, ...]
    columns: tuple[str, ...]
    blocks: tuple[BlockRow, ...]
    left_out: tuple[str, ...]
    warnings: tuple[tuple[Note, str], ...]
    facts: tuple[tuple[str, str], ...]
    command: str


@dataclass(frozen=True, slots=True)
class DetailGroup:
    """All cells of one shape, in the order of the main table."""

    title: str
    cells: tuple[CellDetail, ...]


def detail_groups(groups: Sequence[Group], analysis: RunAnalysis) -> list[DetailGroup]:
    """The details of every row of the main table.

    Args:
        groups: of that table.
        analysis: of the run.
    """
    failed = _failed(analysis)
    return [
        DetailGroup(
            group.title,
            tuple(_detail(row, group.title, failed.get(row.cell.cell_key, []), analysis.record) for row in group.rows),
        )
        for group in groups
    ]


def _failed(analysis: RunAnalysis) -> dict[str, list[str]]:
    """Cell key -> what failed of it in some blocks. A generation that is not counted is told by itself."""
    found: dict[str, list[str]] = {}
    for failure in analysis.failures:
        if failure.status != "invalid":
            said = text.cell_failed(failure.status, failure.blocks, failure.message)
            for key in failure.cell_keys:
                found.setdefault(key, []).append(said)
    return found


def _detail(row: Row, shape: str, failed: Sequence[str], record: Mapping[str, Any]) -> CellDetail:
    cell = row.cell
    known = [metric for metric in BY_GENERATION if getattr(cell, metric)]
    return CellDetail(
        row=row,
        shape=shape,
        said=" · ".join(metric_words.figure(one, getattr(cell, one).estimate.value) for one in known),
        plots=tuple(_plot(cell, metric) for metric in known),
        columns=tuple(f"{metric_words.short(metric)}, {column}" for metric in known for column in text.CELL_COLUMNS),
        blocks=tuple(_block_rows(cell, known)),
        left_out=(*_excluded(cell.series), *failed),
        warnings=tuple((note, said) for note in row.notes for said in note.messages_about(cell)),
        facts=tuple((fact, value) for fact, value in _facts(cell) if value),
        command=alone(cell.load, [(cell.prompt_tokens, cell.new_tokens, cell.batch_size)], [cell.ask], record),
    )


def _plot(cell: CellResult, metric: str) -> Plot:
    chart = series_chart(cell.series, metric, getattr(cell, metric))
    title = capital(text.CELL_PLOT.format(metric=metric_words.name(metric), unit=metric_words.unit(metric)))
    return Plot(text.CELL_PLOT_LOG.format(title=title) if chart.logarithmic else title, chart)


def _block_rows(cell: CellResult, known: Sequence[str]) -> Iterator[BlockRow]:
    by_block: dict[int, list[Generation]] = {}
    for one in cell.series:
        by_block.setdefault(one.block, []).append(one)
    for block, own in sorted(by_block.items()):
        figures = []
        for metric in known:
            median = number(getattr(cell, metric).by_block.get(block))
            figures += [_times(own, metric, "timed"), median, _times(own, metric, "warm-up")]
        yield BlockRow(block + 1, tuple(figures))


def _times(own: Sequence[Generation], metric: str, use: Use) -> str:
    values = [value for one in own if one.use == use and (value := getattr(one, metric)) is not None]
    shown = [number(values[place]) for place in of_many(values)]
    if len(shown) == len(values):
        return " ".join(shown)
    return text.CELL_OF_MANY.format(ends="–".join(shown), count=number(len(values), 0))  # noqa: RUF001


def _excluded(series: Sequence[Generation]) -> Iterator[str]:
    """Each generation that was to be timed and does not count, and why."""
    told = 0
    ordinals: dict[int, int] = {}
    for one in series:
        if one.use == "warm-up":
            continue
        ordinals[one.block] = ordinals.get(one.block, 0) + 1
        if one.use == "excluded":
            told += 1
            if told <= _MOST_LEFT_OUT:
                yield _told(one, ordinals[one.block])
    if told > _MOST_LEFT_OUT:
        yield text.CELL_MORE_EXCLUDED.format(count=number(told - _MOST_LEFT_OUT, 0))


def _facts(cell: CellResult) -> Iterator[tuple[str, str | None]]:
    load = cell.load
    names = text.CELL_FACTS
    padded = cell.padded_prompt_tokens
    for metric in EXPORTED:
        if metric not in BY_GENERATION and (measured := getattr(cell, metric)):
            yield capital(metric_words.name(metric)), with_interval(measured.estimate, metric_words.unit(metric))
    yield names["weights"], _weights(load)
    yield names["inference_precision"], load.inference_precision
    yield names["kv_cache_precision"], load.kv_cache_precision
    yield names["attention_backend"], load.attention_backend
    yield names["timed"], timed_region(load.backend)
    yield names["padded_prompt_tokens"], text.plural(padded, "token") if padded else None
    yield names["node_placement"], shares(load.node_placement)
    yield names["options"], ", ".join(f"{key}={value}" for key, value in sorted(load.options.items()))
    yield names["changed_hints"], "; ".join(f"{hint}: {change}" for hint, change in (load.changed_hints or {}).items())
    yield names["compile_cache"], ", ".join(cache_state(times) for times in load.times)
    yield names["threads"], None if load.threads is None else str(load.threads)
    yield names["environment"], ", ".join(f"{key}={value}" for key, value in sorted((load.environment or {}).items()))
    yield names["backend_version"], load.backend_version


def _weights(load: LoadResult) -> str:
    bits = text.CELL_BITS.format(bits=number(load.bits_per_weight, 1)) if load.bits_per_weight else ""
    return ", ".join(filter(None, (load.precision, bits, shares(load.weight_bits))))


def cache_state(times: LoadTimes) -> str:
    """A state of the compile cache and how many processes found it so, e.g. ``hit × 9``."""  # noqa: RUF002
    return f"{text.CELL_CACHE.get(times.compile_cache, times.compile_cache)} × {number(times.processes, 0)}"  # noqa: RUF001


def _told(one: Generation, ordinal: int) -> str:
    """A generation that does not count, and why; ``ordinal`` is which one of those to be timed in its block, from 1."""
    known = [(metric, getattr(one, metric)) for metric in BY_GENERATION]
    times = ", ".join(metric_words.figure(key, value) for key, value in known if value is not None)
    return text.CELL_EXCLUDED.format(
        block=one.block + 1,
        ordinal=ordinal,
        times=times or text.CELL_NO_TIMES,
        reason=one.reason or text.CELL_NOT_WHOLE,
    )
