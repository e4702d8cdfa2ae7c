"""How long it takes to collect the default sweep, and how much memory the harness itself needs."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import PROJECT_ROOT
from bench.commands.child import surroundings
from bench.errors import BenchError
from bench.observe.memory import memory_of
from studies.overhead.figures import mean_interval

COLLECTING_GOAL_S = 2.0
MEMORY_GOAL_BYTES = 400e6
RUNS = 5
_PYTEST_SAYS = re.compile(r" in (\d+\.\d+)s")
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Collecting:
    """One ``--collect-only``, in seconds.

    Args:
        wall_s: of the process, interpreter and imports included.
        pytest_s: as pytest itself says.
    """

    wall_s: float
    pytest_s: float


def measure_collecting() -> Iterator[str]:
    """Collect the default sweep some times, after once to warm the file cache; what that took, in lines for people."""
    measured = [_collect() for _ in range(RUNS + 1)][1:]
    for name, values in (("in pytest", [one.pytest_s for one in measured]), ("process", [m.wall_s for m in measured])):
        mean, low, high = mean_interval(values)
        goal = f"; goal under {COLLECTING_GOAL_S:g} s" if name == "in pytest" else ""
        yield f"{name:<10} {mean:.2f} s ({low:.2f} to {high:.2f}, {len(values)} runs{goal})"


def _collect() -> Collecting:
    begun = time.perf_counter()
    printed = _pytest("--collect-only").decode("utf-8", "replace")
    wall_s = time.perf_counter() - begun
    found = _PYTEST_SAYS.findall(printed)
    if not found:
        raise BenchError(f"pytest did not say how long collecting took: {printed[-200:]}")
    return Collecting(wall_s, float(found[-1]))


def peak_memory_bytes(blocks: int) -> int | None:
    """The harness's own peak over a simulated sweep of ``blocks`` blocks; ``None`` where the system does not tell."""
    with tempfile.TemporaryDirectory(prefix="aipc-overhead-", ignore_cleanup_errors=True) as folder:
        arguments = [
            *("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "32", "--new-tokens", "64"),
            *("--load-option", "simulated.ttft_ms=1", "--load-option", "simulated.itl_ms=0.1"),
            *("--blocks", str(blocks), "--results-dir", f"{folder}/results", "--reports-dir", f"{folder}/reports"),
        ]
        with _started(arguments) as harness:
            watch = _PeakWatch(harness.pid)
            watch.start()
            printed, _ = harness.communicate()
            watch.join()
        if harness.returncode:
            raise BenchError(f"the simulated sweep failed: {printed.decode('utf-8', 'replace').strip()[-300:]}")
        return watch.peak_bytes


class _PeakWatch(threading.Thread):
    """Reads the peak counter of an interpreter until the process that was started is gone."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak_bytes: int | None = None

    def run(self) -> None:
        while (peak := memory_of(interpreter(self.pid)).peak_bytes) is not None:
            self.peak_bytes = max(peak, self.peak_bytes or 0)
            time.sleep(_LOOK_S)


def said_memory(blocks: int, peak_bytes: int | None) -> str:
    """A peak in a line for people."""
    if peak_bytes is None:
        return f"{blocks:>4} blocks: not measured, this system does not tell"
    kept = "within" if peak_bytes <= MEMORY_GOAL_BYTES else "outside"
    return f"{blocks:>4} blocks: {peak_bytes / 1e6:.0f} MB, {kept} the goal of {MEMORY_GOAL_BYTES / 1e6:.0f} MB"


def _pytest(*arguments: str) -> bytes:
    with _started(arguments) as process:
        printed, _ = process.communicate()
    if process.returncode:
        raise BenchError(f"pytest failed: {printed.decode('utf-8', 'replace').strip()[-300:]}")
    return printed


def _started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", str(Path("bench")), *arguments],
        cwd=PROJECT_ROOT,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def interpreter(started: int) -> int:
    """The interpreter of a process that was started from a venv: its child on Windows, if it has started one."""
    if sys.platform != "win32" or sys.prefix == sys.base_prefix:
        return started
    try:
        children = psutil.Process(started).children()
    except psutil.Error:
        return started
    return children[0].pid if children else started
