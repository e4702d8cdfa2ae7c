from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from studies.report_speed.rendering import Goals, Rendering, render_once, said
from studies.report_speed.stored import RunSize, write_run

GOALS = Goals(wall_s=10, peak_bytes=600e6, page_bytes=5e6)


def rendering(wall_s: float = 4, peak_bytes: int | None = 300_000_000) -> Rendering:
    return Rendering(wall_s=wall_s, cpu_s=3, peak_bytes=peak_bytes, page_bytes=4_200_000)


@pytest.mark.process
def test_a_report_in_a_process_of_its_own_tells_what_it_took(tmp_path: Path) -> None:
    took = render_once(write_run(tmp_path, RunSize(cells=1, new_tokens=2)))
    assert min(took.wall_s, took.cpu_s, took.page_bytes) > 0


@pytest.mark.process
def test_a_run_that_cannot_be_rendered_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"the report failed: .*holds no run"):
        render_once(tmp_path)


def test_the_middle_of_the_reports_stands_beside_the_goal() -> None:
    lines = list(said([rendering(4), rendering(5), rendering(90)], GOALS))
    assert " ".join(lines[0].split()) == "wall time 5.0 s (4.0 s to 90.0 s, 3 runs) within the goal of 10.0 s"


def test_what_is_outside_its_goal_is_said() -> None:
    assert next(said([rendering(11)], GOALS)).endswith("outside the goal of 10.0 s")


def test_a_figure_without_a_goal_claims_none() -> None:
    assert "goal" not in list(said([rendering()], GOALS))[1]


def test_a_peak_that_the_system_does_not_tell_is_not_a_zero() -> None:
    assert list(said([rendering(peak_bytes=None)], GOALS))[2] == "peak memory  not measured, this system does not tell"
