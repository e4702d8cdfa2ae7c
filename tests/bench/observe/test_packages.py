from __future__ import annotations

import importlib.metadata
import platform
import sys
from pathlib import Path

import pytest

from bench.observe.packages import describe_venvs, without_home
from bench.plan.venvs import Venv


def test_an_interpreter_lists_its_own_packages() -> None:
    told = describe_venvs({"simulated": Venv(sys.executable)})["simulated"]
    assert (told["python"], told["packages"]["pytest"]) == (
        platform.python_version(),
        importlib.metadata.version("pytest"),
    )


def test_a_venv_that_cannot_be_says_why() -> None:
    assert describe_venvs({"x": Venv(unsupported="no wheels")}) == {"x": {"unsupported": "no wheels"}}


def test_a_venv_whose_install_failed_keeps_the_lines() -> None:
    assert describe_venvs({"x": Venv(failed=("a", "b"))}) == {"x": {"failed": ["a", "b"]}}


def test_an_interpreter_that_does_not_run_is_told_and_does_not_end_the_run(tmp_path: Path) -> None:
    told = describe_venvs({"x": Venv(str(tmp_path / "nowhere"))})["x"]
    assert told["failed"][0].startswith("it does not list its packages")


def test_the_users_home_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert without_home(f"{tmp_path / 'x'} and {tmp_path}") == f"{Path('~') / 'x'} and ~"


def test_a_root_folder_as_home_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert without_home("/usr/bin/python") == "/usr/bin/python"
