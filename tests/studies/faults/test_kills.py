"""Ten kills of the harness, in runs that are carried on to their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.faults.kills import kill_and_resume, uninterrupted
from studies.faults.sweeps import SWEEPS

pytestmark = pytest.mark.process

SEED = "10 kills"


@pytest.mark.parametrize(("name", "kills"), [("two loads", 4), ("two variants", 3), ("crashing", 3)])
@pytest.mark.fault("kill")
def test_a_harness_that_is_killed_at_any_moment_loses_nothing_and_is_carried_on(
    tmp_path: Path, name: str, kills: int
) -> None:
    print(f"seed {SEED}/{name}")
    expected = uninterrupted(tmp_path / "whole", SWEEPS[name])
    outcome = kill_and_resume(tmp_path / "killed", SWEEPS[name], expected, f"{SEED}/{name}", kills)
    assert (outcome.kills, outcome.faults) == (kills, [])
