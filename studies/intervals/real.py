"""The study on a real backend: identical software in many runs, and a slowdown that was put in on purpose."""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import PROJECT_ROOT
from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.commands.child import surroundings
from bench.errors import BenchError, UsageError
from bench.plan.backends import BACKENDS
from bench.plan.venvs import Venvs
from bench.processes import child_environment
from bench.store.reader import open_run
from studies.intervals.chance import Share
from studies.intervals.resolution import resolution
from studies.intervals.slowed import make_slowed
from studies.intervals.stack import DEVICE
from studies.intervals.stored import Said, called, compared, gated, variants
from studies.intervals.tables import Table, as_lines, percent, percent_range, write_markdown
from studies.intervals.ways import COMPARE_THRESHOLD, GATE_THRESHOLD

BASELINES = 5
"""Runs that the gate holds each further one against."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The reduced sweep that every run measures.

    Args:
        backend: the one stack.
        arguments: of ``bench``, the same for every run.
        results: runs are written below it, each part in a folder of its own; those that are there already count.
    """

    backend: str
    arguments: tuple[str, ...]
    results: Path


def run(asked: argparse.Namespace) -> None:
    """Do the parts that were asked for; each prints its tables as soon as it has them."""
    sweep = Sweep(asked.backend, _arguments(asked), asked.results_dir.resolve())
    _claim(sweep)
    made: list[Table] = []
    for name in asked.only or PARTS:
        for table in PARTS[name](sweep, asked):
            print("\n" + "\n".join(as_lines(table)), flush=True)
            made.append(table)
    if asked.write is not None:
        write_markdown(asked.write, made)
        print(f"\nwritten    {asked.write}")


