"""Runs of the simulated backend within this process, each in some hundredths of a second: their workers are played."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from backends.contract import LoadOptions
from backends.simulated import Simulated, SimulatedSession
from backends.worker import timed_generation
from bench.errors import BenchError, WorkerError
from bench.measure.worker import Generated, Loaded, Opened
from bench.observe.memory import MemoryUse
from bench.plan.flags import raw_values
from bench.run.planning import plan_for
from bench.run.session import BenchSession


class PlayedWorker:
    """What a visit asks a worker, answered by the simulated backend in this process."""

    affinity = None
    environment: dict[str, str] | None = None
    process_start_s = 0.0
    alive = True

    def __init__(self, *_: object) -> None:
        self.pid = os.getpid()
        self._session: SimulatedSession | None = None

    def open(self) -> Opened:
        return Opened(0.0, [asdict(device) for device in Simulated().devices()])

    def load(self, artifact: object, device: str, precision: str, threads: int | None, extra: Any) -> Loaded:
        options = LoadOptions(precision=precision, threads=threads, extra=extra)
        self._session = Simulated().load(Path("model"), device, options)
        return Loaded(0.0, asdict(self._session.evidence()))

    def generate(
        self, prompts: Any, new_tokens: int, begin: Callable[[], object], end: Callable[[], object]
    ) -> Generated:
        assert self._session is not None
        begin()
        made = timed_generation(self._session, prompts, new_tokens)
        end()
        return Generated(made.submitted_ns, made.stamps_ns, made.token_ids, made.cpu_time_ns, asdict(made.details))

    def close(self) -> None:
        pass

    def stderr_tail(self) -> None:
        return None


def play(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the runs of this process start no process, and watch nothing that takes time."""
    monkeypatch.setattr("bench.measure.visit.start_worker", PlayedWorker)
    monkeypatch.setattr("bench.run.session.describe_venvs", lambda venvs: {name: {} for name in venvs})
    monkeypatch.setattr("backends.worker.gc.collect", lambda: 0)
    monkeypatch.setattr("bench.measure.visit.memory_of", lambda _: MemoryUse(None, None))
    monkeypatch.setattr("bench.run.record.git_commit", lambda: None)
    monkeypatch.setattr("bench.run.session.network_kept", lambda: None)
    monkeypatch.setattr("bench.run.session.observers", lambda _: {})
    monkeypatch.setattr("bench.observe.machine._power_mode", lambda: None)
    monkeypatch.setattr("bench.observe.awake.Awake.begin", lambda _: None)
    monkeypatch.setattr("bench.run.guard.before._WATCH_S", 0.0)
    monkeypatch.setattr("backends.held_files._WAITS_S", (0.0,))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: the errors that the user is told, and the cells of which it was said that they are measured."""

    errors: list[str]
    measured: list[tuple[str, str]]


def run(home: Path, *arguments: str, say: Callable[[str], None] = lambda _: None) -> Ended:
    """Measure a sweep, in the order of calls that the suites make."""
    options, plan = plan_for(raw_values([*arguments, "--results-dir", str(home / "results")]), home)
    session, ended = BenchSession(options, plan, "nox -s bench", say), Ended([], [])
    try:
        session.begin(plan)
        reason = "finished"
        try:
            _visit_all(session, ended)
        except BenchError as error:
            reason = "stopped"
            ended.errors.append(str(error))
        session.finish(reason)
    except BenchError as error:
        ended.errors.append(str(error))
    finally:
        if hasattr(session, "writer"):
            session.writer._lock.release(force=True)
    return ended


def _visit_all(session: BenchSession, ended: Ended) -> None:
    for planned in session.plan.visits:
        left = [cell for cell in planned.cells if session.skip_reason(planned, cell) is None]
        if not left:
            continue
        visit = session.visit(planned)
        try:
            for cell in left:
                try:
                    session.outcome(planned, cell, visit.measure(cell))
                    ended.measured.append((planned.id, cell.shape))
                except WorkerError as error:
                    ended.errors.append(str(error))
        finally:
            visit.close()


class BrokenDisk:
    """Below ``folder`` every change fails with ``number``, from the ``first``-th on, until :attr:`mended`.

    What fails has done half of it: a file that cannot be written is there, and half of it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, number: int, calls: Sequence[str]) -> None:
        self.changes, self.first, self.mended = 0, 0, True
        self._folder, self._number = str(folder), number
        self._open = io.open
        for name in calls:
            self._break(monkeypatch, name)
        monkeypatch.setattr(io, "open", self._opened)
        self._write_table = pq.write_table
        monkeypatch.setattr(pq, "write_table", self._written)

    def fail_from(self, first: int) -> None:
        self.changes, self.first, self.mended = 0, first, False

    def _fails(self, path: object) -> bool:
        if not isinstance(path, int) and not os.fsdecode(path).startswith(self._folder):  # type: ignore[arg-type]
            return False
        self.changes += 1
        return not self.mended and self.changes >= self.first

    def _error(self) -> OSError:
        return OSError(self._number, os.strerror(self._number))

    def _break(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        real = getattr(os, name)

        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            only_read = name == "open" and not arguments[0] & (os.O_WRONLY | os.O_RDWR)
            if not only_read and self._fails(path):
                raise self._error()
            return real(path, *arguments, **options)

        monkeypatch.setattr(os, name, call)

    def _opened(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if set(mode) & set("wax+") and self._fails(file):
            if "w" in mode:
                with self._open(file, "wb") as stream:
                    stream.write(b"half")
            raise self._error()
        return self._open(file, mode, *arguments, **options)

    def _written(self, table: Any, where: Path, **options: Any) -> None:
        if self._fails(where):
            with self._open(where, "wb") as stream:
                stream.write(b"PAR1")
            raise self._error()
        self._write_table(table, where, **options)
