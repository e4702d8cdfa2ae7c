from __future__ import annotations

import ast
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.held_files import remove_file, replace_file
from bench.prepare import locks

ROOT = Path(__file__).resolve().parents[2]


def refused(act: Callable[..., object], times: int) -> Callable[..., object]:
    """A method of a path that is refused so many times, as while a virus scanner reads the file."""
    left = iter([True] * times)

    def held(*arguments: Path, **settings: bool) -> object:
        if next(left, False):
            raise PermissionError(errno.EACCES, "held by a scanner")
        return act(*arguments, **settings)

    return held


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.held_files.time.sleep", lambda _: None)


@pytest.mark.fault("disk-held")
def test_a_file_that_is_held_for_a_moment_is_removed_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()
    monkeypatch.setattr(Path, "unlink", refused(Path.unlink, 2))
    remove_file(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_file_that_is_gone_need_not_be_removed(tmp_path: Path) -> None:
    remove_file(tmp_path / "a")


@pytest.mark.fault("disk-held")
def test_a_folder_that_is_held_for_a_moment_gets_its_place_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made").mkdir()
    monkeypatch.setattr(Path, "replace", refused(Path.replace, 3))
    assert replace_file(tmp_path / "made", tmp_path / "place").is_dir()


def test_what_is_held_for_good_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").touch()
    monkeypatch.setattr(Path, "replace", refused(Path.replace, 100))
    with pytest.raises(PermissionError, match="held by a scanner"):
        replace_file(tmp_path / "made", tmp_path / "place")


@pytest.mark.fault("disk-held")
def test_a_lock_that_is_held_for_a_moment_is_replaced_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "lock_file", lambda _: tmp_path / "transformers.txt")
    monkeypatch.setattr(Path, "replace", refused(Path.replace, 2))
    locks.write("transformers", [locks.Row("toy==1", ("sha256:" + "0" * 64,))])
    assert "toy==1" in (tmp_path / "transformers.txt").read_text("utf-8")


@pytest.mark.slow
def test_nothing_else_replaces_a_file_without_waiting() -> None:
    """Of one argument and no name is only the ``replace`` of a path."""
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for folder in ("backends", "bench")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("replace", "rename")
        and len(node.args) == 1
        and not node.keywords
        and file.name != "held_files.py"
    ]
    assert found == []
