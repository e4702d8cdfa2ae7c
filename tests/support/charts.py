"""Pages with blank charts: to draw them takes nearly all the time that a page takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.report.drawing.canvas import Drawing

_ELEMENTS, _SETTLE = Drawing.elements, Drawing.settle


def _nothing(_: Drawing) -> str:
    return ""


def _axes(canvas: Drawing) -> Any:
    return canvas.figure.axes[0]


@contextmanager
def _drawn_by(elements: Any, settle: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawing, "elements", elements)
        patch.setattr(Drawing, "settle", settle)
        yield


@contextmanager
def blank_charts() -> Iterator[None]:
    """Reports and histories rendered meanwhile have blank charts; all else is as it is."""
    with _drawn_by(_nothing, _axes):
        yield


@contextmanager
def real_charts() -> Iterator[None]:
    """Reports and histories rendered meanwhile have their charts, within :func:`blank_charts` too."""
    with _drawn_by(_ELEMENTS, _SETTLE):
        yield
