"""The worker's loop against a bare loop on one loaded model: ``python -m studies.overhead.in_worker request.json``.

The request is a JSON object: ``target``, ``artifact``, ``device``, ``precision``, ``threads``, ``extra`` as for a
worker's load; ``prompts``, one per pair, and ``warmups``, all of different ids; ``new_tokens``; and ``result``, the
file that the answer is written to: per pair, ``{"worker": [ttft_ns, tpot_ns], "bare": [ttft_ns, tpot_ns]}``. With
``"loops": "bare"`` the bare loop alone takes each prompt, as in a script without this project; ``imports`` are then
what else it imports, each ``module:name``, and ``packages`` a folder in which it finds packages too.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from backends.contract import LoadOptions, Session
from backends.process import full_speed
from backends.worker import timed_generation

BareLoop = Callable[[Any, Sequence[int], int], tuple[int, int, int]]
Pair = dict[str, tuple[float, float]]


def by_worker(session: Session, prompt: Sequence[int], new_tokens: int) -> tuple[float, float]:
    """Time to first token and time per output token by the worker's loop, in nanoseconds."""
    recording = timed_generation(session, [prompt], new_tokens)
    stamps = recording.stamps_ns
    return _latencies(recording.submitted_ns, stamps[0], stamps[-1], new_tokens)


def by_bare_loop(loop: BareLoop, session: Session, prompt: Sequence[int], new_tokens: int) -> tuple[float, float]:
    """The same by the bare loop."""
    return _latencies(*loop(session, prompt, new_tokens), new_tokens)


def measure_pairs(session: Session, loop: BareLoop, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[Pair]:
    """Both loops on each prompt, the one and the other going first in turn, so that neither gains by its place."""
    pairs: list[Pair] = []
    for number, prompt in enumerate(prompts):
        if number % 2:
            bare = by_bare_loop(loop, session, prompt, new_tokens)
            worker = by_worker(session, prompt, new_tokens)
        else:
            worker = by_worker(session, prompt, new_tokens)
            bare = by_bare_loop(loop, session, prompt, new_tokens)
        pairs.append({"worker": worker, "bare": bare})
    return pairs


def bare_alone(session: Session, loop: BareLoop, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[Pair]:
    """The bare loop on each prompt."""
    return [{"bare": by_bare_loop(loop, session, prompt, new_tokens)} for prompt in prompts]


def main(request: Mapping[str, Any]) -> None:
    """Load, warm up, measure, and write the answer."""
    full_speed()
    sys.path += filter(None, [request.get("packages")])
    for imported in request.get("imports", ()):
        module, _, name = imported.partition(":")
        getattr(importlib.import_module(module), name)
    module_name, _, class_name = request["target"].partition(":")
    backend = getattr(importlib.import_module(module_name), class_name)()
    loop: BareLoop = importlib.import_module(f"studies.bare_loops.{module_name.rpartition('.')[2]}").bare_loop
    options = LoadOptions(request["precision"], request["threads"], request["extra"])
    session = backend.load(Path(request["artifact"]), request["device"], options)
    measure = bare_alone if request.get("loops") == "bare" else measure_pairs
    measure(session, loop, request["warmups"], request["new_tokens"])
    pairs = measure(session, loop, request["prompts"], request["new_tokens"])
    Path(request["result"]).write_text(json.dumps(pairs), encoding="utf-8")


def _latencies(submitted: int, first: int, last: int, new_tokens: int) -> tuple[float, float]:
    return float(first - submitted), (last - first) / (new_tokens - 1)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
