from __future__ import annotations

from typing import Any

import pytest

from bench.measure.verdict import judge, same_device

SECOND = 10**9


def evidence(device: str | None, source: str | None, note: str = "Said by the stack.") -> dict[str, Any]:
    return {"device": device, "device_source": source, "note": note}


@pytest.mark.parametrize(
    ("requested", "told", "cpu_time_ns", "expected"),
    [
        ("CPU", evidence("CPU", "simulated"), SECOND, "simulated"),
        ("NPU", evidence(None, "simulated"), 0, "simulated"),
        ("CPU", evidence(None, "read-back"), SECOND, "unknown"),
        ("CPU", evidence("CPU", "none"), SECOND, "unknown"),
        ("CPU", {}, 0, "unknown"),
        ("NPU", evidence("CPU", "read-back"), SECOND, "fallback"),
        ("GPU.1", evidence("GPU.0", "accepted"), 0, "fallback"),
        ("GPU", evidence("GPU.1", "read-back"), 0, "fallback"),
        ("CPU", evidence("CPU", "read-back"), SECOND, "verified"),
        ("CPU", evidence("CPU", "read-back"), 0, "reported"),
        ("CPU", evidence("CPU", "accepted"), SECOND, "reported"),
        ("GPU", evidence("GPU.0", "read-back"), SECOND, "reported"),
        ("NPU", evidence("NPU", "read-back"), SECOND, "reported"),
    ],
)
def test_the_verdict_follows_from_what_is_known(
    requested: str, told: dict[str, Any], cpu_time_ns: int, expected: str
) -> None:
    assert judge(requested, told, cpu_time_ns).name == expected


def test_a_fallback_says_what_was_asked_for_and_what_ran() -> None:
    said = judge("NPU", evidence("CPU", "read-back"), 0).evidence
    assert said == "NPU was asked for, CPU ran. Said by the stack."


def test_a_verified_cpu_says_how_long_it_worked() -> None:
    said = judge("CPU", evidence("CPU", "read-back"), 2 * SECOND).evidence
    assert said == "Said by the stack. Its process used 2.00 s of CPU time in the timed regions."


def test_nothing_known_is_said_in_a_sentence() -> None:
    assert judge("CPU", {}, 0).evidence == "the stack does not tell which device ran"


@pytest.mark.parametrize("device", ["CPU", "GPU", "GPU.1", "NPU"])
def test_a_device_is_itself(device: str) -> None:
    assert same_device(device, device)


def test_a_numbered_gpu_is_not_met_by_any_gpu() -> None:
    assert not same_device("GPU.1", "GPU")
