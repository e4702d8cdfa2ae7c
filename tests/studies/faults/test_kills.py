"""Ten kills of the harness, in runs that are carried on to their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.faults import sweeps
from studies.faults.kills import kill_and_resume, uninterrupted

pytestmark = pytest.mark.process

SEED = "10 kills"


@pytest.mark.parametrize(("name", "kills"), [("two loads", 4), ("two variants", 3), ("crashing", 3)])
@pytest.mark.fault("kill")
def test_a_harness_that_is_killed_at_any_moment_loses_nothing_and_is_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kills: int
) -> None:
    # The charts of its report take as long as the rest of such a run.
    monkeypatch.setattr(sweeps, "_PYTEST", (*sweeps._PYTEST, "-p", "tests.support.undrawn"))
    print(f"seed {SEED}/{name}")
    expected = uninterrupted(tmp_path / "whole", sweeps.SWEEPS[name])
    outcome = kill_and_resume(tmp_path / "killed", sweeps.SWEEPS[name], expected, f"{SEED}/{name}", kills)
    assert (outcome.kills, outcome.faults) == (kills, [])
