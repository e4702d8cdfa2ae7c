"""All drawings of the page of one run, for its template, which says in words what they show."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from markupsafe import Markup

from bench.analyse.interval import Estimate
from bench.analyse.results import MILESTONES, CellResult, LoadResult, RunAnalysis
from bench.analyse.roofline import RooflinePoint, roofline
from bench.analyse.tradeoff import Tradeoff, TradeoffPoint, tradeoffs
from bench.metrics import CHARTED
from bench.plan.cells import Request
from bench.report import metric_words
from bench.report.drawing.canvas import (
    Chart,
    Draw,
    Drawing,
    add_line,
    chain,
    drawing,
    editions,
    label_ticks,
    log_ticks,
    set_ticks,
    spaced,
    tick_label,
    value_axis,
    wide,
)
from bench.report.drawing.panels import along_panels, spread_panels
from bench.report.drawing.style import ACCENT, MUTED, SOLID, TEXT, Dashes, LineStyle, line_styles
from bench.report.drawing.svg import Sheet
from bench.report.format import capital, factor, interval, megabytes, number, percent
from bench.report.language import gettext as _, mark
from bench.report.metric_words import ITL_NAMES
from bench.report.names import Naming, Series, shape_name, turn_name

MOST_PANELS = 36
"""A page with more configurations than this is not read panel by panel; the data holds all of them."""
MOST_SHAPES = 8
"""A page with more shapes than this shows the charts of some, spread from the shortest prompt to the longest."""
MOST_IN_BOTH = 300
"""Of more cells than this only the first two charts are drawn on both axes, so that the page stays light."""

_RATIO = mark("time to first token over the lowest")
_ROOFLINE_INCHES = (11.4, 4.2)
_CROSS: Mapping[str, Any] = {
    "marker": "x",
    "markersize": 13,
    "markeredgewidth": 1.6,
    "color": ACCENT,
    "linestyle": "none",
}
"""Over the marker of a broken configuration."""
_SHARES: Mapping[float, Dashes] = {1.0: SOLID, 0.5: (5, 3), 0.25: (1.5, 2.5)}
"""Of the memory's bandwidth, each a line of the roofline."""

_Kind = tuple[int, int, int]
"""Batch size, new tokens and the message of a chat in tokens, 0 without one."""
One = TypeVar("One")


class _Point(NamedTuple):
    """One point of a line over prompt length. It lies at its turn, outside of a chat at its prompt length."""

    cell: CellResult
    estimate: Estimate
    tip: str

    @property
    def place(self) -> int:
        return self.cell.turn or self.cell.prompt_tokens

    @property
    def ends(self) -> tuple[float, ...]:
        low, high = self.estimate.low, self.estimate.high
        return () if low is None or high is None else (low, high)


Lines = list[tuple[LineStyle, list[_Point]]]


@dataclass(frozen=True, slots=True)
class _Cost:
    """What latency is traded for: ``scale`` from what is kept to what is drawn, ``ends`` of its axis as drawn."""

    scale: float
    axis: str
    tip: str
    label: str
    ends: Callable[[Sequence[TradeoffPoint]], tuple[float, float]]
    shown: Callable[[float], str]


def _from_zero(points: Sequence[TradeoffPoint]) -> tuple[float, float]:
    return 0.0, max(point.cost for point in points) / 1e6 * 1.06


def _of_sound(points: Sequence[TradeoffPoint]) -> tuple[float, float]:
    """Around those that are not broken: the perplexity of others can be thousands of times as high."""
    sound = [point.cost for point in points if not point.cell.load.broken]
    low, high = min([1.0, *sound]), max([1.1, *sound])
    margin = 0.08 * (high - low)
    return low - margin, high + margin


_COSTS = {
    "memory": _Cost(
        1e-6,
        mark("peak memory, MB"),
        mark("{name}: {tpot} ms per token, {cost} MB{best}"),
        mark("time per output token over peak memory, one point per configuration, as in the table"),
        _from_zero,
        megabytes,
    ),
    "perplexity": _Cost(
        1.0,
        mark("perplexity over that of the reference"),
        mark("{name}: {tpot} ms per token, {cost} times the perplexity of the reference{best}"),
        mark("time per output token over the perplexity ratio, one point per configuration, as in the table"),
        _of_sound,
        number,
    ),
}


