"""Histories of known truth: what is called where nothing changed, and what is found where something did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studies.intervals.__main__ import main
from studies.intervals.histories import Play, autoregression, calls

pytestmark = pytest.mark.slow


def test_runs_are_correlated_by_as_much_as_was_asked_for() -> None:
    values = autoregression(np.random.default_rng(1), 20_000, 1, 0.4)[:, 0]
    assert float(np.corrcoef(values[1:], values[:-1])[0, 1]) == pytest.approx(0.4, abs=0.02)


def test_a_large_step_is_found_in_every_history() -> None:
    assert calls(Play(20, step=0.5, changed=1), 5, 1).value == 1


def test_quiet_histories_have_few_calls() -> None:
    # The 99.9 % quantile of a binomial count of 60 with 5 %.
    assert calls(Play(12, cells=6, mood=0.03, phi=0.4), 60, 1).hits <= 9


def test_the_tables_have_false_calls_and_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.intervals.histories.RUNS", (10,))
    monkeypatch.setattr("studies.intervals.histories.POWER_RUNS", (10,))
    assert main(["history", "--histories", "2", "--jobs", "1", "--write", str(tmp_path / "found.md")]) == 0
    text = (tmp_path / "found.md").read_text("utf-8")
    assert ("| one series | 10 |" in text, "| all 21 cells | 3 % | 10 |" in text) == (True, True)
