from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bench.observe.accelerators import linux_gpus
from bench.observe.busy import Reading, Sample
from bench.observe.energy_meter import FoundMeter
from bench.observe.gauges import Instruments
from bench.observe.linux_counters import LinuxCounters
from bench.observe.nvidia import NvidiaGpus
from tests.support.nvml import FakeGpu, FakeNvml

ADDRESS = "0000:01:00.0"


class Meter:
    source = "RAPL"

    def read_j(self) -> float | None:
        return 10.0


def test_without_a_driver_there_is_no_gpu() -> None:
    nvidia = NvidiaGpus(FakeNvml())
    assert (dict(nvidia.gpus), nvidia.read_j(), nvidia.samples(42), nvidia.memory_bytes(42)) == ({}, None, {}, None)


def test_gpus_go_by_linuxs_addresses_and_a_lost_one_hides_no_other() -> None:
    nvidia = NvidiaGpus(FakeNvml(FakeGpu(lost=True), FakeGpu("A", bus=0xAF), FakeGpu("B", bus=1)))
    assert {address: gpu.name for address, gpu in nvidia.gpus.items()} == {"0000:af:00.0": "A", ADDRESS: "B"}


def test_a_process_has_the_last_sample_of_each_gpu_that_it_uses() -> None:
    one = FakeGpu(processes={42: 1}, samples=[(42, 5, 10), (42, 9, 80), (7, 99, 100)])
    nvidia = NvidiaGpus(FakeNvml(one, FakeGpu(bus=2, samples=[(42, 9, 80)]), FakeGpu(bus=3, processes={42: 1})))
    assert nvidia.samples(42) == {ADDRESS: Sample(9, 0.8), "0000:03:00.0": None}


@pytest.mark.parametrize(("held", "expected"), [({}, None), ({7: 5}, None), ({42: 5}, 5), ({42: None}, None)], ids=str)
def test_memory_is_that_of_the_process(held: dict[int, int | None], expected: int | None) -> None:
    assert NvidiaGpus(FakeNvml(FakeGpu(processes=held))).memory_bytes(42) == expected


def test_energy_is_added_over_gpus_unless_one_does_not_count() -> None:
    assert NvidiaGpus(FakeNvml(FakeGpu(millijoules=1500), FakeGpu(bus=2, millijoules=500))).read_j() == 2.0
    assert NvidiaGpus(FakeNvml(FakeGpu(millijoules=1500), FakeGpu(bus=2, millijoules=None))).read_j() is None


def test_nvidias_gpus_are_listed_as_its_driver_names_them(tmp_path: Path) -> None:
    for card, pci in (("card0", ("0x8086", "0x7d55")), ("card1", ("0x10de", "0x2882"))):
        device = tmp_path / card / "device"
        device.mkdir(parents=True)
        for name, text in zip(("vendor", "device"), pci, strict=True):
            (device / name).write_text(f"{text}\n", encoding="ascii")
    intel = {"name": "Intel GPU", "pci_id": "8086:7d55", "driver": None}
    nvidia = {"name": "GeForce RTX 4060", "pci_id": "10de:2882", "driver": "nvidia 580.65.06"}
    assert linux_gpus(tmp_path, NvidiaGpus(FakeNvml(FakeGpu()))) == [intel, nvidia]
    assert linux_gpus(tmp_path / "nothing", NvidiaGpus(FakeNvml(FakeGpu()))) == [nvidia]
    assert [gpu["name"] for gpu in linux_gpus(tmp_path, NvidiaGpus(FakeNvml()))] == ["Intel GPU", "NVIDIA GPU"]


# -- busy time


def reading(at_ns: int, wall_us: int, sample: Sample | None) -> Reading:
    return Reading(at_ns, gpus=frozenset({ADDRESS}), wall_us=wall_us, samples={ADDRESS: sample})


def test_busy_time_is_the_samples_share_of_the_region() -> None:
    busy = reading(3_000_000, 900, Sample(800, 0.5)).since(reading(1_000_000, 700, Sample(600, 1.0)))
    assert (busy.gpu_ns, dict(busy.gpus)) == (1_000_000, {ADDRESS: 1_000_000})


@pytest.mark.parametrize("sample", [None, Sample(700, 0.5)])
def test_busy_time_is_not_known_without_a_sample_of_the_region(sample: Sample | None) -> None:
    busy = reading(3_000_000, 900, sample).since(reading(1_000_000, 700, Sample(700, 0.5)))
    assert (busy.gpu_ns, dict(busy.gpus)) == (None, {ADDRESS: None})


def test_a_gpu_that_the_process_does_not_use_leaves_the_others_counters_alone(tmp_path: Path) -> None:
    nvidia = NvidiaGpus(FakeNvml(FakeGpu()))
    counters = LinuxCounters(42, "GPU", None, tmp_path, nvidia)
    busy = counters.busy().since(counters.busy())
    assert (busy.gpu_ns, dict(busy.gpus)) == (None, {ADDRESS: None})


def test_linux_counters_read_the_driver(tmp_path: Path) -> None:
    gpu = FakeGpu(processes={42: 3 * 1024**3})
    counters = LinuxCounters(42, "CUDA", None, tmp_path, NvidiaGpus(FakeNvml(gpu)))
    before = counters.busy()
    gpu.samples = [(42, time.time_ns() // 1000 + 1, 100)]
    busy = counters.busy().since(before)
    assert (busy.gpu_ns, counters.device_memory_bytes()) == (busy.elapsed_ns, 3 * 1024**3)


# -- which energy a load has


@pytest.mark.parametrize(
    ("package", "board", "device", "source", "joules"),
    [
        (True, True, "CPU", "RAPL + NVML GeForce RTX 4060: whole board, all processes", 12.0),
        (True, True, "CUDA.0", "RAPL + NVML GeForce RTX 4060: whole board, all processes", 12.0),
        (True, False, "CUDA.0", "RAPL", 10.0),
        (False, True, "CUDA.0", "NVML GeForce RTX 4060: whole board, all processes", 2.0),
        (False, True, "CPU", None, None),
    ],
)
def test_energy_has_the_boards_beside_the_packages(
    package: bool, board: bool, device: str, source: str | None, joules: float | None
) -> None:
    instruments = Instruments()
    instruments.energy = FoundMeter(Meter() if package else None)
    instruments.nvidia = NvidiaGpus(FakeNvml(FakeGpu(millijoules=2000 if board else None)))
    meter = instruments.meter(device)
    assert (meter and meter.source, meter and meter.read_j()) == (source, joules)


def test_a_worker_is_gauged_by_them() -> None:
    instruments = Instruments()
    instruments.nvidia = NvidiaGpus(FakeNvml(FakeGpu(processes={os.getpid(): 5})))
    gauges = instruments.gauges(os.getpid(), "CUDA", None)
    gauges.begin()
    gauges.end()
    gauges.close()
    assert ADDRESS in gauges.gauged.busy.gpus or os.name == "nt"
