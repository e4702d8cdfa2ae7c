"""What a conversion that fails answers: one line with the cause."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backends.convert import ConversionError
from backends.convert.__main__ import TASKS, carry_out


def answered(monkeypatch: pytest.MonkeyPatch, source: Path, error: Exception) -> dict[str, Any]:
    def convert(*_: object) -> None:
        raise error

    monkeypatch.setitem(sys.modules, "stand_in_converter", SimpleNamespace(convert=convert))
    monkeypatch.setitem(TASKS, "toy", "stand_in_converter")
    return carry_out({"task": "toy", "source": str(source), "output": str(source), "options": {}})


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConversionError("ours: as it is. Please."), "ours: as it is. Please."),
        (ValueError("Asked for x.\nPlease open an issue.\n"), "ValueError: Asked for x."),
        (KeyError("commit"), "KeyError: 'commit'"),
        (MemoryError(), "MemoryError"),
    ],
    ids=repr,
)
def test_the_cause_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, message: str
) -> None:
    assert answered(monkeypatch, tmp_path, error) == {"ok": False, "message": message}


@pytest.mark.parametrize(
    ("config", "name"), [({"architectures": ["BloomForCausalLM"]}, "BloomForCausalLM"), ({}, "toy")]
)
def test_where_a_converter_names_the_folder_as_what_it_does_not_know_the_architecture_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: dict[str, Any], name: str
) -> None:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    # As the model builder of ONNX Runtime GenAI says it.
    raised = NotImplementedError(f"The {folder} model is not currently supported.")
    expected = f"NotImplementedError: The {name} model is not currently supported."
    assert answered(monkeypatch, folder, raised)["message"] == expected
