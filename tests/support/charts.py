"""Pages with blank charts: to draw them takes nearly all the time that a page takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from markupsafe import Markup

from bench.report.drawing import editions, figures
from bench.report.drawing.editions import Draw, Edition
from bench.report.history import page as history_page

_DRAWN_BY = {
    (editions, "_edition"): editions._edition,
    (figures, "along_panel"): figures.along_panel,
    (figures, "spread_panel"): figures.spread_panel,
    (history_page, "chart"): history_page.chart,
}
_BLANK = "<svg></svg>"


def _edition(_: Draw, scales: tuple[str, ...], *, logarithmic: bool, spare: bool = False) -> Edition:
    return Edition(Markup(_BLANK), logarithmic, scales, spare)


def _chart(*_: Any) -> str:
    return _BLANK


@contextmanager
def blank_charts() -> Iterator[None]:
    """Reports and histories rendered meanwhile have blank charts; all else is as it is."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in _DRAWN_BY:
            patch.setattr(module, name, _edition if name == "_edition" else _chart)
        yield


@contextmanager
def real_charts() -> Iterator[None]:
    """Reports and histories rendered meanwhile have their charts, within :func:`blank_charts` too."""
    with pytest.MonkeyPatch.context() as patch:
        for (module, name), function in _DRAWN_BY.items():
            patch.setattr(module, name, function)
        yield
