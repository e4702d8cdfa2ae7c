from __future__ import annotations

import pytest

from backends.file_names import is_plain


@pytest.mark.parametrize(
    "name", ["model.onnx", "a b.onnx", "é.data", ".hidden", "con-1", "nullable.json", "COM10", "x" * 255]
)
def test_a_plain_name(name: str) -> None:
    assert is_plain(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "C:a", "/a", "a\0", "a\nb", "a*", "a.", "a ", "x" * 256, "\\\\a\\b", "é" * 128],
)
def test_no_plain_name(name: str) -> None:
    assert not is_plain(name)


@pytest.mark.parametrize(
    "name", ["CON", "nul", "Aux.txt", "COM1", "lpt9.tar.gz", "NUL .json", "com¹", "CONIN$", "prn.."]
)
def test_a_device_of_windows_is_no_plain_name(name: str) -> None:
    assert not is_plain(name)


@pytest.mark.parametrize("name", ["\u202egnp.exe", "a\u2066", "a\x1b[2J", "a\u2028b", "\ud800"])
def test_a_disguise_is_no_plain_name(name: str) -> None:
    assert not is_plain(name)
