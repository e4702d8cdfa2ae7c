"""Harness tax: what the worker's loop adds to the latencies that it measures."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.spec import BackendSpec
from bench import processes
from bench.analyse.interval import Estimate, paired
from bench.errors import WorkerFailed
from bench.prepare.prompts import PromptBook, PromptKey
from bench.processes import child_environment
from studies.overhead.figures import verdict

PROMPT_TOKENS = 128
NEW_TOKENS = 64
WARMUPS = 2
GOAL = 0.005


@dataclass(frozen=True, slots=True)
class Tax:
    """The worker's loop over the bare loop.

    Args:
        ttft: ratio of times to first token.
        tpot: ratio of times per output token.
    """

    ttft: Estimate
    tpot: Estimate


def measure_tax(
    spec: BackendSpec, python: str, artifact: Path, precision: str, threads: int, book: PromptBook, pairs: int
) -> Tax:
    """Measure the tax of one backend.

    Args:
        spec: its entry in the table.
        python: the interpreter of its venv.
        artifact: the model.
        precision: the artifact's weight format.
        threads: CPU threads to compute with.
        book: where prompts are cut from.
        pairs: how often both loops take their turn, two at least.

    Raises:
        WorkerFailed: the backend could not do it.
    """
    keys = [PromptKey(PROMPT_TOKENS, ordinal, 0) for ordinal in range(-WARMUPS, pairs)]
    prompts = [prompt.ids for prompt in map(book.prompts_for_visit(0, keys).__getitem__, keys)]
    request = request_of(spec, artifact, precision, threads, prompts, NEW_TOKENS)
    return tax_of(run_in_worker(python, request))


def request_of(
    spec: BackendSpec, artifact: Path, precision: str, threads: int, prompts: Sequence[Sequence[int]], new_tokens: int
) -> dict[str, Any]:
    """What :mod:`studies.overhead.in_worker` is asked; the first :data:`WARMUPS` of the prompts are for warm-ups."""
    return {
        "target": spec.target,
        "artifact": str(artifact),
        "device": "CPU",
        "precision": precision,
        "threads": threads,
        "extra": {name: option.default for name, option in spec.options.items()},
        "warmups": prompts[:WARMUPS],
        "prompts": prompts[WARMUPS:],
        "new_tokens": new_tokens,
    }


def tax_of(pairs: Sequence[Mapping[str, Sequence[float]]]) -> Tax:
    """The ratios over pairs, as :mod:`studies.overhead.in_worker` writes them: paired t on log ratios."""
    ratios = []
    for metric in (0, 1):
        worker, bare = ({n: pair[loop][metric] for n, pair in enumerate(pairs)} for loop in ("worker", "bare"))
        contrast = paired(worker, bare)
        assert contrast is not None
        ratios.append(contrast.ratio)
    return Tax(*ratios)


def said(name: str, precision: str, tax: Tax) -> Iterator[str]:
    """The tax in lines for people."""
    for metric, estimate in (("TTFT", tax.ttft), ("TPOT", tax.tpot)):
        interval = "no interval" if estimate.low is None else f"{estimate.low:.4f} to {estimate.high:.4f}"
        yield (
            f"{name:<16} {precision:<5} {metric}  {estimate.value:.4f}  ({interval}, {estimate.blocks} pairs)  "
            f"{verdict(estimate, GOAL)}"
        )


def run_in_worker(python: str, request: Mapping[str, Any]) -> list[dict[str, Sequence[float]]]:
    """Run :mod:`studies.overhead.in_worker` to its end, in a process of its own.

    Raises:
        WorkerFailed: it could not do what ``request`` asks.
    """
    with tempfile.TemporaryDirectory(prefix="aipc-overhead-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        result = folder / "result.json"
        (folder / "request.json").write_text(json.dumps({**request, "result": str(result)}), encoding="utf-8")
        done = subprocess.run(
            [python, "-m", "studies.overhead.in_worker", "request.json"],
            cwd=folder,
            env=child_environment({"PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": str(request["threads"])}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode or not result.is_file():
            printed = done.stdout.decode("utf-8", "replace").strip()
            words = printed.splitlines() or [processes.exit_in_words(done.returncode)]
            raise WorkerFailed(f"{request['target']} could not be measured: {words[-1]}", exit_code=done.returncode)
        pairs: list[dict[str, Sequence[float]]] = json.loads(result.read_text(encoding="utf-8"))
        return pairs
