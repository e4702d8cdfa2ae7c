"""Two runs side by side: per cell and metric a ratio with its interval, and what may be said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.analyse.interval import CONFIDENCE, Contrast, between_runs
from bench.analyse.results import CellResult, Measured, RunAnalysis

COMPARED = ("ttft_ms", "tpot_ms", "itl_p95_ms")
"""The metrics of a cell that are compared; attributes of :class:`bench.analyse.results.CellResult`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one cell in two runs.

    Args:
        metric: one of :data:`COMPARED`.
        base_ms: in the run that is compared with.
        head_ms: in the other one.
        contrast: head over base; above 1 means slower.
        verdict: ``same``, ``slower``, ``faster`` or ``inconclusive``.
    """

    metric: str
    base_ms: float
    head_ms: float
    contrast: Contrast
    verdict: str


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """A cell that both runs measured."""

    cell: CellResult
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that is not the same in both runs.

    Args:
        what: in a word or two.
        base: there.
        head: and here.
        fatal: whether comparing them would mean nothing.
    """

    what: str
    base: str
    head: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is to be said of two runs.

    Args:
        base: the run that is compared with.
        head: the other one.
        threshold: half the width of what counts as the same, as a share: 0.03.
        cells: measured in both, in the order of the base.
        only_base: measured there alone.
        only_head: measured here alone.
        mismatches: the fatal ones first.
        changes: package -> version there and here, of all that differ.
    """

    base: RunAnalysis
    head: RunAnalysis
    threshold: float
    cells: tuple[ComparedCell, ...]
    only_base: tuple[CellResult, ...]
    only_head: tuple[CellResult, ...]
    mismatches: tuple[Mismatch, ...]
    changes: Mapping[str, tuple[str, str]]


def compare(base: RunAnalysis, head: RunAnalysis, threshold: float) -> Comparison:
    """Compare two runs cell by cell.

    Args:
        base: the run that is compared with.
        head: the other one.
        threshold: as a share, 0.03 for 3 %.
    """
    there = {cell.cell_key: cell for cell in base.cells}
    here = {cell.cell_key: cell for cell in head.cells}
    shared = [key for key in there if key in here]
    raw = {key: _differences(there[key], here[key]) for key in shared}
    judged: dict[str, list[Difference]] = {key: [] for key in shared}
    for metric in COMPARED:
        family = {key: found[metric] for key, found in raw.items() if metric in found}
        for key, difference in judge(family, threshold).items():
            judged[key].append(difference)
    return Comparison(
        base=base,
        head=head,
        threshold=threshold,
        cells=tuple(ComparedCell(there[key], tuple(judged[key])) for key in shared),
        only_base=tuple(cell for key, cell in there.items() if key not in here),
        only_head=tuple(cell for key, cell in here.items() if key not in there),
        mismatches=tuple(sorted(_mismatches(base.record, head.record), key=lambda found: not found.fatal)),
        changes=_changes(base.record, head.record),
    )


def _differences(there: CellResult, here: CellResult) -> dict[str, Difference]:
    found = {}
    for metric in COMPARED:
        base: Measured | None = getattr(there, metric)
        head: Measured | None = getattr(here, metric)
        if base is None or head is None:
            continue
        contrast = between_runs(head.by_block, base.by_block)
        if contrast is not None:
            values = base.estimate.value, head.estimate.value
            found[metric] = Difference(metric, *values, contrast, "inconclusive")
    return found


def judge(family: Mapping[str, Difference], threshold: float) -> dict[str, Difference]:
    """The differences of one metric with their verdicts.

    Checked in this order: ``same`` if the 95 % interval lies within the threshold; ``slower`` or ``faster`` if the
    difference stands after Holm's adjustment for the number of cells, and is beyond half the threshold; otherwise
    ``inconclusive``.

    Args:
        family: cell -> difference, all of one metric.
        threshold: as a share.
    """
    standing = holm({key: one.contrast.p_value for key, one in family.items()})
    return {key: replace(one, verdict=_verdict(one, threshold, key in standing)) for key, one in family.items()}


def _verdict(one: Difference, threshold: float, stands: bool) -> str:
    ratio = one.contrast.ratio
    widest, half = 1 + threshold, 1 + threshold / 2
    if ratio.low is not None and ratio.high is not None and 1 / widest <= ratio.low and ratio.high <= widest:
        return "same"
    if stands and ratio.value > half:
        return "slower"
    if stands and ratio.value < 1 / half:
        return "faster"
    return "inconclusive"


def holm(p_values: Mapping[str, float | None]) -> set[str]:
    """The names whose hypothesis of no difference falls, with at most 5 % of families holding a false one (Holm, 1979).

    Args:
        p_values: name -> p value; ``None`` counts as no test.
    """
    ordered = sorted((value, name) for name, value in p_values.items() if value is not None)
    fallen: set[str] = set()
    for place, (value, name) in enumerate(ordered):
        if value > (1 - CONFIDENCE) / (len(ordered) - place):
            break
        fallen.add(name)
    return fallen


def _mismatches(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterable[Mismatch]:
    compared: Sequence[tuple[str, Sequence[str], bool]] = (
        ("model", ("model", "name"), True),
        ("model digest", ("model", "digest"), True),
        ("machine", ("machine_id",), False),
        ("threads", ("plan", "threads"), False),
        ("schema", ("schema_version",), False),
        ("power source", ("machine", "power_source"), False),
        ("power mode", ("machine", "power_mode"), False),
        ("governor", ("machine", "governor"), False),
    )
    for what, path, fatal in compared:
        there, here = _at(base, path), _at(head, path)
        if there != here:
            yield Mismatch(what, str(there), str(here), fatal)


def _at(record: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = record
    for name in path:
        value = (value or {}).get(name)
    return value


def _changes(base: Mapping[str, Any], head: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    there, here = _packages(base), _packages(head)
    names = sorted(there.keys() & here.keys())
    return {name: (there[name], here[name]) for name in names if there[name] != here[name]}


def _packages(record: Mapping[str, Any]) -> dict[str, str]:
    found = {"AIPC Bench": str((record.get("project") or {}).get("git_commit"))}
    found["kernel"] = str((record.get("machine") or {}).get("kernel"))
    for kind in ("gpus", "npus"):
        for device in (record.get("machine") or {}).get(kind) or ():
            found[f"driver of {device.get('name')}"] = str(device.get("driver"))
    for backend, venv in (record.get("venvs") or {}).items():
        found |= {f"{name} ({backend})": version for name, version in (venv.get("packages") or {}).items()}
    return found
