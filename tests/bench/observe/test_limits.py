from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backends.process import usable_cpus
from bench import PROJECT_ROOT
from bench.observe import limits as module
from bench.observe.cgroup import Groups
from bench.observe.cpu import Cores
from bench.observe.limits import JobLimits, Limits, job_limits, limits, own_job, usable_memory, within_quota

GB = 10**9
WHOLE = Cores(8, 16, None, None)
LIMITS = Limits(WHOLE, WHOLE, tuple(range(16)), None, 32 * GB, 32 * GB)


@pytest.mark.parametrize(
    ("quota", "threads"), [(None, 8), (12.0, 8), (8.0, 8), (2.0, 2), (1.99, 1), (1.5, 1), (0.25, 1)]
)
def test_a_quota_is_rounded_down_and_leaves_one_thread(quota: float | None, threads: int) -> None:
    assert within_quota(8, quota) == threads


def test_the_default_threads_keep_to_affinity_and_quota() -> None:
    kept = dataclasses.replace(LIMITS, usable=Cores(4, 8, None, None), cpus=tuple(range(8)))
    assert (kept.default_threads, kept.most_threads) == (4, 8)
    held = dataclasses.replace(kept, cpu_quota=2.5)
    assert (held.default_threads, held.most_threads) == (2, 2)


def group(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="ascii")
    return folder


def test_memory_is_the_smaller_of_machine_and_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Machine:
        total, available = 16 * GB, 12 * GB

    monkeypatch.setattr("bench.observe.limits.psutil.virtual_memory", Machine)
    small = group(tmp_path / "small", memory__max=str(2 * GB), memory__current=str(GB))
    large = group(tmp_path / "large", memory__max=str(64 * GB), memory__current=str(GB))
    monkeypatch.setattr(module, "own_groups", lambda: Groups(memory=(small,)))
    assert usable_memory() == module.UsableMemory(16 * GB, 2 * GB, GB)
    monkeypatch.setattr(module, "own_groups", lambda: Groups(memory=(large,)))
    assert usable_memory() == module.UsableMemory(16 * GB, 16 * GB, 12 * GB)


def test_a_quota_for_more_cpus_than_there_are_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = group(tmp_path / "wide", cpu__max="100000000 100000")
    monkeypatch.setattr(module, "own_groups", lambda: Groups(cpu=(wide,)))
    assert limits().cpu_quota is None


def test_the_quota_of_a_job_is_its_share_of_all_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "own_groups", Groups)
    monkeypatch.setattr(module, "own_job", lambda: JobLimits(cpu_share=0.5))
    now = limits()
    assert now.cpu_quota == 0.5 * now.machine.logical


def test_this_machine_has_limits_that_fit_into_it() -> None:
    now = limits()
    assert 1 <= now.default_threads <= now.most_threads <= now.machine.logical
    assert 0 < now.memory_bytes <= now.machine_memory_bytes


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux sets an affinity so")
def test_a_process_that_is_kept_to_one_cpu_takes_one_thread() -> None:
    program = (
        "import json, os; os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})\n"
        "from bench.observe.limits import limits\n"
        "print(json.dumps([limits().default_threads, limits().most_threads, limits().record()['cpus']]))"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    cpus = usable_cpus()
    assert cpus is not None
    assert json.loads(told.stdout) == [1, 1, str(max(cpus))]


# -- Windows' jobs


def test_a_hard_cap_is_a_share_of_all_cpus() -> None:
    assert job_limits(0x1 | 0x4, 2500, 0, 0, 0) == JobLimits(cpu_share=0.25)


def test_of_a_rate_with_minimum_and_maximum_the_maximum_holds() -> None:
    assert job_limits(0x1 | 0x10, 5000 << 16 | 1000, 0, 0, 0) == JobLimits(cpu_share=0.5)


@pytest.mark.parametrize("flags", [0, 0x4, 0x1, 0x1 | 0x2, 0x1 | 0x2 | 0x4])
def test_a_rate_that_is_off_or_a_weight_limits_nothing(flags: int) -> None:
    assert job_limits(flags, 2500, 0, 0, 0) == JobLimits()


@pytest.mark.parametrize(
    ("flags", "expected"), [(0, None), (0x100, 2 * GB), (0x200, 3 * GB), (0x300, 2 * GB), (0x10, None)]
)
def test_memory_of_a_job_is_limited_where_a_flag_says_so(flags: int, expected: int | None) -> None:
    assert job_limits(0, 0, flags, 2 * GB, 3 * GB).memory_bytes == expected


def test_the_job_of_this_process_can_be_asked() -> None:
    assert own_job().memory_bytes is None or sys.platform == "win32"
