"""From what the system lists and what a stack answers to a diagnosis per device and its words; it asks nothing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from backends.spec import OPENVINO_PROVIDERS, family, hardware_of
from bench.observe.accelerators import AcceleratorFacts, hardware
from bench.observe.cpu import cpu_list
from bench.observe.limits import Limits
from bench.run.doctor.probe import Probe
from bench.run.doctor.system import CHOOSERS, SystemFacts

OLDEST_NPU_DRIVER = "32.0.100.3104"
"""The first Windows driver whose NPU runs language models, as other projects name it, too; never tried."""

CRASHING_NPU_DRIVER = "32.0.100.4723"
"""The first Windows driver with which ONNX Runtime's OpenVINO build is reported to crash.

By one reporter, of onnxruntime-openvino 1.24.1 with OpenVINO 2025.4.1: intel/onnxruntime#1150 and #1151. It ends the
process as soon as that lists OpenVINO's devices, whichever is asked for. Never tried.
"""

_NEEDS = {"CUDA": "nvidia-gpu", "XPU": "intel-gpu", "GPU": "intel-gpu", "DML": "directx-gpu", "WINML": "directx-gpu"}
_MAKERS = {"nvidia-gpu": "NVIDIA GPU", "intel-gpu": "Intel GPU", "directx-gpu": "GPU"}

Missing = tuple[str, str]
"""What is missing, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A device by the word of one stack; ``words``: its name, or what is missing."""

    backend: str
    device: str
    usable: bool
    words: str
    driver: str | None = None
    memory_bytes: int | None = None
    remedy: str | None = None

    @property
    def reason(self) -> str:
        """What is missing and how to mend it, in one line."""
        return self.words if self.remedy is None else f"{self.words}; {self.remedy}"


def diagnose(probe: Probe, system: SystemFacts) -> list[Diagnosis]:
    """Every device of a stack: those that it has, then the families that it has none of."""
    return [one for name in probe.stack.families for one in _family(name, probe, system)]


def refusal(device: str, probe: Probe, system: SystemFacts) -> str | None:
    """Why ``device`` cannot be measured with a stack here; ``None`` if it can, or if nobody could be asked."""
    if probe.error is not None or probe.has(device) is not None:
        return None
    return _absent(device, probe, system).reason


def _family(name: str, probe: Probe, system: SystemFacts) -> list[Diagnosis]:
    backend = probe.stack.spec.name
    if probe.error is not None:
        lacks = any(words in probe.error for words in ("conflicting dependencies", "No matching distribution"))
        return [Diagnosis(backend, name, usable=False, words=probe.error, remedy=_WITHOUT_LOCK if lacks else None)]
    if (refused := probe.stack.spec.refuses.get(name)) is not None:
        return [Diagnosis(backend, name, usable=False, words=refused)]
    present = [device for device in probe.devices if family(device["name"]) == name]
    if not present:
        return [_absent(name, probe, system)]
    return [
        Diagnosis(
            backend,
            device["name"],
            usable=True,
            words="; ".join(filter(None, (_name(device, system), crash_report(device["name"], system)))),
            driver=_driver_of(device["name"], system) or device["driver"],
            memory_bytes=device["memory_bytes"],
        )
        for device in present
    ]


def _name(device: Mapping[str, Any], system: SystemFacts) -> str:
    if device["name"].endswith("CPU") and system.cpu:
        return system.cpu
    return str(device["description"] or "listed, without a name")


def _absent(device: str, probe: Probe, system: SystemFacts) -> Diagnosis:
    spec = probe.stack.spec
    has = ", ".join(str(one["name"]) for one in probe.devices) or "no device"
    reported = crash_report(device, system)
    what, remedy = (reported, _PLUGIN) if reported is not None else why_missing(device, system)
    return Diagnosis(spec.name, device, usable=False, words=f"{what} ({spec.name} finds {has})", remedy=remedy)


def crash_report(device: str, system: SystemFacts) -> str | None:
    """What is reported of ``device`` with a driver of this system, said before anything is loaded onto it."""
    drivers = [str(npu["driver"]) for npu in system.npus if "intel" in str(npu["name"]).lower()]
    if family(device) != "OPENVINO" or not system.windows or not drivers:
        return None
    if not _numbers(drivers[0]) or _older(drivers[0], CRASHING_NPU_DRIVER):
        return None
    return (
        f"with NPU driver {drivers[0]}, onnxruntime-openvino 1.24.1 is reported to crash (0xc0000005), on its CPU and "
        f"GPU too (intel/onnxruntime#1150; drivers from {CRASHING_NPU_DRIVER} on)"
    )


def why_missing(device: str, system: SystemFacts) -> Missing:
    """What is missing of ``device``, by the system's word, when a stack does not find it."""
    kind = hardware_of(device)
    if family(device) == "VULKAN":
        return _vulkan_missing(device, system)
    if kind == "NPU":
        return _npu_missing(system)
    if kind == "GPU":
        return _gpu_missing(device, system)
    return f"this stack does not list {device}", "ask for another device"


