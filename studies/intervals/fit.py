"""The parameters of the noise, from stored runs: how much processes, generations and steps really differ."""

from __future__ import annotations

import argparse
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from backends.noise import Noise
from bench.analyse.interval import lag_one
from bench.analyse.samples import CellSamples, Generations
from bench.errors import StoreError, UsageError
from bench.store.lookup import find_runs
from bench.store.reader import StoredRun
from studies.intervals.settings import written_noise
from studies.intervals.tables import Table, as_lines, percent

HELD_UP = 1.5
"""A step that takes this many times the median step of its generation was held up."""
_LEAST_SERIES = 5
"""Blocks from which on they tell how neighbours are correlated."""
_MOST_CORRELATION = 0.95
_APART = 4.0
"""Processes are in two modes if these lie so many times the spread within them apart."""
_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, slots=True)
class Fitted:
    """The noise of one cell in one run; ``None`` where the run cannot tell.

    Args:
        name: of the cell, for people.
        key: of the cell.
        logs: block -> mean logarithm of its TPOT, of its TTFT where answers have one token.
        error: variance that ``logs`` have from the generations within a process.
        process_spread: between processes, without what generations add to it.
        generation_spread: between the generations of a process, without what steps add to it.
        spread: between the steps of a generation, held-up ones aside.
        tail_share: of steps that were held up,
        tail_factor: and the median of how much longer they took.
        lag_one: autocorrelation of the means of neighbouring blocks, as it is; ``None`` below five.
        block_s: how long a block took, in seconds; ``None`` where the run does not tell.
        slow_share: of processes in the slower of two modes; 0 if there is one mode,
        slow_factor: and how much longer they take.
    """

    name: str
    key: str
    logs: Mapping[int, float]
    error: float
    process_spread: float | None
    generation_spread: float | None
    spread: float | None
    tail_share: float | None
    tail_factor: float | None
    slow_share: float | None
    slow_factor: float | None
    lag_one: float | None
    block_s: float | None


