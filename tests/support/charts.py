"""Pages with blank charts: to draw them takes nearly all the time that a page takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from markupsafe import Markup

from bench.report.drawing.chart import _drawn
from bench.report.drawing.panels import Panel, Titled, _lengths, along_panels, spread_panels
from bench.report.history.series_chart import chart

_BLANK = Markup("<svg></svg>")


def _blank_chart(*_: Any) -> Markup:
    return _BLANK


def _blank_panels(lines: Titled, *_: Any) -> Iterator[Panel]:
    for title, one in lines:
        yield Panel(one, title, _lengths(one.cells), _BLANK)


_CHARTS = {
    "bench.report.drawing.chart._drawn": (_drawn, _blank_chart),
    "bench.report.drawing.figures.along_panels": (along_panels, _blank_panels),
    "bench.report.drawing.figures.spread_panels": (spread_panels, _blank_panels),
    "bench.report.history.history_page.chart": (chart, _blank_chart),
}
"""What draws -> itself and what draws nothing."""


@contextmanager
def blank_charts() -> Iterator[None]:
    """Reports and histories rendered meanwhile have blank charts; all else is as it is."""
    with pytest.MonkeyPatch.context() as patch:
        for place, (_, blank) in _CHARTS.items():
            patch.setattr(place, blank)
        yield


@contextmanager
def real_charts() -> Iterator[None]:
    """Reports and histories rendered meanwhile have their charts, within :func:`blank_charts` too."""
    with pytest.MonkeyPatch.context() as patch:
        for place, (real, _) in _CHARTS.items():
            patch.setattr(place, real)
        yield
