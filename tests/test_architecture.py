"""The rules that keep the way of the data straight, read off the imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from backends.spec import ARTIFACT_FORMATS, PRECISIONS
from backends.table import BACKENDS

ROOT = Path(__file__).resolve().parents[1]
STACKS = {
    "openvino",
    "openvino_genai",
    "onnxruntime",
    "onnxruntime_genai",
    "torch",
    "transformers",
    "optimum",
    "nncf",
    "cyllama",
    "llama_cpp",
}
EVERYWHERE = {"PROJECT_ROOT", "errors"}
"""What every part may use."""
MAY_IMPORT = {
    "errors.py": set(),
    "findings.py": set(),
    "metrics.py": set(),
    "cli.py": set(),
    "last_words.py": set(),
    "processes.py": set(),
    "scratch.py": {"processes"},
    "plan": {"cli"},
    "store": set(),
    "observe": {"plan", "processes"},
    "prepare": {"plan", "observe", "processes", "scratch", "last_words"},
    "measure": {"plan", "prepare", "observe", "store", "processes", "last_words"},
    "analyse": {"plan", "store", "findings", "metrics"},
    "dataset": {"store", "analyse", "scratch"},
    "fleet": {"plan", "prepare", "observe", "store", "run"},
    "report": {"plan", "store", "analyse", "cli", "findings", "metrics", "processes"},
    "run": {"plan", "prepare", "observe", "measure", "store", "analyse", "findings", "processes", "last_words"}
    | {"scratch"},
    "commands": {"plan", "prepare", "observe", "measure", "store", "analyse", "report", "run", "cli"}
    | {"metrics", "dataset", "scratch", "fleet"},
    "conftest.py": {"plan", "report", "run", "cli", "test_measure"},
    "test_measure.py": {"plan", "measure", "run"},
    "test_replay.py": {"test_measure"},
    "__init__.py": set(),
}
"""Folder or file of ``bench/`` -> which others it may import, beside :data:`EVERYWHERE`."""


@cache
def imports(file: Path) -> tuple[str, ...]:
    """The modules that a file imports, and what it takes from each of the project's as ``module.name``."""
    found: list[str] = []
    for node in statements(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(found)


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node: expressions, most of a tree, hold none."""
    for name in ("body", "orelse", "handlers", "finalbody", "cases"):
        for below in getattr(node, name, ()):
            yield below
            yield from statements(below)


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported_by(folder: str) -> Iterator[tuple[str, str]]:
    """Each file below a folder, with each module that it imports."""
    found = files(folder)
    assert found
    for file in found:
        yield from ((str(file.relative_to(ROOT)), name) for name in imports(file))


def test_backends_import_nothing_of_bench() -> None:
    assert [(file, name) for file, name in imported_by("backends") if top(name) == "bench"] == []


def test_the_harness_imports_no_inference_stack() -> None:
    assert [(file, name) for file, name in imported_by("bench") if top(name) in STACKS] == []


def parts() -> list[str]:
    """The folders and Python files of ``bench/``."""
    found = (path for path in (ROOT / "bench").iterdir() if not path.name.startswith((".", "__pycache__")))
    return sorted(path.name for path in found if path.is_dir() or path.suffix == ".py")


def test_every_part_of_the_harness_is_known() -> None:
    assert parts() == sorted(MAY_IMPORT)


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_it_may(part: str) -> None:
    of_part = [ROOT / "bench" / part] if part.endswith(".py") else files(f"bench/{part}")
    found = {name.split(".")[1] for file in of_part for name in imports(file) if name.startswith("bench.")}
    assert found - {part} <= MAY_IMPORT[part] | EVERYWHERE


def test_only_the_studies_import_the_studies() -> None:
    found = [*imported_by("bench"), *imported_by("backends")]
    assert [(file, name) for file, name in found if top(name) == "studies"] == []


@pytest.mark.slow
def test_what_tests_share_stands_in_no_test_or_conftest_and_is_public() -> None:
    found = [(file, name) for file, name in imported_by("tests") if top(name) == "tests"]
    assert [(file, name) for file, name in found if re.search(r"\.(test_|conftest\b|_)", name)] == []


def top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


@pytest.mark.process
def test_the_noxfile_loads_nothing_that_noxs_own_python_may_lack() -> None:
    # Nox loads uv's own package where there is one, as in the venv of the tests.
    brought = "import nox, packaging.dependency_groups, packaging.markers; nox.virtualenv.find_uv()"
    program = (
        f"import sys; {brought}; before = {{*sys.modules}}; import noxfile; print(*sorted({{*sys.modules}} - before))"
    )
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {top(name) for name in shown.stdout.split()}
    assert loaded - sys.stdlib_module_names <= {"noxfile", "bench", "backends", "packaging"}


@pytest.mark.process
def test_collecting_loads_neither_charts_nor_tables() -> None:
    program = "import sys, bench.conftest; print([m for m in ('matplotlib', 'pandas', 'scipy') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("spec", BACKENDS.values(), ids=lambda spec: spec.name)
def test_a_table_entry_names_formats_and_precisions_that_exist(spec: object) -> None:
    entry = BACKENDS[spec.name]  # type: ignore[attr-defined]
    assert entry.artifact_format in ARTIFACT_FORMATS
    assert {precision for formats in entry.devices.values() for precision in formats} <= set(PRECISIONS)
