"""``python -m studies report-speed``: what a report of a large run takes, beside its goals."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.errors import UsageError
from studies import say
from studies.report_speed.rendering import Goals, Rendering, render_once, said
from studies.report_speed.stored import CELLS, size_of, write_run

TOKENS = (1_000_000, 10_000_000)
"""How much is recorded in the runs that the goals are about, all of them in 300 cells."""
GOALS = Goals(wall_s=10.0, peak_bytes=600e6, page_bytes=5e6)
"""Of a run of the first of these sizes."""
LARGE_GOALS = Goals(wall_s=None, peak_bytes=1e9, page_bytes=5e6)
"""Of a larger one; its time may grow as its tokens do."""


@command
def main(arguments: Sequence[str]) -> int:
    """Print every figure; a timing that is outside its goal is said, and fails nothing. Returns the exit status."""
    asked = _parser().parse_args(arguments)
    if min(asked.runs, asked.cells, *asked.tokens) < 1 or asked.cells > CELLS:
        raise UsageError(f"runs, tokens and cells are whole numbers from 1 on, and at most {CELLS} cells")
    with tempfile.TemporaryDirectory(prefix="aipc-report-speed-", ignore_cleanup_errors=True) as folder:
        measured = [_measure(Path(folder), tokens, asked.cells, asked.runs) for tokens in asked.tokens]
    cpu_s = [statistics.median(one.cpu_s for one in renderings) for renderings in measured]
    if len(cpu_s) > 1:
        times = asked.tokens[-1] / asked.tokens[0]
        say(f"\nCPU time grew {cpu_s[-1] / cpu_s[0]:.2f} times for {times:g} times the tokens")
    return 0


def _measure(folder: Path, tokens: int, cells: int, runs: int) -> list[Rendering]:
    size = size_of(tokens, cells)
    say(f"\n{size.tokens:,} simulated tokens in {size.cells} cells")
    run = write_run(folder, size)
    renderings = [render_once(run) for _ in range(runs)]
    for line in said(renderings, GOALS if tokens <= TOKENS[0] else LARGE_GOALS):
        say(f"  {line}")
    return renderings


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- report-speed", description=__doc__)
    parser.add_argument(
        "--tokens", type=int, nargs="+", default=TOKENS, metavar="N", help="recorded tokens (default: 1 and 10 million)"
    )
    parser.add_argument("--cells", type=int, default=CELLS, metavar="N", help=f"cells (default, and at most: {CELLS})")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="reports of each run (default: 3)")
    return parser
