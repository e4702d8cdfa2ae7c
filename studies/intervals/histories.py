"""How often a history calls a change where there is none, and how often it finds one that is there."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bench.analyse.change_points import change_points
from bench.analyse.run_noise import Reading
from studies.intervals.chance import Share, generator, shared
from studies.intervals.tables import Table, as_lines, percent, percent_range, write_markdown

RUNS = (10, 12, 20, 50)
CORRELATIONS = (0.0, 0.2, 0.4, 0.6)
CELLS = 21
METRICS = 2
MOOD, OWN = 0.03, 0.01
"""By how much whole runs differ, and by how much a cell does beside that."""
QUICK, THOROUGH = 3, 20
"""Blocks of a run of either profile."""
BETWEEN_BLOCKS = 0.03

POWER_RUNS = (10, 20, 50)
SPREADS = (0.01, 0.03)
STEPS = (0.05, 0.1, 0.2)
THRESHOLD = 0.03


@dataclass(frozen=True, slots=True)
class Play:
    """One kind of history.

    Args:
        runs: how many.
        cells: series of each metric.
        metrics: how many of them.
        mood: by how much whole runs differ.
        own: by how much a cell differs beside that.
        phi: correlation of runs that follow each other, of both.
        mixed: the first half of the runs are quick and the rest thorough, and blocks vary too.
        step: share by which ``changed`` cells are slower in the second half of the runs.
        changed: how many cells.
    """

    runs: int
    cells: int = 1
    metrics: int = 1
    mood: float = 0.0
    own: float = OWN
    phi: float = 0.0
    mixed: bool = False
    step: float = 0.0
    changed: int = 0


def calls(play: Play, histories: int, seed: int) -> Share:
    """Of ``histories``: those in which a changed cell was called at the place of its step, or one run beside.

    Without a step, those in which anything was called.
    """
    drawn = generator(seed, "history", play)
    return Share(sum(_called(play, drawn) for _ in range(histories)), histories)


def _called(play: Play, drawn: np.random.Generator) -> bool:
    blocks = np.full(play.runs, THOROUGH)
    blocks[: play.runs // 2] = QUICK if play.mixed else THOROUGH
    within = BETWEEN_BLOCKS**2 / blocks if play.mixed else np.zeros(play.runs)
    groups = {}
    for metric in range(play.metrics):
        logs = play.mood * autoregression(drawn, play.runs, 1, play.phi)
        logs = logs + play.own * autoregression(drawn, play.runs, play.cells, play.phi)
        logs += np.sqrt(within)[:, None] * drawn.standard_normal((play.runs, play.cells))
        logs[play.runs // 2 :, : play.changed] += math.log1p(play.step)
        groups[str(metric)] = {
            str(cell): [Reading(run, float(log), float(within[run])) for run, log in enumerate(column)]
            for cell, column in enumerate(logs.T)
        }
    found = change_points(groups, THRESHOLD if play.step else 0.0)
    if not play.step:
        return any(called for series in found.values() for called in series.values())
    # One of those that changed, drawn at random, as a user would look for it.
    one = str(int(drawn.integers(play.changed)))
    return any(abs(change.index - play.runs // 2) <= 1 and change.ratio > 1 for change in found["0"][one])


def autoregression(drawn: np.random.Generator, runs: int, series: int, phi: float) -> Any:
    """[runs, series] of variance 1, correlated by ``phi`` from run to run."""
    values = drawn.standard_normal((runs, series))
    for run in range(1, runs):
        values[run] = phi * values[run - 1] + math.sqrt(1 - phi**2) * values[run]
    return values


def _false(histories: int, seed: int, jobs: int) -> Table:
    kinds: dict[str, Callable[[int, float], Play]] = {
        "one series": lambda runs, phi: Play(runs, phi=phi),
        f"{METRICS} metrics of {CELLS} cells with a mood": lambda runs, phi: Play(
            runs, CELLS, METRICS, mood=MOOD, phi=phi
        ),
        "one series, quick then thorough": lambda runs, phi: Play(runs, phi=phi, mixed=True),
        f"{CELLS} cells, quick then thorough": lambda runs, phi: Play(runs, CELLS, own=0.0, phi=phi, mixed=True),
    }
    plays = {(name, runs): [of(runs, phi) for phi in CORRELATIONS] for name, of in kinds.items() for runs in RUNS}
    found = _shares([play for several in plays.values() for play in several], histories, seed, jobs)
    rows = [
        (name, str(runs), *(percent(found[play].value) for play in several)) for (name, runs), several in plays.items()
    ]
    most = max((share for play, share in found.items() if play.phi <= 0.4), key=lambda share: share.value)
    return Table(
        "Histories without a change in which one is called",
        ("what", "runs", *(f"φ = {phi:g}" for phi in CORRELATIONS)),
        tuple(rows),
        f"{histories:,} histories a figure. φ: correlation of runs that follow each other. Cells differ by "
        f"{percent(OWN, 0)}, whole runs by {percent(MOOD, 0)} where there is a mood, blocks by "
        f"{percent(BETWEEN_BLOCKS, 0)} where profiles differ ({QUICK} and {THOROUGH} blocks). The largest figure up to "
        f"φ = 0.4 has a 95 % interval of {percent_range(most.low, most.high)} %.",
    )


def _power(histories: int, seed: int, jobs: int) -> Table:
    kinds: dict[str, Callable[[int, float, float], Play]] = {
        "one series": lambda runs, spread, step: Play(runs, own=spread, step=step, changed=1),
        f"one of {CELLS} cells": lambda runs, spread, step: Play(
            runs, CELLS, mood=spread, own=OWN, step=step, changed=1
        ),
        f"all {CELLS} cells": lambda runs, spread, step: Play(
            runs, CELLS, mood=spread, own=OWN, step=step, changed=CELLS
        ),
    }
    plays = {
        (name, runs, spread): [of(runs, spread, step) for step in STEPS]
        for name, of in kinds.items()
        for spread in SPREADS
        for runs in POWER_RUNS
    }
    found = _shares([play for several in plays.values() for play in several], histories, seed, jobs)
    rows = [
        (name, percent(spread, 0), str(runs), *(percent(found[play].value, 0) for play in several))
        for (name, runs, spread), several in plays.items()
    ]
    return Table(
        "Steps that a history finds",
        ("what changed", "runs differ by", "runs", *(f"step of {percent(step, 0)}" for step in STEPS)),
        tuple(rows),
        f"{histories:,} histories a figure, φ = 0, a step in the middle, the threshold at {percent(THRESHOLD, 0)}; "
        f"found: called within a run of its place. Where there are {CELLS} cells, whole runs differ by the second "
        f"column and each cell by {percent(OWN, 0)} beside.",
    )


def _shares(plays: list[Play], histories: int, seed: int, jobs: int) -> dict[Play, Share]:
    found = shared([partial(calls, play, histories, seed) for play in plays], jobs)
    return dict(zip(plays, found, strict=True))


def run(asked: argparse.Namespace) -> None:
    """Play, print, and write what was asked for."""
    # Power takes longer.
    few = max(2, asked.histories // 4)
    tables = [_false(asked.histories, asked.seed, asked.jobs), _power(few, asked.seed, asked.jobs)]
    for table in tables:
        print("\n" + "\n".join(as_lines(table)))
    if asked.write is not None:
        write_markdown(asked.write, tables)
        print(f"\nwritten    {asked.write}")
