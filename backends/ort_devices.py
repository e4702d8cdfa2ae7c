"""What the installed ONNX Runtime finds beside the CPU; ``python -m backends.ort_devices FAMILY`` prints it.

Asked in a process of its own: finding devices loads drivers, plugins and a second copy of ONNX Runtime, none of which
may count towards the memory of the worker that measures. What the build supports is no device: only what OpenVINO,
ONNX Runtime's search for hardware or NVIDIA's driver lists is.
"""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any

from backends.contract import Device
from backends.ort_libraries import PLUGIN, make_findable, plugin_library

_TIMEOUT_S = 180
"""A virus scanner of Windows reads each library as it is first loaded."""
_MIB = 1024 * 1024
_NAME_BYTES = 256


def list_devices(kind: str) -> list[Device]:
    """Ask, in another process, for the devices of a family, e.g. ``OPENVINO``; none if that process fails."""
    command = [sys.executable, "-m", "backends.ort_devices", kind]
    try:
        answer = subprocess.run(command, stdout=subprocess.PIPE, timeout=_TIMEOUT_S, encoding="utf-8", check=True)
        return [Device(**found) for found in json.loads(answer.stdout.splitlines()[-1])]
    except (OSError, subprocess.SubprocessError, ValueError, IndexError, TypeError) as error:
        print(f"ONNX Runtime could not be asked for its {kind} devices: {error}", file=sys.stderr)
        return []


def openvino_devices(names: Iterable[str]) -> list[Device]:
    """OpenVINO's names as ours, e.g. ``OPENVINO.GPU.0``."""
    return [Device(name=f"OPENVINO.{name}") for name in names]


def plugin_devices(found: Iterable[Any]) -> list[Device]:
    """The devices that ONNX Runtime pairs with its OpenVINO plugin, by OpenVINO's names, e.g. ``OVEP.GPU.0``.

    ``AUTO`` and its like, which the plugin lists as providers of their own, are none.

    Args:
        found: what ``onnxruntime.get_ep_devices()`` returns once the plugin is registered.
    """
    listed = [
        (str(pair.ep_metadata["ov_device"]), pair.ep_metadata, dict(pair.device.metadata))
        for pair in found
        if pair.ep_name == PLUGIN and "ov_device" in pair.ep_metadata
    ]
    return [
        Device(f"OVEP.{name}", told.get("FULL_DEVICE_NAME"), adapter=_luid(own.get("LUID")) or own.get("pci_bus_id"))
        for name, told, own in listed
    ]


def directx_devices(found: Iterable[Any], kind: str) -> list[Device]:
    """The adapters that ONNX Runtime pairs with DirectML's provider, the fastest first.

    They are numbered in Windows's order of performance, which is also the order that GenAI counts them in.

    Args:
        found: what ``onnxruntime.get_ep_devices()`` returns.
        kind: the family that they go by here, ``DML`` or ``WINML``.
    """
    adapters: dict[int, Mapping[str, str]] = {}
    for pair in found:
        told = dict(pair.device.metadata)
        number = str(told.get("DxgiHighPerformanceIndex", ""))
        # One without a number could not be asked for by name: GenAI would take the first, which may be another.
        if pair.ep_name == "DmlExecutionProvider" and number.isdigit():
            adapters.setdefault(int(number), told)
    return [
        Device(
            f"{kind}.{number}",
            told.get("Description"),
            memory_bytes=_mebibytes(told.get("DxgiVideoMemory")),
            adapter=_luid(told.get("LUID")),
        )
        for number, told in sorted(adapters.items())
    ]


def _luid(text: str | None) -> str | None:
    """ONNX Runtime writes an adapter's id in decimal."""
    return f"{int(text):x}" if text is not None and text.isdigit() else None


def _mebibytes(text: str | None) -> int | None:
    amount = re.match(r"\d+", text or "")
    return int(amount.group()) * _MIB if amount else None


def cuda_devices(driver: Any) -> list[Device]:
    """The GPUs of NVIDIA's driver.

    Args:
        driver: its library (``libcuda.so.1``, ``nvcuda.dll``), or what answers like it.
    """
    count, version = ctypes.c_int(), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    known = driver.cuDriverGetVersion(ctypes.byref(version)) == 0
    text = f"CUDA {version.value // 1000}.{version.value % 1000 // 10}" if known else None
    return [_cuda_device(driver, number, text) for number in range(count.value)]


def _cuda_device(driver: Any, number: int, version: str | None) -> Device:
    handle, size = ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    if driver.cuDeviceGet(ctypes.byref(handle), number):
        return Device(f"CUDA.{number}", driver=version)
    named = driver.cuDeviceGetName(name, _NAME_BYTES, handle) == 0
    sized = driver.cuDeviceTotalMem_v2(ctypes.byref(size), handle) == 0
    description = name.value.decode("utf-8", "replace") if named else None
    return Device(f"CUDA.{number}", description, version, size.value if sized else None, _cuda_adapter(driver, handle))


def _cuda_adapter(driver: Any, handle: ctypes.c_int) -> str | None:
    """The id of its adapter on Windows; Linux has no counter of NVIDIA's GPUs that it could be matched with."""
    luid, nodes = (ctypes.c_ubyte * 8)(), ctypes.c_uint()
    if sys.platform != "win32" or driver.cuDeviceGetLuid(luid, ctypes.byref(nodes), handle):
        return None
    return f"{int.from_bytes(bytes(luid), 'little'):x}"


def _openvino() -> list[Device]:
    make_findable("OPENVINO")
    # Imported by name: one of several packages brings it, and only builds with OpenVINO have what is asked of it.
    state = import_module("onnxruntime.capi._pybind_state")
    return openvino_devices(state.get_available_openvino_device_ids())


def _plugin() -> list[Device]:
    runtime = import_module("onnxruntime")
    runtime.register_execution_provider_library(PLUGIN, plugin_library())
    return plugin_devices(runtime.get_ep_devices())


def _directx(kind: str) -> list[Device]:
    return directx_devices(import_module("onnxruntime").get_ep_devices(), kind)


def _cuda() -> list[Device]:
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return []
    return cuda_devices(driver)


_ASK: Mapping[str, Callable[[], list[Device]]] = {
    "OPENVINO": _openvino,
    "OVEP": _plugin,
    "DML": lambda: _directx("DML"),
    "WINML": lambda: _directx("WINML"),
    "CUDA": _cuda,
}

if __name__ == "__main__":
    print(json.dumps([asdict(device) for device in _ASK[sys.argv[1]]()]))
