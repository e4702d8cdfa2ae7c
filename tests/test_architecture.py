"""The rules that keep the way of the data straight, read off the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.spec import ARTIFACT_FORMATS, PRECISIONS
from backends.table import BACKENDS

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("plan", "prepare", "observe", "measure", "store", "analyse", "report", "guard")
STACKS = {"openvino", "openvino_genai", "onnxruntime", "onnxruntime_genai", "torch", "transformers", "optimum", "nncf"}
EARLIER = {
    "plan": {"plan"},
    "observe": {"plan", "observe"},
    "prepare": {"plan", "observe", "prepare"},
    "measure": {"plan", "prepare", "observe", "measure", "store"},
    "store": {"store"},
    "analyse": {"plan", "store", "analyse"},
    "report": {"plan", "store", "analyse", "report"},
    "guard": {"plan", "observe", "store", "analyse", "guard"},
}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("file", files("backends"), ids=lambda file: str(file.relative_to(ROOT)))
def test_backends_import_nothing_of_bench(file: Path) -> None:
    assert not [name for name in imports(file) if name.split(".")[0] == "bench"]


@pytest.mark.parametrize("file", files("bench"), ids=lambda file: str(file.relative_to(ROOT)))
def test_the_harness_imports_no_inference_stack(file: Path) -> None:
    assert not [name for name in imports(file) if name.split(".")[0] in STACKS]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_later_stage(stage: str) -> None:
    found = {
        name.split(".")[1] for file in files(f"bench/{stage}") for name in imports(file) if name.startswith("bench.")
    }
    assert found & set(STAGES) <= EARLIER[stage]


def test_the_guard_is_called_by_the_session_and_the_doctor_alone() -> None:
    found = {
        file.relative_to(ROOT / "bench").parts[0]
        for file in files("bench")
        if any(name.startswith("bench.guard") for name in imports(file))
    }
    assert found == {"session.py", "doctor", "guard"}


def test_collecting_loads_neither_charts_nor_tables() -> None:
    program = "import sys, bench.conftest; print([m for m in ('matplotlib', 'pandas', 'scipy') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("spec", BACKENDS.values(), ids=lambda spec: spec.name)
def test_a_table_entry_names_formats_and_precisions_that_exist(spec: object) -> None:
    entry = BACKENDS[spec.name]  # type: ignore[attr-defined]
    assert entry.artifact_format in ARTIFACT_FORMATS
    assert {precision for formats in entry.devices.values() for precision in formats} <= set(PRECISIONS)
