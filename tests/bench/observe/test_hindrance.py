"""What holds a process back whatever it computes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.observe.hindrance import (
    emulated_build,
    hindrances,
    hypervisor,
    linux_hypervisor,
    low_class,
    tracer_of,
    virtual_product,
)

ARM64, AMD64 = 0xAA64, 0x8664


def proc(folder: Path, tracer: int) -> Path:
    (folder / "self").mkdir()
    (folder / "self" / "status").write_text(f"Name:\tpython\nTracerPid:\t{tracer}\nUid:\t0\n", encoding="ascii")
    (folder / "4711").mkdir()
    (folder / "4711" / "comm").write_text("gdb\n", encoding="ascii")
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no scheduling policies")
@pytest.mark.parametrize("policy", ["SCHED_IDLE", "SCHED_BATCH", "SCHED_OTHER"])
def test_a_policy_that_others_go_before_is_told(monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    monkeypatch.setattr(os, "sched_getscheduler", lambda _: getattr(os, policy))
    assert hindrances().policy == (None if policy == "SCHED_OTHER" else policy)


@pytest.mark.parametrize(("tracer", "name"), [(0, None), (4711, "gdb"), (4712, "unknown")])
def test_who_traces_the_process_is_told_by_name(tmp_path: Path, tracer: int, name: str | None) -> None:
    assert tracer_of(proc(tmp_path, tracer)) == name


def test_where_nothing_is_told_nobody_traces(tmp_path: Path) -> None:
    assert tracer_of(tmp_path) is None


@pytest.mark.parametrize(("number", "name"), [(0x20, None), (0x80, None), (0x40, "idle"), (0x4000, "below normal")])
def test_of_windows_priority_classes_two_are_low(number: int, name: str | None) -> None:
    assert low_class(number) == name


@pytest.mark.parametrize(
    ("native", "build", "kind"),
    [
        (ARM64, "3.12.9 (tags/v3.12.9:fdb8142, Feb  4 2025, 15:27:58) [MSC v.1942 64 bit (AMD64)]", "AMD64"),
        (ARM64, "3.12.9 (tags/v3.12.9:fdb8142, Feb  4 2025, 15:23:03) [MSC v.1942 32 bit (Intel)]", "Intel"),
        (ARM64, "3.12.9 (tags/v3.12.9:fdb8142, Feb  4 2025, 15:30:00) [MSC v.1942 64 bit (ARM64)]", None),
        (AMD64, "3.12.9 (tags/v3.12.9:fdb8142, Feb  4 2025, 15:27:58) [MSC v.1942 64 bit (AMD64)]", None),
        (ARM64, "3.12.9 (main) [GCC 14]", None),
    ],
)
def test_a_python_for_another_cpu_is_emulated_on_windows_on_arm(native: int, build: str, kind: str | None) -> None:
    assert emulated_build(native, build) == kind


def test_a_hypervisors_product_is_named(tmp_path: Path) -> None:
    (tmp_path / "product_name").write_text("VMware Virtual Platform\n", encoding="ascii")
    assert linux_hypervisor(tmp_path, tmp_path / "none") == "VMware Virtual Platform"


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu hypervisor sse", "/proc/cpuinfo: hypervisor"), ("fpu sse", None)]
)
def test_else_the_cpu_tells_by_a_flag(tmp_path: Path, flags: str, expected: str | None) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n", encoding="ascii")
    assert linux_hypervisor(tmp_path, tmp_path / "cpuinfo") == expected


@pytest.mark.parametrize("product", ["Latitude 7450", "", "NUC14RVH"])
def test_hardware_is_no_virtual_machine(product: str) -> None:
    assert virtual_product(product) is None


def test_this_machine_can_be_asked() -> None:
    assert hypervisor() is None or hypervisor()
