"""``python -m studies dataset``: what a question to a year of a lab's runs takes, beside a bare scan, and a history."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bench.cli import Parser, command
from bench.commands.history import main as history
from bench.dataset.views import Views
from bench.errors import UsageError
from bench.observe.memory import memory_of
from bench.store.dataset import is_dataset, open_dataset
from studies import say
from studies.dataset.made import TOKENS_OF_A_RUN, LabSize, machine_id, make_dataset

MOST_RATIO, MOST_S, MOST_BYTES, HISTORY_S = 3.0, 10.0, 2e9, 15.0
"""Goals: the question over the scan, the question, its memory, and a history of the machine with most runs."""
SCAN = "SELECT sum(list_sum(itl_ns)) FROM stored_generations"
QUESTION = """
    WITH bins AS (
        SELECT machine, backend, device, month, itl_ns, sum(tokens) AS tokens FROM latencies GROUP BY ALL
    ), ranked AS (
        SELECT *, sum(tokens) OVER (same ORDER BY itl_ns) AS upto, sum(tokens) OVER (same) AS total
        FROM bins WINDOW same AS (PARTITION BY machine, backend, device, month)
    )
    SELECT machine, backend, device, month, any_value(total) AS tokens,
           min(itl_ns) FILTER (upto >= 0.5 * total) AS p50, min(itl_ns) FILTER (upto >= 0.95 * total) AS p95
    FROM ranked GROUP BY ALL ORDER BY ALL
"""
EXACT = """
    SELECT machine, backend, device, month, count(*), quantile_disc(itl_ns, 0.5), quantile_disc(itl_ns, 0.95)
    FROM tokens WHERE counted AND machine = '{machine}' GROUP BY ALL ORDER BY ALL
"""
APPROXIMATE = """
    SELECT machine, backend, device, month, approx_quantile(itl_ns, [0.5, 0.95]) FROM tokens GROUP BY ALL
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Took:
    """What a call took: by the clock, and of the processors' time, where its processes are told too."""

    wall_s: float
    cpu_s: float

    def __str__(self) -> str:
        return f"{self.wall_s:6.2f} s ({self.cpu_s:6.2f} s of CPU time)"


def timed(act: Callable[[], T]) -> tuple[T, Took]:
    """What ``act`` gives, and what it took."""
    wall, cpu = time.perf_counter(), _cpu_s()
    found = act()
    return found, Took(time.perf_counter() - wall, _cpu_s() - cpu)


def _cpu_s() -> float:
    """Of this process and, on Linux, of those that it has waited for."""
    return sum(os.times()[:4])


@command
def main(arguments: Sequence[str]) -> int:
    """Print every figure; one that is outside its goal is said, and fails nothing. Returns the exit status."""
    asked = _parser().parse_args(arguments)
    if asked.machines < 2 or not 1 <= asked.longest <= asked.runs - asked.machines + 1 or asked.rounds < 1:
        raise UsageError("two machines at least, each with a run, and --longest among --runs")
    with tempfile.TemporaryDirectory(prefix="aipc-dataset-", ignore_cleanup_errors=True) as folder:
        root = asked.keep or Path(folder) / "dataset"
        size = LabSize(asked.runs, asked.machines, asked.longest)
        if not is_dataset(root):
            _, took = timed(lambda: make_dataset(root, size))
            say(f"made in    {took}")
        _ask(root, asked.rounds)
        arguments = ["--results-dir", str(root), "--reports-dir", f"{folder}/reports", "--machine", machine_id(0)]
        _, took = timed(lambda: history(arguments))
        say(f"history    {took} of {size.longest} runs{_goal(took.wall_s, HISTORY_S, 's')}")
    return 0


def _ask(root: Path, rounds: int) -> None:
    manifest = open_dataset(root).manifest
    runs, machines = len(manifest.runs), len(manifest.machines)
    say(f"simulated  {runs * TOKENS_OF_A_RUN:,} latencies in {runs:,} runs of {machines} machines")
    for table in ("generations", "latencies"):
        own = [file.bytes for name, file in manifest.files.items() if name.startswith(f"{table}/")]
        say(f"files      {len(own)} of {table}, {sum(own) / 1e6:.0f} MB")
    views, opened = timed(lambda: Views(root, say))
    with views:
        _, first = timed(lambda: _rows(views, QUESTION))
        scans, questions = [], []
        answer: list[tuple[Any, ...]] = []
        for _ in range(rounds):
            scans.append(timed(lambda: _rows(views, SCAN))[1])
            answer, took = timed(lambda: _rows(views, QUESTION))
            questions.append(took)
        scan, question = (min(group, key=lambda one: one.cpu_s) for group in (scans, questions))
        say(f"opening    {opened}")
        say(f"first      {first}, with the footers of all files")
        say(f"bare scan  {scan}")
        say(f"question   {question}, {len(answer)} groups{_goal(question.wall_s, MOST_S, 's')}")
        by_clock, by_cpu = question.wall_s / scan.wall_s, question.cpu_s / scan.cpu_s
        say(f"ratio      {by_clock:.2f} by the clock{_goal(by_clock, MOST_RATIO, '')}, {by_cpu:.2f} by CPU time")
        peak = memory_of(os.getpid()).peak_bytes or 0
        say(f"memory     {peak / 1e9:.2f} GB at most{_goal(peak / 1e9, MOST_BYTES / 1e9, 'GB')}")
        machine = machine_id(1)
        exact = _rows(views, EXACT.format(machine=machine))
        near = [row for row in answer if row[0] == machine]
        errors = [
            abs(one / two - 1)
            for row, other in zip(near, exact, strict=True)
            for one, two in zip(row[5:], other[5:], strict=True)
        ]
        say(f"exactness  {max(errors):.2%} from the exact quantiles of {machine} at most, in {len(exact)} groups")
        say(f"beside it  {timed(lambda: _rows(views, APPROXIMATE))[1]} by approx_quantile over all tokens")


def _rows(views: Views, query: str) -> list[tuple[Any, ...]]:
    return [row for answer in views.answers(query) for batch in answer.batches for row in batch]


def _goal(value: float, most: float, unit: str) -> str:
    return f" ({'within' if value <= most else 'outside'} the goal of {most:g}{unit and ' '}{unit})"


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- dataset", description=__doc__)
    parser.add_argument("--runs", type=int, default=5000, metavar="N", help="runs in all (default: 5000)")
    parser.add_argument("--machines", type=int, default=40, metavar="N", help="machines (default: 40)")
    parser.add_argument(
        "--longest", type=int, default=1000, metavar="N", help="runs of the first machine (default: 1000)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="how often is asked; the best counts (default: 3)"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the dataset is made and left, or found")
    return parser
