"""Pages with blank charts: to draw them takes nearly all the time that a page takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from markupsafe import Markup

from bench.report.drawing.canvas import Drawing, Edition, Frame, drawing, editions
from bench.report.drawing.svg import Sheet
from bench.report.history.history_page import chart

_DRAWN = {
    "bench.report.drawing.canvas.drawing": drawing,
    "bench.report.drawing.panels.drawing": drawing,
    "bench.report.drawing.run_charts.drawing": drawing,
    "bench.report.drawing.run_charts.editions": editions,
    "bench.report.history.history_page.chart": chart,
}


class _Nowhere:
    """A figure and axes that hold nothing: to make real ones takes half the time of a page without its charts."""

    def __getattr__(self, _: str) -> _Nowhere:
        return self

    def __getitem__(self, _: object) -> _Nowhere:
        return self

    def __call__(self, *_: Any, **__: Any) -> _Nowhere:
        return self


class _Undrawn(Drawing):
    """A drawing of which only the size is known."""

    def __init__(self, sheet: Sheet, inches: tuple[float, float], spare: bool) -> None:
        figure: Any = _Nowhere()
        figure.bbox.size = [72 * side for side in inches]
        self.figure = figure
        self._sheet = sheet
        self._spare = spare

    def settle(self) -> Any:
        return _Nowhere()

    def elements(self) -> str:
        return ""

    def as_frame(self) -> Frame:
        return Frame((0, 0, 1, 1), self._sheet.shape(""))


@contextmanager
def _blank(
    sheet: Sheet, inches: tuple[float, float], layout: object = None, *, spare: bool = False
) -> Iterator[_Undrawn]:
    yield _Undrawn(sheet, inches, spare)


def _undrawn(sheet: Any, _: Any, *arguments: Any, **options: Any) -> tuple[Edition, ...]:
    return editions(sheet, lambda *_: None, *arguments, **options)


def _no_chart(*_: Any) -> Markup:
    return Markup("<svg></svg>")


_BLANK = dict(zip(_DRAWN, (_blank, _blank, _blank, _undrawn, _no_chart), strict=True))


@contextmanager
def _drawn_by(functions: Mapping[str, Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, function in functions.items():
            patch.setattr(name, function)
        yield


def blank_charts() -> AbstractContextManager[None]:
    """Reports and histories rendered meanwhile have blank charts; all else is as it is."""
    return _drawn_by(_BLANK)


def real_charts(*modules: str) -> AbstractContextManager[None]:
    """Reports and histories rendered meanwhile have their charts, within :func:`blank_charts` too.

    Args:
        modules: of ``bench.report.drawing`` that draw, where not all do; ``canvas`` among them for charts in editions.
    """
    wanted = {name: function for name, function in _DRAWN.items() if not modules or name.split(".")[-2] in modules}
    return _drawn_by(wanted)
