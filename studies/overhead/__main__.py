"""``python -m studies overhead``: what the harness itself costs, in figures with 95 % intervals."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.errors import BenchError, UsageError
from bench.observe.limits import limits
from bench.plan.backends import BACKENDS
from bench.plan.options import DEFAULT_BACKENDS
from bench.plan.venvs import Venvs
from bench.prepare.cache import cache_root
from bench.prepare.model_source import DEFAULT_SPEC, resolve_model
from bench.prepare.stage import Preparer
from studies import say
from studies.overhead import collecting, repeats, schedule, tax, wall

Lines = Iterator[str]


@command
def main(arguments: Sequence[str]) -> int:
    """Print every figure that was asked for; a figure that cannot be had is named, and the others still come."""
    asked = _parser().parse_args(arguments)
    parts: dict[str, tuple[str, Callable[[], Lines]]] = {
        "tax": ("Harness tax: the worker's loop over a bare loop, same model, in turn", lambda: _tax(asked)),
        "schedule": ("Simulated: recorded against given", lambda: schedule.said(schedule.measure_deviation(30))),
        "wall": ("Where the wall time of a run goes", lambda: wall.said(asked.run or wall.newest_run(Path("results")))),
        "collect": ("Collecting the default sweep", collecting.measure_collecting),
        "memory": (
            "Peak memory of the harness process",
            lambda: (collecting.said_memory(one, collecting.peak_memory_bytes(one)) for one in asked.blocks),
        ),
        "repeats": (
            "A sweep beside a script that is started anew for each cell",
            lambda: repeats.said(repeats.measure_walls(asked.processes, say)),
        ),
    }
    status = 0
    for name in asked.only or parts:
        title, lines = parts[name]
        say(f"\n{title}")
        try:
            for line in lines():
                say(f"  {line}")
        except BenchError as error:
            say(f"  error: {error}")
            status = max(status, error.exit_status)
    return status


def _tax(asked: argparse.Namespace) -> Lines:
    venvs = Venvs.from_environment({})
    conversion = venvs.conversion()
    if conversion.python is None:
        raise UsageError(f"the tax needs a model: {conversion.reason}")
    source = resolve_model(DEFAULT_SPEC)
    preparer = Preparer(source, conversion_python=conversion.python, cache=cache_root(), say=say)
    threads = limits().default_threads
    for name in asked.backend or DEFAULT_BACKENDS:
        spec, venv = BACKENDS[name], venvs.backend(BACKENDS[name], "CPU")
        if venv.python is None:
            yield f"{name:<16} not measured: {venv.reason}"
            continue
        precision = spec.default_precisions[0]
        artifact = preparer.artifact(spec.artifact_format, precision, "CPU").path
        measured = tax.measure_tax(spec, venv.python, artifact, precision, threads, preparer.prompts(), asked.pairs)
        yield from tax.said(name, precision, measured)


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- overhead", description=__doc__)
    parser.add_argument(
        "--backend", action="append", choices=DEFAULT_BACKENDS, help="whose tax to measure (default: all of these)"
    )
    parser.add_argument("--pairs", type=_at_least_two, default=40, help="turns of each loop (default: 40)")
    parser.add_argument("--run", type=Path, metavar="DIR", help="whose wall time to show (default: the newest run)")
    parser.add_argument(
        "--blocks", type=int, nargs=2, default=(3, 60), metavar="N", help="lengths of the sweeps for memory"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=("tax", "schedule", "wall", "collect", "memory", "repeats"),
        help="only this figure",
    )
    parser.add_argument(
        "--processes", type=int, default=3, metavar="N", help="fresh ones of each cell for repeats (default: 3)"
    )
    return parser


def _at_least_two(text: str) -> int:
    pairs = int(text)
    if pairs < 2:
        raise argparse.ArgumentTypeError("an interval needs 2 pairs at least")
    return pairs