@dataclass(frozen=True, slots=True)
class LineGroup:
    """The charts over prompt length for one kind of request; ``missing`` if no cell has an interval."""

    title: str
    charts: tuple[Chart, ...]
    missing: bool


class RunCharts:
    """All drawings of a page; a run without results has none.

    ``lines`` are the configurations that have cells, ``swatches`` a piece of each line by the keys of
    ``naming.series``. Of shapes, and of panels, some are drawn where there are many: ``arrival_shapes``, ``tradeoffs``
    and ``panels`` are how many there are.
    """

    def __init__(self, naming: Naming, analysis: RunAnalysis) -> None:
        cells = analysis.cells
        self.one_way = len(cells) > MOST_IN_BOTH
        self.sheet = Sheet()
        self.lines = [one for one in naming.series if one.cells]
        self.styles = line_styles(naming.series)
        self._naming = naming
        self.swatches = {key: self._swatch(style) for key, style in self.styles.items()}
        self._ratios = _ratios(analysis)
        kinds = sorted({_kind(cell) for one in self.lines for cell in one.cells})
        by_kind = {kind: [own for one in self.lines if (own := _narrowed(one, kind)).cells] for kind in kinds}
        self.groups = [
            LineGroup(
                _kind_title(kind),
                tuple(self._prompt_charts(own)),
                missing=all(cell.ttft_ms.estimate.low is None for one in own for cell in one.cells),
            )
            for kind, own in by_kind.items()
        ]
        titled = [
            (one.name if len(kinds) == 1 else f"{one.name}, {_kind_title(kind)}", own)
            for one in self.lines
            for own, kind in ((_narrowed(one, kind), kind) for kind in kinds)
            if any(cell.along for cell in own.cells)
        ]
        self.panels = len(titled)
        self.along = list(along_panels(titled[:MOST_PANELS], self.styles, self.sheet))
        self.spread = list(spread_panels(titled[:MOST_PANELS], self.styles, self.sheet))
        arrivals = [(one, cell, cell.arrival_ms) for one in self.lines for cell in one.cells if cell.arrival_ms]
        self.arrivals = sorted(arrivals, key=lambda known: known[1].shape[::-1])
        longest = max((arrival.token[-1] for *_, arrival in arrivals), default=0)
        self.milestones = [token for token in MILESTONES if token < longest]
        # Answers of one token have no line to draw.
        shapes = dict.fromkeys(cell.shape for _, cell, _ in self.arrivals if cell.new_tokens > 1)
        self.arrival_shapes = len(shapes)
        self.arrival = [self._arrival(shape) for shape in chosen([*shapes])]
        self.tradeoffs, self.quality_tradeoffs = tradeoffs(cells), tradeoffs(cells, "perplexity")
        self.tradeoff = [self._tradeoff(one) for one in chosen(self.tradeoffs)]
        self.quality_tradeoff = [self._tradeoff(one) for one in chosen(self.quality_tradeoffs)]
        self.roofline = roofline(analysis)
        self.roofline_svg = Markup()
        if self.roofline and self.roofline.bytes_per_s and self.roofline.points:
            self.roofline_svg = self._roofline(self.roofline.bytes_per_s / 1e6, self.roofline.points)

    def _style(self, cell: CellResult) -> LineStyle:
        series = self._naming.series_of(cell.load)
        assert series is not None
        return self.styles[series.key]

    def swatch(self, load: LoadResult) -> Markup:
        """That of the line of ``load``; blank where it has none."""
        series = self._naming.series_of(load)
        return self.swatches[series.key] if series else Markup()

    def _swatch(self, style: LineStyle) -> Markup:
        """A piece of line with its marker, for a legend."""
        with drawing(self.sheet, (0.5, 0.17), None) as canvas:
            # Straight onto the figure: axes take longer than what they hold.
            add_line(canvas.figure, [0, 1], [0.5, 0.5], **style.line(1.7))
            add_line(canvas.figure, [0.5], [0.5], **style.points())
            return canvas.decoration()

    # -- over prompt length, or the turns of a chat: one line per configuration, with intervals

    def _prompt_charts(self, lines: Sequence[Series]) -> Iterator[Chart]:
        """A chart per metric that has values."""
        for metric in (*CHARTED, "ratio", *ITL_NAMES):
            named = metric_words.name(metric) if metric in CHARTED else _(ITL_NAMES.get(metric, _RATIO))
            points = [(self.styles[one.key], list(self._points(one, metric, named))) for one in lines]
            if not (shown := [line for line in points if line[1]]):
                continue
            title = metric_words.chart_title(metric) if metric in CHARTED else capital(f"{named}, ms")
            if metric == "ratio":
                title = _("Time to first token, times the lowest at that length")
            values = [point.estimate.value for _, own in shown for point in own]
            words = _("{metric}, by prompt length, one line per configuration, as in the table")
            if any(point.cell.turn for _style, own in shown for point in own):
                words = _("{metric}, by turn of the chat, one line per configuration, as in the table")

            def draw(canvas: Drawing, logarithmic: bool, metric: str = metric, shown: Lines = shown) -> None:
                _draw_lines(canvas, metric, shown, logarithmic=logarithmic)

            drawn = editions(
                self.sheet,
                draw,
                words.format(metric=named),
                values,
                logarithmic=metric == "ttft_ms" or wide(values),
                both=metric != "ratio" and (not self.one_way or metric in CHARTED[:2]),
            )
            yield Chart(title, drawn, metric if metric in ITL_NAMES else "")

    def _points(self, one: Series, metric: str, named: str) -> Iterator[_Point]:
        for cell in one.cells:
            if metric in ITL_NAMES:
                value = cell.itl_ms[metric]
                estimate = None if value is None else Estimate(value, None, None, cell.blocks)
            elif metric == "ratio":
                estimate = self._ratios.get(cell.cell_key)
            else:
                estimate = measured.estimate if (measured := getattr(cell, metric)) else None
            if estimate is None:
                continue
            prompt = number(cell.prompt_tokens, 0)
            at = _("{name}, prompt {prompt}").format(name=one.name, prompt=prompt) + turn_name(cell)
            ends = interval(estimate) or _("no interval")
            tip = f"{at}: {named} {number(estimate.value)} ms ({ends}), n = {number(cell.generations, 0)}"
            yield _Point(cell, estimate, f"{at}: {factor(estimate.value)} ({ends})" if metric == "ratio" else tip)

    # -- one chart per request shape: time to each token, and latency against memory or quality

    def _arrival(self, shape: Request) -> Chart:
        own = [(one, cell, arrival) for one, cell, arrival in self.arrivals if cell.shape == shape]
        ends = [end for *_, arrival in own for end in (arrival.median[0], arrival.median[-1])]

        def draw(canvas: Drawing, logarithmic: bool) -> None:
            axes = canvas.figure.subplots()
            axes.set_xlim(0, max(arrival.token[-1] for *_, arrival in own) * 1.04)
            value_axis(axes, ends, logarithmic=logarithmic)
            axes.set_xlabel(_("token of the answer"))
            axes.set_ylabel(_("ms since the request (logarithmic)") if logarithmic else _("ms since the request"))
            axes.grid(visible=True, axis="y")
            canvas.settle()
            for one, cell, arrival in own:
                style, last = self.styles[one.key], arrival.token[-1:]
                tip = _("{name}: first token after {first} ms, token {n} after {last} ms").format(
                    name=one.name,
                    first=number(arrival.median[0]),
                    last=number(arrival.median[-1]),
                    n=number(last[0], 0),
                )
                along = canvas.tooltip(tip, line=style.number, prompt=cell.prompt_tokens)
                add_line(axes, arrival.token, arrival.median, **style.line(1.5), gid=[along])
                point = canvas.point(tip, style.number, cell.prompt_tokens)
                add_line(axes, last, arrival.median[-1:], **style.points(), zorder=4, gid=[point])

        label = _("time from the request to each token, one line per configuration, as in the table")
        return self._chart(shape_name(shape), draw, label, ends, logarithmic=False)

    def _tradeoff(self, one: Tradeoff) -> Chart:
        latencies, cost = [point.tpot_ms for point in one.points], _COSTS[one.against]
        least, most = cost.ends(one.points)

        def draw(canvas: Drawing, logarithmic: bool) -> None:
            axes = canvas.figure.subplots()
            axes.set_xlim(least, most)
            value_axis(axes, latencies, logarithmic=logarithmic)
            label_ticks(axes.xaxis, tick_label)
            axes.set_xlabel(_(cost.axis))
            axes.set_ylabel(_("ms per output token (logarithmic)") if logarithmic else _("ms per output token"))
            axes.grid(visible=True)
            canvas.settle()
            places = [(min(point.cost * cost.scale, most), point.tpot_ms) for point in one.points]
            _front(axes, [place for place, point in zip(places, one.points, strict=True) if point.best])
            for (x, y), point in zip(places, one.points, strict=True):
                style, load = self._style(point.cell), point.cell.load
                tip = _(cost.tip).format(
                    name=self._naming.of(load),
                    tpot=number(point.tpot_ms),
                    cost=cost.shown(point.cost),
                    best=_("; no other needs less of both") if point.best else _("; broken") if load.broken else "",
                )
                own = canvas.point(tip, style.number, point.cell.prompt_tokens)
                add_line(axes, [x], [y], **style.points(), zorder=4, clip_on=False, gid=[own])
                if load.broken:
                    add_line(axes, [x], [y], **_CROSS, zorder=5, clip_on=False)

        title = shape_name(one.shape) + (_(" (simulated)") if one.simulated else "")
        return self._chart(title, draw, _(cost.label), latencies, logarithmic=wide(latencies))

    def _chart(self, title: str, draw: Draw, label: str, values: Sequence[float], *, logarithmic: bool) -> Chart:
        both = not self.one_way
        return Chart(title, editions(self.sheet, draw, label, values, logarithmic=logarithmic, both=both))

    # -- decode rate against what the machine's memory allows

    def _roofline(self, megabytes_per_s: float, points: Sequence[RooflinePoint]) -> Markup:
        """A point per cell, megabytes that a step reads to the right and steps a second upwards."""
        sizes = [point.step_bytes / 1e6 for point in points]
        left, right = min(sizes) / 1.5, max(sizes) * 1.5
        with drawing(self.sheet, _ROOFLINE_INCHES) as canvas:
            axes = canvas.figure.subplots()
            axes.set_xscale("log")
            axes.set_xlim(left, right)
            set_ticks(axes.xaxis, log_ticks(left, right))
            limits = [megabytes_per_s / left, megabytes_per_s / right * min(_SHARES)]
            value_axis(axes, [*limits, *(point.rate_per_s.value for point in points)], logarithmic=True)
            axes.set_xlabel(_("MB read per step"))
            axes.set_ylabel(_("decode steps per second"))
            axes.grid(visible=True)
            canvas.settle()
            for share, dashes in _SHARES.items():
                heights = [megabytes_per_s * share / end for end in (left, right)]
                width = 1.4 if share == 1 else 1.0
                add_line(axes, (left, right), heights, color=MUTED, dashes=dashes, linewidth=width, zorder=1)
                beside: dict[str, Any] = {"xytext": (6, 1), "textcoords": "offset points", "ha": "left", "va": "bottom"}
                axes.annotate(percent(share), (left, heights[0]), color=MUTED, fontsize=8.5, **beside)
            words = _(
                "{name}, prompt {prompt}: {rate} of at most {limit} steps per second, {share}, {size} MB per step"
            )
            for point, size in zip(points, sizes, strict=True):
                style = self._style(point.cell)
                tip = words.format(
                    name=self._naming.of(point.cell.load),
                    prompt=number(point.cell.prompt_tokens, 0),
                    rate=number(point.rate_per_s.value),
                    limit=number(point.limit_per_s),
                    share=percent(point.share),
                    size=megabytes(point.step_bytes),
                )
                own = canvas.point(tip, style.number, point.cell.prompt_tokens)
                add_line(axes, [size], [point.rate_per_s.value], **style.points(), zorder=4, gid=[own])
            label = _("decode steps per second over bytes read per step, below the limit of memory, as in the table")
            return canvas.svg(label)


