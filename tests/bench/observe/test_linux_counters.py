from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.observe.busy import EngineTime
from bench.observe.linux_counters import LinuxCounters, cpuinfo_mhz, gpu_adapters, gpu_engines, gpu_memory_bytes

I915 = """pos:	0
drm-driver:	i915
drm-client-id:	7
drm-pdev:	0000:00:02.0
drm-engine-render:	9288864723 ns
drm-engine-capacity-render:	1
drm-engine-compute:	1000 ns
"""
XE = """drm-driver:	xe
drm-client-id:	3
drm-pdev:	0000:00:02.0
drm-cycles-ccs:	250
drm-total-cycles-ccs:	4000
"""
NPU_CLIENT = "drm-driver:\tintel_vpu\ndrm-client-id:\t1\ndrm-engine-npu:\t5 ns\n"
FILE = "pos:\t0\nflags:\t02\nmnt_id:\t15\n"
XE_MEMORY = """drm-driver:	xe
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
CPUINFO = "processor\t: 0\ncpu MHz\t\t: 2000.0\n\nprocessor\t: 1\ncpu MHz\t\t: 3000.0\n"
NPU = "sys/bus/pci/drivers/intel_vpu/0000.00.0b.0"


# -- busy time


def test_engines_are_read_with_their_units() -> None:
    assert gpu_engines([FILE, I915, XE]) == {
        "0000:00:02.0/7/render": EngineTime(9288864723),
        "0000:00:02.0/7/compute": EngineTime(1000),
        "0000:00:02.0/3/ccs": EngineTime(250, 4000),
    }


def test_a_client_with_several_files_counts_once() -> None:
    assert gpu_engines([I915, I915]) == gpu_engines([I915])


@pytest.mark.parametrize("texts", [[], [FILE], [NPU_CLIENT]])
def test_a_process_without_a_gpu_has_no_counter(texts: list[str]) -> None:
    assert gpu_engines(texts) is None


def written(root: Path, **files: str) -> Path:
    """A root folder with files; the names stand for those of process 42 and of an NPU."""
    places = {"fdinfo": "proc/42/fdinfo/9", "cpuinfo": "proc/cpuinfo", "busy": f"{NPU}/npu_busy_time_us"}
    places["memory"] = f"{NPU}/npu_memory_utilization"
    for name, text in files.items():
        file = root / places[name]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="ascii")
    return root


def test_the_npus_counter_is_in_microseconds(tmp_path: Path) -> None:
    reading = LinuxCounters(42, "NPU", None, written(tmp_path, busy="1234\n", fdinfo=I915)).busy()
    assert (reading.npu, reading.gpu) == ({"0000.00.0b.0": EngineTime(1_234_000)}, gpu_engines([I915]))


@pytest.mark.skipif(sys.platform == "win32", reason="PCI addresses hold a colon, which no file of Windows may")
def test_a_gpu_is_an_adapter_if_it_can_compute(tmp_path: Path) -> None:
    for node, address in (("renderD128", "0000:00:02.0"), ("renderD129", "0000:03:00.0"), ("card2", "0000:04:00.0")):
        device = tmp_path / "devices" / address
        device.mkdir(parents=True)
        (device / "vendor").write_text("0x8086\n", encoding="ascii")
        (device / "device").write_text("0x7d55\n", encoding="ascii")
        (tmp_path / "drm" / node).mkdir(parents=True)
        (tmp_path / "drm" / node / "device").symlink_to(device)
    (tmp_path / "drm" / "renderD130").mkdir()
    assert gpu_adapters(tmp_path / "drm") == {"0000:00:02.0", "0000:03:00.0"}


def test_a_process_that_is_gone_has_no_counters(tmp_path: Path) -> None:
    reading = LinuxCounters(42, "GPU", None, tmp_path).busy()
    assert (reading.npu, reading.gpu) == (None, None)


# -- memory


def test_what_is_resident_is_added_over_regions() -> None:
    assert gpu_memory_bytes([XE_MEMORY]) == 513 * 1024**2


def test_drivers_with_the_older_names_are_read_too() -> None:
    assert gpu_memory_bytes([AMDGPU]) == 3 * 1024**2


def test_the_memory_of_a_client_with_several_files_counts_once() -> None:
    assert gpu_memory_bytes([XE_MEMORY, XE_MEMORY]) == gpu_memory_bytes([XE_MEMORY])


@pytest.mark.parametrize("texts", [[], ["pos:\t0\n"], [VPU], ["drm-driver:\ti915\ndrm-client-id:\t1\n"]])
def test_without_a_counter_nothing_is_measured(texts: list[str]) -> None:
    assert gpu_memory_bytes(texts) is None


@pytest.mark.parametrize(("device", "expected"), [("GPU", 513 * 1024**2), ("NPU", 7340032), ("OPENVINO.NPU", 7340032)])
def test_a_load_on_the_npu_has_the_npus_memory(tmp_path: Path, device: str, expected: int) -> None:
    root = written(tmp_path, fdinfo=XE_MEMORY, memory="7340032\n")
    assert LinuxCounters(42, device, None, root).device_memory_bytes() == expected


# -- the clock


def scaling(root: Path, *kilohertz: int) -> Path:
    for number, value in enumerate(kilohertz):
        cpu = root / f"sys/devices/system/cpu/cpu{number}/cpufreq"
        cpu.mkdir(parents=True, exist_ok=True)
        (cpu / "scaling_cur_freq").write_text(f"{value}\n", encoding="ascii")
    return root


def clock(root: Path, cpus: list[int] | None = None) -> LinuxCounters:
    return LinuxCounters(42, "CPU", cpus, root)


def test_the_clock_is_the_mean_of_both_readings_and_of_the_cpus(tmp_path: Path) -> None:
    one = clock(scaling(tmp_path, 1_000_000, 2_000_000))
    one.begin_clock()
    scaling(tmp_path, 3_000_000, 4_000_000)
    assert one.clock_mhz() == 2500.0


def test_only_the_cpus_that_the_process_may_use_count(tmp_path: Path) -> None:
    one = clock(scaling(tmp_path, 1_000_000, 2_000_000), [1])
    one.begin_clock()
    assert one.clock_mhz() == 2000.0


def test_without_frequency_scaling_the_clock_is_that_of_cpuinfo(tmp_path: Path) -> None:
    one = clock(written(tmp_path, cpuinfo=CPUINFO), [0])
    one.begin_clock()
    assert (one.clock_mhz(), str(one.clock_source).startswith("cpu MHz of /proc/cpuinfo")) == (2000.0, True)


def test_a_machine_that_does_not_tell_has_no_clock(tmp_path: Path) -> None:
    one = clock(tmp_path)
    one.begin_clock()
    assert (one.clock_mhz(), one.clock_source) == (None, None)


def test_a_clock_without_a_first_reading_is_not_measured(tmp_path: Path) -> None:
    assert clock(scaling(tmp_path, 1_000_000)).clock_mhz() is None


@pytest.mark.parametrize(("cpus", "expected"), [(None, 2500.0), ([1], 3000.0), ([7], None)])
def test_cpuinfo_is_read_by_cpu(cpus: list[int] | None, expected: float | None) -> None:
    assert cpuinfo_mhz(CPUINFO, cpus) == expected
