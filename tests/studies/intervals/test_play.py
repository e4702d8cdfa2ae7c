"""Runs that are played at once have the distribution of those that the simulated backend plays."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from backends.noise import Noise
from studies.intervals.chance import generator
from studies.intervals.play import Shape, mappings, play, visits

pytestmark = pytest.mark.slow

ALL = Noise(
    run_spread=0.03,
    correlated_spread=0.04,
    correlation_time_s=200.0,
    process_spread=0.05,
    generation_spread=0.02,
    spread=0.04,
    slow_share=0.2,
    slow_factor=1.3,
    tail_share=0.05,
    tail_factor=2.0,
    drift=0.02,
)
SHAPE = Shape(loads=1, lengths=1, blocks=2, repeats=1, steps=3)


@cache
def spun(noise: Noise, runs: int) -> Any:
    """ITLs of runs of two blocks, one generation of three steps each, drawn as the simulated backend draws them."""
    drawn, found = random.Random(5), []
    for run in range(runs):
        of_run, begun_s = noise.run(drawn), drawn.random() * noise.drift_period_s
        for block in range(2):
            time_s = begun_s + block * SHAPE.block_s
            of_moment = noise.moment(time_s, str(run)) * noise.at(time_s)
            above = of_run * of_moment * noise.process(drawn) * noise.generation(drawn)
            found.append([above * noise.step(drawn) for _ in range(2)])
    return np.log(np.array(found).reshape(runs, 2, 2))


def at_once(noise: Noise, runs: int) -> Any:
    return np.log(play(noise, SHAPE, runs, generator(5)).itl[:, 0, :, 0, :])


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.75, 0.9, 0.99])
def test_the_quantiles_of_a_step_are_those_of_the_backend(share: float) -> None:
    there, here = (np.quantile(played(ALL, 12_000), share) for played in (spun, at_once))

    assert here == pytest.approx(there, abs=0.015)


@pytest.mark.parametrize("axis", ["blocks of a run", "steps of a generation"])
def test_what_belongs_together_is_as_alike_as_in_the_backend(axis: str) -> None:
    def alike(logs: Any) -> float:
        pair = (logs[:, 0, 0], logs[:, 1, 0]) if axis == "blocks of a run" else (logs[:, 0, 0], logs[:, 0, 1])
        return float(np.corrcoef(*pair)[0, 1])

    assert alike(at_once(ALL, 12_000)) == pytest.approx(alike(spun(ALL, 12_000)), abs=0.04)


def test_the_spread_of_a_block_is_that_of_process_and_generation() -> None:
    noise = Noise(process_spread=0.03, generation_spread=0.04)
    medians = play(noise, replace(SHAPE, blocks=500), 40, generator(1)).medians()["tpot_ms"]

    assert np.log(medians).std() == pytest.approx(0.05, rel=0.03)


def test_the_cells_of_a_process_share_what_befell_it() -> None:
    ttft = play(Noise(process_spread=0.1), Shape(loads=2, lengths=3, blocks=1), 1, generator(1)).ttft[0, :, 0, 0]

    assert (len(set(ttft[:3].tolist())), len(set(ttft.tolist()))) == (1, 2)


@pytest.mark.parametrize(("groups", "kinds"), [(1, 1), (2, 2), (4, 4)])
def test_a_run_befalls_each_group_of_loads_for_itself(groups: int, kinds: int) -> None:
    ttft = play(Noise(run_spread=0.1), Shape(loads=4, lengths=1, blocks=3), 1, generator(1), groups).ttft

    assert len(set(ttft.ravel().tolist())) == kinds


def test_both_variants_of_a_load_can_share_what_a_run_does_to_it() -> None:
    ttft = play(Noise(run_spread=0.1), Shape(loads=4, lengths=1, blocks=1), 1, generator(1), 2).ttft[0, :, 0, 0]

    assert ttft[:2].tolist() == ttft[2:].tolist()


@pytest.mark.parametrize("loads", [1, 3])
def test_blocks_of_a_cell_are_as_alike_as_their_distance_in_time_says(loads: int) -> None:
    noise, shape = Noise(correlated_spread=0.1, correlation_time_s=200.0), Shape(loads=loads, lengths=1, blocks=2)
    ttft = np.log(play(noise, replace(shape, repeats=1, steps=2), 8000, generator(2)).ttft[:, 0, :, 0])
    # In the same place of both blocks on average; e^-x is convex, and the place of the visits differs by up to two.
    apart_s = [200 * (1 + (one - other) / loads) for one in range(loads) for other in range(loads)]
    expected = statistics.fmean(np.exp(-apart / 200) for apart in apart_s)

    assert float(np.corrcoef(ttft.T)[0, 1]) == pytest.approx(expected, abs=0.03)


def test_loads_that_are_visited_one_after_the_other_share_the_moment() -> None:
    noise, shape = Noise(correlated_spread=0.1, correlation_time_s=2000.0), Shape(loads=2, lengths=1, blocks=10)
    ttft = np.log(play(noise, replace(shape, repeats=1, steps=2), 2000, generator(2)).ttft[:, :, :, 0])

    assert float(np.corrcoef(ttft[:, 0].ravel(), ttft[:, 1].ravel())[0, 1]) == pytest.approx(math.exp(-0.05), abs=0.02)


def test_variants_are_visited_beside_each_other_and_take_turns_in_going_first() -> None:
    place = visits(Shape(loads=3, blocks=5).with_variants(), 50, generator(1))
    apart = place[:, :, 3:] - place[:, :, :3]

    assert set(np.abs(apart).ravel().tolist()) == {1}
    assert (apart[:, 0] == -apart[:, 1]).all()


@pytest.mark.parametrize("shape", [Shape(blocks=4), Shape(blocks=3).with_variants()])
def test_every_load_is_visited_once_a_block(shape: Shape) -> None:
    assert (np.sort(visits(shape, 5, generator(1)), axis=-1) == np.arange(shape.loads)).all()


def test_the_same_seed_plays_the_same_runs() -> None:
    first, second = (play(ALL, SHAPE, 2, generator(3, "x")).ttft.tolist() for _ in range(2))

    assert first == second


def test_medians_are_handed_on_by_block() -> None:
    assert mappings(np.array([[1.0, 2.0], [3.0, 4.0]])) == [{0: 1.0, 1: 2.0}, {0: 3.0, 1: 4.0}]


def test_a_median_block_is_the_median_of_its_generations() -> None:
    played = play(Noise(generation_spread=0.1), Shape(loads=1, lengths=1, blocks=1), 1, generator(1))

    assert played.medians()["ttft_ms"][0, 0, 0] == statistics.median(played.ttft[0, 0, 0].tolist())
