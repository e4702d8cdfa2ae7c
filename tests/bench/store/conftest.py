"""A run under way, and strategies for rows of every table."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.store.writer import RunWriter


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    """A run that has begun."""
    begun = RunWriter(tmp_path / "results", "run-1")
    begun.begin({"seed": 7})
    return begun
