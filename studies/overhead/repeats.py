"""The wall time of a sweep beside that of a script that, as llm_bench, is started anew for each cell in each block."""

from __future__ import annotations

import itertools
import math
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.plan.flags import PROFILES
from bench.plan.venvs import Venvs
from bench.prepare.prompts import PromptKey
from studies.intervals.real import measure
from studies.intervals.stack import DEVICE, Target, find_target
from studies.overhead.tax import WARMUPS, request_of, run_in_worker

BACKEND, PRECISION = "openvino-genai", "int4"
PROMPT_TOKENS = (32, 128, 512)
NEW_TOKENS = (16, 32, 64)
REPEATS = PROFILES["quick"][1]
GOAL = 0.5
ALONE, AS_LLM_BENCH = "the stack", "as llm_bench"
"""What the script imports: the stack alone, or what llm_bench imports on its way to the same pipeline."""
LLM_BENCH_IMPORTS = (
    "torch:Tensor",
    *(f"transformers:{name}" for name in ("AutoModelForCausalLM", "AutoProcessor", "AutoTokenizer", "pipeline")),
    "optimum.intel.openvino:OVModelForCausalLM",
)
"""What ``tools/llm_bench`` of openvino.genai imports before it loads a model, OpenVINO GenAI's pipelines included.

It imports ``diffusers`` as well, which no environment of this project has.
"""


@dataclass(frozen=True, slots=True)
class Walls:
    """Wall times in seconds of the same cells, with as many fresh processes, warm-ups and repeats for each.

    Args:
        sweep_s: of a whole run of this project, from its start to its report; a process measures all cells.
        script_s: what the script imports -> of each of its processes, which measures one cell.
        cells: how many there are.
    """

    sweep_s: float
    script_s: Mapping[str, Sequence[float]]
    cells: int

    def ratio(self, imported: str) -> float:
        """How many times the script's time the sweep takes."""
        return self.sweep_s / math.fsum(self.script_s[imported])


def measure_walls(blocks: int, say: Callable[[str], None]) -> Walls:
    """Measure the sweep in ``blocks`` blocks, and let as many processes of each script measure each cell.

    Raises:
        BenchError: one of them could not be done.
    """
    target = find_target(BACKEND, PRECISION, "default", (), say)
    starts = {ALONE: (target.python, {}), AS_LLM_BENCH: _as_llm_bench(target.python)}
    say("the sweep")
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="aipc-overhead-", ignore_cleanup_errors=True) as folder:
        measure(sweep_arguments(blocks), Path(folder, "results"))
    sweep_s = time.perf_counter() - begun
    cells = list(itertools.product(PROMPT_TOKENS, NEW_TOKENS))
    script_s: dict[str, list[float]] = {imported: [] for imported in starts}
    for block in range(blocks):
        say(f"the scripts, {block + 1} of {blocks} times {len(cells)} processes of each")
        for cell in cells:
            for imported, (python, imports) in starts.items():
                script_s[imported].append(_script_s(target, python, imports, block, *cell))
    return Walls(sweep_s, script_s, len(cells))


def _as_llm_bench(python: str) -> tuple[str, Mapping[str, Any]]:
    """An interpreter that has what llm_bench imports, and how it imports that and the stack of ``python``."""
    conversion = Venvs.from_environment({}).conversion()
    if conversion.python is None:
        raise UsageError(f"llm_bench's imports need the conversion venv: {conversion.reason}")
    # No venv of this project has both; their builds of OpenVINO are the same.
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]
    packages = subprocess.run(asked, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout.strip()
    return conversion.python, {"imports": LLM_BENCH_IMPORTS, "packages": packages}


def sweep_arguments(blocks: int) -> tuple[str, ...]:
    """The command line of the sweep, with exactly the warm-ups of the script, and without scoring texts."""
    counts = {"--blocks": blocks, "--repeats": REPEATS, "--warmups": WARMUPS, "--max-warmups": WARMUPS}
    lists = {"--prompt-tokens": PROMPT_TOKENS, "--new-tokens": NEW_TOKENS}
    return (
        *("--backend", BACKEND, "--device", DEVICE, "--precision", PRECISION, "--no-quality"),
        *(part for flag, numbers in lists.items() for part in (flag, ",".join(map(str, numbers)))),
        *(part for flag, number in counts.items() for part in (flag, str(number))),
    )


def _script_s(
    target: Target, python: str, imports: Mapping[str, Any], block: int, prompt_tokens: int, new_tokens: int
) -> float:
    """The wall time of a process that imports, loads, warms up, answers, and ends."""
    keys = [PromptKey(prompt_tokens, ordinal, 0) for ordinal in range(-WARMUPS, REPEATS)]
    found = target.book.prompts_for_visit(block, keys)
    assert target.artifact is not None
    prompts = [found[key].ids for key in keys]
    request = request_of(target.spec, target.artifact, target.precision, target.threads, prompts, new_tokens)
    begun = time.perf_counter()
    run_in_worker(python, {**request, **imports, "loops": "bare"})
    return time.perf_counter() - begun


def said(walls: Walls) -> Iterator[str]:
    """The wall times in lines for people."""
    blocks = len(walls.script_s[ALONE]) // walls.cells
    counts = f"{WARMUPS} warm-ups + {REPEATS} timed generations in each of its fresh processes: {blocks}"
    yield f"{BACKEND} {PRECISION}, {walls.cells} cells, a cell has {counts}"
    yield f"sweep {walls.sweep_s:22.1f} s   with its report; processes, each of all cells: {blocks}"
    for imported, seconds in walls.script_s.items():
        whole_s = math.fsum(seconds)
        each = f"processes, each of one cell: {len(seconds)}, {whole_s / len(seconds):.1f} s on average"
        yield f"script, {imported:<12} {whole_s:7.1f} s   {each}; ratio {walls.ratio(imported):.2f}"
    kept = "within" if walls.ratio(AS_LLM_BENCH) <= GOAL else "outside"
    yield f"beside llm_bench's imports {kept} the goal of {GOAL:g}; a sum over one run, so it has no interval"
