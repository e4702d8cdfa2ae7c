"""What a comparison claims, in values: which figures are called, what is doubtful, what differs; no sentences."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from bench.analyse.comparison import CALLED, Changed, Comparison, Difference, changed, stand_together
from bench.analyse.quality_change import QualityChange
from bench.analyse.read_findings import touched
from bench.analyse.results import CellResult, Finding
from bench.metrics import COMPARED
from bench.report.compare.comparison_figures import differing_options, short_cell_name
from bench.report.names import Naming, name_all

BASE = -1
"""The place of the base, where heads count from 0."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one cell, as the base measured it, in one head, whose place counts from 0.

    Args:
        serious: whether a serious finding touches it.
        together: whether a call stands too after Holm's adjustment over the cells of its metric in all heads.
    """

    head: int
    cell: CellResult
    difference: Difference
    serious: bool
    together: bool

    @property
    def called(self) -> bool:
        return self.difference.verdict in CALLED

    @property
    def size(self) -> float:
        """How large the change is, slower or faster alike: the absolute logarithm of its ratio."""
        return abs(math.log(self.difference.contrast.ratio.value))


@dataclass(frozen=True, slots=True)
class Row:
    """A cell of the base that at least one head measured too, and its figures, head by head."""

    cell: CellResult
    figures: tuple[Figure, ...]

    def of(self, metric: str) -> dict[int, Figure]:
        """One metric, by the place of the head; without those that did not measure it."""
        return {one.head: one for one in self.figures if one.difference.metric == metric}

    def called(self, metric: str) -> bool:
        return any(one.called for one in self.of(metric).values())


@dataclass(frozen=True, slots=True)
class Touching:
    """One finding and the compared cells that it touches; ``place`` is that of the head in whose run it was found."""

    finding: Finding
    place: int
    cells: tuple[CellResult, ...]

    @property
    def serious(self) -> bool:
        return self.finding.severity == "serious"


@dataclass(frozen=True, slots=True)
class Alone:
    """Cells that are missing in the same heads, by their places, or, with ``in_base`` false, that these have alone.

    ``options``: of each cell, where they tell it from one that another side has alone, see
    :func:`bench.report.compare.comparison_figures.differing_options`.
    """

    places: tuple[int, ...]
    in_base: bool
    cells: tuple[CellResult, ...]
    options: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class QualityFigure:
    """The quality of one load in one head, whose place counts from 0."""

    head: int
    change: QualityChange


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """All that is shown of a comparison: rows in the order of the base, what differs, and what was not compared.

    Args:
        counts: by head: metric -> how many cells have which verdict.
        findings: those that touch a compared cell, run by run, the base first.
        qualities: load by load; empty where no run says anything of quality.
    """

    comparison: Comparison
    names: Naming
    rows: tuple[Row, ...]
    counts: tuple[Mapping[str, Counter[str]], ...]
    findings: tuple[Touching, ...]
    changed: tuple[Changed, ...]
    alone: tuple[Alone, ...]
    qualities: tuple[QualityFigure, ...] = ()

    @property
    def figures(self) -> list[Figure]:
        return [one for row in self.rows for one in row.figures]

    @property
    def calls(self) -> list[Figure]:
        return sorted((one for one in self.figures if one.called), key=lambda one: -one.size)

    @property
    def largest(self) -> Figure | None:
        """The largest change that is called, or else that is seen; ``None`` where nothing was compared."""
        return max(self.calls or self.figures, key=lambda one: one.size, default=None)

    @property
    def metrics(self) -> list[str]:
        return [metric for metric in COMPARED if any(metric in counted for counted in self.counts)]


def comparison_view(comparison: Comparison) -> ComparisonView:
    """What is to be shown of a comparison with one base."""
    findings = _findings(comparison)
    order = {load.load_key: place for place, load in enumerate(comparison.base.loads)}
    qualities = [QualityFigure(place, one) for place, head in enumerate(comparison.heads) for one in head.qualities]
    return ComparisonView(
        comparison=comparison,
        names=name_all(comparison.base),
        rows=rows_of(comparison, findings),
        counts=tuple(
            {
                metric: counts
                for metric in COMPARED
                if (counts := Counter(one.verdict for one in head.differences if one.metric == metric))
            }
            for head in comparison.heads
        ),
        findings=findings,
        changed=tuple(changed(comparison.heads)),
        alone=tuple(
            _told_apart(
                comparison,
                [
                    *_alone([head.only_base for head in comparison.heads], in_base=True),
                    *_alone([head.only_head for head in comparison.heads], in_base=False),
                ],
            )
        ),
        qualities=tuple(sorted(qualities, key=lambda one: order[one.change.base.load_key])),
    )


def rows_of(comparison: Comparison, findings: Sequence[Touching] = ()) -> tuple[Row, ...]:
    """The compared cells; a figure is marked for a finding of its head's run, or of the base."""
    serious = {(one.place, cell.cell_key) for one in findings if one.serious for cell in one.cells}
    standing = stand_together(comparison)
    found: dict[str, list[Figure]] = {}
    cells = {cell.cell.cell_key: cell.cell for head in comparison.heads for cell in head.cells}
    for place, head in enumerate(comparison.heads):
        for one in head.cells:
            key = one.cell.cell_key
            touched = not serious.isdisjoint({(BASE, key), (place, key)})
            found.setdefault(key, []).extend(
                Figure(place, one.cell, each, touched, (each.metric, place, key) in standing)
                for each in one.differences
            )
    # A head may lack cells that a later one has.
    order = [cell.cell_key for cell in comparison.base.cells] if comparison.several else list(found)
    return tuple(Row(cells[key], tuple(found[key])) for key in order if key in found)


