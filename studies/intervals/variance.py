"""Where the variance between processes comes from: many short processes, started in several ways in turn."""

from __future__ import annotations

import argparse
import contextlib
import math
import random
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scipy import stats

from bench.analyse.interval import CONFIDENCE, over_blocks
from bench.errors import UsageError, WorkerError
from bench.measure.child_process import Launch
from bench.measure.worker import WorkerProcess
from bench.observe.limits import limits
from studies import say
from studies.intervals.stack import Medians, Request, Start, Target, ask, find_target, measure_process, started
from studies.intervals.tables import Table, as_lines, percent, percent_range, write_markdown

METRICS = {"tpot_ms": "TPOT", "ttft_ms": "TTFT"}
BASELINE = "as it is"


@dataclass(frozen=True, slots=True)
class Reading:
    """One process.

    Args:
        condition: how it was started.
        position: in the order of time over all conditions.
    """

    condition: str
    position: int
    medians: Medians


@dataclass(slots=True)
class Readings:
    """What was measured, and why some of it could not be."""

    found: list[Reading] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def of(self, condition: str, metric: str) -> list[float]:
        """The values of one condition, in the order of time."""
        return [getattr(one.medians, metric) for one in self.found if one.condition == condition]


def conditions(cpus: Sequence[int], threads: int) -> dict[str, Start]:
    """The ways in which a process is started, by name, as far as this system has them.

    Args:
        cpus: the logical CPUs that processes are kept to, where they are.
        threads: that the stack computes with.
    """
    kept = tuple(cpus[:threads])
    found = {
        BASELINE: Start(),
        "one process for all": Start(kept=True),
        "before other processes": Start(urgent=True),
        f"kept to CPU {', '.join(map(str, kept))}": Start(cpus=kept),
        "file pages in memory": Start(read_first=True),
        "one thread": Start(threads=1),
        f"one thread, kept to CPU {cpus[0]}": Start(threads=1, cpus=(cpus[0],)),
    }
    if sys.platform == "linux":
        huge = Launch(environment={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})
        found["huge pages"] = Start(launch=huge)
        if setarch := shutil.which("setarch"):
            found["addresses not random"] = Start(launch=Launch(prefix=(setarch, "--addr-no-randomize")))
    return found


