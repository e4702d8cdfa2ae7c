"""What the tests of the harness share: options made as a user makes them, and rows as the suites write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.plan.flags import raw_values
from bench.plan.options import Options, resolve_options

MakeOptions = Callable[..., Options]
MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture
def make_options(tmp_path: Path) -> MakeOptions:
    """Options from a command line."""

    def make(*arguments: str) -> Options:
        return resolve_options(raw_values(arguments), tmp_path)

    return make


@pytest.fixture
def write_sweep(tmp_path: Path) -> Callable[[str], str]:
    """Writes a sweep file and gives its path."""

    def write(text: str) -> str:
        path = tmp_path / "sweep.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def generation_row() -> MakeRow:
    """A row of ``generations`` with every column that may not be null."""

    def make(**columns: Any) -> dict[str, Any]:
        return {
            "load_id": "b0/0/load/a1",
            "cell_id": "b0/0/load/a1/p8-n4-b1",
            "cell_key": "cell",
            "variant": "",
            "attempt": 1,
            "block": 0,
            "iteration": 0,
            "warmup": False,
            "prompt_tokens": 8,
            "new_tokens": 4,
            "batch_size": 1,
            "started_at": datetime(2026, 11, 22, tzinfo=UTC),
            "status": "ok",
        } | columns

    return make
