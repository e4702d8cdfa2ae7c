"""What a run makes of a cell's outcome."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.measure.visit import Outcome
from bench.plan.options import Options
from bench.plan.plan import make_plan
from bench.run.session import BenchSession

SWEEP = ("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "8", "--blocks", "1", "--seed", "1")


def taken_up(options: Options, outcome: Outcome) -> tuple[int, list[str]]:
    """How many cells count as measured afterwards, and what was said."""
    said: list[str] = []
    plan = make_plan(options)
    session = BenchSession(options, plan, "", said.append)
    (planned,) = plan.visits
    session.outcome(planned, planned.cells[0], outcome)
    return session.measured, said


@pytest.mark.fault("suspend")
def test_a_block_that_does_not_count_at_all_is_said_and_is_no_measured_cell(
    make_options: Callable[..., Options],
) -> None:
    measured, said = taken_up(make_options(*SWEEP), Outcome((), (), ("the machine was suspended",)))
    assert (measured, said[-1].endswith("not counted: the machine was suspended")) == (0, True)


def test_what_counts_is_said_by_its_median(make_options: Callable[..., Options]) -> None:
    measured, said = taken_up(make_options(*SWEEP), Outcome((3.0, 1.0, 2.0), (0.5,)))
    assert (measured, "first token 2.0 ms, 0.50 ms/token (simulated)" in said[-1]) == (1, True)
