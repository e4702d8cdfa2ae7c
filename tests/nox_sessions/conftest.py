"""Every test has a checkout of its own, with no venv in it."""

from __future__ import annotations

from pathlib import Path

import pytest

import noxfile
from bench.commands import child
from bench.plan import environments
from bench.plan.environments import environment
from bench.prepare import install, locks, resolve
from tests.nox_sessions.fake import (
    LINUX,
    PROJECT,
    Finished,
    installation,
    write_project,
)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose path has a space, with no venv in it."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    write_project(folder, PROJECT)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(noxfile, "ROOT", folder)
    for module in (child, environments, install, locks, resolve):
        monkeypatch.setattr(module, "PROJECT_ROOT", folder)
    monkeypatch.setattr(install, "VENVS", folder / ".nox" / "w")
    monkeypatch.setattr(install, "this_machine", lambda: LINUX)
    # One after the other, so that the order is that of the requests.
    monkeypatch.setattr(install, "AT_ONCE", 1)
    monkeypatch.setattr(noxfile, "installation", installation)
    for name in ("AIPC_BENCH_TORCH_INDEX", locks.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> Finished:
    recorder = Finished()
    monkeypatch.setattr(noxfile, "finish", recorder)
    monkeypatch.setattr(child, "run", recorder.run)
    monkeypatch.setattr(child, "run_quietly", recorder.run_quietly)
    monkeypatch.setattr(noxfile, "needs", lambda _, arguments: [environment("conversion"), environment("ort-genai")])
    return recorder
