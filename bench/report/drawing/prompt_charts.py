"""Charts over prompt length, or the turns of a chat: one line per configuration, with intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult, Ranking
from bench.metrics import CHARTED
from bench.report import metric_words
from bench.report.drawing.canvas import (
    LOG_FROM,
    Chart,
    Drawing,
    Edition,
    add_line,
    chain,
    editions,
    set_ticks,
    spaced,
    value_axis,
)
from bench.report.drawing.style import MUTED, LineStyle
from bench.report.drawing.svg import Sheet
from bench.report.format import capital, factor, interval, number
from bench.report.language import gettext as _, mark
from bench.report.metric_words import ITL_NAMES
from bench.report.names import Series, turn_name

_RATIO = mark("time to first token over the lowest")


@dataclass(frozen=True, slots=True)
class _Point:
    """One point of a line, with its tooltip. It lies at its turn, outside of a chat at its prompt length."""

    prompt_tokens: int
    turn: int
    estimate: Estimate
    tip: str

    @property
    def place(self) -> int:
        return self.turn or self.prompt_tokens

    @property
    def ends(self) -> tuple[float, ...]:
        low, high = self.estimate.low, self.estimate.high
        return () if low is None or high is None else (low, high)


Lines = list[tuple[LineStyle, list[_Point]]]


def prompt_charts(
    lines: Sequence[Series],
    rankings: Sequence[Ranking[CellResult]],
    styles: Mapping[str, LineStyle],
    sheet: Sheet,
    *,
    both: bool,
) -> Iterator[Chart]:
    """A chart per metric that has values, of lines that hold one combination of the axes other than prompt and turn.

    Args:
        lines: narrowed to it.
        rankings: of the run.
        styles: series key -> its style.
        sheet: of the page.
        both: whether to draw each on both axes; the first two are, whatever it says.
    """
    ratios = _ratios(rankings)
    for metric in (*CHARTED, "ratio", *ITL_NAMES):
        named = _name(metric)
        points = [(styles[one.key], list(_points(one, metric, ratios, named))) for one in lines]
        if shown := [line for line in points if line[1]]:
            quantile = metric if metric in ITL_NAMES else ""
            yield Chart(_title(metric), _editions(metric, shown, sheet, both or metric in CHARTED[:2]), quantile)


def _name(metric: str) -> str:
    return metric_words.name(metric) if metric in CHARTED else _(ITL_NAMES.get(metric, _RATIO))


def _title(metric: str) -> str:
    if metric == "ratio":
        return _("Time to first token, times the lowest at that length")
    return metric_words.chart_title(metric) if metric in CHARTED else capital(f"{_name(metric)}, ms")


def _ratios(rankings: Sequence[Ranking[CellResult]]) -> dict[str, Estimate]:
    """Cell key -> time to first token over the lowest at the same shape, which itself is 1 and has no interval.

    First asks alone: a prefix-cache hit has no place on that scale. Empty where nothing stands beside the lowest.
    """
    found: dict[str, Estimate] = {}
    for ranking in rankings:
        if ranking.metric == "ttft_ms" and ranking.ask == "first" and ranking.rivals:
            found[ranking.winner.cell_key] = Estimate(1.0, None, None, ranking.lowest.blocks)
            found |= {rival.contestant.cell_key: rival.ratio for rival in ranking.rivals}
    return found


def _points(one: Series, metric: str, ratios: Mapping[str, Estimate], named: str) -> Iterator[_Point]:
    for cell in one.cells:
        if (estimate := _estimate(cell, metric, ratios)) is None:
            continue
        at = _("{name}, prompt {prompt}").format(name=one.name, prompt=number(cell.prompt_tokens, 0)) + turn_name(cell)
        ends = interval(estimate) or _("no interval")
        if metric == "ratio":
            tip = f"{at}: {factor(estimate.value)} ({ends})"
        else:
            tip = f"{at}: {named} {number(estimate.value)} ms ({ends}), n = {number(cell.generations, 0)}"
        yield _Point(cell.prompt_tokens, cell.turn, estimate, tip)


def _estimate(cell: CellResult, metric: str, ratios: Mapping[str, Estimate]) -> Estimate | None:
    if metric == "ratio":
        return ratios.get(cell.cell_key)
    if metric in CHARTED:
        return measured.estimate if (measured := getattr(cell, metric)) else None
    value = cell.itl_ms[metric]
    return None if value is None else Estimate(value, None, None, cell.blocks)


def _editions(metric: str, lines: Lines, sheet: Sheet, both: bool) -> tuple[Edition, ...]:
    values = [point.estimate.value for _, points in lines for point in points]

    def draw(canvas: Drawing, logarithmic: bool) -> None:
        _draw(canvas, metric, lines, logarithmic=logarithmic)

    words = (
        _("{metric}, by turn of the chat, one line per configuration, as in the table")
        if any(point.turn for _style, points in lines for point in points)
        else _("{metric}, by prompt length, one line per configuration, as in the table")
    )
    label = words.format(metric=_name(metric))
    suited = metric == "ttft_ms" or max(values) / min(values) >= LOG_FROM
    return editions(sheet, draw, label, values, logarithmic=suited, both=both and metric != "ratio")


def _draw(canvas: Drawing, metric: str, lines: Lines, *, logarithmic: bool) -> None:
    points = [point for _, own in lines for point in own]
    values = [value for point in points for value in (point.estimate.value, *point.ends)]
    prompts = {point.place: point.prompt_tokens for point in points}
    lengths, chat = sorted(prompts), any(point.turn for point in points)
    axes = canvas.figure.subplots()
    axes.set_xscale("log")
    axes.set_xlim(lengths[0] / 1.6, lengths[-1] * 1.6)
    # The label of the longest stands in any case.
    ticks = spaced(lengths[::-1], (lengths[-1] / lengths[0]) ** (1 / 9))

    def tick(place: float) -> str:
        return f"{number(place, 0)} ({number(prompts[round(place)], 0)})" if chat else number(place, 0)

    set_ticks(axes.xaxis, ticks, tick)
    axes.set_xlabel(_("turn of the chat (prompt tokens)") if chat else _("prompt tokens"))
    value_axis(axes, values, logarithmic=logarithmic)
    if metric == "ratio" and not logarithmic:
        _around_one(axes, values)
    axes.grid(visible=True, axis="y")
    canvas.settle()
    # Moved sideways, a point of a steep line would seem to lie on another height.
    room = 0.05 if metric in ("ttft_ms", "response_ms") else 0.3
    for index, (style, own) in enumerate(lines):
        _draw_line(canvas, axes, own, style, _shift(index, len(lines), lengths, room))


def _around_one(axes: Any, values: Sequence[float]) -> None:
    low, high = min(1.0, *values), max(*values, 1.05)
    margin = 0.06 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.axhline(1.0, color=MUTED, linewidth=0.9, zorder=1)


def _shift(index: int, count: int, lengths: Sequence[int], room: float) -> float:
    """A factor on the prompt length that moves lines apart, by ``room`` of the step to the next length in all."""
    steps = [after / before for before, after in itertools.pairwise(lengths)]
    whole = min(math.log(min(steps, default=4.0)) * room, math.log(2))
    return math.exp(whole * ((index + 0.5) / count - 0.5))


def _draw_line(canvas: Drawing, axes: Any, points: Sequence[_Point], style: LineStyle, shift: float) -> None:
    xs = [point.place * shift for point in points]
    ys = [point.estimate.value for point in points]
    bars = chain([(x, end) for end in point.ends] for x, point in zip(xs, points, strict=True) if point.ends)
    marks = [canvas.point(point.tip, style.number, point.prompt_tokens) for point in points]
    # The axes hold all of it, so it needs no clip.
    shared: dict[str, Any] = {"gid": [canvas.tooltip("", line=style.number)], "clip_on": False}
    bar: dict[str, Any] = {"color": style.colour, "linewidth": 1.1, "zorder": 2.5, **shared}
    add_line(axes, xs, ys, **style.line(), zorder=3, **shared)
    add_line(axes, *bars, solid_capstyle="butt", **bar)
    add_line(axes, *bars, linestyle="none", marker="_", markersize=4.5, **bar)
    add_line(axes, xs, ys, **style.points(), zorder=4, clip_on=False, gid=marks)
