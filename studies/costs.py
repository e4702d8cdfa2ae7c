"""What a command on stored runs takes, in a process of its own."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import BenchError
from bench.observe.memory import memory_of
from bench.processes import child_environment


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took.

    Args:
        wall_s: of the process, interpreter and imports included.
        cpu_s: of the process, in all of its threads.
        peak_bytes: the most memory that it ever held; ``None`` where the system does not tell.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int | None


def cost_of(command: str, *arguments: str) -> Cost:
    """Run a command of :mod:`bench.commands` with ``arguments``.

    Raises:
        BenchError: it ended with an error.
    """
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "studies.costs", "bench.commands", command, *arguments],
        env=child_environment({}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    wall_s = time.perf_counter() - begun
    said = done.stdout.decode("utf-8", "replace").strip().splitlines() or [""]
    if done.returncode:
        raise BenchError(f"{command} ended with exit code {done.returncode}: {said[-1]}")
    told = json.loads(said[-1])
    return Cost(wall_s, told["cpu_s"], told["peak_bytes"])


def main(arguments: Sequence[str]) -> int:
    """Run a module (first argument) with the others; unless it fails, the last line is what that took, in JSON."""
    sys.argv = list(arguments)
    status: object = 0
    try:
        runpy.run_module(arguments[0], run_name="__main__")
    except SystemExit as end:
        status = end.code
    if not status:
        print(json.dumps({"cpu_s": time.process_time(), "peak_bytes": memory_of(os.getpid()).peak_bytes}))
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
