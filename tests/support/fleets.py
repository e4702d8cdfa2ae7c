"""A lab on this machine: a scheduler and workers as processes, each with folders and a machine id of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bench import PROJECT_ROOT
from bench.commands.child import surroundings
from bench.commands.fleet import BENCH

QUICK = ("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "16", "--new-tokens", "4")
"""A sweep of one load that takes a second a visit."""
COMMAND = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(PROJECT_ROOT / "bench"))
"""What ``nox -s bench`` comes to where the harness is installed."""


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for something that happens in another process."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Lab:
    """Processes of one fleet below a folder; all are ended by :meth:`close`."""

    def __init__(self, folder: Path, certs: Path | None = None) -> None:
        self.folder = folder
        self.certs = certs
        self.port = free_port()
        self.address = f"{'tls' if certs else 'tcp'}://127.0.0.1:{self.port}"
        self._running: list[subprocess.Popen[bytes]] = []

    def scheduler(self) -> subprocess.Popen[bytes]:
        """Start the scheduler, and wait until it listens."""
        process = self.start(
            "scheduler", "scheduler", "--port", str(self.port), "--host", "127.0.0.1", "--dashboard", "off"
        )
        wait_until(lambda: "scheduler  " in self.output("scheduler"), "the start of the scheduler")
        return process

    def worker(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a machine."""
        where = ("--scheduler", self.address, "--name", name, "--machine-id", name)
        return self.start(name, "worker", *where, *options)

    def desk(self, *options: str) -> subprocess.Popen[bytes]:
        """Start ``fleet run``."""
        return self.start("desk", "run", "--scheduler", self.address, *options)

    def start(self, place: str, command: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a command of ``fleet`` in a folder of its own, to whose ``output.txt`` it writes."""
        folder = self.folder / place
        folder.mkdir(parents=True, exist_ok=True)
        certs = [] if self.certs is None else ["--certs", str(self.certs / place)]
        with (folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.commands.fleet", command, *options, *certs],
                cwd=folder,
                env={**surroundings(), BENCH: json.dumps(COMMAND), "AIPC_BENCH_CACHE": str(folder / "cache")},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def output(self, place: str) -> str:
        file = self.folder / place / "output.txt"
        return file.read_text("utf-8", "replace") if file.exists() else ""

    def run_of(self, name: str) -> Path | None:
        """The only run of a machine."""
        found = [path.parent for path in (self.folder / name / "results").glob("*/run.json")]
        assert len(found) <= 1, f"{name} measured {len(found)} runs"
        return found[0] if found else None

    def has_rows(self, name: str) -> bool:
        """Whether a machine has measured something."""
        run = self.run_of(name)
        return run is not None and any((run / "generations").glob("*.parquet"))

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process and all that it started, as a power cut does."""
        below = psutil.Process(process.pid).children(recursive=True)
        for one in (psutil.Process(process.pid), *below):
            one.kill()
        psutil.wait_procs(below, timeout=10)
        process.wait(10)

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                self.kill(process)
