from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.observe.cgroup import Groups
from bench.observe.limits import UsableMemory
from bench.observe.memory import (
    MemoryUse,
    cap_of,
    memory_cap,
    memory_of,
    parse_high_water_mark,
    refused_by_cap,
    shortage,
    starving,
)

GIB = 1024**3
STATUS = "Name:\tpython\nVmPeak:\t  999999 kB\nVmHWM:\t   12345 kB\nVmRSS:\t   11111 kB\n"


def test_the_high_water_mark_is_in_bytes() -> None:
    assert parse_high_water_mark(STATUS) == 12345 * 1024


def test_a_status_without_a_high_water_mark_tells_nothing() -> None:
    assert parse_high_water_mark("Name:\tkthreadd\n") is None


@pytest.mark.slow
def test_the_peak_holds_what_was_freed_again() -> None:
    before = memory_of(os.getpid()).peak_bytes
    assert before is not None
    ballast = bytearray(b"\1") * (before + 64 * 1024**2)
    size = len(ballast)
    del ballast
    after = memory_of(os.getpid()).peak_bytes
    assert after is not None
    assert after >= size


def test_private_memory_is_below_the_peak() -> None:
    use = memory_of(os.getpid())
    assert use.peak_bytes is not None
    assert use.private_bytes is not None
    assert 0 < use.private_bytes <= use.peak_bytes or sys.platform == "win32"


@pytest.mark.process
def test_a_process_that_is_gone_has_no_memory_and_not_zero() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert memory_of(process.pid) == MemoryUse(None, None)


@pytest.mark.parametrize(
    ("available", "total"), [(255 * 1024**2, 4 * GIB), (GIB, 64 * GIB), (0, 8 * GIB)], ids=["floor", "share", "none"]
)
def test_too_little_is_told_with_advice(available: int, total: int) -> None:
    assert str(shortage(available, total)).endswith("MB left; close other programs or use a smaller model")


@pytest.mark.parametrize(("available", "total"), [(256 * 1024**2, 4 * GIB), (2 * GIB, 64 * GIB)])
def test_enough_is_no_shortage(available: int, total: int) -> None:
    assert shortage(available, total) is None


def test_a_shortage_is_told_in_figures() -> None:
    assert str(shortage(100 * 1024**2, 8 * GIB)).startswith("100 MB of 8192 MB left")


def test_this_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        available, total = 0, 8 * GIB

    monkeypatch.setattr("bench.observe.limits.psutil.virtual_memory", Full)
    monkeypatch.setattr("bench.observe.limits.own_groups", Groups)
    assert str(starving()).startswith("0 MB of 8192 MB left")


GB = 10**9


@pytest.mark.parametrize(
    ("machine", "usable", "free", "swap", "cap"),
    [
        (16 * GB, 16 * GB, 10 * GB, 0, 10 * GB - 320_000_000),
        (16 * GB, 16 * GB, 10 * GB, 4 * GB, 14 * GB - 320_000_000),
        # The machine's swap is none of a container's.
        (64 * GB, 16 * GB, 10 * GB, 4 * GB, 10 * GB - 320_000_000),
        (4 * GB, 4 * GB, GB // 10, 0, 0),
    ],
)
def test_the_cap_is_what_can_be_had_less_what_is_kept_free(
    machine: int, usable: int, free: int, swap: int, cap: int
) -> None:
    assert cap_of(UsableMemory(machine, usable, free), swap) == cap


def test_swap_of_which_the_system_tells_nothing_adds_nothing_to_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    class Machine:
        total, available = 16 * GB, 10 * GB

    def disabled() -> None:
        raise RuntimeError("PdhAddEnglishCounterW failed. Performance counters may be disabled.")

    monkeypatch.setattr("bench.observe.limits.psutil.virtual_memory", Machine)
    monkeypatch.setattr("bench.observe.limits.psutil.swap_memory", disabled)
    monkeypatch.setattr("bench.observe.limits.own_groups", Groups)
    assert memory_cap() == 10 * GB - 320_000_000


@pytest.mark.parametrize(
    "said",
    [
        "MemoryError",
        "out of memory (std::bad_alloc)",
        "RuntimeError: std::bad_alloc",
        "[enforce fail at alloc_cpu.cpp:125] . DefaultCPUAllocator: can't allocate memory: you tried to get 4",
        "Unable to allocate 8.00 GiB for an array with shape (1073741824,)",
        "Failed to allocate memory for requested buffer of size 1024",
        "[Errno 12] Cannot allocate memory",
        "OpenVINO could not compile the model for CPU: Resource temporarily unavailable",
        "memory allocation of 1024 bytes failed",
        "The paging file is too small for this operation to complete",
    ],
)
def test_words_of_a_refusal_get_the_cap_and_a_remedy(said: str) -> None:
    added = refused_by_cap(said, 12 * GB)
    assert added is not None
    assert added.startswith("memory cap: it may take 12.0 GB")


def test_other_errors_say_nothing_of_a_cap() -> None:
    assert refused_by_cap("Fatal Python error: Segmentation fault in load (x.py)", 12 * GB) is None