def called_first(rows: Sequence[Row]) -> list[Row]:
    """Rows with a call before the others, the largest change first; the others in their order."""
    return sorted(rows, key=lambda row: -max((one.size for one in row.figures if one.called), default=-1.0))


def largest_first(rows: Sequence[Row]) -> list[Row]:
    """The same, with the others by the size of their largest change too: for where they do not all fit."""
    return called_first(sorted(rows, key=lambda row: -max((one.size for one in row.figures), default=0.0)))


def _alone(cells_by_head: Sequence[Sequence[CellResult]], *, in_base: bool) -> Iterator[Alone]:
    places: dict[str, list[int]] = {}
    cells: dict[str, CellResult] = {}
    for place, own in enumerate(cells_by_head):
        for cell in own:
            places.setdefault(cell.cell_key, []).append(place)
            cells.setdefault(cell.cell_key, cell)
    for group in dict.fromkeys(map(tuple, places.values())):
        yield Alone(group, in_base, tuple(cells[key] for key, own in places.items() if tuple(own) == group))


def _told_apart(comparison: Comparison, found: Sequence[Alone]) -> Iterator[Alone]:
    runs = [comparison.base if one.in_base else comparison.heads[one.places[0]].run for one in found]
    named = zip(found, map(name_all, runs), strict=True)
    names = [short_cell_name(cell, naming) for one, naming in named for cell in one.cells]
    options = iter(differing_options(names, [cell.load for one in found for cell in one.cells]))
    yield from (replace(one, options=tuple(islice(options, len(one.cells)))) for one in found)


# -- what the guard found


def _findings(comparison: Comparison) -> tuple[Touching, ...]:
    compared = {cell.cell.cell_key for head in comparison.heads for cell in head.cells}
    of_base = [(cell, cell) for cell in comparison.base.cells if cell.cell_key in compared]
    of_heads = [[(cell.cell, cell.other) for cell in head.cells] for head in comparison.heads]
    runs = [comparison.base, *(head.run for head in comparison.heads)]
    found: list[Touching] = []
    for place, (run, pairs) in enumerate(zip(runs, [of_base, *of_heads], strict=True), start=BASE):
        # What a run of two variants was found to suffer as a whole is one finding, though both sides carry it.
        known = [one.finding for one in found] if comparison.paired else []
        named = {own.cell_key: cell for cell, own in pairs}
        for finding, cells in touched(run.findings, [own for _, own in pairs]):
            if finding not in known:
                found.append(Touching(finding, place, tuple(named[cell.cell_key] for cell in cells)))
    return tuple(found)
