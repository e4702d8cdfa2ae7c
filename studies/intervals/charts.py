"""The study's two charts, as files that stand for themselves on a light and on a dark page."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.errors import UsageError
from bench.report.drawing.canvas import STYLE, value_axis
from bench.report.drawing.style import COLOURS, GRID
from studies.intervals.coverage import Coverage, by_noise
from studies.intervals.power import Point, named

_TEXT, _GRID = "#7a7f87", "#9aa0a6"
"""Greys that can be read on both pages."""
_WAYS = {"compare": ("#2a7fc1", "o"), "ab": ("#d9641e", "s"), "gate": ("#2a9d76", "^")}
_PALETTE = (
    "#2a7fc1",
    "#d9641e",
    "#2a9d76",
    "#b5539c",
    "#a07d16",
    "#7a7f87",
    "#8a5a44",
    "#5b6bd0",
    "#c23b5a",
    "#4f8f2f",
    "#1f8a8a",
    "#9467bd",
)
_MARKERS = "os^Dv<>PXhp*"
_WANTED = (93, 97)


def write_charts(folder: Path, coverage: Sequence[Coverage], power: Sequence[Point]) -> list[Path]:
    """Write ``coverage.svg`` and ``power.svg``, each if there is something to draw; returns what was written.

    Raises:
        UsageError: the folder cannot be written to.
    """
    drawn = {
        **({"coverage.svg": coverage_chart(coverage)} if coverage else {}),
        **({"power.svg": power_chart(power)} if power else {}),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in drawn.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"--charts: {folder} cannot be written to: {error.strerror or error}") from error
    return [folder / name for name in drawn]


def coverage_chart(found: Sequence[Coverage]) -> str:
    """Coverage over blocks, a line per noise, with its binomial interval."""
    groups = by_noise(found)

    def draw(figure: Figure) -> None:
        axes: Any = figure.subplots()
        axes.axhspan(*_WANTED, color=_GRID, alpha=0.25, linewidth=0)
        for place, (name, points) in enumerate(groups.items()):
            at = [index + (place - (len(groups) - 1) / 2) * 0.1 for index in range(len(points))]
            shares = [100 * one.share.value for one in points]
            below = [share - 100 * one.share.low for share, one in zip(shares, points, strict=True)]
            above = [100 * one.share.high - share for share, one in zip(shares, points, strict=True)]
            colour = _PALETTE[place % len(_PALETTE)]
            marker = _MARKERS[place % len(_MARKERS)]
            axes.errorbar(at, shares, (below, above), fmt=marker, color=colour, markersize=4, capsize=2, label=name)
        blocks = [f"{one.blocks:g} blocks" for one in next(iter(groups.values()))]
        axes.set_xticks(range(len(blocks)), blocks)
        axes.set_ylabel("intervals that hold the truth, %")
        axes.grid(axis="y")
        _legend(axes)

    return _written("study-coverage", (7.2, 3.6), draw)


def power_chart(points: Sequence[Point]) -> str:
    """The smallest slowdown found over the minutes measured, a panel per noise; one slowed cell of 21."""
    one_slowed = [point for point in points if point.slowed == "one" and point.slowdown is not None]
    noises = list(dict.fromkeys(point.noise for point in one_slowed))

    def draw(figure: Figure) -> None:
        panels: Any = figure.subplots(1, max(1, len(noises)), squeeze=False, sharey=True)[0]
        for axes, noise in zip(panels, noises, strict=False):
            values = [100 * point.slowdown for point in one_slowed if point.slowdown is not None]
            value_axis(axes, values, logarithmic=True)
            _curves(axes, [point for point in one_slowed if point.noise == noise])
            axes.set_title(noise, fontsize=9.5)
        panels[0].set_ylabel("smallest slowdown found in 95 %, %")

    return _written("study-power", (3.4 * max(1, len(noises)), 3.6), draw)


def _curves(axes: Any, points: Sequence[Point]) -> None:
    for way in dict.fromkeys(point.way for point in points):
        curve = [point for point in points if point.way == way]
        colour, marker = _WAYS[way]
        shown = [100 * point.slowdown for point in curve if point.slowdown is not None]
        axes.plot(
            [point.minutes for point in curve], shown, color=colour, marker=marker, markersize=4, label=named(way)
        )
    axes.set_xlabel("minutes measured")
    axes.grid(axis="y")
    _legend(axes)


def _legend(axes: Any) -> None:
    axes.legend(frameon=False, fontsize=8, labelcolor=_TEXT)


def _written(name: str, inches: tuple[float, float], draw: Callable[[Figure], None]) -> str:
    greys = {key: _GRID if value == GRID else _TEXT for key, value in STYLE.items() if value in COLOURS}
    stream = io.StringIO()
    with mpl.rc_context({**STYLE, **greys, "svg.fonttype": "none", "svg.hashsalt": name}):
        figure = Figure(figsize=inches, dpi=72, layout="constrained")
        draw(figure)
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()
