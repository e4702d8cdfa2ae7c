from __future__ import annotations

import pyarrow as pa
import pytest

from bench import processes
from bench.store.schema import LOADS

ACCESS_VIOLATION = 0xC0000005


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "exit code 3"),
        (-9, "killed by signal 9, as the system does when memory runs out"),
        (-11, "killed by signal 11"),
        (ACCESS_VIOLATION, "exit code 0xC0000005, access violation: a library crashed"),
        (ACCESS_VIOLATION - 2**32, "exit code 0xC0000005, access violation: a library crashed"),
        (0xC0000135, "exit code 0xC0000135, a DLL was not found"),
        (0xC0DE0001, "exit code 0xC0DE0001"),
    ],
)
def test_an_end_is_said_in_words(code: int, words: str) -> None:
    assert processes.exit_in_words(code) == words


@pytest.mark.parametrize("code", [0, 70, -9, ACCESS_VIOLATION, 0xFFFFFFFF, None])
def test_every_code_fits_into_its_column(code: int | None) -> None:
    column = pa.array([processes.signed_exit_code(code)], LOADS.field("exit_code").type)
    assert column.to_pylist() == [processes.signed_exit_code(code)]


@pytest.mark.parametrize("code", [0, 70, -9])
def test_a_code_of_its_size_is_stored_as_it_is(code: int) -> None:
    assert processes.signed_exit_code(code) == code


def test_a_status_of_windows_is_stored_as_windows_shows_it() -> None:
    assert processes.signed_exit_code(ACCESS_VIOLATION) == -1073741819


def test_a_stored_status_is_shown_in_hexadecimal() -> None:
    assert processes.format_exit_code(-1073741819) == "0xC0000005"
