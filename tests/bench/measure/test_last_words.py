"""Why a worker died is found among what faulthandler prints."""

from __future__ import annotations

import pytest

from bench.measure.last_words import last_words, without_module_lists

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
            (
                "terminate called after throwing an instance of 'ov::AssertFailure' what(): Check 'shapes_match' "
                "failed at src/core/node.cpp:53: Argument shapes are inconsistent."
            ),
        ),
        ("free(): invalid pointer\nFatal Python error: Aborted\n" + STACK, "free(): invalid pointer"),
        ("Fatal Python error: Aborted\n" + STACK, "Fatal Python error: Aborted"),
        (
            "Loading weights: 100%\nFatal Python error: Segmentation fault\n" + STACK,
            "Fatal Python error: Segmentation fault",
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
        ("  only words  \n\n", "only words"),
        ("\n", None),
    ],
)
def test_the_words_that_tell_are_shown(printed: str, words: str | None) -> None:
    assert last_words(printed) == words


def test_the_list_of_modules_takes_no_room_of_what_is_kept() -> None:
    kept = without_module_lists(UNCAUGHT)

    assert ("Extension modules" in kept, "what():" in kept, "Current thread" in kept) == (False, True, True)
