"""Stored runs of one machine, a night apart, whose latencies the test decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.nights import write_upgrade


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten nights with an upgrade before the seventh."""
    return write_upgrade(tmp_path_factory.mktemp("upgraded") / "results")
