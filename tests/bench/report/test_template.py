"""Compiled templates are kept beside the templates, and made again when anything that they follow from changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest

from bench.report.template import CompiledTemplates

SOURCE = {"page": "Hello {{ name }}"}


class Counting(jinja2.Environment):
    """Templates, and how many were compiled."""

    compiled = 0

    def compile(self, *arguments: Any, **options: Any) -> Any:
        self.compiled += 1
        return super().compile(*arguments, **options)


def compiled(folder: Path, source: dict[str, str] = SOURCE) -> int:
    """How many templates a new process would compile for the page, which is right in any case."""
    environment = Counting(loader=jinja2.DictLoader(source), bytecode_cache=CompiledTemplates(folder))
    assert environment.get_template("page").render(name="you") == source["page"].replace("{{ name }}", "you")
    return environment.compiled


def test_a_template_is_compiled_once(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    assert [compiled(folder), compiled(folder)] == [1, 0]


def test_a_changed_template_is_compiled_again(tmp_path: Path) -> None:
    changed = {"page": "Dear {{ name }}"}
    assert [compiled(tmp_path), compiled(tmp_path, changed), compiled(tmp_path, changed)] == [1, 1, 0]


def test_another_jinja_compiles_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(tmp_path)
    monkeypatch.setattr(jinja2, "__version__", "0.1")
    assert compiled(tmp_path) == 1


def test_a_file_that_was_written_by_half_is_written_again(tmp_path: Path) -> None:
    compiled(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert [compiled(tmp_path), compiled(tmp_path)] == [1, 0]


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", refused)
    assert [compiled(tmp_path / "new"), compiled(tmp_path / "new")] == [1, 1]


def test_who_wants_nothing_kept_has_nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    compiled(tmp_path)
    assert not list(tmp_path.iterdir())
