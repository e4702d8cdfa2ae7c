"""Energy and busy time of those cells that a counter was read around: bars, widths in percent of the longest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.analyse.results import CellResult, RunAnalysis
from bench.report import text
from bench.report.names import Naming, shape_name
from bench.report.template import recorded

_MOST_BARS = 40
_SHOWN_TIMES = {"energy_j_per_token": 1e3}
"""What is shown in another unit than it is kept in: a token takes millijoules."""


@dataclass(frozen=True, slots=True)
class CostBar:
    """One cell in one chart; ``value`` in the chart's unit, ``width`` in percent of the longest bar."""

    cell: CellResult
    name: str
    shape: str
    value: float
    width: float


@dataclass(frozen=True, slots=True)
class CostChart:
    """One counter that moved.

    Args:
        title: with the unit.
        bars: of the cells that it was read around, in the order of the plan; not all of many.
        note: how many there are beyond those; empty if none.
    """

    title: str
    bars: tuple[CostBar, ...]
    note: str


@dataclass(frozen=True, slots=True)
class CostTable:
    """All that was read, a row per cell.

    Args:
        heads: (attribute of :class:`bench.analyse.costs.Costs`, words, unit) of the columns that have any value.
        rows: (name, shape, cell, its values in the order of the heads, in the units shown).
    """

    heads: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[str, str, CellResult, tuple[float | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Energy:
    """The section; ``covers`` are sentences on what the counters count."""

    charts: tuple[CostChart, ...]
    table: CostTable
    covers: tuple[str, ...]


def energy(analysis: RunAnalysis, naming: Naming) -> Energy | None:
    """The section of a run; ``None`` where neither energy nor busy time of any measured cell is known."""
    # A played latency costs nothing: what the machine took meanwhile is no figure of the stack that it stands for.
    cells = [cell for cell in analysis.cells if not cell.load.simulated]
    if all(_value(cell, name) is None for cell in cells for name in text.ENERGY_CHARTS):
        return None
    charts = [chart for name in text.ENERGY_CHARTS if (chart := _chart(name, cells, naming))]
    heads = tuple(head for head in text.ENERGY_HEADS if any(_value(cell, head[0]) is not None for cell in cells))
    rows = tuple(
        (naming.of(cell.load), _shape(cell), cell, tuple(_value(cell, name) for name, *_ in heads)) for cell in cells
    )
    return Energy(tuple(charts), CostTable(heads, rows), tuple(_covers(cells)))


def _covers(cells: Sequence[CellResult]) -> list[str]:
    sources = dict.fromkeys(cell.costs.energy_source for cell in cells if cell.costs.energy_source)
    told: list[str] = [Markup.escape(text.ENERGY_COVERS).format(source=recorded(source)) for source in sources]
    told += [text.ENERGY_PREFILL] if sources else []
    return [*told, *([text.ENERGY_ENGINES] if any(cell.costs.gpu_busy_ms is not None for cell in cells) else [])]


def _chart(name: str, cells: Sequence[CellResult], naming: Naming) -> CostChart | None:
    known = [(cell, value) for cell in cells if (value := _value(cell, name)) is not None]
    # Where no counter moved there is nothing to draw; the table says so.
    if not any(value for _, value in known):
        return None
    shown = known[:_MOST_BARS]
    longest = max(value for _, value in shown)
    bars = tuple(
        CostBar(cell, naming.of(cell.load), _shape(cell), value, 100 * value / longest if longest else 0.0)
        for cell, value in shown
    )
    note = text.ENERGY_TOO_MANY.format(shown=len(shown), count=len(known)) if len(known) > len(shown) else ""
    return CostChart(text.ENERGY_CHARTS[name], bars, note)


def _value(cell: CellResult, name: str) -> float | None:
    value: float | None = getattr(cell.costs, name)
    return None if value is None else value * _SHOWN_TIMES.get(name, 1.0)


def _shape(cell: CellResult) -> str:
    return shape_name(cell.prompt_tokens, cell.new_tokens, cell.batch_size)
