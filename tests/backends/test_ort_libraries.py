"""The libraries of another package are found where it is installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backends.ort_libraries import add_to_search, make_findable, openvino_libraries


def test_openvino_is_looked_for_without_being_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "openvino" / "libs").mkdir(parents=True)
    (tmp_path / "openvino" / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    assert openvino_libraries() == tmp_path / "openvino" / "libs"


def test_a_folder_is_searched_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "elsewhere")
    add_to_search(tmp_path)

    assert os.environ["PATH"].split(os.pathsep) == [str(tmp_path), "elsewhere"]


@pytest.mark.parametrize("kind", [None, "DML", "WINML"])
def test_a_package_that_carries_all_it_needs_changes_nothing(monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    monkeypatch.setenv("PATH", "elsewhere")
    make_findable(kind)

    assert os.environ["PATH"] == "elsewhere"
