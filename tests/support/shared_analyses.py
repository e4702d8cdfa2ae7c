"""Analyses that commands share: half of the runs that tests analyse hold what another one holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.store.reader import StoredRun

_CALLERS = (
    "bench.analyse.machine_runs",
    "bench.commands.stored_runs",
    "bench.report.compare.comparison_exports",
    "bench.report.render",
)
_made: dict[bytes, RunAnalysis] = {}


def _contents(folder: Path) -> bytes:
    digest = hashlib.blake2b()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)} {len(content)} ".encode())
            digest.update(content)
    return digest.digest()


def _analyse_once(run: StoredRun, *, levels_only: bool = False) -> RunAnalysis:  # whole: one serves all
    contents = _contents(run.path) if run.shared is None else repr((run.path, run.texts)).encode()
    # A file that cannot be read is left out of a report, and keeps a run out of a history.
    contents += repr(sorted(map(run.called, run.damaged))).encode()
    if contents not in _made:
        _made[contents] = analyse_run(run)
    return _made[contents]


@contextmanager
def shared_analyses() -> Iterator[None]:
    """Reports and commands meanwhile analyse runs with the same files once."""
    with pytest.MonkeyPatch.context() as patch:
        for caller in _CALLERS:
            patch.setattr(f"{caller}.analyse_run", _analyse_once)
        yield
