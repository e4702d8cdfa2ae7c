"""How a test starts `bench` as a user does, and what the run left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import PROJECT_ROOT
from bench.processes import process_group
from bench.store.reader import StoredRun, open_run
from tests.support.fork_server import CAN_FORK
from tests.support.forks import run_forked

if sys.platform == "win32":
    INTERRUPT = signal.CTRL_BREAK_EVENT
else:
    INTERRUPT = signal.SIGINT
"""What Ctrl-C comes to for a program in a process group of its own."""

INTERRUPTING = ("-p", "tests.support.interrupting")
"""Options of a sweep with Ctrl-C at the moment that its variable ``INTERRUPT_AT`` names."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Where the runs of one test go, and how `bench` is started as a user starts it.

    Args:
        home: the folder.
        charts: whether the reports of the runs have their charts, which take as long as the rest of a small run.
    """

    home: Path
    charts: bool = False

    def command(self, *arguments: str) -> list[str]:
        """One load of the simulated backend, prompt lengths 8 and 16, 4 new tokens, one block of one repeat."""
        small = {
            "--backend": "simulated",
            "--precision": "int4",
            "--prompt-tokens": "8,16",
            "--new-tokens": "4",
            "--seed": "1",
            "--blocks": "1",
            "--repeats": "1",
            "--warmups": "1",
            "--max-warmups": arguments[arguments.index("--warmups") + 1] if "--warmups" in arguments else "1",
            "--results-dir": str(self.home / "results"),
            "--reports-dir": str(self.home / "reports"),
        }
        own = [part for flag, value in small.items() if flag not in arguments for part in (flag, value)]
        played = ("--load-option", "simulated.ttft_ms=2", "--load-option", "simulated.itl_ms=1")
        return [sys.executable, "-m", "pytest", "bench/", *self.plugin, *own, *played, *arguments]

    @property
    def plugin(self) -> tuple[str, ...]:
        """Options of pytest that leave the charts blank, unless they are wanted."""
        return () if self.charts else ("-p", "tests.support.undrawn")

    def environment(self) -> dict[str, str]:
        """As nox sets it; what this test session's own pytest was told is not for that one.

        In the folder for temporary files are the locks of runs, and other tests measure at the same time.
        """
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AIPC_"))}
        return {**own, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.home)), "PYTHONUTF8": "1"}

    def run(
        self, *arguments: str, started_by: Sequence[str] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; ``started_by`` is a command such as ``taskset -c 0`` that starts it."""
        return self.run_pytest(self.command(*arguments)[3:], started_by, **environment)

    def run_pytest(
        self, arguments: Sequence[str], started_by: Sequence[str] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """The same with nothing but these arguments, such as ``bench/ --resume``.

        Forked from a process that has loaded the harness, unless charts, a starting command or variables are asked for.
        """
        if CAN_FORK and not self.charts and not started_by and not environment:
            return run_forked(arguments, self.environment())
        return subprocess.run(
            [*started_by, sys.executable, "-m", "pytest", *arguments],
            cwd=PROJECT_ROOT,
            env={**self.environment(), **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start, to be interrupted: in a process group of its own, as a console gives one."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=PROJECT_ROOT,
            env={**self.environment(), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            **process_group(),
        )

    @property
    def stored(self) -> StoredRun:
        """The one run that was written."""
        (folder,) = (self.home / "results").iterdir()
        return open_run(folder)

    @property
    def runs(self) -> int:
        """How many run folders there are."""
        return len(list((self.home / "results").glob("*")))

    def generations(self) -> list[dict[str, Any]]:
        """What was committed."""
        return list(self.stored.table("generations").to_pylist())

    def loads(self) -> list[dict[str, Any]]:
        """What was committed."""
        return list(self.stored.table("loads").to_pylist())

    def findings(self) -> list[dict[str, Any]]:
        """What was committed."""
        return list(self.stored.table("findings").to_pylist())

    @property
    def reported(self) -> bool:
        """Whether the one run has its page."""
        return (self.home / "reports" / self.stored.run_id / "index.html").is_file()


@dataclass(frozen=True, slots=True)
class Measured:
    """A run that went well: 3 loads, 2 cells each, 2 blocks of 1 warm-up and 2 repeats."""

    sweep: Sweep
    process: subprocess.CompletedProcess[str]
    benchmarks: list[dict[str, Any]]
