"""The execution providers of ONNX Runtime: which one runs a device, its options, and what it requires.

Decides only: nothing here imports ONNX Runtime, so all of it holds, and is tested, without the hardware.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backends.contract import Device
from backends.spec import OPENVINO_PROVIDERS, family, hardware_of, name_among


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider as the layers of the stack name it.

    Args:
        name: in ONNX Runtime, and so in its profiles.
        config: in ``genai_config.json``, and so in GenAI's ``Config``.
        device_type: what a model that was loaded on it answers for ``device_type``.
        package: the package of GenAI that brings it; for OpenVINO, the ONNX Runtime beside which GenAI is put.
        graph: the provider that GenAI's builder has to be told for a graph that runs on it; ``None`` for the CPU's.
    """

    name: str
    config: str
    device_type: str
    package: str
    graph: str | None
    missing: str


_DIRECTML = Provider(
    "DmlExecutionProvider",
    "dml",
    "DML",
    "onnxruntime-genai-directml",
    "dml",
    "DirectML runs on a DirectX 12 GPU under Windows: update the GPU's driver, or ask for --device CPU",
)
_OPENVINO = Provider(
    "OpenVINOExecutionProvider",
    "OpenVINO",
    "OpenVINO",
    "onnxruntime-openvino",
    None,
    "OpenVINO lists no such device: install the driver of the GPU or NPU (on Linux the user must be in the group "
    "render too), or ask for --device OPENVINO.CPU",
)

PROVIDERS: Mapping[str, Provider] = {
    "CPU": Provider("CPUExecutionProvider", "cpu", "CPU", "onnxruntime-genai", None, "every machine has it"),
    "DML": _DIRECTML,
    "WINML": replace(_DIRECTML, package="onnxruntime-genai-winml"),
    "CUDA": Provider(
        "CUDAExecutionProvider",
        "cuda",
        "CUDA",
        "onnxruntime-genai-cuda",
        "cuda",
        "it takes an NVIDIA GPU with a driver for CUDA 13 (580 or newer): update the driver, or ask for --device CPU",
    ),
    "OPENVINO": _OPENVINO,
    "OVEP": replace(
        _OPENVINO,
        package="onnxruntime-ep-openvino",
        missing="ONNX Runtime's OpenVINO plugin lists no such device: it takes an Intel CPU, GPU or NPU, the latter "
        "two with their driver (on Linux the user must be in the group render too); or ask for --device CPU",
    ),
}
"""Device family -> its provider.

Windows ML is DirectML's provider from packages that are still being developed. GenAI's for it imports only beside an
``onnxruntime.dll``, and asks for none: it has to be installed with ``onnxruntime-windowsml``, whose module goes by the
name of ``onnxruntime``, where GenAI looks. What stands here of DirectML, Windows ML and CUDA was read in the packages
and their sources, and has not been run. ``OVEP`` is the OpenVINO provider as a plugin, the successor of the build
``onnxruntime-openvino``: it is registered with an ordinary GenAI, and lists devices on Intel's hardware alone.
"""

_ELSEWHERE = {
    "GPU": "ask for DML, WINML, CUDA or OPENVINO.GPU, the names of this stack's ways to a GPU",
    "NPU": "ask for OPENVINO.NPU, this stack's way to an NPU, or for openvino-genai",
}

_REFUSED = (
    "failed to load provider",
    "not been built with",
    "not supported in this build",
    "interface not available",
    "no adapter is available",
    "no openvino devices matched",
    "onnxruntime_providers_",
    "driver version is insufficient",
)
"""Parts of error messages, in lower case, that mean: the provider is unavailable; the model is not at fault."""


def installed_family(packages: Sequence[str]) -> str | None:
    """The device family that the installed ``packages`` bring beside the CPU; ``None`` if it is the CPU alone."""
    brought = (name for name, provider in PROVIDERS.items() if name != "CPU" and provider.package in packages)
    return next(brought, None)


def find(requested: str, present: Sequence[Device]) -> Device | None:
    """The present device that a requested name means; ``None`` if there is none.

    ``DML`` means ``DML.0``; ``OPENVINO`` means OpenVINO's CPU, and ``OPENVINO.GPU`` its first GPU. A sole GPU that
    OpenVINO lists without a number goes by ``.0`` as well.
    """
    by_name = {device.name: device for device in present}
    return by_name.get(name_among(requested, by_name) or "")


def refusal(requested: str, present: Sequence[Device], packages: Sequence[str]) -> str:
    """Why ``requested`` cannot be had, and what to do about it, in one line."""
    here = ", ".join(device.name for device in present)
    return f"ONNX Runtime GenAI finds no {requested} on this machine, only {here}: {_remedy(requested, packages)}"


def _remedy(requested: str, packages: Sequence[str]) -> str:
    kind = family(requested)
    provider = PROVIDERS.get(kind)
    if provider is None:
        return _ELSEWHERE.get(kind, "choose one of those")
    if provider.package not in packages:
        return (
            f"{kind} comes with the package {provider.package}, which is not in this venv; "
            "`nox -s bench` makes one that has it, where the package exists"
        )
    return provider.missing


def is_refusal(message: str) -> bool:
    """Whether an error of the stack is about its provider rather than about the model."""
    words = message.lower()
    return any(phrase in words for phrase in _REFUSED)


def provider_options(requested: str, device: Device, threads: int | None) -> dict[str, str]:
    """The provider options to run on ``device``, which was asked for as ``requested``.

    Only OpenVINO's provider takes CPU threads; ``None`` leaves its default.
    """
    kind = family(requested)
    if kind in OPENVINO_PROVIDERS:
        target = device.name.removeprefix(f"{kind}.")
        options = {"device_type": target}
        if target == "CPU" and threads is not None:
            options["load_config"] = json.dumps({"CPU": {"INFERENCE_NUM_THREADS": str(threads)}})
        return options
    number = device.name.partition(".")[2]
    if kind in ("DML", "WINML"):
        # Counted in the order of performance, as the devices are; the first is taken where nothing is said.
        return {"device_index": number} if number not in ("", "0") else {}
    return {"device_id": number} if number else {}


def falls_back_silently(device: str) -> bool:
    """Whether the provider of ``device`` may silently fall back to another device.

    ONNX Runtime's OpenVINO provider does, from the NPU to the CPU, for each part that does not compile
    (``backend_manager.cc`` and ``basic_backend.cc`` of 1.24); its warning is below the level at which GenAI logs. The
    session option against it, ``session.disable_cpu_ep_fallback``, refuses every model with a node left to the CPU. Of
    the plugin it is not known, and not taken for otherwise.
    """
    return family(device) in OPENVINO_PROVIDERS and hardware_of(device) == "NPU"


def named_device(requested: str, device_type: str, present: Sequence[Device]) -> tuple[str, bool]:
    """What a loaded model's ``device_type`` says of the device.

    It names the provider. That is the device itself where the provider has but one here; where it has several, the
    model does not tell which of them it was given.

    Returns:
        the device's name, and whether the model named it beyond doubt.
    """
    kind = family(requested)
    if device_type.lower() != PROVIDERS[kind].device_type.lower():
        others = (name for name, other in PROVIDERS.items() if other.device_type.lower() == device_type.lower())
        return next(others, device_type), True
    peers = [device for device in present if family(device.name) == kind]
    return requested, len(peers) <= 1
