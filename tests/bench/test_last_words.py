"""Why a worker died is found among what faulthandler prints."""

from __future__ import annotations

import json
import time

import pytest

from bench import PROJECT_ROOT
from bench.last_words import last_words, without_module_lists

RECORDED = json.loads((PROJECT_ROOT / "tests/backends/recorded_failures.json").read_text("utf-8"))["crashes"]
"""What workers printed that real stacks and signals ended, and what is said of it."""

STACK = """
Current thread 0x00007f2a6c1f7740 (most recent call first):
  File "/venv/intel_npu_acceleration_library/backend/base.py", line 23 in __init__
  File "/checkout/backends/worker.py", line 150 in main

Extension modules: numpy._core._multiarray_umath, torch._C, torch._C._fft, yaml._yaml (total: 112)
"""

UNCAUGHT = (
    """Loading weights: 100%
terminate called after throwing an instance of 'ov::AssertFailure'
  what():  Check 'shapes_match' failed at src/core/node.cpp:53:
Argument shapes are inconsistent.

Fatal Python error: Aborted
"""
    + STACK
)


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (
            UNCAUGHT,
            "ov::AssertFailure: Argument shapes are inconsistent.",
        ),
        ("free(): invalid pointer\nFatal Python error: Aborted\n" + STACK, "free(): invalid pointer"),
        ("Fatal Python error: Aborted\n" + STACK, "Fatal Python error: Aborted in __init__ (base.py)"),
        (
            "Loading weights: 100%\nFatal Python error: Segmentation fault\n" + STACK,
            "Fatal Python error: Segmentation fault in __init__ (base.py)",
        ),
        (
            (
                "Windows fatal exception: access violation\n\nThread 0x000012ac (most recent call first):\n"
                '  File "C:\\venv\\x.py", line 3 in load\n\nCurrent thread 0x00000dd8 (most recent call first):\n'
                "  <no Python frame>\n"
            ),
            "Windows fatal exception: access violation",
        ),
        # A C++ exception that somebody caught after all is printed too, and is not why the process ended.
        (
            "Windows fatal exception: code 0xe06d7363\n" + STACK + "MemoryError: cannot allocate 4 GiB\n",
            "MemoryError: cannot allocate 4 GiB",
        ),
        (
            'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\nValueError: no such device\n',
            "ValueError: no such device",
        ),
        (
            "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n"
            "Fatal Python error: Aborted\n" + STACK,
            "out of memory (std::bad_alloc)",
        ),
        (
            "terminate called without an active exception\nFatal Python error: Aborted\n" + STACK,
            "terminate called without an active exception",
        ),
        (
            "thread '<unnamed>' panicked at src/models/bpe.rs:10:5:\nindex out of bounds\nnote: run with "
            "`RUST_BACKTRACE=1` environment variable to display a backtrace\nFatal Python error: Aborted\n" + STACK,
            "thread '<unnamed>' panicked at src/models/bpe.rs:10:5: index out of bounds",
        ),
        (
            "could not make a primitive\nonednn_verbose,v1,info,oneDNN v3.7.1\nFatal Python error: Aborted\n" + STACK,
            "could not make a primitive",
        ),
        (
            "python: src/x.c:12: work: Assertion `rows > 0' failed.\n/lib/libx.so(+0x12) [0x7f00]\n"
            "Fatal Python error: Aborted\n" + STACK,
            "python: src/x.c:12: work: Assertion `rows > 0' failed.",
        ),
        ("loading\n\x1b[1;31merror: no room\x1b[0m\n", "error: no room"),
        ("  only words  \n\n", "only words"),
        ("\n", None),
    ],
)
def test_the_words_that_tell_are_shown(printed: str, words: str | None) -> None:
    assert last_words(printed) == words


def test_the_list_of_modules_takes_no_room_of_what_is_kept() -> None:
    kept = without_module_lists(UNCAUGHT)

    assert ("Extension modules" in kept, "what():" in kept, "Current thread" in kept) == (False, True, True)


@pytest.mark.parametrize("case", RECORDED.values(), ids=RECORDED)
def test_of_workers_that_died_the_cause_is_told_in_a_line(case: dict[str, str]) -> None:
    assert last_words(case["printed"]) == case["words"]


def test_a_line_of_brackets_comes_to_an_end() -> None:
    line = "(" * 60_000
    before = time.process_time()
    assert (last_words(f"{line}\n/lib/libx.so(f(int)+0x12) [0x7f00]") or "").startswith("(((")
    assert time.process_time() - before < 5
