from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bench.measure.verdict import Counters, Placement, judge, same_device, why_not_as_asked
from bench.observe.busy import Busy
from bench.plan.cells import Load

SECOND = 10**9
IDLE = Counters()


def worked(cpu: float = 0.0, gpus: dict[str, float] | None = None, npus: dict[str, float] | None = None) -> Counters:
    """Counters over ten seconds of one timed generation.

    Args:
        cpu: seconds of CPU time.
        gpus: adapter -> seconds busy.
        npus: the same.
    """
    counters = Counters()
    busy = [{adapter: round(seconds * SECOND) for adapter, seconds in (kind or {}).items()} for kind in (gpus, npus)]
    counters.add(round(cpu * SECOND), Busy(elapsed_ns=10 * SECOND, gpus=busy[0], npus=busy[1]), warmup=False)
    return counters


CPU_WORKED = worked(cpu=15)
GPU_WORKED = worked(cpu=10, gpus={"0000:00:02.0": 8})
GPU_IDLE = worked(cpu=10, gpus={"0000:00:02.0": 0})
GPU_BARELY = worked(cpu=10, gpus={"0000:00:02.0": 0.4})
NPU_WORKED = worked(cpu=10, npus={"0000:00:0b.0": 6})
NPU_IDLE = worked(cpu=10, npus={"0000:00:0b.0": 0})
NPU_PARTLY = worked(cpu=60, npus={"0000:00:0b.0": 2})
NPU_TICK = worked(cpu=60, npus={"0000:00:0b.0": 1e-6})

TWO_GPUS = ({"name": "GPU.0", "adapter": "0000:00:02.0"}, {"name": "GPU.1", "adapter": "0000:03:00.0"})
UNTOLD_GPUS = ({"name": "OPENVINO.GPU.0", "adapter": None}, {"name": "OPENVINO.GPU.1", "adapter": None})


def told(device: str | None, source: str | None) -> dict[str, Any]:
    return {"device": device, "device_source": source, "note": "Said by the stack."}


def profiled(**shares: float) -> Placement:
    return Placement("Dml", shares)


