"""A lab on this machine: a scheduler, workers and desks as processes, each with its own folder and machine id."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bench import PROJECT_ROOT
from bench.commands.child import surroundings
from bench.commands.fleet import BENCH
from bench.processes import process_group
from bench.store.reader import open_run
from bench.store.schema import TABLES

QUICK = ("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "16", "--new-tokens", "4")
"""A sweep of one load that takes a second a visit."""
MODELS = (sys.executable, "-m", "bench.commands", "models")
COMMAND = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(PROJECT_ROOT / "bench"))
"""What ``nox -s bench`` comes to where the harness is installed."""


def wait_until(true: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
    """Wait for something that happens in another process."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)


class Lab:
    """Processes of one fleet; all are ended by :meth:`close`.

    Args:
        folder: below it each has its own.
        certs: folders of certificates by the names of machines, ``scheduler`` and ``desk``; ``None`` without them.
        host: where the scheduler listens.
        inside: machine -> the beginning of a command that enters its network.
        command: what measures on machines.
    """

    def __init__(
        self,
        folder: Path,
        certs: Path | None = None,
        host: str = "127.0.0.1",
        inside: Mapping[str, Sequence[str]] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.folder = folder
        self.certs = certs
        self.port = _free_port()
        self.host = host
        self.address = f"{'tls' if certs else 'tcp'}://{host}:{self.port}"
        self.command = command
        self._inside = inside or {}
        self._running: list[subprocess.Popen[bytes]] = []

    def scheduler(self) -> subprocess.Popen[bytes]:
        """Start the scheduler, and wait until it listens."""
        before = self.output("scheduler").count("scheduler  ")
        where = ("--port", str(self.port), "--host", self.host, "--dashboard", "off")
        process = self.start("scheduler", "scheduler", *where)
        wait_until(lambda: self.output("scheduler").count("scheduler  ") > before, "the start of the scheduler")
        return process

    def worker(
        self, name: str, *options: str, load_options: Sequence[str] = (), models: Sequence[str] = MODELS
    ) -> subprocess.Popen[bytes]:
        """Start a machine, with further options of what measures, and with what prepares models on it."""
        where = ("--scheduler", self.address, "--name", name, "--machine-id", name)
        commands = {"bench": (*self.command, *load_options), "models": models}
        return self.start(name, "worker", *where, *options, commands=commands)

    def desk(self, *options: str) -> subprocess.Popen[bytes]:
        """Start ``fleet run``."""
        return self.start("desk", "run", "--scheduler", self.address, *options)

    def start(
        self, place: str, command: str, *options: str, commands: Mapping[str, Sequence[str]] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command of ``fleet`` in a folder of its own, to whose ``output.txt`` it writes."""
        folder = self.folder / place
        folder.mkdir(parents=True, exist_ok=True)
        certs = [] if self.certs is None else ["--certs", str(self.certs / place)]
        own = [sys.executable, "-m", "bench.commands", "fleet", command, *options, *certs]
        variables = {BENCH: json.dumps(commands), "AIPC_BENCH_CACHE": str(folder / "cache")}
        with (folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                [*self._inside.get(place, ()), *own],
                cwd=folder,
                env={**surroundings(), **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                **process_group(),
            )
        self._running.append(process)
        return process

    def output(self, place: str) -> str:
        """What the commands in a folder have said."""
        file = self.folder / place / "output.txt"
        return file.read_text("utf-8", "replace") if file.exists() else ""

    def says(self, place: str, words: str) -> bool:
        """Whether the commands in a folder have said so."""
        return words in self.output(place)

    def run_of(self, name: str) -> Path | None:
        """The only run of a machine."""
        found = [path.parent for path in (self.folder / name / "results").glob("*/run.json")]
        assert len(found) <= 1, f"{name} measured {len(found)} runs"
        return found[0] if found else None

    def has_rows(self, name: str) -> bool:
        """Whether a machine has measured something."""
        run = self.run_of(name)
        return run is not None and any((run / "generations").glob("*.parquet"))

    @staticmethod
    def kill(process: subprocess.Popen[bytes]) -> None:
        """Kill a process and all that it started, as a power cut does."""
        below = psutil.Process(process.pid).children(recursive=True)
        for one in (psutil.Process(process.pid), *below):
            # On Windows a venv's python.exe takes the interpreter with it.
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(below, timeout=300)
        process.wait(300)

    def close(self) -> None:
        """End all that goes on."""
        for process in self._running:
            if process.poll() is None:
                self.kill(process)

    def faults_of(self, name: str) -> list[str]:
        """What of a machine's run was lost or is there twice, in its own folder or in the dataset of the desk."""
        own = self.run_of(name)
        if own is None:
            return [f"{name} has no run"]
        run, at_desk = open_run(own), open_run(self.folder / "desk" / "dataset" / own.name)
        faults = [f"{name}: run.json differs"] if at_desk.record != run.record else []
        faults += [f"{name}: end.json differs"] if at_desk.end != run.end else []
        faults += [f"{name}: {table} differs" for table in TABLES if not at_desk.table(table).equals(run.table(table))]
        visits = Counter(one.rpartition("/")[0] for one in run.table("loads")["load_id"].to_pylist())
        faults += [f"{name}: visit {visit} is there {count} times" for visit, count in visits.items() if count > 1]
        plan = run.record["plan"]
        if len(visits) != (wanted := plan["blocks"] * len(plan["loads"])):
            faults.append(f"{name}: {len(visits)} visits of {wanted}")
        return faults


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
