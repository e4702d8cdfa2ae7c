"""What is said of stored runs: by the project's own rules, and by cell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.analyse.results import CellResult, Measured, RunAnalysis
from bench.analyse.run import analyse_run
from bench.store.reader import open_run
from studies.intervals.stored import Said, called, compared, gated, name_of, variants
from tests.support.stored_runs import FakeRun


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunAnalysis:
    return analyse_run(open_run(FakeRun(blocks=6).write(tmp_path_factory.mktemp("stored"), "run-1")))


def times(measured: Measured | None, factor: float) -> Measured | None:
    if measured is None:
        return None
    by_block = {block: value * factor for block, value in measured.by_block.items()}
    return Measured(measured.estimate.times(factor), by_block)


def slower(cell: CellResult, factor: float) -> CellResult:
    assert cell.tpot_ms is not None
    return replace(cell, tpot_ms=times(cell.tpot_ms, factor))


def verdicts(said: list[Said], metric: str) -> set[str]:
    return {one.difference.verdict for one in said if one.difference.metric == metric}


def with_variants(run: RunAnalysis, factor: float) -> RunAnalysis:
    a = [replace(cell, load=replace(cell.load, variant="a")) for cell in run.cells]
    b = [slower(replace(cell, load=replace(cell.load, variant="b")), factor) for cell in run.cells]
    loads = [replace(load, variant=variant) for variant in "ab" for load in run.loads]
    return replace(run, loads=tuple(loads), cells=(*a, *b))


@pytest.mark.slow
def test_variants_that_are_the_same_are_the_same(run: RunAnalysis) -> None:
    assert called(variants(with_variants(run, 1.0), 0.03), "slower", "faster") == []


@pytest.mark.slow
def test_a_slower_variant_is_called_slower_in_what_is_slower(run: RunAnalysis) -> None:
    said = variants(with_variants(run, 1.2), 0.03)

    assert (verdicts(said, "tpot_ms"), "slower" in verdicts(said, "ttft_ms")) == ({"slower"}, False)


def test_a_run_compared_with_itself_is_not_called(run: RunAnalysis) -> None:
    assert called(compared(run, run, 0.03), "slower", "faster") == []


def test_a_run_beyond_its_baselines_is_called_slower(run: RunAnalysis) -> None:
    baselines = [replace(run, cells=tuple(slower(cell, 1 + 0.001 * n) for cell in run.cells)) for n in range(5)]
    head = replace(run, cells=tuple(slower(cell, 1.3) for cell in run.cells))

    assert verdicts(gated(baselines, head, 0.05), "tpot_ms") == {"slower"}


def test_a_single_baseline_cannot_tell(run: RunAnalysis) -> None:
    assert {one.difference.verdict for one in gated([run], run, 0.05)} == {"inconclusive"}


def test_a_cell_is_named_alike_in_both_variants(run: RunAnalysis) -> None:
    found = with_variants(run, 1.0)
    half = len(found.cells) // 2

    assert [name_of(cell) for cell in found.cells[:half]] == [name_of(cell) for cell in found.cells[half:]]
