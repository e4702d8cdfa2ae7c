from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from pathlib import Path, PureWindowsPath

import pytest

from bench.observe.packages import LOCK_FILE, PACKAGES_FILE, describe_venvs, drift, locked, tools, without_home
from bench.plan.venvs import Venv


@pytest.mark.process
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


@pytest.mark.process
def test_an_interpreter_that_does_not_run_is_told_and_does_not_end_the_run(tmp_path: Path) -> None:
    told = describe_venvs({"x": Venv(str(tmp_path / "nowhere"))})["x"]
    assert told["failed"][0].startswith("it does not list its packages")


def test_the_users_home_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert without_home(f"{tmp_path / 'x'} and {tmp_path}") == f"{Path('~') / 'x'} and ~"


@pytest.mark.usefixtures("no_home")
def test_a_user_without_a_home_folder_has_none_to_take_out() -> None:
    assert without_home("/usr/bin/python") == "/usr/bin/python"


def test_a_root_folder_as_home_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert without_home("/usr/bin/python") == "/usr/bin/python"


def test_another_users_home_is_no_part_of_this_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert without_home("/home/mervin/x") == "/home/mervin/x"


@pytest.mark.parametrize("typed", ["c:\\users\\ME\\x", "C:/Users/Me\\x"])
def test_a_home_on_windows_is_found_however_it_is_typed(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(Path, "home", lambda: PureWindowsPath("C:\\Users\\Me"))
    assert without_home(typed) == "~\\x"


def made_venv(folder: Path, **packages: str) -> Venv:
    """A venv that nox left a list in, as pip writes it."""
    interpreter = folder / "bin" / "python"
    interpreter.parent.mkdir()
    interpreter.touch()
    listed = [{"name": name.replace("_", "-"), "version": version} for name, version in packages.items()]
    (folder / PACKAGES_FILE).write_text(json.dumps(listed), encoding="utf-8")
    return Venv(str(interpreter))


def test_a_venv_that_is_as_it_was_made_has_not_drifted(tmp_path: Path) -> None:
    assert drift(made_venv(tmp_path, onnx_ir="1.1"), {"onnx_IR": "1.1"}) is None


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"openvino": "2026.5"}, "openvino 2026.5 (was 2026.4)"),
        ({}, "openvino is missing (was 2026.4)"),
        ({"openvino": "2026.4", "torch": "2"}, "torch 2 (was not there)"),
    ],
)
def test_a_package_that_was_changed_is_named_with_the_remedy(tmp_path: Path, now: dict[str, str], said: str) -> None:
    told = str(drift(made_venv(tmp_path, openvino="2026.4"), {"numpy": "2", **now}))
    assert (said in told, "to have it made again" in told, "\n" in told) == (True, True, False)


def test_an_installer_may_be_renewed(tmp_path: Path) -> None:
    assert drift(made_venv(tmp_path, numpy="2", pip="26"), {"numpy": "2", "pip": "27"}) is None


@pytest.mark.parametrize("venv", [Venv(sys.executable), Venv(unsupported="no wheels")])
def test_an_interpreter_that_nox_did_not_make_is_the_users_own(venv: Venv, tmp_path: Path) -> None:
    own = venv if venv.python is None else Venv(str(tmp_path / "bin" / "python"))
    assert drift(own, {"numpy": "2"}) is None


def test_a_venv_that_cannot_be_listed_is_left_to_the_worker(tmp_path: Path) -> None:
    assert drift(made_venv(tmp_path, numpy="2"), {}) is None


def note_lock(home: Path, text: str) -> str:
    (home / "bin").mkdir(exist_ok=True)
    (home / LOCK_FILE).write_text(text, encoding="utf-8")
    return str(home / "bin" / "python")


def test_a_venv_says_whether_it_was_installed_by_hash(tmp_path: Path) -> None:
    assert locked(note_lock(tmp_path, '{"locked": true}')) == {"locked": True}


def test_why_not_is_told_without_keys_of_an_index(tmp_path: Path) -> None:
    why = "installed by name: x from https://me:key@index/simple?token=1"
    told = locked(note_lock(tmp_path, json.dumps({"locked": False, "unlocked_reason": why})))
    assert told == {"locked": False, "unlocked_reason": "installed by name: x from https://index/simple"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"locked": false}'])
def test_an_interpreter_that_says_nothing_is_not_locked(tmp_path: Path, text: str) -> None:
    told = locked(note_lock(tmp_path, text))
    assert told == {"locked": False, "unlocked_reason": "not an environment that nox made"}


def test_the_harness_and_what_converts_are_told_where_there_is_one(tmp_path: Path) -> None:
    conversion = Venv(note_lock(tmp_path, '{"locked": true}'))
    assert (list(tools(None)), tools(conversion)["conversion"]) == (["harness"], {"locked": True})


def test_an_interpreter_at_the_root_of_a_disk_is_none_of_nox() -> None:
    python = str(Path(Path.cwd().anchor, "python"))
    assert locked(python) == {"locked": False, "unlocked_reason": "not an environment that nox made"}
    assert drift(Venv(python), {"numpy": "2.4"}) is None
