"""Pages with blank charts: to draw them takes nearly all the time that a page takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from markupsafe import Markup

from bench.report.drawing.editions import Draw, Edition, _edition
from bench.report.drawing.panels import along_panel, spread_panel
from bench.report.history.series_chart import chart

_DRAWN_BY = {
    "bench.report.drawing.editions._edition": _edition,
    "bench.report.drawing.figures.along_panel": along_panel,
    "bench.report.drawing.figures.spread_panel": spread_panel,
    "bench.report.history.history_page.chart": chart,
}
_BLANK = "<svg></svg>"


def _blank_edition(_: Draw, scales: tuple[str, ...], *, logarithmic: bool, spare: bool = False) -> Edition:
    return Edition(Markup(_BLANK), logarithmic, scales, spare)


def _blank_chart(*_: Any) -> str:
    return _BLANK


@contextmanager
def blank_charts() -> Iterator[None]:
    """Reports and histories rendered meanwhile have blank charts; all else is as it is."""
    with pytest.MonkeyPatch.context() as patch:
        for place, function in _DRAWN_BY.items():
            patch.setattr(place, _blank_edition if function is _edition else _blank_chart)
        yield


@contextmanager
def real_charts() -> Iterator[None]:
    """Reports and histories rendered meanwhile have their charts, within :func:`blank_charts` too."""
    with pytest.MonkeyPatch.context() as patch:
        for place, function in _DRAWN_BY.items():
            patch.setattr(place, function)
        yield
