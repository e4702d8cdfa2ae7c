"""Every test has a checkout of its own, with no venv in it."""

from __future__ import annotations

from pathlib import Path

import pytest

import noxfile
from tests.nox_sessions.fake import (
    LINUX,
    PROJECT,
    Finished,
)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose path has a space, with no venv in it."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    monkeypatch.setattr(noxfile, "ROOT", folder)
    monkeypatch.setattr(noxfile, "VENVS", folder / ".nox" / "w")
    monkeypatch.setattr(noxfile, "this_machine", lambda: LINUX)
    monkeypatch.delenv("AIPC_BENCH_TORCH_INDEX", raising=False)
    return folder


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> Finished:
    recorder = Finished()
    monkeypatch.setattr(noxfile, "finish", recorder)
    monkeypatch.setattr(noxfile, "needs", lambda _, arguments: ["conversion", "ort-genai"])
    return recorder