def run(asked: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for."""
    target = find_target(asked.backend, asked.precision, asked.model, asked.load_option or (), say)
    usable = limits()
    cpus = asked.cpus or usable.cpus or tuple(range(usable.machine.logical))
    ways = chosen(conditions(cpus, target.threads), asked.only)
    request = Request(asked.prompt_tokens, asked.new_tokens, repeats=asked.repeats)
    readings = measure(target, ways, request, asked.processes, random.Random(asked.seed), say)
    if not readings.found:
        raise UsageError(f"nothing was measured: {next(iter(readings.failed.values()))}")
    about = f"{asked.backend}, {target.precision}, {target.threads} threads, {asked.processes} processes per condition"
    made = [table_of(readings, list(ways), metric, about) for metric in METRICS]
    made.append(order_of(readings))
    for table in made:
        say("\n" + "\n".join(as_lines(table)))
    if asked.write is not None:
        write_markdown(asked.write, made)
        say(f"\nwritten    {asked.write}")


def chosen(ways: Mapping[str, Start], only: Sequence[str] | None) -> dict[str, Start]:
    """The ways whose names begin as ``only`` says, the baseline always among them.

    Raises:
        UsageError: one means none.
    """
    for wanted in only or ():
        if not any(name.startswith(wanted) for name in ways):
            raise UsageError(f"--only: no condition {wanted!r} on this system; there are {'; '.join(ways)}")
    return {
        name: start
        for name, start in ways.items()
        if not only or name == BASELINE or any(name.startswith(wanted) for wanted in only)
    }


def measure(
    target: Target,
    ways: Mapping[str, Start],
    request: Request,
    processes: int,
    drawn: random.Random,
    say: Callable[[str], None],
) -> Readings:
    """Measure ``processes`` of each way: every round starts each once, in random order, or asks the one that is kept.

    A way that fails once is not tried again.
    """
    readings = Readings()
    with contextlib.ExitStack() as stack:
        kept: dict[str, WorkerProcess] = {}
        for number in range(processes):
            order = [name for name in ways if name not in readings.failed]
            drawn.shuffle(order)
            for name in order:
                try:
                    if ways[name].kept and name not in kept:
                        kept[name] = stack.enter_context(started(target, ways[name]))
                    medians = (
                        ask(kept[name], target, request, number)
                        if name in kept
                        else measure_process(target, ways[name], request, number)
                    )
                except WorkerError as error:
                    readings.failed[name] = str(error)
                    continue
                readings.found.append(Reading(name, len(readings.found), medians))
            say(f"round {number + 1} of {processes}")
    return readings


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of the logarithms; ``None`` of fewer than two."""
    return statistics.stdev(map(math.log, values)) if len(values) > 1 else None


def deviation_interval(deviation: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a standard deviation of normal values (by chi-square)."""
    freedom, beyond = count - 1, (1 - CONFIDENCE) / 2
    ends = (stats.chi2.ppf(share, freedom) for share in (1 - beyond, beyond))
    low, high = (deviation * math.sqrt(freedom / float(end)) for end in ends)
    return low, high


def ratio_interval(ratio: float, above: int, below: int) -> tuple[float, float]:
    """The 95 % interval of a ratio of standard deviations of so many normal values each (by F)."""
    beyond = (1 - CONFIDENCE) / 2
    ends = (stats.f.ppf(share, above - 1, below - 1) for share in (1 - beyond, beyond))
    low, high = (ratio / math.sqrt(float(end)) for end in ends)
    return low, high


def table_of(readings: Readings, names: Sequence[str], metric: str, about: str) -> Table:
    """Level and spread of each condition."""
    base = readings.of(BASELINE, metric)
    rows = [_row(name, readings.of(name, metric), base, readings.failed.get(name)) for name in names]
    return Table(
        f"{METRICS[metric]} of fresh processes",
        (
            "condition",
            "processes",
            "mean, ms",
            "spread",
            "95 % of the spread",
            "spread over 'as it is'",
            "95 % of that",
        ),
        tuple(rows),
        f"{about}. Mean: geometric. Spread: standard deviation of the logarithms of the processes' medians.",
    )


def _row(name: str, values: Sequence[float], base: Sequence[float], failed: str | None) -> tuple[str, ...]:
    if failed is not None:
        return (f"{name}: {failed}", str(len(values)), "", "", "", "", "")
    estimate, spread = over_blocks(dict(enumerate(values))), deviation(values)
    mean = "" if estimate is None else f"{estimate.value:.3f}"
    if spread is None or not spread > 0:
        return (name, str(len(values)), mean, percent(spread, 2), "", "", "")
    interval = percent_range(*deviation_interval(spread, len(values)), 2)
    of_base = deviation(base)
    if name == BASELINE or not of_base:
        return (name, str(len(values)), mean, percent(spread, 2), interval, "", "")
    ratio = spread / of_base
    low, high = ratio_interval(ratio, len(values), len(base))
    return (name, str(len(values)), mean, percent(spread, 2), interval, f"{ratio:.2f}", f"{low:.2f} to {high:.2f}")


def order_of(readings: Readings) -> Table:
    """Whether processes close in time are alike, whether the machine went one way, and whether others slowed it."""
    rows = []
    for metric, title in METRICS.items():
        residuals = [residual for _, residual in _residuals(readings, metric)]
        columns = (
            _related(residuals[:-1], residuals[1:]),
            _related(range(len(residuals)), residuals, ranks=True),
            *(_beside(readings, metric, share) for share in ("others", "stolen")),
        )
        rows.append((title, *(cell for column in columns for cell in column)))
    return Table(
        "Processes in the order of time",
        (
            "metric",
            "correlation with the one before",
            "p",
            "with the position",
            "p ",
            "with other processes' CPU time",
            "p  ",
            "with stolen CPU time",
            "p   ",
        ),
        tuple(rows),
        "All conditions together, each without its own mean; but for the first, correlations are of ranks. What "
        "neighbours have in common is the machine's time, and not the process's.",
    )


def _beside(readings: Readings, metric: str, share: str) -> tuple[str, str]:
    told = [
        (value, residual)
        for one, residual in _residuals(readings, metric)
        if (value := getattr(one.medians, share)) is not None
    ]
    return _related([value for value, _ in told], [residual for _, residual in told], ranks=True)


def _related(ones: Sequence[float], others: Sequence[float], *, ranks: bool = False) -> tuple[str, str]:
    """The correlation and its p value; blank where there is too little to tell, or nothing that differs."""
    if len(ones) < 3 or len(set(ones)) < 2 or len(set(others)) < 2:
        return "", ""
    found = stats.spearmanr(ones, others) if ranks else stats.pearsonr(ones, others)
    return f"{found.statistic:.2f}", f"{found.pvalue:.3f}"


def _residuals(readings: Readings, metric: str) -> Iterator[tuple[Reading, float]]:
    means = {
        name: statistics.fmean(map(math.log, readings.of(name, metric)))
        for name in {one.condition for one in readings.found}
    }
    for one in readings.found:
        yield one, math.log(getattr(one.medians, metric)) - means[one.condition]
