from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import PROJECT_ROOT as ROOT
from bench.observe.machine_conditions import ConditionReader, CpuTime, added_up, major_faults


def test_cpu_time_is_the_difference() -> None:
    assert CpuTime(30, 20, 5, 2).since(CpuTime(10, 5, 1, 1)) == CpuTime(20, 15, 4, 1)


def test_stolen_time_that_was_not_counted_is_not_known() -> None:
    assert CpuTime(30, 20, 5, 2).since(CpuTime(10, 5, 1)).stolen_s is None


def test_waits_for_the_disk_are_read_whatever_the_process_is_called(tmp_path: Path) -> None:
    (tmp_path / "42").mkdir()
    (tmp_path / "42/stat").write_text("42 (odd ) name) S 1 42 42 0 -1 4194304 500 600 77 8 9 10\n", encoding="ascii")
    assert major_faults(tmp_path, 42) == 77


@pytest.mark.parametrize("text", ["", "42 (short) S 1"])
def test_a_process_that_tells_nothing_is_not_measured(tmp_path: Path, text: str) -> None:
    (tmp_path / "42").mkdir()
    (tmp_path / "42/stat").write_text(text, encoding="ascii")
    assert major_faults(tmp_path, 42) is None


@pytest.mark.slow
def test_work_of_this_program_is_its_own() -> None:
    reader = ConditionReader()
    first = reader.read()
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    used = reader.read().cpu.since(first.cpu)
    assert used.own_s >= 0.1


TIMES = [{"user": 1.0, "idle": 9.0}, {"user": 2.0, "idle": 8.0}, {"user": 4.0, "idle": 6.0}]


def test_time_of_cpus_that_may_not_be_used_does_not_count() -> None:
    assert added_up(TIMES, [0, 1, 2], [1, 2]) == {"user": 6.0, "idle": 14.0}


def test_cpus_that_are_offline_have_no_time_and_keep_their_numbers() -> None:
    assert added_up(TIMES, [0, 2, 4], [2, 3]) == {"user": 2.0, "idle": 8.0}


@pytest.mark.parametrize(("online", "cpus"), [([0, 1], [0]), ([0, 1, 2], [7])])
def test_time_that_cannot_be_told_apart_is_not_taken(online: list[int], cpus: list[int]) -> None:
    assert added_up(TIMES, online, cpus) is None


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux sets an affinity so")
def test_the_cpu_time_to_be_had_is_that_of_the_usable_cpus() -> None:
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import time; from bench.observe.machine_conditions import ConditionReader\n"
        "reader = ConditionReader(); first = reader.read(); time.sleep(1); last = reader.read()\n"
        "print(last.cpu.since(first.cpu).capacity_s / (last.awake_s - first.awake_s))"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(told.stdout) < 1.5


def test_this_machine_has_conditions() -> None:
    now = ConditionReader().read(os.getpid())
    assert 0 < now.available_bytes <= now.memory_bytes
    assert 0 <= now.cpu.busy_s <= now.cpu.capacity_s


def test_a_worker_that_is_gone_is_no_error() -> None:
    assert ConditionReader().read(2**22 + 1).page_faults is None
