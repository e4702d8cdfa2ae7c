"""Pages with blank charts: to draw them takes nearly all the time that a page takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from markupsafe import Markup

from bench.report.drawing.canvas import Drawing, Edition, editions
from bench.report.drawing.panels import _axes as panel_axes
from bench.report.history.history_page import chart

_DRAWN = {
    "bench.report.drawing.canvas.Drawing.elements": Drawing.elements,
    "bench.report.drawing.canvas.Drawing.settle": Drawing.settle,
    "bench.report.drawing.panels._axes": panel_axes,
    "bench.report.drawing.prompt_charts.editions": editions,
    "bench.report.drawing.shape_charts.editions": editions,
    "bench.report.history.history_page.chart": chart,
}


def _nothing(*_: Any) -> str:
    return ""


def _axes(canvas: Drawing) -> Any:
    return canvas.figure.axes[0]


class _Nowhere:
    """Axes that hold nothing: to make real ones takes half the time of a page without its charts."""

    def __getattr__(self, _: str) -> _Nowhere:
        return self

    def __call__(self, *_: Any, **__: Any) -> _Nowhere:
        return self


def _no_axes(*_: Any) -> _Nowhere:
    return _Nowhere()


def _undrawn(sheet: Any, _: Any, *arguments: Any, **options: Any) -> tuple[Edition, ...]:
    return editions(sheet, lambda *_: None, *arguments, **options)


def _no_chart(*_: Any) -> Markup:
    return Markup("<svg></svg>")


_BLANK = dict(zip(_DRAWN, (_nothing, _axes, _no_axes, _undrawn, _undrawn, _no_chart), strict=True))


@contextmanager
def _drawn_by(functions: Mapping[str, Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, function in functions.items():
            patch.setattr(name, function)
        yield


def blank_charts() -> AbstractContextManager[None]:
    """Reports and histories rendered meanwhile have blank charts; all else is as it is."""
    return _drawn_by(_BLANK)


def real_charts() -> AbstractContextManager[None]:
    """Reports and histories rendered meanwhile have their charts, within :func:`blank_charts` too."""
    return _drawn_by(_DRAWN)
