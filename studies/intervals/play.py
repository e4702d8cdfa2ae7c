"""Whole runs played at once: the noise of :class:`backends.noise.Noise` in arrays, without spinning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.signal import lfilter

from backends.noise import Noise, log_deviation


@dataclass(frozen=True, slots=True)
class Shape:
    """How a run is laid out.

    Args:
        loads: processes per block.
        lengths: prompt lengths that each process is asked; they share whatever befell it.
        blocks: visits of each load.
        repeats: timed generations per prompt length.
        steps: tokens per generation.
        block_s: how long a block takes, in seconds; only drift and correlated noise ask.
        paired: the second half of the loads are the other variants of the first, visited beside them as ``ab`` does.
    """

    loads: int = 7
    lengths: int = 3
    blocks: int = 10
    repeats: int = 3
    steps: int = 64
    block_s: float = 200.0
    paired: bool = False

    @property
    def cells(self) -> int:
        """How many numbers a run gives per metric."""
        return self.loads * self.lengths

    def with_variants(self) -> Shape:
        """The same of an A/B run: every load is visited twice in a block, which takes twice as long."""
        return replace(self, loads=2 * self.loads, block_s=2 * self.block_s, paired=True)


@dataclass(frozen=True, slots=True)
class Played:
    """Runs as they would have been recorded, in multiples of the nominal latency.

    Args:
        ttft: array [runs, cells, blocks, repeats].
        itl: array [runs, cells, blocks, repeats, steps - 1].
    """

    ttft: Any
    itl: Any

    @property
    def tpot(self) -> Any:
        """Array [runs, cells, blocks, repeats]."""
        return self.itl.mean(axis=-1, dtype=np.float64)

    def medians(self) -> dict[str, Any]:
        """Metric -> block medians, array [runs, cells, blocks]."""
        return {"ttft_ms": np.median(self.ttft, axis=-1), "tpot_ms": np.median(self.tpot, axis=-1)}


def play(noise: Noise, shape: Shape, runs: int, drawn: np.random.Generator, run_groups: int = 1) -> Played:
    """Play ``runs`` runs.

    Args:
        noise: what the latencies are multiplied by.
        shape: how a run is laid out; a step at least after the first.
        runs: how many.
        drawn: where chance comes from.
        run_groups: how many groups of loads a run befalls each for itself, dealt out in turn; 1 as in the simulated
            backend, where it befalls all cells alike.
    """
    per_process = (runs, shape.loads, 1, shape.blocks)
    per_generation = (runs, shape.loads, shape.lengths, shape.blocks, shape.repeats)
    of_group = _log_normal(drawn, noise.run_spread, (runs, run_groups, 1, 1))
    of_run = of_group[:, np.arange(shape.loads) % of_group.shape[1]]
    of_process = _log_normal(drawn, noise.process_spread, per_process)
    of_process = of_process * _sometimes(drawn, noise.slow_share, noise.slow_factor, per_process)
    of_moment = _correlated(noise, shape, runs, drawn) * _drift(noise, shape, runs, drawn)
    above = (of_run * of_process * of_moment)[..., None]
    generations = above * _log_normal(drawn, noise.generation_spread, per_generation)
    per_step = (*per_generation, shape.steps)
    steps = _log_normal(drawn, noise.spread, per_step)
    steps = steps * _sometimes(drawn, noise.tail_share, noise.tail_factor, per_step)
    latencies = np.broadcast_to(generations[..., None] * steps, per_step).reshape(
        runs, shape.cells, shape.blocks, shape.repeats, shape.steps
    )
    return Played(latencies[..., 0].astype(np.float64), latencies[..., 1:])


def visits(shape: Shape, runs: int, drawn: np.random.Generator) -> Any:
    """When each load is visited in its block, array [runs, blocks, loads]."""
    count = shape.loads // 2 if shape.paired else shape.loads
    place = drawn.permuted(np.broadcast_to(np.arange(count), (runs, shape.blocks, count)), axis=-1)
    if not shape.paired:
        return place
    # Which variant goes first is drawn for every other block, and turned round in the block after.
    drawn_first = drawn.integers(0, 2, (runs, -(-shape.blocks // 2), 1, count))
    second = np.concatenate((drawn_first, 1 - drawn_first), axis=2).reshape(runs, -1, count)[:, : shape.blocks]
    return np.concatenate((2 * place + second, 2 * place + 1 - second), axis=-1)


def mappings(medians: Any) -> list[dict[int, float]]:
    """Block -> median per cell, from an array [cells, blocks], as the project's functions take it."""
    return [dict(enumerate(row)) for row in medians.tolist()]


def _log_normal(drawn: np.random.Generator, spread: float, size: Sequence[int]) -> Any:
    if spread <= 0:
        return np.ones((1,) * len(size), dtype=np.float32)
    return np.exp(drawn.standard_normal(size, dtype=np.float32) * np.float32(log_deviation(spread)))


def _sometimes(drawn: np.random.Generator, share: float, factor: float, size: Sequence[int]) -> Any:
    if share <= 0:
        return np.ones((1,) * len(size), dtype=np.float32)
    return np.where(drawn.random(size, dtype=np.float32) < share, np.float32(factor), np.float32(1))


def _correlated(noise: Noise, shape: Shape, runs: int, drawn: np.random.Generator) -> Any:
    """Visits follow each other at equal distances in time; what a visit of a load gets depends on its place."""
    if noise.correlated_spread <= 0:
        return np.ones((1, 1, 1, 1), dtype=np.float32)
    between = math.exp(-shape.block_s / shape.loads / noise.correlation_time_s)
    innovations = drawn.standard_normal((runs, shape.blocks * shape.loads))
    innovations[:, 1:] *= math.sqrt(1 - between**2)
    series = lfilter([1.0], [1.0, -between], innovations).reshape(runs, shape.blocks, shape.loads)
    of_visit = np.take_along_axis(series, visits(shape, runs, drawn), axis=-1)
    factors = np.exp(of_visit * log_deviation(noise.correlated_spread))
    return factors.transpose(0, 2, 1)[:, :, None, :].astype(np.float32)


def _drift(noise: Noise, shape: Shape, runs: int, drawn: np.random.Generator) -> Any:
    """A run begins at any time of the wave, and a block visits its loads in random order."""
    if noise.drift <= 0:
        return np.ones((1, 1, 1, 1), dtype=np.float32)
    begun = drawn.random((runs, 1, 1, 1)) * noise.drift_period_s
    block = np.arange(shape.blocks).reshape(1, 1, 1, -1)
    place = visits(shape, runs, drawn)
    within = place.transpose(0, 2, 1)[:, :, None, :] / shape.loads
    angle = 2 * np.pi * (begun + (block + within) * shape.block_s) / noise.drift_period_s
    return np.exp(np.log1p(noise.drift) * np.sin(angle)).astype(np.float32)