def _kind(cell: CellResult) -> _Kind:
    return cell.batch_size, cell.new_tokens, cell.shape.message_tokens


def _narrowed(one: Series, kind: _Kind) -> Series:
    return replace(one, cells=tuple(cell for cell in one.cells if _kind(cell) == kind))


def _kind_title(kind: _Kind) -> str:
    batch = ", " + _("batch of {size}").format(size=kind[0]) if kind[0] > 1 else ""
    chat = ", " + _("a chat with messages of {tokens} tokens").format(tokens=number(kind[2], 0)) if kind[2] else ""
    return _("{new} new tokens").format(new=number(kind[1], 0)) + batch + chat


def _ratios(analysis: RunAnalysis) -> dict[str, Estimate]:
    """Cell key -> time to first token over the lowest at the same shape, which itself is 1 and has no interval.

    First asks alone: a prefix-cache hit has no place on that scale. Empty where nothing stands beside the lowest.
    """
    found: dict[str, Estimate] = {}
    for ranking in analysis.rankings:
        if ranking.metric == "ttft_ms" and ranking.ask == "first" and ranking.rivals:
            found[ranking.winner.cell_key] = Estimate(1.0, None, None, ranking.lowest.blocks)
            found |= {rival.contestant.cell_key: rival.ratio for rival in ranking.rivals}
    return found


