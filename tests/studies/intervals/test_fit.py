"""The noise is found again in runs that were played with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.noise import Noise
from bench.analyse.samples import CellSamples
from bench.errors import UsageError
from bench.plan.cells import Request
from studies.intervals.__main__ import main
from studies.intervals.chance import generator
from studies.intervals.fit import Fitted, correlation, drift, fitted_cell, modes, run_spread, summary_of, together
from studies.intervals.play import Shape, play
from studies.intervals.settings import read_noise, written_noise
from tests.support.stored_runs import FakeRun

pytestmark = pytest.mark.slow

SHAPE = Shape(loads=5, lengths=1, blocks=200, repeats=4, steps=65)


def cells(noise: Noise, shape: Shape = SHAPE, seed: int = 1) -> list[Fitted]:
    played = play(noise, shape, 1, generator(seed))
    blocks: Any = np.repeat(np.arange(shape.blocks), shape.repeats)
    return [
        fitted_cell(
            CellSamples(
                cell_key=f"c{cell}",
                load_ids=(),
                shape=Request(8, shape.steps, 1),
                ask="first",
                padded_prompt_tokens=None,
                block=blocks,
                durations={"ttft_ns": played.ttft[0, cell].ravel() * 1e6},
                itl_ns=played.itl[0, cell].reshape(-1, shape.steps - 1) * 1e6,
                warmups=0,
                excluded=0,
            ),
            f"cell {cell}",
            shape.block_s,
        )
        for cell in range(shape.cells)
    ]


@pytest.fixture(scope="module")
def fitted() -> Noise:
    noise = Noise(process_spread=0.04, generation_spread=0.03, spread=0.05, tail_share=0.02, tail_factor=3.0)
    return together([cells(noise)])


@pytest.mark.parametrize(
    ("name", "value"),
    [("process_spread", 0.04), ("generation_spread", 0.03), ("spread", 0.05), ("tail_share", 0.02)],
)
def test_each_level_is_found_again(fitted: Noise, name: str, value: float) -> None:
    assert getattr(fitted, name) == pytest.approx(value, rel=0.15)


def test_blocks_whose_neighbours_are_alike_are_fitted_by_a_correlated_series() -> None:
    noise = Noise(correlated_spread=0.05, correlation_time_s=300.0, generation_spread=0.04)
    runs = [cells(noise, Shape(loads=1, lengths=1, blocks=10, repeats=3), seed) for seed in range(150)]
    found = together(runs)

    assert correlation(runs) == pytest.approx(math.exp(-200 / 300) * 25 / (25 + 16 / 3), abs=0.06)
    assert found.process_spread == 0
    assert found.correlation_time_s == pytest.approx(300, rel=0.4)
    # Ten blocks that are alike lie closer to each other than to what a long series spreads over.
    assert 0.035 <= found.correlated_spread <= 0.05


def test_processes_that_owe_their_neighbours_nothing_have_no_correlation(fitted: Noise) -> None:
    assert (fitted.correlated_spread, fitted.correlation_time_s) == (0, Noise().correlation_time_s)


def test_three_blocks_tell_nothing_of_their_neighbours() -> None:
    found = [cells(Noise(process_spread=0.05), Shape(loads=1, lengths=1, blocks=3, repeats=2))]

    assert correlation(found) is None
    assert ("neighbouring blocks correlated by", "not known: fewer than 5 blocks") in summary_of(
        together(found), found
    ).rows


def test_one_mode_is_not_taken_for_two(fitted: Noise) -> None:
    assert (fitted.slow_share, fitted.slow_factor) == (0, 1)


def test_a_slow_mode_is_found_again() -> None:
    found = together([cells(Noise(process_spread=0.01, spread=0.01, slow_share=0.25, slow_factor=1.3))])

    assert found.slow_share == pytest.approx(0.25, abs=0.06)
    assert found.slow_factor == pytest.approx(1.3, abs=0.02)


def test_too_few_processes_tell_nothing_of_modes() -> None:
    assert modes([0.0, 0.1, 0.9]) == (None, None)


def test_what_all_cells_do_together_is_drift() -> None:
    moving = cells(Noise(process_spread=0.01, drift=0.05, drift_period_s=4000.0))

    assert drift(moving) == pytest.approx(0.05, rel=0.2)


def test_what_each_cell_does_alone_is_no_drift() -> None:
    found = drift(cells(Noise(process_spread=0.05)))

    assert found is not None
    assert found < 0.02


def test_one_cell_tells_nothing_of_drift() -> None:
    assert drift(cells(Noise(process_spread=0.05))[:1]) is None


def test_what_differs_between_runs_is_found_beside_what_differs_within() -> None:
    noise = Noise(run_spread=0.05, process_spread=0.03)
    found = run_spread([cells(noise, Shape(loads=1, lengths=1, blocks=10, repeats=2), seed) for seed in range(150)])

    assert found == pytest.approx(0.05, rel=0.2)


def test_two_runs_tell_nothing_of_what_differs_between_runs() -> None:
    assert run_spread([cells(Noise(run_spread=0.05)), cells(Noise(run_spread=0.05))]) is None


def test_what_runs_cannot_tell_is_not_called_nothing() -> None:
    found = [cells(Noise(process_spread=0.05), Shape(loads=1, lengths=1, blocks=5, repeats=2))]
    unknown = [what for what, said in summary_of(together(found), found).rows if said.startswith("not known")]

    assert unknown == ["between runs", "rise and fall of all cells together"]


def test_a_noise_is_read_as_it_was_written(tmp_path: Path) -> None:
    noise = Noise(process_spread=0.02, tail_share=0.1, tail_factor=2.0)
    (tmp_path / "noise.json").write_text(written_noise(noise), encoding="utf-8")

    assert read_noise(tmp_path / "noise.json") == noise


@pytest.mark.parametrize("text", ["", "[]", '{"spread": "much"}', '{"spread": -1}', '{"wobble": 1}'])
def test_a_file_without_a_noise_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "noise.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"noise\.json holds no noise"):
        read_noise(tmp_path / "noise.json")


def test_a_stored_run_becomes_a_noise_that_can_be_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = FakeRun(blocks=4).write(tmp_path / "results", "run-1")
    status = main(["fit", str(folder), "--write", str(tmp_path / "noise.json")])

    assert (status, math.isfinite(read_noise(tmp_path / "noise.json").process_spread)) == (0, True)
    assert "Medians over cells" in capsys.readouterr().out


def test_a_run_of_one_block_and_generation_leaves_blanks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder: Any = FakeRun(blocks=1).write(tmp_path / "results", "run-1")
    status = main(["fit", str(folder)])

    assert (status, "nan" in capsys.readouterr().out) == (0, False)


def test_a_run_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "nothing", "--results-dir", str(tmp_path)]) == 4
    assert "no run nothing" in capsys.readouterr().err
