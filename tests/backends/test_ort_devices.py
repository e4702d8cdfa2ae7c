"""What drivers and runtimes answer becomes devices; what only supports a device is none."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Device
from backends.ort_devices import (
    add_to_search,
    cuda_devices,
    directx_devices,
    list_devices,
    make_findable,
    openvino_devices,
    openvino_libraries,
    plugin_devices,
)


@dataclass
class Hardware:
    metadata: Mapping[str, str]


@dataclass
class Pair:
    """One of ``onnxruntime.get_ep_devices()``."""

    ep_name: str
    device: Hardware


def adapter(number: str, name: str = "a GPU", provider: str = "DmlExecutionProvider") -> Pair:
    told = {"DxgiHighPerformanceIndex": number, "Description": name, "DxgiVideoMemory": "2048 MB"}
    return Pair(provider, Hardware(told))


@dataclass
class Driver:
    """NVIDIA's driver as far as it is asked."""

    gpus: list[str] = field(default_factory=list)
    started: int = 0

    def cuInit(self, flags: int) -> int:  # noqa: N802 - its name
        return self.started

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = len(self.gpus)
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        ctypes.cast(version, ctypes.POINTER(ctypes.c_int))[0] = 13020
        return 0

    def cuDeviceGet(self, handle: Any, number: int) -> int:  # noqa: N802
        ctypes.cast(handle, ctypes.POINTER(ctypes.c_int))[0] = number
        return 0

    def cuDeviceGetName(self, name: Any, size: int, handle: Any) -> int:  # noqa: N802
        name.value = self.gpus[handle.value].encode()
        return 0

    def cuDeviceGetLuid(self, luid: Any, nodes: Any, handle: Any) -> int:  # noqa: N802
        luid[:] = (0xD1C2).to_bytes(8, "little")
        return 0

    def cuDeviceGetPCIBusId(self, address: Any, size: int, handle: Any) -> int:  # noqa: N802
        address.value = b"0000:AF:00.0"
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, handle: Any) -> int:  # noqa: N802
        ctypes.cast(size, ctypes.POINTER(ctypes.c_size_t))[0] = 8 * 1024**3
        return 0


def test_the_devices_of_openvino_go_by_its_names() -> None:
    assert openvino_devices(["CPU", "GPU.0"]) == [Device("OPENVINO.CPU"), Device("OPENVINO.GPU.0")]


@dataclass
class PluginPair(Pair):
    """One that a plugin brought."""

    ep_metadata: Mapping[str, str] = field(default_factory=dict)


def test_the_devices_of_the_plugin_go_by_openvinos_names_and_its_meta_devices_are_none() -> None:
    told = {"ov_device": "GPU.0", "FULL_DEVICE_NAME": "Intel(R) Arc(TM) 140V GPU"}
    found = [
        Pair("CPUExecutionProvider", Hardware({})),
        PluginPair("OpenVINOExecutionProvider", Hardware({"LUID": str(0xD1C2)}), told),
        PluginPair("OpenVINOExecutionProvider.AUTO", Hardware({}), {**told, "ov_meta_device": "AUTO"}),
        PluginPair("OpenVINOExecutionProvider", Hardware({"pci_bus_id": "0000:00:0b.0"}), {"ov_device": "NPU"}),
    ]

    assert plugin_devices(found) == [
        Device("OVEP.GPU.0", "Intel(R) Arc(TM) 140V GPU", adapter="d1c2"),
        Device("OVEP.NPU", adapter="0000:00:0b.0"),
    ]


def test_adapters_are_numbered_by_performance() -> None:
    found = directx_devices([adapter("1", "slow"), adapter("0", "fast")], "DML")

    assert [(device.name, device.description) for device in found] == [("DML.0", "fast"), ("DML.1", "slow")]


def test_an_adapter_says_how_much_memory_it_has() -> None:
    assert directx_devices([adapter("0")], "WINML") == [Device("WINML.0", "a GPU", memory_bytes=2 * 1024**3)]


@pytest.mark.parametrize("pair", [adapter(""), adapter("0", provider="CPUExecutionProvider")])
def test_what_directml_cannot_be_sent_to_is_no_device(pair: Pair) -> None:
    assert directx_devices([pair], "DML") == []


def test_an_adapter_of_unknown_memory_has_none_told() -> None:
    pair = Pair("DmlExecutionProvider", Hardware({"DxgiHighPerformanceIndex": "0"}))

    assert directx_devices([pair], "DML") == [Device("DML.0")]


def test_an_adapter_goes_by_the_id_of_the_performance_counters() -> None:
    pair = adapter("0")
    pair.device.metadata = {**pair.device.metadata, "LUID": str(0x1_0000_BEEF)}

    assert [device.adapter for device in directx_devices([pair], "DML")] == ["10000beef"]


def test_the_gpus_of_nvidia_are_listed_with_what_the_driver_tells() -> None:
    adapter = "d1c2" if sys.platform == "win32" else "0000:af:00.0"
    assert cuda_devices(Driver(["RTX"])) == [Device("CUDA.0", "RTX", "CUDA 13.2", 8 * 1024**3, adapter)]


def test_a_driver_without_a_gpu_is_no_device() -> None:
    assert cuda_devices(Driver(started=100)) == []


@pytest.mark.process
def test_what_cannot_be_asked_has_no_devices(capsys: pytest.CaptureFixture[str]) -> None:
    assert list_devices("ABACUS") == []


@pytest.mark.process
def test_a_process_that_cannot_be_started_is_no_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))

    assert (list_devices("CUDA"), "could not be asked" in capsys.readouterr().err) == ([], True)


def test_openvino_is_looked_for_without_being_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "openvino" / "libs").mkdir(parents=True)
    (tmp_path / "openvino" / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    assert openvino_libraries() == tmp_path / "openvino" / "libs"


def test_a_folder_is_searched_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "elsewhere")
    add_to_search(tmp_path)

    assert os.environ["PATH"].split(os.pathsep) == [str(tmp_path), "elsewhere"]


@pytest.mark.parametrize("kind", [None, "DML", "WINML"])
def test_a_package_that_carries_all_it_needs_changes_nothing(monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    monkeypatch.setenv("PATH", "elsewhere")
    make_findable(kind)

    assert os.environ["PATH"] == "elsewhere"
