"""The devices that Vulkan lists on this machine, by its C interface: names, types, drivers, memory, adapters."""

import ctypes
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from backends.contract import Device, locally_unique, pci_address
from backends.spec import hardware_of

_CPU = 4
"""The type of a device that is none but the CPU, in ``VkPhysicalDeviceType``."""
_VULKAN_1_1 = (1 << 22) | (1 << 12)
_DEVICE_LOCAL = 1
"""The flag of a heap that is the device's own, in ``VkMemoryHeapFlagBits``."""
_APPLICATION, _INSTANCE = 0, 1
_PROPERTIES, _ID, _DRIVER, _PCI = 1_000_059_001, 1_000_071_004, 1_000_196_000, 1_000_212_000
"""Numbers of structs, as ``VkStructureType`` has them."""


_HEAD = (("kind", ctypes.c_uint32), ("next", ctypes.c_void_p))
"""What each struct begins with that can be followed by others."""


class _Application(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        *(("name", ctypes.c_char_p), ("version", ctypes.c_uint32)),
        *(("engine", ctypes.c_char_p), ("engine_version", ctypes.c_uint32), ("api", ctypes.c_uint32)),
    )


class _Instance(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        *(("flags", ctypes.c_uint32), ("application", ctypes.c_void_p)),
        *(("layer_count", ctypes.c_uint32), ("layers", ctypes.c_void_p)),
        *(("extension_count", ctypes.c_uint32), ("extensions", ctypes.c_void_p)),
    )


class _Properties(ctypes.Structure):
    """VkPhysicalDeviceProperties2; the limits of a device follow its name."""

    _fields_ = (
        *_HEAD,
        *(("api", ctypes.c_uint32), ("version", ctypes.c_uint32), ("vendor", ctypes.c_uint32)),
        *(("product", ctypes.c_uint32), ("type", ctypes.c_uint32)),
        *(("name", ctypes.c_char * 256), ("rest", ctypes.c_ubyte * 2_048)),
    )


class _Id(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        *(("device", ctypes.c_ubyte * 16), ("driver", ctypes.c_ubyte * 16), ("luid", ctypes.c_ubyte * 8)),
        *(("nodes", ctypes.c_uint32), ("luid_valid", ctypes.c_uint32)),
    )


class _Driver(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        *(("number", ctypes.c_uint32), ("name", ctypes.c_char * 256), ("info", ctypes.c_char * 256)),
        ("rest", ctypes.c_ubyte * 64),
    )


class _Pci(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        *(("domain", ctypes.c_uint32), ("bus", ctypes.c_uint32)),
        *(("device", ctypes.c_uint32), ("function", ctypes.c_uint32)),
    )


class _Memory(ctypes.Structure):
    """VkPhysicalDeviceMemoryProperties: types, then heaps of a size and flags."""

    _fields_ = (
        *(("type_count", ctypes.c_uint32), ("types", ctypes.c_uint32 * 64), ("heap_count", ctypes.c_uint32)),
        ("heaps", ctypes.c_uint64 * 32),
    )


@dataclass(frozen=True, slots=True)
class VulkanDevice:
    """A device that Vulkan lists.

    Args:
        device: as the harness knows it. GPUs are ``VULKAN.0`` and on, in Vulkan's order. What computes on the CPU is no
            GPU and has a name of its own, as ``VULKAN.LLVMPIPE``, so that nobody takes it for one.
        index: its place in Vulkan's list, as ``vulkaninfo --summary`` and ``GGML_VK_VISIBLE_DEVICES`` count.
        product: what its driver calls it.
    """

    device: Device
    index: int
    product: str

    @property
    def software(self) -> bool:
        """Whether it computes on the CPU."""
        return hardware_of(self.device.name) == "CPU"


def vulkan_devices(visible: str | None = None) -> list[VulkanDevice]:
    """What Vulkan lists here, but for what is not ``visible``, as ``0,2``; nothing where no driver brings it."""
    try:
        library = ctypes.CDLL("vulkan-1.dll" if sys.platform == "win32" else "libvulkan.so.1")
    except OSError:
        return []
    return listed(library, visible)


def listed(library: Any, visible: str | None = None) -> list[VulkanDevice]:
    """The same of Vulkan's loader ``library``, or of what answers like it."""
    devices: list[VulkanDevice] = []
    with _instance(library) as instance:
        for index, handle in enumerate(_handles(library, instance)):
            if visible is not None and str(index) not in re.findall(r"\d+", visible):
                continue
            gpus = sum(not one.software for one in devices)
            devices.append(_device(library, handle, index, gpus))
    return devices


@contextmanager
def _instance(library: Any) -> Iterator[ctypes.c_void_p]:
    application = _Application(kind=_APPLICATION, api=_VULKAN_1_1)
    asked = _Instance(kind=_INSTANCE, application=ctypes.addressof(application))
    instance = ctypes.c_void_p()
    library.vkCreateInstance(ctypes.byref(asked), None, ctypes.byref(instance))
    try:
        yield instance
    finally:
        if instance:
            library.vkDestroyInstance(instance, None)


def _handles(library: Any, instance: ctypes.c_void_p) -> list[ctypes.c_void_p]:
    if not instance:
        return []
    count = ctypes.c_uint32()
    library.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    handles = (ctypes.c_void_p * count.value)()
    library.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    return [ctypes.c_void_p(handle) for handle in handles[: count.value]]


def _device(library: Any, handle: ctypes.c_void_p, index: int, gpus: int) -> VulkanDevice:
    pci = _Pci(kind=_PCI)
    driver = _Driver(kind=_DRIVER, next=ctypes.addressof(pci))
    ids = _Id(kind=_ID, next=ctypes.addressof(driver))
    found = _Properties(kind=_PROPERTIES, next=ctypes.addressof(ids))
    library.vkGetPhysicalDeviceProperties2(handle, ctypes.byref(found))
    memory = _Memory()
    library.vkGetPhysicalDeviceMemoryProperties(handle, ctypes.byref(memory))
    heaps = [(memory.heaps[2 * place], memory.heaps[2 * place + 1] & 0xFFFFFFFF) for place in range(memory.heap_count)]
    named = " ".join(filter(None, (part.decode("utf-8", "replace") for part in (driver.name, driver.info))))
    product = found.name.decode("utf-8", "replace")
    software = found.type == _CPU
    # Of ``llvmpipe (LLVM 15.0.6, 256 bits)`` the first word.
    word = re.search(r"[A-Za-z][A-Za-z0-9]*", product)
    own_name = word.group().upper() if word else "SOFTWARE"
    device = Device(
        f"VULKAN.{own_name if software else gpus}",
        f"{product}, a software device: the CPU computes" if software else product,
        driver=named or None,
        memory_bytes=sum(size for size, flags in heaps if flags & _DEVICE_LOCAL) or None,
        adapter=_adapter(ids, pci),
    )
    return VulkanDevice(device, index, product)


def _adapter(ids: _Id, pci: _Pci) -> str | None:
    if sys.platform == "win32":
        return locally_unique(bytes(ids.luid)) if ids.luid_valid else None
    return pci_address(pci.domain, pci.bus, pci.device, pci.function)
