"""What the report of one run claims: values without words, built once and put into words by each renderer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Any, Literal

from bench.analyse.conditions import recorded_at
from bench.analyse.grouping import group_by
from bench.analyse.interval import Estimate, paired
from bench.analyse.ranking import lowest_of
from bench.analyse.read_findings import seen_of
from bench.analyse.results import CellResult, Finding, LoadResult, Measured, Ranking, RunAnalysis
from bench.metrics import RANKED
from bench.plan.cells import ASKS, Request, digest
from bench.report.metric_words import ITL_NAMES
from bench.report.names import Naming, name_all
from bench.store.reader import as_utc

Claim = Literal["only", "fastest", "least", "lowest"]
"""What may be said of the lowest: that it has no rival, that it won, in time or in memory, or no more than that."""

Among = Literal["", "faithful", "all"]
"""Of whom: of the faithful, of all where another of the faithful is lowest, or of all where nothing has to be told."""

ENERGY_CHARTS = ("energy_j_per_token", "npu_busy_ms", "gpu_busy_ms")
ENERGY_COLUMNS = ("energy_j", *ENERGY_CHARTS, "cpu_time_ms", "cpu_frequency_mhz")
"""Attributes of :class:`bench.analyse.results.Costs`."""
MOST_CELLS = 500
"""Of a page, which then has some ten megabytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who is lowest by one metric, among whom, of those that answered the same requests."""

    ranking: Ranking[CellResult] | Ranking[LoadResult]
    among: Among = ""

    @property
    def winner(self) -> LoadResult:
        return self.ranking.winner.load

    @property
    def metric(self) -> str:
        return self.ranking.metric

    @property
    def claim(self) -> Claim:
        if self.ranking.alone:
            return "only"
        if not self.ranking.claimed:
            return "lowest"
        return "least" if self.metric == "memory" else "fastest"

    @property
    def unit(self) -> str:
        """In which its figures are shown."""
        return "MB" if self.metric == "memory" else "ms"

    @property
    def scale(self) -> float:
        """What its figures are multiplied by for that."""
        return 1e-6 if self.metric == "memory" else 1.0

    @property
    def lowest(self) -> Estimate:
        return self.ranking.lowest.times(self.scale)


@dataclass(frozen=True, slots=True)
class Overview:
    """One metric over all prompt lengths, or memory; ``several`` if the requests have to be named."""

    answers: tuple[Answer, ...]
    several: bool

    @property
    def metric(self) -> str:
        return self.answers[0].metric

    @property
    def among(self) -> Among:
        return self.answers[0].among

    @property
    def claimed(self) -> bool:
        return all(answer.ranking.claimed for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Row:
    """One cell in the table of results.

    Args:
        lowest: the columns in which it is the lowest of its kind.
        seen: what the guard saw of it or of its load, by the code of each.
    """

    cell: CellResult
    lowest: frozenset[str]
    seen: Mapping[str, Sequence[Finding]]

    @property
    def anchor(self) -> str:
        """The id of its details in the page, the same in every report of this cell."""
        key = self.cell.cell_key
        return f"cell-{key if key.isalnum() and key.isascii() else digest(key)}"


@dataclass(frozen=True, slots=True)
class Group:
    """All cells of one shape, first asks before prefix-cache hits, the quickest whole answer first."""

    shape: Request
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One configuration at one shape, asked a first time and again, over the blocks that both asks have."""

    first: CellResult
    again: CellResult
    first_ms: Measured
    again_ms: Measured
    share: Estimate


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy and busy time of the cells that a counter was read around: those of :data:`ENERGY_COLUMNS` with any value.

    ``columns`` have a value per cell, in the unit shown.
    """

    cells: tuple[CellResult, ...]
    columns: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True)
class RunView:
    """All that the report of one run claims.

    Args:
        answers: those to one set of requests together, latencies before memory; by each metric who is lowest among the
            faithful, and then who is of all, where that is another.
        hits: cells that were asked both ways.
        adaptive: what end.json says of a run that added blocks as it went; empty for others.
        columns: those of the tables of results that not every run has, of :data:`bench.report.metric_words.HEADS`:
            quality where that of any load is known, and the first difference where any answers were compared.
        axes: what a reader can narrow the page by, and the values as the ``data-`` attributes have them.
        weights: metrics that anything is ranked by, and ``memory``.
        beyond: the measured cells of the run that are not shown, see :func:`on_a_page`.
    """

    analysis: RunAnalysis
    names: Naming
    answers: tuple[tuple[Answer, ...], ...]
    overviews: tuple[Overview, ...]
    groups: tuple[Group, ...]
    hits: tuple[Hit, ...]
    adaptive: Mapping[str, Any]
    columns: tuple[str, ...]
    axes: Mapping[str, tuple[str, ...]]
    weights: tuple[str, ...]
    quantiles: tuple[str, ...]
    energy: Energy | None
    beyond: tuple[CellResult, ...]

    @property
    def record(self) -> Mapping[str, Any]:
        """run.json."""
        return self.analysis.record

    @property
    def model(self) -> Mapping[str, Any]:
        return self.record.get("model") or {}

    @property
    def cpu(self) -> str | None:
        name: str | None = recorded_at(self.record, "machine", "cpu", "name")
        return name

    @property
    def begun(self) -> datetime | None:
        return as_utc(self.record.get("created_at"))

    @property
    def plan(self) -> Mapping[str, Any]:
        return self.record.get("plan") or {}

    @property
    def selection(self) -> Mapping[str, Any]:
        """What run.json says of a run that was narrowed; empty for one of its whole plan."""
        return self.record.get("selection") or {}

    @property
    def measured(self) -> tuple[CellResult, ...]:
        """All measured cells of the run: what is said of it as a whole is not of those that are shown alone."""
        return (*self.analysis.cells, *self.beyond)

    @property
    def chat(self) -> bool:
        return any(cell.turn for cell in self.analysis.cells)

    @property
    def simulated(self) -> Literal["none", "some", "all"]:
        loads = [load.simulated for load in self.analysis.loads]
        return "none" if not any(loads) else "all" if all(loads) else "some"

    @property
    def verdict(self) -> bool:
        return bool(self.analysis.rankings) and all(ranking.verdict for ranking in self.analysis.rankings)


def view_run(analysis: RunAnalysis, beyond: tuple[CellResult, ...] = ()) -> RunView:
    """What the report of a run claims; ``beyond`` are measured cells that are not among those of ``analysis``."""
    names = name_all(analysis, beyond)
    answers = _answers(analysis)
    ranked = {ranking.metric for ranking in analysis.rankings} | ({"memory"} if analysis.memory_rankings else set())
    samples = [cell.itl_ms for cell in analysis.cells]
    adaptive = recorded_at(analysis.end or {}, "detail", "adaptive")
    known = {
        "perplexity_ratio": any(cell.load.quality for cell in analysis.cells),
        "first_difference": any(cell.answers and cell.answers.compared for cell in analysis.cells),
    }
    return RunView(
        analysis=analysis,
        names=names,
        answers=answers,
        overviews=(*_latency_overviews(answers), *_memory_overviews(answers)),
        groups=_groups(analysis),
        hits=tuple(_hits(analysis)),
        adaptive=adaptive if isinstance(adaptive, Mapping) else {},
        columns=tuple(name for name, is_known in known.items() if is_known),
        axes=_axes(analysis),
        weights=tuple(metric for metric in (*RANKED, "memory") if metric in ranked),
        quantiles=tuple(name for name in ITL_NAMES if any(one[name] is not None for one in samples)),
        energy=_energy(analysis),
        beyond=beyond,
    )


def on_a_page(view: RunView) -> RunView:
    """What is shown to people: of a run of more than :data:`MOST_CELLS` cells those of its first shapes alone."""
    if len(view.analysis.cells) <= MOST_CELLS:
        return view
    shown: set[Request] = set()
    count = 0
    for group in view.groups:
        count += len(group.rows)
        if shown and count > MOST_CELLS:
            break
        shown.add(group.shape)

    def of_shown(found: Iterable[Ranking[CellResult]]) -> tuple[Ranking[CellResult], ...]:
        return tuple(one for one in found if one.shapes[0] in shown)

    analysis = replace(
        view.analysis,
        cells=tuple(cell for cell in view.analysis.cells if cell.shape in shown),
        rankings=of_shown(view.analysis.rankings),
        faithful_rankings=of_shown(view.analysis.faithful_rankings),
    )
    return view_run(analysis, beyond=tuple(cell for cell in view.analysis.cells if cell.shape not in shown))


def _answers(analysis: RunAnalysis) -> tuple[tuple[Answer, ...], ...]:
    """By shape, and apart for prefix-cache hits and for simulated contestants; then by memory."""

    def request(ranking: Ranking[CellResult]) -> tuple[object, ...]:
        return ranking.shapes, ranking.ask, ranking.simulated

    faithful = {(one.metric, request(one)): one for one in reversed(analysis.faithful_rankings)}
    groups: dict[tuple[object, ...], list[Answer]] = {}
    for ranking in analysis.rankings:
        own = groups.setdefault(request(ranking), [])
        among = faithful.get((ranking.metric, request(ranking)))
        if among is None or among.winner.cell_key == ranking.winner.cell_key:
            own.append(Answer(ranking))
        else:
            own += [Answer(among, "faithful"), Answer(ranking, "all")]
    memory = [(Answer(one),) for one in analysis.memory_rankings]
    return (*map(tuple, groups.values()), *memory)


def _latency_overviews(answers: Iterable[Sequence[Answer]]) -> Iterator[Overview]:
    """For each combination of the other axes, each metric over all prompt lengths."""

    def kind_of(answer: Answer) -> tuple[bool, bool, int, int]:
        (shape,) = answer.ranking.shapes
        return answer.ranking.simulated, answer.ranking.ask == "again", shape.batch_size, shape.new_tokens

    kinds = group_by((one for group in answers for one in group if one.metric != "memory"), kind_of)
    several = len({kind[2:] for kind in kinds}) > 1
    for kind in sorted(kinds):
        for metric in RANKED:
            of_metric = [one for one in kinds[kind] if one.metric == metric]
            if not any(one.among for one in of_metric):
                own = tuple(one for one in of_metric if not one.ranking.alone)
                yield from [Overview(own, several)] if own else []
                continue
            # One that is lowest of all and faithful too stands in both.
            faithful = (one for one in of_metric if one.among == "faithful" or one.winner.faithful)
            yield Overview(tuple(replace(one, among="faithful") for one in faithful), several)
            yield Overview(tuple(replace(one, among="all") for one in of_metric if one.among != "faithful"), several)


def _memory_overviews(answers: Iterable[Sequence[Answer]]) -> Iterator[Overview]:
    memory = [one for group in answers for one in group if one.metric == "memory"]
    kinds = [(one.ranking.simulated, one.ranking.ask) for one in memory]
    for answer, kind in zip(memory, kinds, strict=True):
        if not answer.ranking.alone:
            yield Overview((answer,), kinds.count(kind) > 1)


def _groups(analysis: RunAnalysis) -> tuple[Group, ...]:
    """By batch size, new tokens, prompt tokens and turn."""
    groups = group_by(analysis.cells, lambda cell: (cell.batch_size, cell.new_tokens, cell.prompt_tokens, cell.turn))
    lowest: dict[str, set[str]] = {}
    for one in analysis.rankings:
        if not one.alone:
            lowest.setdefault(one.winner.cell_key, set()).add(one.metric)
    for cells in groups.values():
        for key in _least_memory(cells):
            lowest.setdefault(key, set()).add("memory")

    seen = seen_of(analysis.findings, analysis.cells)

    def row(cell: CellResult) -> Row:
        own = group_by(seen.get(cell.cell_key, ()), lambda one: one.code)
        return Row(cell, frozenset(lowest.get(cell.cell_key, ())), own)

    return tuple(
        Group(
            cells[0].shape,
            tuple(row(cell) for cell in sorted(cells, key=lambda cell: (cell.ask == "again", cell.answer_ms))),
        )
        for _, cells in sorted(groups.items())
    )


def _least_memory(cells: Sequence[CellResult]) -> Iterator[str]:
    for simulated, ask in product((False, True), ASKS):
        own = [cell for cell in cells if cell.load.simulated is simulated and cell.ask == ask]
        sound = [cell for cell in own if not cell.load.broken]
        known = {cell.cell_key: cell.load.peak_memory for cell in sound if cell.load.peak_memory}
        if len(known) > 1:
            yield lowest_of(known)


def _hits(analysis: RunAnalysis) -> Iterator[Hit]:
    """Every cell that was asked both ways in at least one block, in the order of the plan.

    Not the first turn of a chat: nothing was said before it.
    """

    def asked(cell: CellResult) -> tuple[object, ...]:
        load = cell.load
        return load.variant, load.backend, load.device_requested, load.precision, cell.shape

    again = {asked(cell): cell for cell in analysis.cells if cell.ask == "again" and cell.turn != 1}
    for cell in analysis.cells:
        other = again.get(asked(cell))
        if cell.ask == "again" or other is None:
            continue
        first, hit = cell.ttft_ms.within(other.ttft_ms.by_block), other.ttft_ms.within(cell.ttft_ms.by_block)
        contrast = paired(other.ttft_ms.by_block, cell.ttft_ms.by_block)
        if first and hit and contrast:
            yield Hit(cell, other, first, hit, contrast.ratio)


def _axes(analysis: RunAnalysis) -> dict[str, tuple[str, ...]]:
    """The axes along which something differs among what was measured or failed; none in a run without results."""
    if not analysis.cells:
        return {}
    loads = [cell.load for cell in analysis.cells] + [failure.load for failure in analysis.failures]
    asks = {cell.ask for cell in analysis.cells} | {cell.ask for cell in analysis.failed}
    found = {
        "backend": dict.fromkeys(load.backend for load in loads),
        "device": dict.fromkeys(load.ran_on for load in loads),
        "precision": dict.fromkeys(load.precision for load in loads),
        "prompt": [str(length) for length in sorted({cell.prompt_tokens for cell in analysis.cells})],
        "ask": [ask for ask in ASKS if ask in asks],
    }
    return {key: tuple(values) for key, values in found.items() if len(values) > 1}


def _energy(analysis: RunAnalysis) -> Energy | None:
    """``None`` where neither energy nor busy time of any measured cell is known."""
    # A simulated latency costs nothing: what the machine took meanwhile is no figure of the stack that it stands for.
    cells = tuple(cell for cell in analysis.cells if not cell.load.simulated)
    known: dict[str, tuple[float | None, ...]] = {}
    for name in ENERGY_COLUMNS:
        # A token takes millijoules.
        unit = 1e3 if name == "energy_j_per_token" else 1
        values = [getattr(cell.costs, name) for cell in cells]
        if any(value is not None for value in values):
            known[name] = tuple(None if value is None else value * unit for value in values)
    return Energy(cells, known) if any(name in known for name in ENERGY_CHARTS) else None
