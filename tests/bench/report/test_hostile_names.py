"""Names and messages of a stranger's run: nothing of them steers a terminal, a log of CI, a shell or a spreadsheet."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from bench.commands import compare, gate, history, report, verify
from bench.plan.cells import Load
from tests.support.stored_runs import FakeRun

EVIL = "##vso[task.complete] x\x1b]0;title\x07\x1b[2J\u202egnp\u2066\x9b31m\r\n::error::evil\n##[error]evil\u2028=1+1"
DISGUISE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
COMMAND = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one machine in which all that can be named is named so, and of which a file is damaged."""
    folder = tmp_path_factory.mktemp("hostile") / "results"
    for day in (1, 2):
        loads = [Load(EVIL, EVIL, "int4"), Load("ort-genai", "CPU", EVIL), Load("transformers", "CPU", "fp32")]
        run = FakeRun(loads=loads, prompt_tokens=(32,), new_tokens=(4,), blocks=2, repeats=1, cpu_name=EVIL)
        run.model = {**run.model, "name": EVIL, "note": EVIL, "revision": EVIL}
        run.break_cells("transformers", "failed", EVIL)
        run.stderr = EVIL
        run.more = {"device_evidence": EVIL, "backend_version": EVIL, "environment": [(EVIL, EVIL)]}
        found = {"code": EVIL, "severity": "serious", "subject": "run", "message": EVIL, "advice": EVIL}
        run.findings = [found, {**found, "code": "hot", "severity": "warning"}]
        venvs = {EVIL: {"packages": {EVIL: EVIL}, "python": EVIL}, "ort-genai": {"failed": [EVIL]}}
        run.record = {"machine_id": EVIL, "command": EVIL, "venvs": venvs, "selection": {"by": EVIL, "selected": 1}}
        stored = run.write(folder, f"2026112{day}T000000Z-aaaaaa")
        (stored / "generations" / "zz.parquet").write_text(EVIL, "utf-8")
        (stored / "pieces.json").write_text(json.dumps({EVIL: 1}), "utf-8")
        (stored / "digests.json").write_text(json.dumps({EVIL: "0", "run.json": "0"}), "utf-8")
    return folder


def ids(results: Path) -> list[str]:
    return sorted(path.name for path in results.iterdir())


@pytest.mark.slow
def test_a_report_steers_nothing(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [ids(results)[0], "--results-dir", str(results), "--reports-dir", str(tmp_path)]
    assert report.main(arguments) == 0
    steers_nothing(capsys)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    for name in ("index.html", "table.html", "summary.md", "summary.json", "summary.csv"):
        assert not DISGUISE.search((folder / name).read_text("utf-8")), name
    with (folder / "summary.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.reader(stream):
            assert not [cell for cell in row if re.search(r"(^|[;\t\n])\s*[=+@]", cell)]


@pytest.mark.slow
def test_errors_steer_nothing(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--results-dir", str(results), "--reports-dir", str(tmp_path)]
    first, second = ids(results)
    assert verify.main([first, second, *folders]) == 1
    assert compare.main([first, second, *folders]) == 1
    assert gate.main(["--baseline", first, "--head", second, *folders]) == 2
    assert gate.main(["--baseline", EVIL, "--head", EVIL, *folders]) == 4
    assert history.main(folders) == 1
    assert report.main([EVIL, *folders]) == 4
    steers_nothing(capsys)


@pytest.mark.slow
def test_what_compares_runs_steers_nothing(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--results-dir", str(results), "--reports-dir", str(tmp_path / "reports")]
    for path in results.glob("*/generations/zz.parquet"):
        path.unlink()
    first, second = ids(results)
    assert compare.main([first, second, *folders]) == 0
    assert gate.main(["--baseline", first, "--head", second, *folders]) in {0, 1, 2}
    assert history.main(folders) == 0
    steers_nothing(capsys)
    for path in tmp_path.rglob("*.*"):
        assert path.is_dir() or not DISGUISE.search(path.read_text("utf-8")), path
        assert path.name.isascii()


def steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert not DISGUISE.search(text)
        assert not COMMAND.search(text)
