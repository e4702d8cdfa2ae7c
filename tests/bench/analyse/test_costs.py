from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.analyse.costs import COUNTERS, Costs, costs
from bench.analyse.run import analyse_run
from bench.store.reader import open_run
from bench.store.schema import TABLES
from tests.support.stored_runs import FakeRun

NAN = math.nan


def read(**counters: list[float]) -> Costs:
    arrays: dict[str, Any] = {name: np.array(values, dtype=float) for name, values in counters.items()}
    return costs(arrays, "RAPL package-0", new_tokens=8)


def test_what_no_counter_was_read_for_is_none() -> None:
    assert read(energy_j=[NAN, NAN], npu_busy_ns=[NAN, NAN]) == Costs()


def test_a_counter_that_stood_still_is_zero() -> None:
    assert read(npu_busy_ns=[0.0, 0.0, 0.0]).npu_busy_ms == 0.0


def test_generations_without_a_reading_do_not_count() -> None:
    assert read(gpu_busy_ns=[NAN, 4e6, 2e6, 9e6]).gpu_busy_ms == 4.0


def test_a_counter_that_went_backwards_does_not_count() -> None:
    assert read(energy_j=[-5.0, 2.0]).energy_j == 2.0


def test_energy_per_token_is_that_of_the_whole_batch() -> None:
    found = read(energy_j=[4.0])
    assert (found.energy_j_per_token, found.energy_source) == (0.5, "RAPL package-0")


def test_counters_are_columns_of_the_store() -> None:
    assert set(COUNTERS) <= set(TABLES["generations"].names)


def test_a_stored_run_gives_each_cell_its_costs(tmp_path: Any) -> None:
    counters = {
        "energy_j": 6.4,
        "energy_source": "RAPL package-0",
        "npu_busy_ns": 3_000_000,
        "cpu_frequency_mhz": 3100.0,
    }
    run = FakeRun(prompt_tokens=(32,), counters=counters)
    found = {cell.costs for cell in analyse_run(open_run(run.write(tmp_path))).cells}
    assert found == {Costs(6.4, 6.4 / 64, "RAPL package-0", 3.0, None, None, 3100.0)}


def test_a_run_without_counters_has_no_costs(tmp_path: Any) -> None:
    run = FakeRun(prompt_tokens=(32,)).write(tmp_path)
    assert {cell.costs for cell in analyse_run(open_run(run)).cells} == {Costs()}


def test_the_counted_generations_are_kept_one_by_one(tmp_path: Any) -> None:
    run = FakeRun(prompt_tokens=(32,), blocks=2, repeats=3).write(tmp_path)
    cell = analyse_run(open_run(run)).cells[0]
    assert {key: len(values) for key, values in cell.timed.items()} == {"ttft_ms": 6, "tpot_ms": 6}
    blocks = [sorted(cell.timed["ttft_ms"][start : start + 3])[1] for start in (0, 3)]
    assert np.allclose(sorted(blocks), sorted(cell.ttft_ms.by_block.values()))