def _npu_missing(system: SystemFacts) -> Missing:
    intel = [npu for npu in system.npus if "intel" in str(npu["name"]).lower()]
    if system.windows:
        return _npu_missing_on_windows(intel)
    if system.undriven_npus:
        return (
            f"{system.undriven_npus[0]} is there, and no kernel driver has taken it",
            "use a kernel from 6.6 on with intel_vpu (`sudo modprobe intel_vpu`) and the firmware of linux-firmware",
        )
    if not intel:
        return "the system lists no Intel NPU", "if this is a Core Ultra, see that its firmware has the NPU enabled"
    if (remedy := _to_open("accel", system)) is not None:
        return f"this user may not open the device of {intel[0]['name']}", remedy
    return (
        f"{intel[0]['name']} is there with its kernel driver, and its user-space driver is missing or too old",
        "install the newest release of github.com/intel/linux-npu-driver",
    )


def _npu_missing_on_windows(intel: Sequence[AcceleratorFacts]) -> Missing:
    get = "install Intel's newest NPU driver (Windows Update, or intel.com)"
    if not intel:
        return "Windows lists no Intel NPU", f"if this is a Core Ultra, {get}"
    driver = intel[0]["driver"] or "unknown"
    if _older(driver, OLDEST_NPU_DRIVER):
        return f"driver {driver} of {intel[0]['name']} is too old, it takes {OLDEST_NPU_DRIVER}", get
    return f"{intel[0]['name']} is there with driver {driver}, and cannot be used", get


def _gpu_missing(device: str, system: SystemFacts) -> Missing:
    wanted = _NEEDS.get(family(device), "intel-gpu")
    maker = _MAKERS[wanted]
    if wanted == "directx-gpu" and not system.windows:
        return f"{family(device)} exists on Windows only", "ask for CUDA or OPENVINO.GPU, or openvino-genai's GPU, here"
    if wanted not in hardware(system.gpus, system.npus, windows=system.windows):
        others = ", ".join(str(gpu["name"]) for gpu in system.gpus) or "none at all"
        return f"the system lists no {maker} (of GPUs: {others})", "ask for a device that this machine has"
    if wanted == "intel-gpu" and (remedy := _to_open("dri", system)) is not None:
        return "this user may not open the GPU's device", remedy
    # An execution provider of OpenVINO finds the GPUs that OpenVINO does.
    choosers = CHOOSERS.get("GPU" if family(device) in OPENVINO_PROVIDERS else family(device), ())
    chooser = next((name for name in choosers if name in system.chosen), None)
    if chooser is not None:
        what = f"{chooser}={system.chosen[chooser]} chooses which GPUs a stack sees, and leaves none for {device}"
        return what, f"unset {chooser}; then `nox -s doctor` says what else is missing"
    article = "a" if maker == "GPU" else "an"
    return f"the system lists {article} {maker}, and this stack cannot use it", _GPU_REMEDIES[wanted]


def _vulkan_missing(device: str, system: SystemFacts) -> Missing:
    if hardware_of(device) == "CPU":
        return "no such software device is installed", "ask for a device that this machine has"
    if not system.gpus:
        return "the system lists no GPU", "ask for a device that this machine has"
    if (remedy := _to_open("dri", system)) is not None:
        return "this user may not open the GPU's device", remedy
    if hidden := system.chosen.get("GGML_VK_VISIBLE_DEVICES"):
        return f"GGML_VK_VISIBLE_DEVICES={hidden} leaves no GPU for {device}", "unset it"
    return (
        f"the system lists {system.gpus[0]['name']}, and Vulkan does not",
        "install the GPU's driver with Vulkan (Linux: libvulkan1 with mesa-vulkan-drivers, or NVIDIA's)",
    )


