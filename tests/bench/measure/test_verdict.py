from __future__ import annotations

from typing import Any

import pytest

from bench.measure.facts import Counters, Placement
from bench.measure.verdict import judge, same_device

SECOND = 10**9
IDLE = Counters()
CPU_WORKED = Counters(cpu_ns=SECOND)
GPU_WORKED = Counters(cpu_ns=SECOND, gpu_ns=SECOND)
GPU_IDLE = Counters(cpu_ns=SECOND, gpu_ns=0)
NPU_WORKED = Counters(cpu_ns=SECOND, npu_ns=SECOND)
NPU_IDLE = Counters(cpu_ns=SECOND, npu_ns=0)


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
        ("CPU", told("CPU", "accepted"), CPU_WORKED, None, ("reported", "CPU")),
        ("GPU", told("GPU.0", "read-back"), CPU_WORKED, None, ("reported", "GPU.0")),
        ("GPU", told("GPU.0", "read-back"), GPU_WORKED, None, ("verified", "GPU.0")),
        ("GPU", told("GPU.0", "accepted"), GPU_WORKED, None, ("verified", "GPU.0")),
        ("GPU", told("GPU.0", "read-back"), GPU_IDLE, None, ("fallback", None)),
        ("NPU", told("NPU", "accepted"), CPU_WORKED, None, ("reported", "NPU")),
        ("NPU", told("NPU", "accepted"), NPU_WORKED, None, ("verified", "NPU")),
        ("NPU", told("NPU", "accepted"), NPU_IDLE, None, ("fallback", None)),
        ("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), CPU_WORKED, profiled(Dml=1.0), ("unknown", None)),
        ("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), NPU_WORKED, None, ("verified", "OPENVINO.NPU")),
        ("OPENVINO.NPU", told("OPENVINO.NPU", "unproven"), NPU_IDLE, None, ("fallback", None)),
        ("DML", told("DML", "read-back"), CPU_WORKED, profiled(Dml=0.9, CPU=0.1), ("verified", "DML")),
        ("DML", told("DML", "read-back"), CPU_WORKED, profiled(CPU=1.0), ("fallback", "CPU")),
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


def test_a_verified_cpu_says_how_long_it_worked() -> None:
    said = judge("CPU", told("CPU", "read-back"), Counters(cpu_ns=2 * SECOND)).evidence
    assert said == "Said by the stack. Its process used 2.00 s of CPU time in the timed regions."


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
