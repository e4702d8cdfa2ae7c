"""``python -m studies soak``: measure a real stack for half an hour or longer, and watch the harness and its workers.

The run adds blocks until its time is spent. What it finds about itself, such as drift, is shown at the end.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from bench.cli import Parser, command
from bench.errors import UsageError
from bench.plan.backends import BACKENDS
from bench.plan.venvs import Venvs
from bench.store.reader import StoredRun, open_run
from studies.scale.watched import Held, Sample, course, growth, run_below, sit

EVERY_S = 2.0
DEVICE = "CPU"


@command
def main(arguments: Sequence[str]) -> int:
    """Print the course of the run, what grew, and its findings. Returns the exit status."""
    asked = _parser().parse_args(arguments)
    if not asked.minutes > 0 or asked.repeats < 1:
        raise UsageError("--minutes is above 0, and --repeats a whole number from 1 on")
    folder = asked.folder and nullcontext(str(asked.folder))
    with folder or tempfile.TemporaryDirectory(prefix="aipc-soak-", ignore_cleanup_errors=True) as home:
        sitting = sit(Path(home).resolve(), _options(asked.backend, asked.minutes, asked.repeats), EVERY_S)
        for line in (
            *course(sitting.samples),
            "",
            *_said(sitting.samples),
            *_found(open_run(run_below(Path(home)))),
        ):
            print(line, flush=True)
    return 0


def _options(backend: str, minutes: float, repeats: int) -> list[str]:
    """A run of two cells that no interval ends, so that its time does."""
    if backend not in BACKENDS:
        raise UsageError(f"--backend: no backend {backend!r}; there are {', '.join(BACKENDS)}")
    venv = Venvs.from_environment({}).backend(BACKENDS[backend], DEVICE)
    if venv.python is None:
        raise UsageError(f"--backend: {venv.reason}")
    return [
        *("--backend", backend, "--device", DEVICE, "--precision", "int4"),
        *("--prompt-tokens", "32", "--new-tokens", "8,32", "--repeats", str(repeats), "--no-quality", "--seed", "1"),
        *("--interval-target", "0.001%", "--max-blocks", "1000", "--max-time", f"{round(60 * minutes)}s"),
    ]


def _said(samples: Sequence[Sample]) -> Iterator[str]:
    """What grew in the harness, and in the worker that lived longest."""
    yield f"harness: {growth([one.harness for one in samples]) or 'too short to tell'}"
    of_process: dict[int, list[tuple[float, Held]]] = {}
    for one in samples:
        if one.worker is not None:
            of_process.setdefault(one.worker.pid, []).append((one.at_s, one.worker))
    longest = max(of_process.values(), key=len, default=[])
    if longest:
        minutes = (longest[-1][0] - longest[0][0]) / 60
        told = growth([held for _, held in longest]) or "too short to tell"
        yield f"the worker that lived longest, {minutes:.1f} min of {len(of_process)} workers: {told}"


def _found(run: StoredRun) -> Iterator[str]:
    rows = run.table("findings", ["code", "severity", "message"]).to_pylist()
    yield f"findings of the run: {len(rows)}"
    for (severity, code), count in sorted(Counter((row["severity"], row["code"]) for row in rows).items()):
        message = next(row["message"] for row in rows if (row["severity"], row["code"]) == (severity, code))
        yield f"  {severity:<8} {code:<20} {count:>4} times, the first: {message}"


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, metavar="N", help="for how long (default: 30)")
    parser.add_argument("--backend", default="ort-genai", metavar="NAME", help="the stack (default: ort-genai)")
    parser.add_argument(
        "--repeats",
        type=int,
        default=100,
        metavar="N",
        help="timed generations of a cell in a block, so that a worker lives long (default: 100)",
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keep the run in this folder")
    return parser
