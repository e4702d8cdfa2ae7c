"""What the installed ONNX Runtime finds beside the CPU, and the libraries that its providers load.

``python -m backends.ort_devices FAMILY`` prints the devices. Finding them loads drivers, plugins and a second copy of
ONNX Runtime, so a process of its own does it, whose memory is not the worker's. What the build supports is no device:
only what OpenVINO, ONNX Runtime's search for hardware or NVIDIA's driver lists is.
"""

import ctypes
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backends.contract import Device, locally_unique

PLUGIN = "OpenVINOExecutionProvider"
"""The name that GenAI looks a registered OpenVINO provider up by."""
_TIMEOUT_S = 180
"""A virus scanner of Windows reads each library as it is first loaded."""
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
    """
    devices = []
    for pair in found:
        if pair.ep_name == PLUGIN and "ov_device" in pair.ep_metadata:
            metadata, hardware = pair.ep_metadata, dict(pair.device.metadata)
            adapter = _luid(hardware.get("LUID")) or hardware.get("pci_bus_id")
            devices.append(Device(f"OVEP.{metadata['ov_device']}", metadata.get("FULL_DEVICE_NAME"), adapter=adapter))
    return devices


def directx_devices(found: Iterable[Any], kind: str) -> list[Device]:
    """The adapters that ONNX Runtime pairs with DirectML's provider, the fastest first.

    They are numbered in Windows's order of performance, which is also the order that GenAI counts them in.
    """
    adapters: dict[int, Mapping[str, str]] = {}
    for pair in found:
        metadata = dict(pair.device.metadata)
        number = str(metadata.get("DxgiHighPerformanceIndex", ""))
        # One without a number could not be asked for by name: GenAI would take the first, which may be another.
        if pair.ep_name == "DmlExecutionProvider" and number.isdigit():
            adapters.setdefault(int(number), metadata)
    devices = []
    for place, described in sorted(adapters.items()):
        mebibytes = re.match(r"\d+", described.get("DxgiVideoMemory") or "")
        memory = int(mebibytes.group()) * 1024 * 1024 if mebibytes else None
        adapter = _luid(described.get("LUID"))
        devices.append(Device(f"{kind}.{place}", described.get("Description"), memory_bytes=memory, adapter=adapter))
    return devices


def _luid(text: str | None) -> str | None:
    """ONNX Runtime writes an adapter's id in decimal."""
    return locally_unique(int(text)) if text is not None and text.isdigit() else None


def cuda_devices(driver: Any) -> list[Device]:
    """The GPUs of NVIDIA's driver, a library (``libcuda.so.1``, ``nvcuda.dll``) or what answers like it."""
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
    """Its adapter as the system's counters name it: its locally unique id on Windows, its PCI address on Linux."""
    if sys.platform == "win32":
        luid, nodes = (ctypes.c_ubyte * 8)(), ctypes.c_uint()
        failed = driver.cuDeviceGetLuid(luid, ctypes.byref(nodes), handle)
        return None if failed else locally_unique(bytes(luid))
    address = ctypes.create_string_buffer(_NAME_BYTES)
    if driver.cuDeviceGetPCIBusId(address, _NAME_BYTES, handle):
        return None
    return address.value.decode("ascii", "replace").lower()


def _openvino() -> list[Device]:
    make_findable("OPENVINO")
    # Imported by name: one of several packages brings it, and only builds with OpenVINO have what is asked of it.
    state = import_module("onnxruntime.capi._pybind_state")
    return openvino_devices(state.get_available_openvino_device_ids())


def _plugin() -> list[Device]:
    runtime = import_module("onnxruntime")
    runtime.register_execution_provider_library(PLUGIN, plugin_library())
    return plugin_devices(runtime.get_ep_devices())


def _cuda() -> list[Device]:
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return []
    return cuda_devices(driver)


def make_findable(kind: str | None) -> None:
    """Let the provider of the device family ``kind`` find what it loads. Called before the first model is loaded.

    On Windows ONNX Runtime's OpenVINO package leaves OpenVINO to the package ``openvino``; on Linux it carries it.
    NVIDIA's libraries come as packages of their own on both, and ONNX Runtime's module knows how to load them.
    """
    if kind == "CUDA":
        import_module("onnxruntime").preload_dlls()
    if kind == "OPENVINO" and sys.platform == "win32":
        add_to_search(openvino_libraries())


def plugin_library() -> str:
    """The library of ONNX Runtime's OpenVINO plugin, which is registered under :data:`PLUGIN` before a model is loaded.

    GenAI and ONNX Runtime's own module keep lists of their own, so each is told.
    """
    return str(import_module("onnxruntime_ep_openvino").get_library_path())


def openvino_libraries() -> Path | None:
    """The folder of OpenVINO's libraries in the package ``openvino``; ``None`` where it is not installed."""
    found = find_spec("openvino")
    folders = [] if found is None else [Path(place) / "libs" for place in found.submodule_search_locations or ()]
    return next((folder for folder in folders if folder.is_dir()), None)


def add_to_search(folder: Path | None) -> None:
    """Have Windows look for libraries in ``folder`` too, by either of its two ways to search."""
    if folder is None:
        return
    os.environ["PATH"] = os.pathsep.join((str(folder), os.environ.get("PATH", "")))
    if sys.platform == "win32":
        os.add_dll_directory(str(folder))


_ASK: Mapping[str, Callable[[], list[Device]]] = {
    "OPENVINO": _openvino,
    "OVEP": _plugin,
    "DML": lambda: directx_devices(import_module("onnxruntime").get_ep_devices(), "DML"),
    "WINML": lambda: directx_devices(import_module("onnxruntime").get_ep_devices(), "WINML"),
    "CUDA": _cuda,
}

if __name__ == "__main__":
    print(json.dumps([asdict(device) for device in _ASK[sys.argv[1]]()]))
