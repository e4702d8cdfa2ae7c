"""The reason of a failure is one line with the cause, found in what stacks say; most of it was recorded from them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from backends.contract import one_line
from backends.reasons import LONGEST, in_one_line

RECORDED = json.loads(Path(__file__).with_name("recorded_failures.json").read_text("utf-8"))["errors"]
"""What tiny models, whole and damaged, made the stacks and converters raise: message and reason."""


@pytest.mark.parametrize("case", RECORDED.values(), ids=RECORDED)
def test_of_what_stacks_raised_the_cause_is_told_in_a_line(case: dict[str, str]) -> None:
    reason = in_one_line(case["message"])
    assert reason == case["reason"]
    assert "\n" not in reason
    assert 0 < len(reason) <= LONGEST
    for advice in ("pip install", "Please", "open an issue", ".cpp:", ".cc:", "Exception from"):
        assert advice not in reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", ""),
        (" \n ", ""),
        ("a plain message; with a remedy", "a plain message; with a remedy"),
        (
            (
                "Exception from src/inference/src/cpp/core.cpp:113:\nException from "
                "src/inference/src/dev/plugin.cpp:54:\nCheck '!m_device_map.empty()' failed at "
                "src/plugins/intel_gpu/src/plugin/plugin.cpp:521:\n[GPU] Can't get PERFORMANCE_HINT property as no "
                "supported devices found.\n[GPU] Please check OpenVINO documentation for GPU drivers setup guide.\n\n\n"
            ),
            "[GPU] Can't get PERFORMANCE_HINT property as no supported devices found.",
        ),
        (
            (
                "Exception from src/core.cpp:1:\nWhile validating node 'opset1::MatMul a' with friendly_name 'b':\n\n"
                "Argument shapes are inconsistent.\n"
            ),
            "While validating node 'opset1::MatMul a' with friendly_name 'b': Argument shapes are inconsistent.",
        ),
        (
            (
                "expected scalar type Float but found Half\nException raised from check_type at ../aten/src/x.cpp:50 "
                "(most recent call first):\nframe #0: c10::Error::Error(...) + 0x6c\n"
            ),
            "expected scalar type Float but found Half",
        ),
        (
            (
                "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported at "
                "some other API call, so the stacktrace below might be incorrect.\nFor debugging consider passing "
                "CUDA_LAUNCH_BLOCKING=1\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
            ),
            "CUDA error: device-side assert triggered",
        ),
        (
            (
                "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 5.79 GiB of which "
                "5.19 MiB is free. If reserved but unallocated memory is large try setting "
                "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for Memory "
                "Management"
            ),
            (
                "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 5.79 GiB of which "
                "5.19 MiB is free."
            ),
        ),
        (
            (
                "[enforce fail at alloc_cpu.cpp:126] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
                "to allocate 268435456 bytes. Error code 12 (Cannot allocate memory)"
            ),
            (
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 268435456 bytes. Error code 12 "
                "(Cannot allocate memory)"
            ),
        ),
        (
            (
                "Failed to import transformers.models.x because of the following error (look up to see its "
                "traceback):\n\nNo module named 'y'"
            ),
            (
                "Failed to import transformers.models.x because of the following error (look up to see its "
                "traceback): No module named 'y'"
            ),
        ),
        (
            'Traceback (most recent call last):\n  File "x.py", line 3, in f\n    g()\nValueError: no such layer\n',
            "ValueError: no such layer",
        ),
        ("Please install sentencepiece.", "Please install sentencepiece."),
        ("\x1b[1;31mno such layer\x1b[0m\x07", "no such layer"),
    ],
)
def test_frames_positions_and_advice_are_left_out(said: str, reason: str) -> None:
    assert in_one_line(said) == reason


def test_a_long_reason_is_cut_between_words() -> None:
    reason = in_one_line("word " * 500)
    assert (len(reason) <= LONGEST + 2, reason[-6:]) == (True, "word …")


def test_an_error_without_words_is_told_by_its_type() -> None:
    assert one_line(MemoryError()) == "MemoryError"


@pytest.mark.slow
def test_a_long_paragraph_of_advice_comes_to_an_end() -> None:
    before = time.process_time()
    assert in_one_line("It fails (" + "pip install x\n" * 30_000).startswith("It fails (pip install x")
    assert time.process_time() - before < 5


@pytest.mark.parametrize("quoted", ["x", "x/", "1,", "Check '"])
def test_what_an_error_quotes_may_be_long(quoted: str) -> None:
    """A file of megabytes without a space, or what a stranger named so: the reason is not looked for minutes long."""
    before = time.process_time()
    reason = in_one_line(f"invalid file content: {quoted * (200_000 // len(quoted))}")
    assert reason.startswith("invalid file content:")
    assert time.process_time() - before < 5
