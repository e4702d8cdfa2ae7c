from __future__ import annotations

import json
from typing import Any

import pytest

from backends.table import BACKENDS
from bench.observe.accelerators import AcceleratorFacts
from bench.plan.venvs import Venv, Venvs
from bench.run.doctor.diagnose import crash_report, diagnose, full_lines, refusal, short_line, system_lines, why_missing
from bench.run.doctor.probe import Probe, Stack, stacks_of
from bench.run.doctor.system import SystemFacts

BOOST: AcceleratorFacts = {"name": "Intel(R) AI Boost", "pci_id": None, "driver": "32.0.100.4181"}
OLD_BOOST: AcceleratorFacts = {**BOOST, "driver": "32.0.100.2540"}
LUNAR: AcceleratorFacts = {"name": "Intel NPU (Lunar Lake)", "pci_id": "8086:643e", "driver": "intel_vpu"}
ARC: AcceleratorFacts = {"name": "Intel GPU", "pci_id": "8086:64a0", "driver": "xe"}
GEFORCE: AcceleratorFacts = {"name": "NVIDIA GPU", "pci_id": "10de:2684", "driver": "nvidia 580.1"}
RYZEN_NPU: AcceleratorFacts = {"name": "NPU Compute Accelerator Device", "pci_id": None, "driver": "1.0"}

BARE = SystemFacts(windows=False, cpu="AMD EPYC")
UNDRIVEN = SystemFacts(windows=False, undriven_npus=("Intel NPU (Lunar Lake)",))
LOCKED_NPU = SystemFacts(windows=False, npus=(LUNAR,), locked={"/dev/accel/accel0": "render"})
ROOTS_NPU = SystemFacts(windows=False, npus=(LUNAR,), locked={"/dev/accel/accel0": "root"})
LOCKED_GPU = SystemFacts(windows=False, gpus=(ARC,), locked={"/dev/dri/renderD128": "video"})
OLD_DRIVER = SystemFacts(windows=True, npus=(OLD_BOOST,))


def device(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "description": None, "driver": None, "memory_bytes": None, **facts}


def answered(backend: str, *devices: dict[str, Any], families: tuple[str, ...] = ("CPU", "GPU", "NPU")) -> Probe:
    return Probe(Stack(BACKENDS[backend], families, Venv("python")), devices)


# -- what is missing, by the system's word