def _claim(sweep: Sweep) -> None:
    """Keep runs of different sweeps apart: those in one folder are compared with each other."""
    claimed, ours = sweep.results / "sweep.json", json.dumps(sweep.arguments)
    try:
        if claimed.exists() and claimed.read_text(encoding="utf-8") != ours:
            raise UsageError(f"{sweep.results} holds runs of another sweep; name another folder by --results-dir")
        sweep.results.mkdir(parents=True, exist_ok=True)
        claimed.write_text(ours, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--results-dir: {sweep.results} cannot be used: {error.strerror or error}") from error


def _arguments(asked: argparse.Namespace) -> tuple[str, ...]:
    told = {
        "--backend": asked.backend,
        "--device": DEVICE,
        "--precision": asked.precision,
        "--prompt-tokens": asked.prompt_tokens,
        "--new-tokens": asked.new_tokens,
        "--blocks": asked.blocks,
        "--repeats": asked.repeats,
        "--model": asked.model,
    }
    given = [part for name, value in told.items() if value is not None for part in (name, str(value))]
    return (*given, *(part for option in asked.load_option or () for part in ("--load-option", option)))


def identical_variants(sweep: Sweep, asked: argparse.Namespace) -> Iterator[Table]:
    """A/A by ``ab``: two variants that are the same."""
    runs = series(sweep, "ab", asked.comparisons, ("--a", "current", "--b", "same"))
    yield false_calls("Identical variants in one run (ab)", [variants(one, COMPARE_THRESHOLD) for one in runs])
    yield resolution(runs)


def identical_runs(sweep: Sweep, asked: argparse.Namespace) -> Iterator[Table]:
    """A/A by ``compare`` of neighbours, and by the gate against the five runs before."""
    runs = series(sweep, "runs", asked.runs, ())
    pairs = [compared(base, head, COMPARE_THRESHOLD) for base, head in itertools.pairwise(runs)]
    yield false_calls("Identical runs, each compared with the one before (compare)", pairs)
    informed = [
        compared(runs[end - 1], runs[end], COMPARE_THRESHOLD, runs[: end - 1])
        for end in range(BASELINES + 1, len(runs))
    ]
    yield false_calls("The same, with all runs before them as history (compare)", informed)
    gates = [gated(runs[end - BASELINES : end], runs[end], GATE_THRESHOLD) for end in range(BASELINES, len(runs))]
    yield false_calls(f"Identical runs, each against the {BASELINES} before (gate)", gates)


def slowdown(sweep: Sweep, asked: argparse.Namespace) -> Iterator[Table]:
    """A slowdown of each decoded token, put in from outside, by ``ab`` and at the gate."""
    venv = Venvs.from_environment({}).backend(BACKENDS[sweep.backend], DEVICE)
    if venv.python is None:
        raise UsageError(f"{sweep.backend} cannot be measured: {venv.reason}")
    slower = make_slowed(venv.python, sweep.results / "slowed-environment", sweep.backend, asked.share)
    title = f"{percent(asked.share, 0)} more time per token, put in on purpose"
    (both,) = series(sweep, f"slowed-ab-{asked.share:g}", 1, ("--a", "current", "--b", slower))
    yield _verdicts(f"{title}: found by ab", variants(both, COMPARE_THRESHOLD))
    baselines = series(sweep, "runs", BASELINES, ())
    (head,) = series(sweep, f"slowed-run-{asked.share:g}", 1, ("--worker", f"{sweep.backend}={slower}"))
    yield _verdicts(f"{title}: found at the gate", gated(baselines, head, GATE_THRESHOLD))


PARTS: dict[str, Callable[[Sweep, argparse.Namespace], Iterator[Table]]] = {
    "ab": identical_variants,
    "runs": identical_runs,
    "slowdown": slowdown,
}


def series(sweep: Sweep, name: str, count: int, more: Sequence[str]) -> list[RunAnalysis]:
    """The newest ``count`` finished runs in the order of time; those that are missing are made."""
    folder = sweep.results / name
    done = _finished(folder)
    while len(done) < count:
        print(f"{name}: run {len(done) + 1} of {count}", flush=True)
        measure((*sweep.arguments, *more), folder)
        before, done = done, _finished(folder)
        if len(done) == len(before):
            raise BenchError(f"a run ended without being finished; see {folder}")
    return [analyse_run(open_run(path)) for path in done[-count:]]


def _finished(folder: Path) -> list[Path]:
    return sorted(end.parent for end in folder.glob("*/end.json"))


def measure(arguments: Sequence[str], folder: Path) -> None:
    """One run, as ``nox -s bench`` and ``nox -s ab`` start it.

    Raises:
        BenchError: it failed; with its last words.
    """
    where = ("--results-dir", str(folder), "--reports-dir", str(folder.parent / "reports"))
    run_module("pytest", str(PROJECT_ROOT / "bench"), *arguments, *where)


def run_module(*arguments: str, python: str = sys.executable) -> str:
    """Run a module of the project to its end, in the harness's venv unless another interpreter is named.

    Returns:
        what it printed to standard output.

    Raises:
        BenchError: it failed; with its last words.
    """
    done = subprocess.run(
        [python, "-m", *arguments],
        # The harness is told where the workers' interpreters are, which no other child is.
        env=surroundings() if python == sys.executable else child_environment({}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BenchError(f"a run failed with status {done.returncode}: {' | '.join(words[-3:])}")
    return done.stdout


def false_calls(title: str, comparisons: Sequence[Sequence[Said]]) -> Table:
    """How many of the comparisons of identical software called something different."""
    rows = []
    for name, verdicts in (("slower or faster", ("slower", "faster")), ("slower", ("slower",))):
        cells = [len(called(said, *verdicts)) for said in comparisons]
        tried = sum(len(said) for said in comparisons)
        if not tried:
            continue
        any_call = Share(sum(count > 0 for count in cells), len(comparisons))
        rows.append(
            (
                name,
                f"{sum(cells)} of {tried}",
                percent(sum(cells) / tried),
                f"{any_call.hits} of {any_call.tries}",
                percent_range(any_call.low, any_call.high),
            )
        )
    columns = ("called", "cells and metrics", "share", "comparisons with a call", "95 % of that share")
    return Table(title, columns, tuple(rows), "" if rows else "Too few runs: nothing was compared.")


def _verdicts(title: str, said: Sequence[Said]) -> Table:
    rows = []
    for one in said:
        ratio = one.difference.contrast.ratio
        interval = "" if ratio.low is None or ratio.high is None else f"{ratio.low:.3f} to {ratio.high:.3f}"
        metric = one.difference.metric.removesuffix("_ms").upper().replace("_", " ")
        rows.append((one.cell, metric, f"{ratio.value:.3f}", interval, one.difference.verdict))
    return Table(title, ("cell", "metric", "ratio", "95 %", "verdict"), tuple(rows))
