"""A stored run of a few rows, each number chosen by the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.plan.cells import Cell, Load
from tests.support.tiny_run import TinyRun


@pytest.fixture
def tiny_run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path)


@pytest.fixture
def make_cell() -> Callable[..., Cell]:
    """A cell of three new tokens at 10 prompt tokens, unless said otherwise."""

    def make(
        backend: str = "ort-genai",
        precision: str = "int4",
        prompt_tokens: int = 10,
        new_tokens: int = 3,
        batch_size: int = 1,
    ) -> Cell:
        return Cell(Load(backend, "CPU", precision), prompt_tokens, new_tokens, batch_size)

    return make
