from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from backends.noise import Noise
from bench.analyse.series import alike_neighbours, block_medians
from bench.findings import Code
from bench.plan.cells import Load
from bench.run.guard.after import Series, judge_all, judge_quality, judge_series
from bench.run.guard.found import Found
from bench.store.reader import open_run
from bench.store.writer import replace_rows
from studies.intervals.play import Played, Shape, play
from studies.intervals.settings import RESTLESS
from tests.support.rows import quality_row
from tests.support.stored_runs import FakeRun


def series(*blocks: tuple[float, ...], metric: str = "TTFT") -> Series:
    places: Any = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    return Series(metric, "cell", places, np.array([value for block in blocks for value in block]))


def judged(*blocks: tuple[float, ...], metric: str = "TTFT") -> list[Found]:
    one = series(*blocks, metric=metric)
    return list(judge_series(one, one.tests))


def steady(*levels: float) -> list[tuple[float, ...]]:
    """Three generations a block, 1 % around its level."""
    return [
        (level * 0.99, level, level * 1.01) if n % 2 else (level * 1.01, level, level * 0.99)
        for n, level in enumerate(levels)
    ]


def test_a_steady_cell_has_no_findings() -> None:
    assert judged(*steady(40, 41, 40.5, 39.8, 40.2, 40.9, 40.1, 40.4)) == []


def test_a_drift_says_how_far_it_went() -> None:
    (found,) = judged(*steady(40, 41, 42, 43, 44, 45, 46, 47))
    assert (found.code, found.message[:17]) == (Code.DRIFT, "TTFT rose by 17 %")


def test_a_trend_says_which_way_it_goes() -> None:
    (found,) = judged((44, 42, 40), (45, 42.5, 41), (44, 41, 40), (45, 43, 41))
    assert (found.code, found.message[:12]) == (Code.TREND, "TTFT fell by")


def test_two_modes_are_told_with_their_blocks() -> None:
    (found,) = judged(*steady(40, 50, 40.2, 40.1, 50.3, 39.9, 50.1, 40, 49.9, 40.1), metric="TPOT")
    assert found.code is Code.BIMODAL
    assert "50.1 ms in blocks 2, 5, 7, 9, 25 % more" in found.message


def test_an_outlying_block_says_what_would_be_without_it() -> None:
    (found,) = judged(*steady(40, 40.4, 60, 40.1, 39.9, 40.2, 40.3, 39.8))
    assert (found.code, found.block) == (Code.OUTLIER_BLOCK, 2)
    assert found.message.endswith("without it TTFT would be 40.1 ms, -5 %")


def test_an_outlying_generation_is_named_within_its_block() -> None:
    (found,) = judged((40, 41, 40.5), (40, 80, 40.5), (40, 41, 40.2), (40.3, 40.9, 40))
    assert (found.code, found.weight) == (Code.OUTLIER_GENERATION, "info")
    assert (
        found.message
        == "generation 2 of block 2 is 2 times the median of its block; without it TTFT would still be 40.3 ms"
    )


@pytest.mark.parametrize("levels", [(40.0,), (40.0, 80.0), (40.0, 40.0, 40.0)])
def test_a_short_or_constant_series_says_nothing(levels: tuple[float, ...]) -> None:
    assert judged(*[(level, level, level) for level in levels]) == []


# -- what a run of many cells shows by chance


def all_series(played: Played, run: int) -> list[Series]:
    """TTFT and TPOT of every cell of a played run."""
    _, cells, blocks, repeats = played.ttft.shape
    places: Any = np.repeat(np.arange(blocks), repeats)
    metrics = (("TTFT", played.ttft[run]), ("TPOT", played.tpot[run]))
    return [Series(name, str(cell), places, values[cell].ravel()) for cell in range(cells) for name, values in metrics]


def warned(noise: Noise, shape: Shape, runs: int, seed: int) -> list[list[Code]]:
    """The kinds of the warnings of each played run."""
    drawn = np.random.default_rng(seed)
    played = (play(noise, shape, 1, drawn) for _ in range(runs))
    return [[one.code for one in judge_all(all_series(run, 0)) if one.weight != "info"] for run in played]


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "blocks"), [(RESTLESS, 3), (RESTLESS, 10)])
def test_at_most_one_in_twenty_clean_runs_of_21_cells_has_a_warning(noise: Noise, blocks: int) -> None:
    found = warned(noise, Shape(blocks=blocks, steps=16), runs=20, seed=blocks)
    # 4 of 20 are beyond the 98 % point of a true rate of 5 %; single tests of 1 % would call 8 to 13.
    assert sum(map(bool, found)) <= 3