def _draw_lines(canvas: Drawing, metric: str, lines: Lines, *, logarithmic: bool) -> None:
    points = [point for _, own in lines for point in own]
    values = [value for point in points for value in (point.estimate.value, *point.ends)]
    prompts = {point.place: point.cell.prompt_tokens for point in points}
    lengths, chat = sorted(prompts), any(point.cell.turn for point in points)
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
        low, high = min(1.0, *values), max(*values, 1.05)
        margin = 0.06 * (high - low)
        axes.set_ylim(low - margin, high + margin)
        axes.axhline(1.0, color=MUTED, linewidth=0.9, zorder=1)
    axes.grid(visible=True, axis="y")
    canvas.settle()
    # Moved sideways, a point of a steep line would seem to lie on another height.
    room = 0.05 if metric in ("ttft_ms", "response_ms") else 0.3
    steps = [after / before for before, after in itertools.pairwise(lengths)]
    whole = min(math.log(min(steps, default=4.0)) * room, math.log(2))
    for index, (style, own) in enumerate(lines):
        _draw_line(canvas, axes, own, style, math.exp(whole * ((index + 0.5) / len(lines) - 0.5)))


def _draw_line(canvas: Drawing, axes: Any, points: Sequence[_Point], style: LineStyle, shift: float) -> None:
    """One configuration, its places on the horizontal axis times ``shift``, so that lines stand apart."""
    xs = [point.place * shift for point in points]
    ys = [point.estimate.value for point in points]
    bars = chain([(x, end) for end in point.ends] for x, point in zip(xs, points, strict=True) if point.ends)
    marks = [canvas.point(point.tip, style.number, point.cell.prompt_tokens) for point in points]
    # The axes hold all of it, so it needs no clip.
    shared: dict[str, Any] = {"gid": [canvas.tooltip("", line=style.number)], "clip_on": False}
    bar: dict[str, Any] = {"color": style.colour, "linewidth": 1.1, "zorder": 2.5, **shared}
    add_line(axes, xs, ys, **style.line(), zorder=3, **shared)
    add_line(axes, *bars, solid_capstyle="butt", **bar)
    add_line(axes, *bars, linestyle="none", marker="_", markersize=4.5, **bar)
    add_line(axes, xs, ys, **style.points(), zorder=4, clip_on=False, gid=marks)


def _front(axes: Any, best: Sequence[tuple[float, float]]) -> None:
    """Rings around the best, joined by steps: what lies above a step is beaten."""
    if not best:
        return
    way = [(best[0][0], axes.get_ylim()[1]), *best, (axes.get_xlim()[1], best[-1][1])]
    axes.plot(*zip(*way, strict=True), drawstyle="steps-post", color=MUTED, linewidth=1.0, dashes=(4, 3), zorder=2)
    rings = chain([place] for place in best)
    axes.plot(*rings, linestyle="none", marker="o", markersize=12, fillstyle="none", color=TEXT, markeredgewidth=1.1)


def chosen(shapes: Sequence[One]) -> list[One]:
    """At most :data:`MOST_SHAPES` of ``shapes``, evenly spread, the first and the last among them."""
    if len(shapes) <= MOST_SHAPES:
        return list(shapes)
    return [shapes[round(place * (len(shapes) - 1) / (MOST_SHAPES - 1))] for place in range(MOST_SHAPES)]
