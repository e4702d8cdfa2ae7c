"""The wall time of a sweep beside that of a script that, as llm_bench, is started anew for each cell in each block."""

from __future__ import annotations

import itertools
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.plan.flags import PROFILES
from bench.prepare.prompts import PromptKey
from studies.intervals.real import measure
from studies.intervals.stack import DEVICE, Target, find_target
from studies.overhead.tax import WARMUPS, request_of, run_in_worker

BACKEND, PRECISION = "openvino-genai", "int4"
PROMPT_TOKENS = (32, 128, 512)
NEW_TOKENS = (16, 32, 64)
REPEATS = PROFILES["quick"][1]
GOAL = 0.5


@dataclass(frozen=True, slots=True)
class Walls:
    """Wall times in seconds of the same cells, with as many fresh processes, warm-ups and repeats for each.

    Args:
        sweep_s: of a whole run of this project, from its start to its report; a process measures all cells.
        script_s: of each process of the script, which measures one cell.
        cells: how many there are.
    """

    sweep_s: float
    script_s: Sequence[float]
    cells: int

    @property
    def ratio(self) -> float:
        """How many times the script's time the sweep takes."""
        return self.sweep_s / math.fsum(self.script_s)


def measure_walls(blocks: int, say: Callable[[str], None]) -> Walls:
    """Measure the sweep in ``blocks`` blocks, and let as many processes of the script measure each cell.

    Raises:
        BenchError: one of them could not be done.
    """
    target = find_target(BACKEND, PRECISION, "default", (), say)
    say("the sweep")
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="aipc-overhead-", ignore_cleanup_errors=True) as folder:
        measure(sweep_arguments(blocks), Path(folder, "results"))
    sweep_s = time.perf_counter() - begun
    cells = list(itertools.product(PROMPT_TOKENS, NEW_TOKENS))
    script_s = []
    for block in range(blocks):
        say(f"the script, {block + 1} of {blocks} times {len(cells)} processes")
        script_s += [_script_s(target, block, *cell) for cell in cells]
    return Walls(sweep_s, script_s, len(cells))


def sweep_arguments(blocks: int) -> tuple[str, ...]:
    """The command line of the sweep, with exactly the warm-ups of the script, and without scoring texts."""
    counts = {"--blocks": blocks, "--repeats": REPEATS, "--warmups": WARMUPS, "--max-warmups": WARMUPS}
    lists = {"--prompt-tokens": PROMPT_TOKENS, "--new-tokens": NEW_TOKENS}
    return (
        *("--backend", BACKEND, "--device", DEVICE, "--precision", PRECISION, "--no-quality"),
        *(part for flag, numbers in lists.items() for part in (flag, ",".join(map(str, numbers)))),
        *(part for flag, number in counts.items() for part in (flag, str(number))),
    )


def _script_s(target: Target, block: int, prompt_tokens: int, new_tokens: int) -> float:
    """The wall time of a process that imports the stack, loads, warms up, answers, and ends."""
    keys = [PromptKey(prompt_tokens, ordinal, 0) for ordinal in range(-WARMUPS, REPEATS)]
    found = target.book.prompts_for_visit(block, keys)
    assert target.artifact is not None
    prompts = [found[key].ids for key in keys]
    request = request_of(target.spec, target.artifact, target.precision, target.threads, prompts, new_tokens)
    begun = time.perf_counter()
    run_in_worker(target.python, {**request, "loops": "bare"})
    return time.perf_counter() - begun


def said(walls: Walls) -> Iterator[str]:
    """The wall times in lines for people."""
    processes, whole_s = len(walls.script_s), math.fsum(walls.script_s)
    blocks = processes // walls.cells
    counts = f"{WARMUPS} warm-ups + {REPEATS} timed generations in each of its fresh processes: {blocks}"
    yield f"{BACKEND} {PRECISION}, {walls.cells} cells, a cell has {counts}"
    yield f"sweep   {walls.sweep_s:8.1f} s   with its report; processes, each of all cells: {blocks}"
    yield f"script  {whole_s:8.1f} s   processes, each of one cell: {processes}, {whole_s / processes:.1f} s on average"
    kept = "within" if walls.ratio <= GOAL else "outside"
    yield f"ratio   {walls.ratio:8.2f}     {kept} the goal of {GOAL:g}; a sum over one run, so it has no interval"
