from __future__ import annotations

import pytest

from backends.contract import program, variable_set


@pytest.mark.parametrize(("windows", "typed"), [(True, "$env:NAME = 'a b'"), (False, "NAME=a b")])
def test_a_variable_is_set_as_the_systems_shell_takes_it(windows: bool, typed: str) -> None:
    assert variable_set("NAME", "a b", windows=windows) == typed


@pytest.mark.parametrize(
    ("windows", "file", "typed"),
    [
        (True, "C:\\bench\\.nox\\w\\conversion\\Scripts\\hf", "C:\\bench\\.nox\\w\\conversion\\Scripts\\hf"),
        (True, "C:\\Jan O'Neil\\hf", "& 'C:\\Jan O''Neil\\hf'"),
        (False, "/home/jan/bin/hf", "/home/jan/bin/hf"),
        (False, "/home/jan o/bin/hf", "'/home/jan o/bin/hf'"),
    ],
)
def test_a_program_is_typed_as_the_shell_takes_it(windows: bool, file: str, typed: str) -> None:
    assert program(file, windows=windows) == typed
