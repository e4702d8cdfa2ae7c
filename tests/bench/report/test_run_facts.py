"""Facts of a run beside its figures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench.plan.cells import Load
from bench.report.run_details import packages
from tests.support.markup import visible
from tests.support.reports import render
from tests.support.stored_runs import FakeRun

TRUE: dict[str, Any] = {"locked": True}
WHY = {"locked": False, "unlocked_reason": "by name: torch 2+cpu"}


@pytest.mark.parametrize(
    ("venvs", "said"),
    [
        ({"x": {"python": "3.12"}, "y": None}, ""),
        ({"harness": TRUE, "x": {**TRUE, "packages": {}}}, "all installed by the hashes of the lock files"),
        (
            {"harness": TRUE, "x": WHY, "y": WHY},
            "not all installed by the hashes of the lock files: x, y: by name: torch 2+cpu",
        ),
    ],
)
def test_what_was_not_installed_by_hash_is_told_with_its_reason(venvs: dict[str, Any], said: str) -> None:
    assert packages({"venvs": venvs}) == said


def test_a_venv_of_which_nothing_is_recorded_is_left_out(tmp_path: Path) -> None:
    run = FakeRun(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32,), blocks=2, repeats=1)
    run.venvs = {"ort-genai": {"python": "3.12.1"}, "openvino-genai": None}
    page = render(run.write(tmp_path), tmp_path / "reports").index.read_text("utf-8")
    assert "<h3>ort-genai <small>Python 3.12.1" in page
    assert "<h3>openvino-genai" not in page


@pytest.mark.parametrize("damaged", [["model"], ["plan"], ["seed", "command"], ["model", "machine", "plan", "venvs"]])
def test_what_a_damaged_record_does_not_tell_is_left_out_or_called_unknown(tmp_path: Path, damaged: list[str]) -> None:
    run = FakeRun(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32,), blocks=2, repeats=1).write(tmp_path)
    file = run / "run.json"
    record = json.loads(file.read_text("utf-8")) | {part: ["no", "such"] for part in damaged}
    file.write_text(json.dumps(record), "utf-8")
    report = render(run, tmp_path / "reports").index.parent
    texts = {path.name: path.read_bytes().decode("utf-8", "replace") for path in report.iterdir()}
    told = {name: visible(text) if name.endswith(".html") else text for name, text in texts.items()}
    assert [name for name, text in told.items() if re.search(r"\bNone\b", text)] == []
    assert ("unknown model" in told["table.html"]) is ("model" in damaged)
