"""The wall clock is set during a run, forwards or backwards: durations stay what they were."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.findings import Code
from bench.run.resume import Earlier
from bench.store.reader import open_run
from studies.faults.sweeps import everything
from tests.support.played_runs import play, run

SWEEP = (
    *("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "8", "--new-tokens", "3", "--seed", "1"),
    *("--blocks", "3", "--repeats", "1", "--warmups", "1", "--max-warmups", "1", "--no-quality"),
    *("--load-option", "simulated.ttft_ms=0.01", "--load-option", "simulated.itl_ms=0.01"),
)


class WallClock:
    """The time, and more of it once it was set."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self, zone: Any) -> datetime:
        return datetime.now(zone) + timedelta(seconds=self.ahead_s)

    def time(self) -> float:
        return time.time() + self.ahead_s


@pytest.mark.fault("clock")
@pytest.mark.parametrize("hours", [-5, pytest.param(5, marks=pytest.mark.slow)])
def test_a_clock_that_is_set_is_a_finding_and_no_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    play(monkeypatch)
    assert run(tmp_path / "whole", *SWEEP).errors == []
    clock, said = WallClock(), list[str]()
    for name in ("bench.observe.clocks", "bench.measure.visit", "bench.measure.store_rows", "bench.run.guard.found"):
        monkeypatch.setattr(f"{name}.datetime", clock)
    ours = SimpleNamespace(time=clock.time, monotonic=time.monotonic)
    monkeypatch.setattr("bench.observe.machine_conditions.time", ours)

    def say(line: str) -> None:
        said.extend([line] if "first token" in line else [])
        # While the worker of the second visit still runs.
        clock.ahead_s = hours * 3600.0 if len(said) == 2 else clock.ahead_s

    home = tmp_path / "set"
    assert run(home, *SWEEP, say=say).errors == []
    (folder,) = (home / "results").iterdir()
    stored = open_run(folder)
    (whole,) = (tmp_path / "whole" / "results").iterdir()
    assert everything(stored) == everything(open_run(whole))
    loads = stored.table("loads").to_pylist()
    assert all(timedelta(0) <= row["ended_at"] - row["started_at"] < timedelta(minutes=10) for row in loads)
    assert round((loads[-1]["started_at"] - loads[0]["started_at"]) / timedelta(hours=1)) == hours
    found = [row for row in stored.table("findings").to_pylist() if row["code"] == Code.CLOCK_JUMPED.word]
    assert [row["load_id"] for row in found] == [loads[1]["load_id"]]
    assert all(0 < row["ttft_ns"] < 600e9 for row in stored.table("generations").to_pylist())
    # Carried on, it knows for how long its processes ran.
    (folder / "end.json").unlink()
    assert run(home, "--resume").errors == []
    assert everything(open_run(folder)) == everything(open_run(whole))
    earlier = Earlier(open_run(folder), repeats=1)
    earlier.whole = {row["load_id"].rpartition("/")[0] for row in loads}
    assert 0 <= earlier.seconds < 600
