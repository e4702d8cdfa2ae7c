"""Blocks in which a cell failed, or gave nothing that counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.analyse.results import Lost, RunAnalysis
from bench.plan.cells import Cell
from tests.support.tiny_run import TinyRun

MakeCell = Callable[..., Cell]


def lost(run: RunAnalysis) -> tuple[Lost, ...]:
    (cell,) = run.cells
    return cell.lost


def crash(run: TinyRun, cell: Cell, block: int, message: str = "killed by signal 11") -> None:
    run.generation(cell, block, None, status="crashed", error_type="WorkerCrashed", error_message=message)


@pytest.fixture
def ten(tiny_run: TinyRun, make_cell: MakeCell) -> TinyRun:
    """A run of ten planned blocks, so far without a row."""
    tiny_run.planned = [make_cell()]
    tiny_run.plan = {"blocks": 10}
    return tiny_run


def fill(run: TinyRun, blocks: range) -> None:
    for block in blocks:
        run.generation(run.planned[0], block, 10.0, [1.0, 1.0])


def test_a_run_in_which_all_went_well_lost_nothing(ten: TinyRun) -> None:
    fill(ten, range(10))
    assert lost(ten.analyse()) == ()


def test_a_cell_that_crashed_in_nine_of_ten_blocks_lost_nine(ten: TinyRun) -> None:
    fill(ten, range(1))
    for block in range(1, 10):
        crash(ten, ten.planned[0], block)
    assert lost(ten.analyse()) == (Lost("crashed", "killed by signal 11", tuple(range(1, 10))),)


def test_reasons_are_told_apart(ten: TinyRun) -> None:
    fill(ten, range(8))
    crash(ten, ten.planned[0], 8)
    crash(ten, ten.planned[0], 9, "killed by signal 9")
    assert [(one.message, one.blocks) for one in lost(ten.analyse())] == [
        ("killed by signal 11", (8,)),
        ("killed by signal 9", (9,)),
    ]


def test_a_block_that_failed_after_a_generation_that_counts_is_lost(ten: TinyRun) -> None:
    fill(ten, range(10))
    crash(ten, ten.planned[0], 4)
    assert lost(ten.analyse()) == (Lost("crashed", "killed by signal 11", (4,)),)


def test_a_block_of_which_nothing_counts_is_lost(ten: TinyRun) -> None:
    fill(ten, range(9))
    ten.generation(ten.planned[0], 9, 10.0, [1.0, 1.0], invalid_reason="the machine was suspended")
    assert lost(ten.analyse()) == (Lost("invalid", "the machine was suspended", (9,)),)


def test_a_block_of_which_something_counts_is_not_lost(ten: TinyRun) -> None:
    fill(ten, range(10))
    ten.generation(ten.planned[0], 9, 10.0, [1.0, 1.0], iteration=1, invalid_reason="the machine was suspended")
    assert lost(ten.analyse()) == ()


def test_a_run_that_was_interrupted_did_not_reach_its_last_blocks(ten: TinyRun) -> None:
    ten.reason = "interrupted"
    fill(ten, range(3))
    assert lost(ten.analyse()) == (Lost("unreached", "", tuple(range(3, 10))),)


@pytest.mark.parametrize(("reason", "expected"), [("finished", 0), ("interrupted", 7)])
def test_a_run_that_ends_by_its_intervals_may_leave_blocks_out(ten: TinyRun, reason: str, expected: int) -> None:
    ten.reason = reason
    ten.plan |= {"interval_target": 0.05, "max_blocks": 40}
    fill(ten, range(3))
    assert ten.analyse().cells[0].lost_blocks == expected


@pytest.mark.parametrize("blocks", [None, "many", -1, 2.5])
def test_a_plan_without_a_number_of_blocks_tells_what_its_rows_tell(ten: TinyRun, blocks: Any) -> None:
    ten.plan = {"blocks": blocks}
    fill(ten, range(2))
    crash(ten, ten.planned[0], 2)
    assert ten.analyse().cells[0].lost_blocks == 1


def test_a_failure_of_one_cell_is_not_the_others(tiny_run: TinyRun, make_cell: MakeCell) -> None:
    one, other = make_cell(), make_cell(prompt_tokens=20)
    tiny_run.planned = [one, other]
    for cell in (one, other):
        tiny_run.generation(cell, 0, 10.0, [1.0, 1.0])
    crash(tiny_run, one, 1)
    crash(tiny_run, other, 2)
    assert [cell.lost[0].blocks for cell in tiny_run.analyse().cells] == [(1,), (2,)]