def run(asked: argparse.Namespace) -> None:
    """Fit, print, and write what was asked for."""
    found = [fitted_run(stored) for stored in find_runs(asked.runs, asked.results_dir)]
    cells = [cell for run in found for cell in run]
    if not cells:
        raise StoreError("none of these runs measured anything")
    noise = together(found)
    for line in [*as_lines(table_of(cells)), "", *as_lines(summary_of(noise, found))]:
        print(line)
    if asked.write is not None:
        try:
            asked.write.write_text(written_noise(noise), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--write: {asked.write} cannot be written: {error.strerror or error}") from error
        print(f"\nwritten    {asked.write}; play it with `simulate --noise {asked.write}`")


def fitted_run(stored: StoredRun) -> list[Fitted]:
    """The noise of each cell of a run."""
    names = {str(load["load_key"]): str(load["label"]) for load in stored.record.get("plan", {}).get("loads", ())}
    of_cell = {
        str(cell["cell_key"]): f"{names.get(str(cell['load_key']), 'unknown')}-p{cell['prompt_tokens']}"
        for cell in stored.record.get("plan", {}).get("cells", ())
    }
    block_s = _block_s(stored)
    return [
        fitted_cell(cell, of_cell.get(cell.cell_key, cell.cell_key), block_s)
        for cell in Generations(stored).cells()
        if len(cell.block)
    ]


def _block_s(stored: StoredRun) -> float | None:
    try:
        began = datetime.fromisoformat(str(stored.record.get("created_at")))
        ended = datetime.fromisoformat(str((stored.end or {}).get("ended_at")))
    except ValueError:
        return None
    blocks = (stored.record.get("plan") or {}).get("blocks")
    taken = (ended - began).total_seconds()
    return taken / blocks if blocks and taken > 0 else None


def fitted_cell(cell: CellSamples, name: str, block_s: float | None) -> Fitted:
    """The noise of one cell, by the components of variance of a nested design."""
    latency = cell.itl_ns.mean(axis=1) if cell.itl_ns.shape[1] else cell.ttft_ns
    kept = latency > 0
    logs, blocks = np.log(latency[kept]), cell.block[kept]
    groups = [logs[blocks == block] for block in np.unique(blocks)]
    means = {int(block): float(group.mean()) for block, group in zip(np.unique(blocks), groups, strict=True)}
    within = _within(groups)
    spread, tail_share, tail_factor = _steps(cell.itl_ns[kept])
    error = 0.0 if within is None else within * statistics.fmean(1 / len(group) for group in groups)
    slow_share, slow_factor = modes(list(means.values()))
    return Fitted(
        name=name,
        key=cell.cell_key,
        logs=means,
        error=error,
        process_spread=_deviation(_variance(list(means.values())), error),
        generation_spread=_deviation(within, _added_by_steps(cell.itl_ns[kept])),
        spread=spread,
        tail_share=tail_share,
        tail_factor=tail_factor,
        slow_share=slow_share,
        slow_factor=slow_factor,
        lag_one=_lag_one([mean for _, mean in sorted(means.items())]),
        block_s=block_s,
    )


def _lag_one(logs: Sequence[float]) -> float | None:
    return None if len(logs) < _LEAST_SERIES or len(set(logs)) == 1 else lag_one(logs)


def _within(groups: Sequence[Any]) -> float | None:
    """The variance within groups, all together."""
    freedom = sum(len(group) - 1 for group in groups)
    return float(sum(((group - group.mean()) ** 2).sum() for group in groups) / freedom) if freedom else None


def _variance(values: Sequence[float]) -> float | None:
    return statistics.variance(values) if len(values) > 1 else None


def _deviation(variance: float | None, less: float) -> float | None:
    """The standard deviation that is left of ``variance`` without ``less``; 0 where that explains all of it."""
    return None if variance is None else math.sqrt(max(0.0, variance - less))


def _added_by_steps(itl_ns: Any) -> float:
    """What steps, the held-up ones included, add to the variance of a generation's mean, relative to its square."""
    steps = itl_ns.shape[1]
    if steps < 2:
        return 0.0
    relative = itl_ns.var(axis=1, ddof=1) / itl_ns.mean(axis=1) ** 2
    return float(relative.mean() / steps)


def _steps(itl_ns: Any) -> tuple[float | None, float | None, float | None]:
    """Spread of the steps around their generation's median, share of those held up, and by how much."""
    if itl_ns.shape[1] < 2 or not len(itl_ns):
        return None, None, None
    middle = np.median(itl_ns, axis=1, keepdims=True)
    ratios = (itl_ns / np.where(middle > 0, middle, np.nan)).ravel()
    ratios = ratios[ratios > 0]
    if not len(ratios):
        return None, None, None
    held = ratios > HELD_UP
    logs = np.log(ratios[~held])
    spread = _MAD_TO_DEVIATION * float(np.median(np.abs(logs - np.median(logs))))
    return spread, float(held.mean()), float(np.median(ratios[held])) if held.any() else 1.0


def modes(logs: Sequence[float]) -> tuple[float | None, float | None]:
    """Share of the processes in a slower mode, and its factor; (0, 1) where one mode explains them.

    The split in two that leaves the least variance within its parts (Otsu, 1979), kept only where both have two
    processes and their means lie well apart.
    """
    ordered = sorted(logs)
    if len(ordered) < 4:
        return None, None
    splits = [(ordered[:place], ordered[place:]) for place in range(2, len(ordered) - 1)]
    fast, slow = min(splits, key=lambda parts: sum(statistics.pvariance(part) * len(part) for part in parts))
    inside = math.sqrt(sum(statistics.pvariance(part) * len(part) for part in (fast, slow)) / (len(ordered) - 2))
    apart = statistics.fmean(slow) - statistics.fmean(fast)
    if apart <= _APART * inside or len(slow) > len(fast):
        return 0.0, 1.0
    return len(slow) / len(ordered), math.exp(apart)


def together(runs: Sequence[Sequence[Fitted]]) -> Noise:
    """One noise for all cells: the medians over cells, and what only all of them together tell."""
    cells = [cell for run in runs for cell in run]
    slow = [cell for cell in cells if cell.slow_share]
    bimodal = 2 * len(slow) > len(cells)
    process_spread, time_s = _median(cell.process_spread for cell in cells), correlation_time_s(runs)
    return Noise(
        run_spread=run_spread(runs) or 0.0,
        # What neighbours have in common is the machine's time and not the process's, and so is all that moves with it.
        process_spread=process_spread if time_s is None else 0.0,
        correlated_spread=0.0 if time_s is None else process_spread,
        **({} if time_s is None else {"correlation_time_s": time_s}),
        generation_spread=_median(cell.generation_spread for cell in cells),
        spread=_median(cell.spread for cell in cells),
        slow_share=_median(cell.slow_share for cell in slow) if bimodal else 0.0,
        slow_factor=_median(cell.slow_factor for cell in slow) if bimodal else 1.0,
        tail_share=_median(cell.tail_share for cell in cells),
        tail_factor=_median((cell.tail_factor for cell in cells if cell.tail_share), otherwise=1.0),
        drift=_median(drift(run) for run in runs) if time_s is None else 0.0,
    )


def _median(values: Any, otherwise: float = 0.0) -> float:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else otherwise


def correlation(runs: Sequence[Sequence[Fitted]]) -> float | None:
    """The correlation of neighbouring blocks, of all cells together; ``None`` where no run can tell.

    An autocorrelation r of n blocks is too low by (1 + 3 phi) / n (Kendall, 1954), which is taken out. It is 0 where it
    is less than twice its standard error from 0: the cells of a run share its processes, so that error counts the
    blocks of runs and not of cells.
    """
    known = [(run, len(cell.logs), cell.lag_one) for run in runs for cell in run if cell.lag_one is not None]
    if not known:
        return None
    found = sum(count * one + 1 for _, count, one in known) / sum(count - 3 for _, count, _ in known)
    blocks = sum({id(run): count for run, count, _ in known}.values())
    return found if found * math.sqrt(blocks) > 2 else 0.0


def correlation_time_s(runs: Sequence[Sequence[Fitted]]) -> float | None:
    """Seconds after which the correlation between processes is down to 1 / e; ``None`` where there is none to tell.

    What generations add to a block is not correlated: without it, the correlation over a block's length is larger.
    """
    found, cells = correlation(runs), [cell for run in runs for cell in run]
    lengths = [cell.block_s for cell in cells if cell.block_s is not None]
    process = _median(cell.process_spread for cell in cells) ** 2
    if not found or not lengths or process == 0:
        return None
    alone = found * (process + statistics.fmean(cell.error for cell in cells)) / process
    return -statistics.median(lengths) / math.log(min(_MOST_CORRELATION, alone))


def drift(cells: Sequence[Fitted]) -> float | None:
    """How far all cells of a run rise and fall together: the amplitude of a wave with that variance over blocks.

    ``None`` with fewer than three cells, or than three blocks that all of them have.
    """
    shared = set.intersection(*(set(cell.logs) for cell in cells)) if cells else set()
    if len(cells) < 3 or len(shared) < 3:
        return None
    logs = np.array([[cell.logs[block] for block in sorted(shared)] for cell in cells])
    logs = logs - logs.mean(axis=1, keepdims=True)
    movement = logs.mean(axis=0)
    alone = (logs - movement).var() * len(cells) / (len(cells) - 1) / len(cells)
    variance = max(0.0, float(movement.var(ddof=1)) - float(alone))
    return math.expm1(math.sqrt(2 * variance))


def run_spread(runs: Sequence[Sequence[Fitted]]) -> float | None:
    """Between runs, without what blocks explain: the median over cells that three runs or more have measured."""
    by_cell: dict[str, list[Fitted]] = defaultdict(list)
    for run in runs:
        for cell in run:
            by_cell[cell.key].append(cell)
    found = []
    for cells in by_cell.values():
        if len(cells) < 3 or any(len(cell.logs) < 2 for cell in cells):
            continue
        between = statistics.variance([statistics.fmean(cell.logs.values()) for cell in cells])
        explained = statistics.fmean(statistics.variance(cell.logs.values()) / len(cell.logs) for cell in cells)
        found.append(math.sqrt(max(0.0, between - explained)))
    return statistics.median(found) if found else None


def table_of(cells: Sequence[Fitted]) -> Table:
    """A row per cell and run."""
    rows = [
        (
            cell.name,
            str(len(cell.logs)),
            percent(cell.process_spread, 2),
            percent(cell.generation_spread, 2),
            percent(cell.spread, 2),
            percent(cell.tail_share, 2),
            "" if cell.tail_factor is None else f"{cell.tail_factor:.2f}",
            "" if cell.lag_one is None else f"{cell.lag_one:.2f}",
            percent(cell.slow_share, 0),
            "" if cell.slow_factor is None else f"{cell.slow_factor:.2f}",
        )
        for cell in cells
    ]
    return Table(
        "The noise of each cell",
        ("cell", "blocks", "processes", "generations", "steps", "held up", "by", "neighbours", "slow mode", "by"),
        tuple(rows),
        "TPOT; standard deviations of logarithms between processes, between the generations of one, between its steps. "
        "Neighbours: the lag-1 autocorrelation of blocks.",
    )


def summary_of(noise: Noise, runs: Sequence[Sequence[Fitted]]) -> Table:
    """The medians over cells of ``runs``, and what they cannot tell."""
    rows = [
        ("between runs", "not known: no cell in 3 runs" if run_spread(runs) is None else percent(noise.run_spread, 2)),
        ("between processes", percent(noise.process_spread + noise.correlated_spread, 2)),
        ("neighbouring blocks correlated by", _correlated(correlation(runs), noise)),
        ("between generations", percent(noise.generation_spread, 2)),
        ("between steps", percent(noise.spread, 2)),
        ("steps held up", f"{percent(noise.tail_share, 2)} by {noise.tail_factor:.2f}"),
        ("processes in a slow mode", f"{percent(noise.slow_share, 0)} by {noise.slow_factor:.2f}"),
        ("rise and fall of all cells together", _drift(noise, runs)),
    ]
    return Table("Medians over cells", ("what", "how much"), tuple(rows))


def _correlated(found: float | None, noise: Noise) -> str:
    if found is None:
        return f"not known: fewer than {_LEAST_SERIES} blocks"
    if not found:
        return "nothing that these blocks can tell"
    after = f", down to 1 / e after {noise.correlation_time_s:.1f} s" if noise.correlated_spread else ""
    return f"{found:.2f}{after}"


def _drift(noise: Noise, runs: Sequence[Sequence[Fitted]]) -> str:
    if noise.correlated_spread:
        return "part of that correlation"
    alone = all(drift(run) is None for run in runs)
    return "not known: fewer than 3 cells" if alone else percent(noise.drift, 2)
