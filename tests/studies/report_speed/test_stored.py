from __future__ import annotations

from pathlib import Path

import pytest

from bench.analyse.run import analyse_run
from bench.store.reader import StoredRun, open_run
from studies.report_speed.stored import RunSize, size_of, write_run

pytestmark = pytest.mark.slow

SIZE = RunSize(cells=11, new_tokens=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    return open_run(write_run(tmp_path_factory.mktemp("results"), SIZE))


@pytest.mark.parametrize(("asked", "made"), [(1_000_000, 1_008_000), (10_000_000, 10_008_000), (1, 18_000)])
def test_a_size_holds_at_least_the_tokens_that_were_asked_for(asked: int, made: int) -> None:
    assert size_of(asked).tokens == made


def test_every_cell_is_measured_as_the_size_says(run: StoredRun) -> None:
    cells = analyse_run(run).cells
    assert (len(cells), sum(cell.generations * cell.new_tokens for cell in cells)) == (11, SIZE.tokens)


def test_every_load_is_called_simulated(run: StoredRun) -> None:
    assert {load.simulated for load in analyse_run(run).loads} == {True}


def test_the_ids_of_each_token_are_stored_as_in_a_real_run(run: StoredRun) -> None:
    assert {len(ids) for ids in run.table("generations", ["token_ids"])["token_ids"].to_pylist()} == {3}


def test_the_same_size_gives_the_same_latencies(run: StoredRun, tmp_path: Path) -> None:
    again = open_run(write_run(tmp_path, SIZE))
    assert again.table("generations", ["itl_ns"]) == run.table("generations", ["itl_ns"])