_WITHOUT_LOCK = (
    "the index lacks files of the lock for this Python and platform: AIPC_BENCH_LOCK=off installs without it"
)
_PLUGIN = "ask for OVEP in place of OPENVINO: ONNX Runtime's OpenVINO plugin, with a newer OpenVINO"


def _to_open(kind: str, system: SystemFacts) -> str | None:
    """How this user is allowed to open the device files of a kind; ``None`` where none is locked."""
    group = next((group for file, group in system.locked.items() if kind in file), None)
    if group in ("root", "unknown"):
        # Older systems have no rule for NPUs, and a container has the numbers of its host's groups.
        return (
            f"its group is {group}: have the system give it to render, e.g. by a file in /etc/udev/rules.d with "
            f'`SUBSYSTEM=="{"drm" if kind == "dri" else kind}", GROUP="render", MODE="0660"`, join that group '
            "(`sudo usermod -aG render $USER`), and restart; in a container let this user have the group's number"
        )
    return None if group is None else f"join the group {group} (`sudo usermod -aG {group} $USER`) and log in again"


_GPU_REMEDIES = {
    "nvidia-gpu": "install or update NVIDIA's driver; for transformers see AIPC_BENCH_TORCH_INDEX",
    "intel-gpu": "install the compute driver (Windows: Intel's newest graphics driver; Linux: intel-opencl-icd and "
    "libze-intel-gpu1); for transformers see AIPC_BENCH_TORCH_INDEX",
    "directx-gpu": "update the GPU's driver; it takes DirectX 12",
}


def _driver_of(device: str, system: SystemFacts) -> str | None:
    """The system's word on a driver, where it lists one device of the kind and so cannot mean another."""
    found = {"GPU": system.gpus, "NPU": system.npus}.get(hardware_of(device) or "", ())
    return found[0]["driver"] if len(found) == 1 else None


def _older(version: str, than: str) -> bool:
    return _numbers(version) < _numbers(than) if _numbers(version) else False


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def usable_line(usable: Limits) -> str:
    """What a run may use of the machine, and the threads that follow from it."""
    cpus, logical = usable.cpus, usable.machine.logical
    which = f"{logical} CPUs" if cpus is None else f"{len(cpus)} of {logical} CPUs ({cpu_list(cpus)})"
    quota = "no CPU quota" if usable.cpu_quota is None else f"a quota of {usable.cpu_quota:.3g} CPUs"
    threads = f"{usable.default_threads} thread{'' if usable.default_threads == 1 else 's'} by default"
    return f"usable     {which}, {quota}, {usable.memory_bytes / 1e9:.1f} GB of memory: {threads}"


def system_lines(system: SystemFacts) -> Iterator[str]:
    """What the system lists, whatever the stacks make of it."""
    yield f"GPU        {_listed(system.gpus)}"
    yield f"NPU        {_listed(system.npus)}"
    yield from (f"           {name}: no kernel driver has taken it" for name in system.undriven_npus)
    yield from (f"           {file}: this user may not open it" for file in system.locked)


def _listed(found: Sequence[AcceleratorFacts]) -> str:
    return "; ".join(f"{one['name']}, driver {one['driver'] or 'unknown'}" for one in found) or "the system lists none"


def full_lines(diagnoses: Sequence[Diagnosis]) -> Iterator[str]:
    """A paragraph per stack with a line per device, remedies below what they mend."""
    for backend, mine in groupby(diagnoses, key=lambda one: one.backend):
        yield ""
        yield backend
        for one in mine:
            yield f"  {one.device:<16} {'usable' if one.usable else 'not usable':<11} {_facts(one)}"
            if one.remedy is not None:
                yield f"  {'':<16} {'':<11} to mend it: {one.remedy}"


def short_line(one: Diagnosis) -> str:
    """One device in one line, for the start of a run."""
    return f"device     {one.backend} {one.device}: {_facts(one) if one.usable else f'not usable: {one.reason}'}"


def _facts(one: Diagnosis) -> str:
    facts = [one.words]
    if one.driver is not None:
        facts.append(f"driver {one.driver}")
    if one.memory_bytes is not None:
        facts.append(f"{one.memory_bytes / 1e9:.1f} GB")
    return ", ".join(facts)
