"""``python -m studies scale``: a large simulated sweep, and what is read of a larger stored run.

A sweep is measured to nine tenths, killed, and carried on to its end, while its harness is watched. Then a run of very
many cells, which is written without being measured, is verified, rendered and compared.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.errors import UsageError
from studies.costs import cost_of
from studies.report_speed.stored import BLOCKS, RunSize, write_run
from studies.scale.watched import Sitting, course, growth, sit

EVERY_S = 1.0
_KILLED_AT = 0.9
_DEVICES = ("CPU", "GPU", "NPU")
_PRECISIONS = ("int4", "int8", "fp16", "bf16", "fp32")
_NEW_TOKENS = 2


@command
def main(arguments: Sequence[str]) -> int:
    """Print the course of the sweep, and a line for each command. Returns the exit status."""
    asked = _parser().parse_args(arguments)
    if min(asked.cells, asked.stored) < 0 or min(asked.blocks, asked.repeats) < 1:
        raise UsageError("--cells and --stored are whole numbers from 0 on, --blocks and --repeats from 1 on")
    with tempfile.TemporaryDirectory(prefix="aipc-scale-", ignore_cleanup_errors=True) as folder:
        if asked.cells:
            _say_all(_swept(Path(folder, "swept").resolve(), asked.cells, asked.blocks, asked.repeats))
        if asked.stored:
            _say_all(_stored(Path(folder, "stored").resolve(), asked.stored))
    return 0


def options(cells: int, blocks: int, repeats: int) -> list[str]:
    """A simulated sweep of at least so many ``cells``, all of whose latencies are next to nothing."""
    shapes = math.ceil(cells / (len(_DEVICES) * len(_PRECISIONS)))
    prompts = math.ceil(math.sqrt(shapes))
    lengths = math.ceil(shapes / prompts)
    return [
        *("--backend", "simulated", "--device", ",".join(_DEVICES), "--precision", ",".join(_PRECISIONS)),
        *("--prompt-tokens", ",".join(map(str, range(1, prompts + 1)))),
        *("--new-tokens", ",".join(map(str, range(_NEW_TOKENS, _NEW_TOKENS + lengths)))),
        *("--blocks", str(blocks), "--repeats", str(repeats), "--warmups", "0", "--max-warmups", "0", "--seed", "1"),
        *("--load-option", "simulated.ttft_ms=0.001", "--load-option", "simulated.itl_ms=0.001"),
    ]


def _swept(home: Path, cells: int, blocks: int, repeats: int) -> Iterator[str]:
    planned = cells * blocks
    yield f"a simulated sweep of {cells:,} cells or a few more, {blocks} blocks, {repeats} generations each"
    first = sit(home, options(cells, blocks, repeats), EVERY_S, lambda done: done >= _KILLED_AT * planned)
    yield from _said(first)
    yield f"killed at {first.samples[-1].cells:,} of {planned:,} cells, and carried on:" if first.samples else "killed"
    second = sit(home, ["--resume"], EVERY_S)
    yield from _said(second)
    if second.after_s is not None:
        yield f"from the last cell to the end: {second.after_s:.1f} s, {second.peak_bytes / 1e6:.0f} MB at most\n"


def _said(sitting: Sitting) -> Iterator[str]:
    yield from course(sitting.samples)
    yield f"harness: {growth([one.harness for one in sitting.samples]) or 'too short to tell'}"
    if sitting.first_cell_s is not None:
        yield f"from the start to the first cell: {sitting.first_cell_s:.1f} s"


def _stored(home: Path, cells: int) -> Iterator[str]:
    began = time.perf_counter()
    base, head = (write_run(home / "results", RunSize(cells, _NEW_TOKENS, repeats)) for repeats in (4, 3))
    generations = cells * BLOCKS * (5 + 4)
    took_s = time.perf_counter() - began
    yield f"two stored runs of {cells:,} cells, {generations:,} generations together, written in {took_s:.0f} s"
    folders = ("--results-dir", str(home / "results"), "--reports-dir", str(home / "reports"))
    for name, *arguments in (("verify", base.name), ("report", base.name), ("compare", base.name, head.name)):
        took = cost_of(name, *arguments, *folders)
        peak = "not known" if took.peak_bytes is None else f"{took.peak_bytes / 1e6:.0f} MB"
        yield f"{name:<8} {took.wall_s:7.1f} s, {took.cpu_s:7.1f} s of CPU time, {peak} at most"
    for page in sorted((home / "reports").rglob("*")):
        if page.suffix in (".html", ".json", ".csv", ".md"):
            yield f"{page.relative_to(home / 'reports').as_posix():<70} {page.stat().st_size / 1e6:7.1f} MB"


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- scale", description=__doc__)
    parser.add_argument(
        "--cells", type=int, default=2000, metavar="N", help="of the sweep (default: 2000; 0 leaves it out)"
    )
    parser.add_argument("--blocks", type=int, default=20, metavar="N", help="of the sweep (default: 20)")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="of the sweep (default: 1)")
    parser.add_argument(
        "--stored", type=int, default=20_000, metavar="N", help="cells of the stored runs (default: 20000; 0: none)"
    )
    return parser


def _say_all(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)