def test_a_series_of_many_that_goes_far_by_chance_is_good_to_know() -> None:
    risen = series(*steady(40, 41, 40.5, 42, 43, 43.5, 44))
    (alone,) = judge_series(risen, risen.tests)
    (among_many,) = judge_series(risen, 42 * risen.tests)
    assert (alone.code, alone.weight, among_many.code, among_many.weight) == (Code.DRIFT, "warning", Code.DRIFT, "info")
    assert among_many.message == f"{alone.message}; it may be chance, as one of 168 tests in this run"


def test_what_is_far_from_chance_stands_among_many() -> None:
    drifted = series(*steady(*np.geomspace(40, 48, 12)))
    assert [one.weight for one in judge_series(drifted, 168)] == ["warning"]


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ((40, 50, 40.2, 40.1, 50.3, 39.9, 50.1, 40, 49.9, 40.1), Code.BIMODAL),
        ((40, 40.4, 80, 40.1, 39.9, 40.2, 40.3, 39.8, 40.1, 40.5), Code.OUTLIER_BLOCK),
    ],
)
def test_clear_modes_and_outliers_stand_among_many(levels: tuple[float, ...], code: Code) -> None:
    found = [one for one in judge_series(series(*steady(*levels)), 168) if one.weight == "warning"]
    assert [one.code for one in found] == [code]


@pytest.mark.parametrize(("blocks", "repeats", "tests"), [(3, 3, 1), (5, 3, 1), (6, 3, 4), (10, 1, 3), (2, 3, 0)])
def test_only_what_can_be_found_counts_as_a_test(blocks: int, repeats: int, tests: int) -> None:
    assert series(*[(40.0,) * repeats] * blocks).tests == tests


# -- blocks that follow each other


def wandering(blocks: int, phi: float, cells: int, seed: int) -> list[Series]:
    """Cells of one load whose blocks share a mood that goes on with correlation ``phi``."""
    random = np.random.default_rng(seed)
    mood = [random.normal()]
    for _ in range(blocks - 1):
        mood.append(phi * mood[-1] + np.sqrt(1 - phi**2) * random.normal())
    shared: Any = np.repeat(0.05 * np.array(mood), 3)
    places: Any = np.repeat(np.arange(blocks), 3)
    noise = [random.normal(0, 0.01, 3 * blocks) for _ in range(cells)]
    return [Series("TTFT", str(cell), places, 40 * np.exp(shared + own)) for cell, own in enumerate(noise)]


def test_blocks_that_resemble_the_one_before_are_found_once_for_the_run() -> None:
    (found,) = (one for one in judge_all(wandering(40, 0.7, 3, seed=4)) if one.code is Code.ALIKE_BLOCKS)
    assert (found.weight, found.cell_key, found.row()["subject"]) == ("warning", None, "run")
    assert "and -0.03 where 40 blocks are independent (p = " in found.message


@pytest.mark.slow
def test_blocks_whose_cells_share_a_mood_are_not_alike_for_that() -> None:
    runs = ([block_medians(one.blocks, one.values) for one in wandering(10, 0.0, 21, seed)] for seed in range(100))
    # 4 of 100 are the 99.6 % point of a true rate of 1 %.
    assert sum(alike_neighbours(run) is not None for run in runs) <= 4


# -- the words of loads


def scored(folder: Path, worse: float, limits: dict[str, float] | None = None) -> Iterator[Found]:
    """What is found of two loads, the narrower of which has a perplexity ``worse`` times that of the other."""
    loads = [Load("simulated", "CPU", precision) for precision in ("int4", "int8")]
    fake = FakeRun(loads=loads, blocks=1, record={"options": {"quality_limits": limits} if limits else {}}, end=None)
    path = fake.write(folder)
    means = {"int4": -1.0 - math.log(worse), "int8": -1.0}
    rows = [
        quality_row(load, text=f"chat-{number}", log_probs=[means[load.precision]] * 50)
        for load in loads
        for number in range(3)
    ]
    replace_rows(open_run(path), "quality", pc.scalar(value=True), rows)
    return judge_quality(open_run(path))


def test_a_broken_load_is_serious_and_fails_strict(tmp_path: Path) -> None:
    (found,) = scored(tmp_path, worse=3.0)
    assert (found.code, found.weight, found.fails_strict) == (Code.BROKEN, "serious", True)
    assert found.message == "its perplexity is 3 times that of simulated-CPU-int8"
    assert found.load_id == open_run(next(tmp_path.iterdir())).table("loads")["load_id"].to_pylist()[0]


def test_a_degraded_load_is_no_finding(tmp_path: Path) -> None:
    assert list(scored(tmp_path, worse=1.3)) == []


def test_what_is_broken_is_a_matter_of_the_runs_limits(tmp_path: Path) -> None:
    (found,) = scored(tmp_path, worse=1.3, limits={"degraded": 1.1, "broken": 1.2})
    assert found.code is Code.BROKEN


def test_a_run_whose_loads_were_not_scored_has_no_such_finding(tmp_path: Path) -> None:
    assert list(judge_quality(open_run(FakeRun(blocks=1).write(tmp_path)))) == []
