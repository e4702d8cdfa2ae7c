from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.store.machine_names import MACHINES, MachineName, machine_names


def test_a_file_that_an_editor_of_windows_saved_is_read(tmp_path: Path) -> None:
    (tmp_path / MACHINES).write_bytes(b'\xef\xbb\xbf[aa]\r\nname = "nuc-3"\r\n')
    assert machine_names(tmp_path) == {"aa": MachineName("nuc-3")}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 100_000])
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MACHINES).write_bytes(content)
    with pytest.raises(UsageError, match=r"cannot read .*machines\.toml: ") as refused:
        machine_names(tmp_path)
    assert "\n" not in str(refused.value)