@pytest.mark.parametrize(
    ("requested", "evidence", "counters", "placement", "expected"),
    [
        ("CPU", told("CPU", "simulated"), CPU_WORKED, None, ("simulated", None)),
        ("NPU", told(None, "simulated"), NPU_WORKED, None, ("simulated", None)),
        ("CPU", told(None, "read-back"), CPU_WORKED, None, ("unknown", None)),
        ("CPU", told("CPU", "none"), CPU_WORKED, None, ("unknown", None)),
        ("CPU", {}, IDLE, None, ("unknown", None)),
        ("NPU", told("CPU", "read-back"), CPU_WORKED, None, ("fallback", "CPU")),
        ("GPU.1", told("GPU.0", "accepted"), GPU_WORKED, None, ("fallback", "GPU.0")),
        ("GPU", told("GPU.1", "read-back"), GPU_WORKED, None, ("fallback", "GPU.1")),
        ("AUTO", told("CPU", "read-back"), CPU_WORKED, None, ("verified", "CPU")),
        ("CPU", told("CPU", "read-back"), CPU_WORKED, None, ("verified", "CPU")),
        ("CPU", told("CPU", "read-back"), IDLE, None, ("reported", "CPU")),
        ("CPU", told("CPU", "read-back"), worked(cpu=0.0156), None, ("reported", "CPU")),
        ("CPU", told("CPU", "accepted"), CPU_WORKED, None, ("reported", "CPU")),
        ("GPU", told("GPU.0", "read-back"), CPU_WORKED, None, ("reported", "GPU.0")),
        ("GPU", told("GPU.0", "read-back"), GPU_WORKED, None, ("verified", "GPU.0")),
        ("GPU", told("GPU.0", "accepted"), GPU_WORKED, None, ("verified", "GPU.0")),
        ("GPU", told("GPU.0", "read-back"), GPU_IDLE, None, ("fallback", None)),
        ("VULKAN", told("VULKAN.0", "read-back"), GPU_WORKED, None, ("verified", "VULKAN.0")),
        ("VULKAN", told("VULKAN.0", "read-back"), GPU_IDLE, None, ("fallback", None)),
        ("VULKAN", told("CPU and VULKAN.0", "read-back"), GPU_WORKED, None, ("fallback", "CPU and VULKAN.0")),
        ("VULKAN", told("VULKAN.LLVMPIPE", "read-back"), CPU_WORKED, None, ("fallback", "VULKAN.LLVMPIPE")),
        ("VULKAN.LLVMPIPE", told("VULKAN.LLVMPIPE", "read-back"), GPU_IDLE, None, ("verified", "VULKAN.LLVMPIPE")),
        ("NPU", told("NPU", "accepted"), CPU_WORKED, None, ("reported", "NPU")),
        ("NPU", told("NPU", "accepted"), NPU_WORKED, None, ("verified", "NPU")),
        ("NPU", told("NPU", "accepted"), NPU_PARTLY, None, ("verified", "NPU")),
        ("NPU", told("NPU", "accepted"), NPU_TICK, None, ("reported", "NPU")),
        ("NPU", told("NPU", "accepted"), NPU_IDLE, None, ("fallback", None)),
        ("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), CPU_WORKED, profiled(Dml=1.0), ("unknown", None)),
        ("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), NPU_WORKED, None, ("verified", "OPENVINO.NPU")),
        ("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), NPU_PARTLY, None, ("unknown", None)),
        ("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), NPU_TICK, None, ("unknown", None)),
        ("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), NPU_IDLE, None, ("fallback", None)),
        ("DML", told("DML", "read-back"), CPU_WORKED, profiled(Dml=0.9, CPU=0.1), ("verified", "DML")),
        ("DML", told("DML", "read-back"), CPU_WORKED, profiled(CPU=1.0), ("fallback", "CPU")),
        ("DML", told("DML", "read-back"), CPU_WORKED, profiled(Dml=0.01, CPU=0.99), ("reported", "DML")),
        ("DML", told("DML", "read-back"), GPU_BARELY, profiled(Dml=1.0), ("reported", "DML")),
        ("DML", told("DML", "read-back"), GPU_IDLE, profiled(Dml=1.0), ("fallback", None)),
        ("DML", told("DML", "accepted"), CPU_WORKED, profiled(Dml=1.0), ("reported", "DML")),
        ("DML", told("DML", "read-back"), CPU_WORKED, Placement("", {}, "it crashed"), ("reported", "DML")),
    ],
)
def test_the_verdict_follows_from_what_is_known(
    requested: str,
    evidence: dict[str, Any],
    counters: Counters,
    placement: Placement | None,
    expected: tuple[str, str | None],
) -> None:
    verdict = judge(requested, evidence, counters, placement)

    assert (verdict.name, verdict.executed) == expected


def test_a_fallback_says_what_was_asked_for_and_what_ran() -> None:
    said = judge("NPU", told("CPU", "read-back"), IDLE).evidence
    assert said == "NPU was asked for, CPU ran. Said by the stack."


def test_an_accelerator_that_stood_still_is_named() -> None:
    said = judge("NPU", told("NPU", "accepted"), NPU_IDLE).evidence
    assert said.startswith("NPU was asked for, but its busy time did not move: something else ran.")


def test_what_no_counter_can_show_says_so() -> None:
    said = judge("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), CPU_WORKED).evidence
    assert said == "Said by the stack. There is no counter of the NPU here."


def test_the_share_is_that_of_the_timed_generations() -> None:
    assert judge("GPU", told("GPU.0", "read-back"), GPU_WORKED).share == 0.8


def test_one_tick_of_an_npu_beside_a_minute_of_cpu_is_no_proof() -> None:
    verdict = judge("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), NPU_TICK)
    assert verdict.evidence == (
        "Said by the stack. The NPU was busy for 0.00 s in the 10.00 s of the timed generations (<1%). That is less "
        "than the 50% that count as proof. Meanwhile its process used 60.00 s of CPU time."
    )


def test_no_share_is_made_up_where_nothing_counts() -> None:
    assert judge("GPU", told("GPU.0", "read-back"), CPU_WORKED).share is None


@pytest.mark.parametrize(
    ("device", "busy", "expected"),
    [
        ("GPU.0", {"0000:00:02.0": 8, "0000:03:00.0": 0}, ("verified", 0.8)),
        ("GPU.1", {"0000:00:02.0": 8, "0000:03:00.0": 0}, ("fallback", 0.0)),
        ("GPU.1", {"0000:00:02.0": 8, "0000:03:00.0": 0.1}, ("reported", 0.01)),
        ("GPU.1", {"0000:00:02.0": 8}, ("reported", None)),
    ],
    ids=["itself", "another alone", "another mostly", "no counter of its own"],
)
def test_work_on_one_gpu_does_not_verify_another(
    device: str, busy: dict[str, float], expected: tuple[str, float | None]
) -> None:
    verdict = judge(device, told(device, "read-back"), worked(gpus=busy), devices=TWO_GPUS)
    assert (verdict.name, verdict.share) == expected


@pytest.mark.parametrize(
    ("counters", "devices"),
    [
        (worked(gpus={"0000:00:02.0": 8, "0000:03:00.0": 0}), ()),
        (worked(gpus={"0000:00:02.0": 8}), UNTOLD_GPUS),
    ],
    ids=["the system has two", "the stack lists two"],
)
def test_of_several_gpus_that_are_not_told_apart_none_is_verified(
    counters: Counters, devices: Sequence[Mapping[str, Any]]
) -> None:
    verdict = judge("OPENVINO.GPU.0", told("OPENVINO.GPU.0", "read-back"), counters, devices=devices)
    assert (verdict.name, verdict.share, verdict.evidence) == (
        "reported",
        None,
        "Said by the stack. There are 2 GPUs here, and nothing tells which of them OPENVINO.GPU.0 is.",
    )


def test_none_of_several_gpus_that_ever_moved_is_a_fallback() -> None:
    counters = worked(gpus={"0000:00:02.0": 0, "0000:03:00.0": 0})
    assert judge("GPU", told("GPU.0", "accepted"), counters).name == "fallback"


def test_a_gpu_beside_an_npu_is_the_only_one_of_its_kind() -> None:
    counters = worked(gpus={"0000:00:02.0": 8}, npus={"0000:00:0b.0": 0})
    assert judge("GPU", told("GPU.0", "read-back"), counters).name == "verified"


def test_a_counter_that_has_not_moved_in_warm_ups_alone_is_no_fallback() -> None:
    counters = Counters()
    counters.add(SECOND, Busy(elapsed_ns=SECOND, npus={"0000:00:0b.0": 0}), warmup=True)
    assert judge("NPU", told("NPU", "accepted"), counters).name == "reported"


def test_work_that_is_accounted_for_late_is_no_fallback() -> None:
    counters = Counters()
    for busy_ns, warmup in ((0, True), (SECOND, True), (0, False)):
        counters.add(SECOND, Busy(elapsed_ns=SECOND, npus={"0000:00:0b.0": busy_ns}), warmup=warmup)
    assert judge("NPU", told("NPU", "accepted"), counters).name == "reported"


def test_what_a_stack_compiles_in_its_warm_ups_is_no_part_of_the_share() -> None:
    counters = Counters()
    counters.add(60 * SECOND, Busy(elapsed_ns=60 * SECOND, npus={"0000:00:0b.0": 0}), warmup=True)
    counters.add(SECOND, Busy(elapsed_ns=SECOND, npus={"0000:00:0b.0": SECOND // 2}), warmup=False)
    assert judge("NPU", told("NPU", "accepted"), counters).share == 0.5


def test_a_generation_whose_counter_is_not_known_is_no_part_of_the_share() -> None:
    counters = Counters()
    for busy_ns in (None, SECOND // 2):
        counters.add(SECOND, Busy(elapsed_ns=SECOND, npus={"0000:00:0b.0": busy_ns}), warmup=False)
    assert judge("NPU", told("NPU", "accepted"), counters).share == 0.5


def test_a_verified_cpu_says_how_long_it_worked() -> None:
    said = judge("CPU", told("CPU", "read-back"), worked(cpu=15)).evidence
    assert said == (
        "Said by the stack. Its process used 15.00 s of CPU time in the 10.00 s of the timed generations (150%)."
    )


def test_a_profile_gives_its_shares_as_evidence() -> None:
    said = judge("DML", told("DML", "read-back"), CPU_WORKED, profiled(Dml=0.9, CPU=0.1)).evidence
    assert "Nodes by provider in a separate, untimed pass: Dml 90%, CPU 10%." in said


def test_a_pass_that_failed_says_so() -> None:
    said = judge("DML", told("DML", "read-back"), CPU_WORKED, Placement("", {}, "it crashed")).evidence
    assert "There is no profile: it crashed." in said


def test_nothing_known_is_said_in_a_sentence() -> None:
    assert judge("CPU", {}, IDLE).evidence == "the stack does not tell which device ran"


@pytest.mark.parametrize("device", ["CPU", "GPU", "GPU.1", "NPU"])
def test_a_device_is_itself(device: str) -> None:
    assert same_device(device, device)


def test_a_sole_gpu_goes_without_its_number() -> None:
    assert same_device("GPU.0", "GPU")


def test_a_numbered_gpu_is_not_met_by_any_gpu() -> None:
    assert not same_device("GPU.1", "GPU")


SHARES = {
    "transformers int8, GPT-2": ("transformers", "int8", {"bf16": 1.0}, 0.23, False),
    "transformers int8, a mixture of experts": ("transformers", "int8", {"bf16": 0.81, "int8": 0.19}, 0.52, False),
    "transformers int8, Llama": ("transformers", "int8", {"int8": 0.53, "bf16": 0.47}, 0.47, True),
    "transformers fp32": ("transformers", "fp32", {"fp32": 1.0}, 0.2, True),
    "cast to bf16, but for the norms": ("transformers", "bf16", {"bf16": 0.99, "fp32": 0.01}, 0.0, True),
    "OpenVINO int4, small layers": ("openvino-genai", "int4", {"int4": 0.48, "int8": 0.52}, 0.52, True),
    "OpenVINO int4 of the document's ratio": ("openvino-genai", "int4", {"int8": 0.52, "int4": 0.48}, 0.21, True),
    "OpenVINO int4, of which most became int8": ("openvino-genai", "int4", {"int8": 0.7, "int4": 0.3}, 0.2, False),
    "llama.cpp int4": ("llama-cpp", "int4", {"q4_0": 0.79, "q8_0": 0.21}, 0.21, True),
    "llama.cpp int4 by importance": ("llama-cpp", "int4", {"iq4_nl": 0.8, "q6_k": 0.2}, 0.0, True),
    "llama.cpp int8, a GGUF of five bits": ("llama-cpp", "int8", {"q5_k": 1.0}, 0.0, False),
    "exactly half": ("ort-genai", "int4", {"int4": 0.5, "fp32": 0.5}, 0.0, False),
    "what the model has": ("llama-cpp", "original", {"q6_k": 1.0}, 0.0, True),
    "not known": ("ort-genai", "int4", None, 0.0, True),
}


@pytest.mark.parametrize("case", SHARES)
def test_most_of_the_layers_weights_are_what_a_load_is_called(case: str) -> None:
    backend, precision, shares, embedding, allowed = SHARES[case]
    assert (why_not_as_asked(Load(backend, "CPU", precision), shares, embedding) is None) is allowed


def test_a_load_that_is_something_else_is_refused_with_the_share_and_what_it_is() -> None:
    assert why_not_as_asked(Load("transformers", "CPU", "int8"), {"bf16": 0.9, "int8": 0.1}, 0.2) == (
        "only 10% of the weights are int8 (90% bf16, 10% int8): the stack does not make int8 of "
        "most of this model's layers; ask for --precision bf16, or for another stack"
    )


def test_what_the_stack_cannot_be_asked_for_is_not_advised() -> None:
    assert str(why_not_as_asked(Load("ort-genai", "CPU", "int8"), {"bf16": 1.0}, 0.2)).endswith(
        "; ask for another stack"
    )
