"""Nothing that a native library prints reaches the channel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.measure.worker import WorkerProcess

pytestmark = pytest.mark.contract


def test_prints_do_not_disturb_the_channel(tmp_path: Path) -> None:
    with WorkerProcess(sys.executable, "tests.contract.noisy:Noisy", tmp_path) as worker:
        worker.open()
        worker.load(tmp_path, "CPU", "int4", None, {})

        assert worker.generate([[1, 2, 40]], 3).token_ids == [[41], [42], [43]]


def test_prints_are_kept_for_the_one_who_looks_for_a_reason(tmp_path: Path) -> None:
    with WorkerProcess(sys.executable, "tests.contract.noisy:Noisy", tmp_path) as worker:
        worker.open()

        assert '"token_ids":[[0]]' in (worker.stderr_tail() or "")
