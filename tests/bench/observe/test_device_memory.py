from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.observe.device_memory import LinuxDeviceMemory, WindowsDeviceMemory, device_memory_of, gpu_memory_bytes
from tests.bench.observe.pdh_stand_in import Pdh

XE = """drm-driver:	xe
drm-client-id:	3
drm-pdev:	0000:03:00.0
drm-total-vram0:	900 MiB
drm-resident-vram0:	512 MiB
drm-resident-system:	1024 KiB
drm-shared-vram0:	0
"""
AMDGPU = """drm-driver:	amdgpu
drm-client-id:	9
drm-pdev:	0000:05:00.0
drm-memory-vram:	2048 KiB
drm-memory-gtt: 	1024 KiB
"""
VPU = "drm-driver:\tintel_vpu\ndrm-client-id:\t1\ndrm-resident-memory:\t4096 KiB\n"
DEDICATED = r"\GPU Process Memory(*)\Dedicated Usage"
SHARED = r"\GPU Process Memory(*)\Shared Usage"
MINE = "pid_42_luid_0x00000000_0x0000D1C2_phys_0"
OTHERS = "pid_43_luid_0x00000000_0x0000D1C2_phys_0"


def test_what_is_resident_is_added_over_regions() -> None:
    assert gpu_memory_bytes([XE]) == 513 * 1024**2


def test_drivers_with_the_older_names_are_read_too() -> None:
    assert gpu_memory_bytes([AMDGPU]) == 3 * 1024**2


def test_a_client_with_several_files_counts_once() -> None:
    assert gpu_memory_bytes([XE, XE]) == gpu_memory_bytes([XE])


@pytest.mark.parametrize("texts", [[], ["pos:\t0\n"], [VPU], ["drm-driver:\ti915\ndrm-client-id:\t1\n"]])
def test_without_a_counter_nothing_is_measured(texts: list[str]) -> None:
    assert gpu_memory_bytes(texts) is None


def recorded(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "proc/42/fdinfo").mkdir(parents=True)
    (tmp_path / "proc/42/fdinfo/5").write_text(XE, encoding="ascii")
    (tmp_path / "vpu/0000:00:0b.0").mkdir(parents=True)
    (tmp_path / "vpu/0000:00:0b.0/npu_memory_utilization").write_text("7340032\n", encoding="ascii")
    return tmp_path / "proc", tmp_path / "vpu"


@pytest.mark.parametrize(("device", "expected"), [("GPU", 513 * 1024**2), ("NPU", 7340032), ("OPENVINO.NPU", 7340032)])
def test_a_load_on_the_npu_has_the_npus_memory(tmp_path: Path, device: str, expected: int) -> None:
    assert LinuxDeviceMemory(42, device, *recorded(tmp_path)).read_bytes() == expected


def test_windows_adds_what_is_dedicated_and_shared_of_the_process_alone() -> None:
    pdh = Pdh({DEDICATED: {MINE: 100, OTHERS: 1000}, SHARED: {MINE: 20}})
    assert WindowsDeviceMemory(42, pdh).read_bytes() == 120


@pytest.mark.parametrize("pdh", [Pdh({}), Pdh({DEDICATED: {OTHERS: 5}, SHARED: {}})])
def test_windows_without_an_instance_measures_nothing(pdh: Pdh) -> None:
    assert WindowsDeviceMemory(42, pdh).read_bytes() is None


def test_the_query_is_closed() -> None:
    pdh = Pdh({SHARED: {}})
    WindowsDeviceMemory(42, pdh).close()
    assert pdh.closed


def test_this_machine_can_be_asked() -> None:
    memory = device_memory_of(os.getpid(), "GPU")
    held = memory.read_bytes()
    memory.close()
    assert held is None or held >= 0
