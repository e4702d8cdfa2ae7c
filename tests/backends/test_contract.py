from __future__ import annotations

import pytest

from backends.contract import variable_set


@pytest.mark.parametrize(("windows", "typed"), [(True, "$env:NAME = 'a b'"), (False, "NAME=a b")])
def test_a_variable_is_set_as_the_systems_shell_takes_it(windows: bool, typed: str) -> None:
    assert variable_set("NAME", "a b", windows=windows) == typed
