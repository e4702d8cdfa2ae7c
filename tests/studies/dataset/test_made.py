"""The made-up dataset is one that `collect` could have written, and the study's figures are of its question."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.analyse.run import analyse_run
from bench.dataset.views import Views
from bench.store.lookup import all_folders
from bench.store.reader import open_run
from studies.dataset.__main__ import EXACT, QUESTION, SCAN, _rows, main
from studies.dataset.made import CELLS_OF_A_RUN, TOKENS_OF_A_RUN, LabSize, machine_id, make_dataset

pytestmark = pytest.mark.slow

SIZE = LabSize(runs=7, machines=3, longest=3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lab") / "dataset"
    make_dataset(made, SIZE)
    return made


def test_it_has_the_runs_that_were_asked_for(dataset: Path) -> None:
    assert [SIZE.of_machine(machine) for machine in range(3)] == [3, 2, 2]
    assert len(all_folders(dataset)) == SIZE.runs


def test_its_runs_can_be_analysed_and_are_called_simulated(dataset: Path) -> None:
    for folder in all_folders(dataset):
        cells = analyse_run(open_run(folder)).cells
        assert len(cells) == len(CELLS_OF_A_RUN)
        assert all(cell.load.simulated for cell in cells)


def test_the_question_is_answered_to_half_a_percent(dataset: Path) -> None:
    with Views(dataset, print) as views:
        assert _rows(views, SCAN)[0][0] > 0
        answer = _rows(views, QUESTION)
        assert sum(row[4] for row in answer) == SIZE.runs * TOKENS_OF_A_RUN
        for machine in map(machine_id, range(3)):
            near = [row for row in answer if row[0] == machine]
            exact = _rows(views, EXACT.format(machine=machine))
            assert [row[:5] for row in near] == [row[:5] for row in exact]
            for (*_, p50, p95), (*_, exact_p50, exact_p95) in zip(near, exact, strict=True):
                assert (p50, p95) == (pytest.approx(exact_p50, rel=0.00501), pytest.approx(exact_p95, rel=0.00501))


def test_every_figure_is_printed(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--keep", str(dataset), "--longest", "3", "--runs", "7", "--machines", "3", "--rounds", "1"]) == 0
    told = capsys.readouterr().out
    for figure in ("bare scan", "question", "ratio", "memory", "exactness", "beside it", "history"):
        assert f"\n{figure} " in told


def test_what_cannot_be_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--machines", "1"]) == 4
    assert capsys.readouterr().err.startswith("error: two machines at least")