@pytest.mark.parametrize(
    ("wanted", "system", "what", "remedy"),
    [
        ("NPU", BARE, "the system lists no Intel NPU", "firmware has the NPU enabled"),
        ("NPU", UNDRIVEN, "no kernel driver", "intel_vpu"),
        (
            "NPU",
            LOCKED_NPU,
            "may not open",
            "group render",
        ),
        ("NPU", SystemFacts(windows=False, npus=(LUNAR,)), "user-space driver", "linux-npu-driver"),
        ("NPU", SystemFacts(windows=True), "Windows lists no Intel NPU", "NPU driver"),
        ("NPU", SystemFacts(windows=True, npus=(RYZEN_NPU,)), "Windows lists no Intel NPU", "NPU driver"),
        (
            "NPU",
            OLD_DRIVER,
            "32.0.100.2540 of Intel(R) AI Boost is too old",
            "newest",
        ),
        ("NPU", SystemFacts(windows=True, npus=(BOOST,)), "is there with driver 32.0.100.4181", "newest"),
        ("GPU", BARE, "the system lists no Intel GPU (of GPUs: none at all)", "this machine has"),
        ("GPU", SystemFacts(windows=False, gpus=(GEFORCE,)), "no Intel GPU (of GPUs: NVIDIA GPU)", "this machine has"),
        ("GPU.1", SystemFacts(windows=False, gpus=(ARC,)), "lists an Intel GPU", "intel-opencl-icd"),
        ("NPU", ROOTS_NPU, "may not open", 'SUBSYSTEM=="accel", GROUP="render"'),
        ("GPU", LOCKED_GPU, "may not open", "`sudo usermod -aG video $USER`"),
        ("XPU", SystemFacts(windows=False, gpus=(ARC,)), "cannot use it", "AIPC_BENCH_TORCH_INDEX"),
        ("CUDA", SystemFacts(windows=False, gpus=(ARC,)), "no NVIDIA GPU", "this machine has"),
        ("CUDA", SystemFacts(windows=False, gpus=(GEFORCE,)), "cannot use it", "NVIDIA's driver"),
        (
            "CUDA",
            SystemFacts(windows=False, gpus=(GEFORCE,), chosen={"CUDA_VISIBLE_DEVICES": "-1"}),
            "CUDA_VISIBLE_DEVICES=-1 chooses which GPUs a stack sees, and leaves none for CUDA",
            "unset CUDA_VISIBLE_DEVICES",
        ),
        (
            "CUDA",
            SystemFacts(windows=False, gpus=(ARC,), chosen={"CUDA_VISIBLE_DEVICES": "-1"}),
            "no NVIDIA GPU",
            "this machine has",
        ),
        (
            "OVEP.GPU",
            SystemFacts(windows=False, gpus=(ARC,), chosen={"ZE_AFFINITY_MASK": "9"}),
            "ZE_AFFINITY_MASK=9 chooses which GPUs a stack sees, and leaves none for OVEP.GPU",
            "unset ZE_AFFINITY_MASK",
        ),
        ("NPU", SystemFacts(windows=True, npus=({**BOOST, "driver": None},)), "with driver unknown, and", "newest"),
        ("DML", BARE, "DML exists on Windows only", "OPENVINO.GPU"),
        ("WINML", SystemFacts(windows=True, gpus=(ARC,)), "cannot use it", "DirectX 12"),
        ("OPENVINO.NPU", BARE, "the system lists no Intel NPU", "firmware"),
        ("OVEP.GPU", SystemFacts(windows=False, gpus=(ARC,)), "lists an Intel GPU", "intel-opencl-icd"),
        ("VULKAN", BARE, "the system lists no GPU", "this machine has"),
        ("VULKAN.0", SystemFacts(windows=False, gpus=(ARC,)), "and Vulkan does not", "mesa-vulkan-drivers"),
        ("VULKAN", LOCKED_GPU, "may not open", "group video"),
        (
            "VULKAN",
            SystemFacts(windows=True, gpus=(ARC,), chosen={"GGML_VK_VISIBLE_DEVICES": "7"}),
            "GGML_VK_VISIBLE_DEVICES=7 leaves no GPU for VULKAN",
            "unset it",
        ),
        ("VULKAN.LLVMPIPE", BARE, "no such software device", "this machine has"),
        ("AUTO", BARE, "does not list AUTO", "another device"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(wanted: str, system: SystemFacts, what: str, remedy: str) -> None:
    said = why_missing(wanted, system)
    assert (what in said[0], remedy in said[1]) == (True, True), said


# -- what a stack has


def test_a_device_that_the_stack_lists_is_usable_with_name_driver_and_memory() -> None:
    system = SystemFacts(windows=True, gpus=(), npus=(BOOST,))
    told = device("NPU", description="Intel(R) AI Boost", memory_bytes=8_000_000_000)
    one = diagnose(answered("openvino-genai", told, families=("NPU",)), system)[0]
    assert (one.usable, one.words, one.driver, one.memory_bytes) == (
        True,
        "Intel(R) AI Boost",
        "32.0.100.4181",
        8_000_000_000,
    )


def test_of_two_gpus_no_driver_is_guessed() -> None:
    system = SystemFacts(windows=False, gpus=(ARC, GEFORCE))
    assert diagnose(answered("openvino-genai", device("GPU.0"), families=("GPU",)), system)[0].driver is None


def test_every_device_of_a_family_has_its_line() -> None:
    probe = answered("openvino-genai", device("CPU"), device("GPU.0"), device("GPU.1"))
    assert [(one.device, one.usable) for one in diagnose(probe, BARE)] == [
        ("CPU", True),
        ("GPU.0", True),
        ("GPU.1", True),
        ("NPU", False),
    ]


def test_a_cpu_goes_by_its_own_name() -> None:
    assert diagnose(answered("transformers", device("CPU", description="AVX2")), BARE)[0].words == "AMD EPYC"


def test_a_software_device_is_called_so_and_goes_by_no_cpus_name() -> None:
    told = device("VULKAN.LLVMPIPE", description="llvmpipe, a software device: the CPU computes")
    found = diagnose(answered("llama-cpp", told, families=("VULKAN",)), BARE)
    assert [(one.device, one.words) for one in found] == [("VULKAN.LLVMPIPE", told["description"])]


def test_a_stack_that_cannot_be_asked_says_why_for_each_device() -> None:
    probe = Probe(Stack(BACKENDS["npu"], ("NPU",), Venv(unsupported="no wheel for Linux")), error="no wheel for Linux")
    assert [(one.usable, one.reason) for one in diagnose(probe, BARE)] == [(False, "no wheel for Linux")]


def test_packages_that_do_not_resolve_are_called_so() -> None:
    error = "ERROR: No matching distribution found for onnxruntime-directml==1.25"
    one = diagnose(Probe(Stack(BACKENDS["ort-genai"], ("DML",), Venv()), error=error), BARE)[0]
    assert "AIPC_BENCH_LOCK=off" in one.reason


def test_what_a_stack_never_runs_on_is_said_whatever_is_there() -> None:
    one = diagnose(answered("optimum-intel", device("NPU"), families=("NPU",)), BARE)[0]
    assert (one.usable, "dynamic shapes" in one.words) == (False, True)


# -- what is reported of a driver

CRASHING = SystemFacts(windows=True, npus=({**BOOST, "driver": "32.0.100.4723"},))


@pytest.mark.parametrize("wanted", ["OPENVINO.CPU", "OPENVINO.NPU"])
def test_a_crash_that_was_reported_is_said_of_a_device_that_is_listed(wanted: str) -> None:
    probe = answered("ort-genai", device(wanted), families=("OPENVINO",))
    (one,) = diagnose(probe, CRASHING)
    assert (one.usable, "#1150" in one.words, "#1150" in short_line(one)) == (True, True, True)


def test_where_it_may_be_why_no_device_is_listed_the_plugin_is_named() -> None:
    said = refusal("OPENVINO.NPU", answered("ort-genai", device("CPU"), families=("OPENVINO",)), CRASHING)
    assert ("32.0.100.4723" in str(said), "OVEP" in str(said)) == (True, True)


@pytest.mark.parametrize(
    ("wanted", "system"),
    [
        ("OPENVINO.NPU", SystemFacts(windows=True, npus=(BOOST,))),
        ("OPENVINO.NPU", SystemFacts(windows=True, npus=({**BOOST, "driver": None},))),
        ("OPENVINO.NPU", SystemFacts(windows=True)),
        ("OPENVINO.NPU", SystemFacts(windows=False, npus=({**LUNAR, "driver": "intel_vpu 40.0"},))),
        ("OVEP.NPU", CRASHING),
        ("NPU", CRASHING),
    ],
    ids=["an older driver", "an unknown one", "no NPU", "Linux", "the plugin", "another stack"],
)
def test_nothing_is_said_where_no_crash_was_reported(wanted: str, system: SystemFacts) -> None:
    assert crash_report(wanted, system) is None


# -- whether a run can ask for it


@pytest.mark.parametrize("wanted", ["CPU", "GPU", "GPU.0"])
def test_a_listed_device_is_not_refused(wanted: str) -> None:
    assert refusal(wanted, answered("openvino-genai", device("CPU"), device("GPU.0")), BARE) is None


@pytest.mark.parametrize("wanted", ["GPU.1", "NPU"])
def test_another_one_is_refused_and_those_that_are_here_are_named(wanted: str) -> None:
    said = refusal(wanted, answered("openvino-genai", device("CPU"), device("GPU.0")), BARE)
    assert "openvino-genai finds CPU, GPU.0" in str(said)


def test_nobody_asked_is_no_refusal() -> None:
    assert refusal("CPU", Probe(Stack(BACKENDS["npu"], ("NPU",), Venv()), error="it crashed"), BARE) is None


# -- which venvs are asked


def test_a_backend_with_several_venvs_is_asked_in_each() -> None:
    groups = {name: {"python": f"/{name}"} for name in ("ort-genai", "ort-genai-openvino")}
    stacks = stacks_of(BACKENDS["ort-genai"], Venvs(json.dumps(groups), {}))
    assert {(stack.venv.python, stack.families) for stack in stacks if stack.venv.python} == {
        ("/ort-genai", ("CPU",)),
        ("/ort-genai-openvino", ("OPENVINO",)),
    }


def test_a_users_own_interpreter_is_asked_for_all_its_devices() -> None:
    stacks = stacks_of(BACKENDS["ort-genai"], Venvs(None, {"ort-genai": "/mine"}))
    assert [stack.families for stack in stacks] == [tuple(BACKENDS["ort-genai"].devices)]


def test_devices_of_other_backends_are_not_asked_for() -> None:
    assert stacks_of(BACKENDS["npu"], Venvs(None, {}), ("CPU", "GPU")) == []


# -- in words


def test_a_remedy_stands_below_what_it_mends() -> None:
    lines = list(full_lines(diagnose(answered("openvino-genai", device("CPU")), BARE)))
    place = next(number for number, line in enumerate(lines) if line.startswith("  NPU"))
    assert "to mend it:" in lines[place + 1]


def test_the_short_line_has_the_reason_and_the_remedy() -> None:
    one = diagnose(answered("openvino-genai", device("CPU"), families=("NPU",)), BARE)[0]
    line = short_line(one)
    assert line.startswith("device     openvino-genai NPU: not usable: the system lists no Intel NPU")
    assert "see that its firmware" in line


def test_the_system_is_told_with_what_it_withholds() -> None:
    system = SystemFacts(
        windows=False, gpus=(ARC,), undriven_npus=("Intel NPU (Lunar Lake)",), locked={"/dev/dri/renderD128": "render"}
    )
    said = "\n".join(system_lines(system))
    assert all(word in said for word in ("Intel GPU, driver xe", "no kernel driver", "/dev/dri/renderD128"))
