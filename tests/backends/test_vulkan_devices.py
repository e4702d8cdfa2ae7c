"""What Vulkan's list becomes: GPUs are numbered, and what computes on the CPU is never taken for one."""

from __future__ import annotations

import ctypes
import struct
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from backends.spec import hardware_of, names_for
from backends.vulkan_devices import listed, vulkan_devices

DISCRETE, INTEGRATED, CPU = 2, 1, 4
PCI = 1_000_212_000
ID = 1_000_071_004
GIB = 1024**3


@dataclass
class Loader:
    """Vulkan's loader as far as it is asked: devices by their names and types."""

    devices: tuple[tuple[str, int], ...]
    refuses: int = 0
    destroyed: int = 0

    def vkCreateInstance(self, asked: Any, allocator: None, instance: Any) -> int:  # noqa: N802 - its name
        if not self.refuses:
            ctypes.cast(instance, ctypes.POINTER(ctypes.c_void_p))[0] = 1
        return self.refuses

    def vkDestroyInstance(self, instance: Any, allocator: None) -> None:  # noqa: N802
        self.destroyed += 1

    def vkEnumeratePhysicalDevices(self, instance: Any, count: Any, handles: Any) -> int:  # noqa: N802
        ctypes.cast(count, ctypes.POINTER(ctypes.c_uint32))[0] = len(self.devices)
        for place in range(len(self.devices) if handles is not None else 0):
            handles[place] = 100 + place
        return 0

    def vkGetPhysicalDeviceProperties2(self, handle: Any, found: Any) -> None:  # noqa: N802
        place = handle.value - 100
        name, kind = self.devices[place]
        start = ctypes.addressof(found._obj)
        ctypes.memmove(start + 16, struct.pack("5I256s", 0, 0, 0, 0, kind, name.encode()), 276)
        while start := ctypes.c_uint64.from_address(start + 8).value:
            if ctypes.c_uint32.from_address(start).value == PCI and kind != CPU:
                ctypes.memmove(start + 16, struct.pack("4I", 0, 3, place, 1), 16)
            if ctypes.c_uint32.from_address(start).value == ID and kind != CPU:
                ctypes.memmove(start + 16 + 32, struct.pack("QII", 0xD1C2 + place, 1, 1), 16)

    def vkGetPhysicalDeviceMemoryProperties(self, handle: Any, memory: Any) -> None:  # noqa: N802
        found = memory._obj
        found.heap_count = 2
        found.heaps[0], found.heaps[1] = 8 * GIB, 1
        found.heaps[2], found.heaps[3] = 16 * GIB, 0


ARC, NVIDIA, LLVMPIPE = ("Intel(R) Arc", INTEGRATED), ("NVIDIA X", DISCRETE), ("llvmpipe (LLVM 15.0.6, 256 bits)", CPU)


def test_gpus_are_numbered_and_a_software_device_has_its_own_name() -> None:
    loader = Loader((LLVMPIPE, ARC, NVIDIA))
    assert [(one.device.name, one.index, one.software) for one in listed(loader)] == [
        ("VULKAN.LLVMPIPE", 0, True),
        ("VULKAN.0", 1, False),
        ("VULKAN.1", 2, False),
    ]
    assert loader.destroyed == 1


def test_memory_is_that_of_the_device_and_the_adapter_is_named_as_counters_name_it() -> None:
    (software, gpu) = (one.device for one in listed(Loader((LLVMPIPE, NVIDIA))))
    assert (gpu.description, gpu.memory_bytes) == ("NVIDIA X", 8 * GIB)
    assert gpu.adapter == ("d1c3" if sys.platform == "win32" else "0000:03:01.1")
    assert (software.description, software.adapter) == (
        "llvmpipe (LLVM 15.0.6, 256 bits), a software device: the CPU computes",
        None,
    )


@pytest.mark.parametrize(
    ("visible", "names"), [("1", ["VULKAN.0"]), ("0,2", ["VULKAN.LLVMPIPE", "VULKAN.0"]), ("", [])]
)
def test_what_a_user_hides_is_not_listed(visible: str, names: list[str]) -> None:
    assert [one.device.name for one in listed(Loader((LLVMPIPE, ARC, NVIDIA)), visible)] == names


def test_a_loader_that_refuses_lists_nothing() -> None:
    assert listed(Loader((ARC,), refuses=-9)) == []


def test_without_a_loader_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert vulkan_devices() == []


def test_a_software_device_is_no_gpu_and_not_what_vulkan_alone_means() -> None:
    assert [hardware_of(name) for name in ("VULKAN", "VULKAN.1", "VULKAN.LLVMPIPE")] == ["GPU", "GPU", "CPU"]
    assert "VULKAN.LLVMPIPE" not in names_for("VULKAN")
