from __future__ import annotations

import json
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.commands.report import main
from bench.plan.cells import Load
from bench.report.render import finish_run
from bench.store.schema import SCHEMA_VERSION

MakeRun = Callable[..., Any]


@pytest.fixture
def small_run(fake_run: MakeRun, tmp_path: Path) -> Path:
    written = fake_run(loads=[Load("ort-genai", "CPU", "int4")], blocks=2, prompt_tokens=(32,)).write(
        tmp_path / "results"
    )
    assert isinstance(written, Path)
    return written


def run_main(tmp_path: Path, *names: str) -> int:
    return main([*names, "--results-dir", str(tmp_path / "results"), "--reports-dir", str(tmp_path / "reports")])


def test_a_named_folder_is_rendered(small_run: Path, tmp_path: Path) -> None:
    assert run_main(tmp_path, str(small_run)) == 0
    assert (tmp_path / "reports" / small_run.name / "index.html").is_file()


def test_a_run_id_is_found_in_the_results(small_run: Path, tmp_path: Path) -> None:
    assert run_main(tmp_path, small_run.name) == 0


def test_without_a_name_the_newest_is_rendered(small_run: Path, fake_run: MakeRun, tmp_path: Path) -> None:
    fake_run(loads=[Load("ort-genai", "CPU", "int4")], blocks=1).write(tmp_path / "results", "20990101T000000Z-ffffff")
    run_main(tmp_path)
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {"20990101T000000Z-ffffff", "index.html"}


def test_the_last_line_is_the_address(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_main(tmp_path, small_run.name)
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"{small_run.name}/index.html")


def test_a_run_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(tmp_path, "nowhere") == 4
    assert capsys.readouterr().err.startswith("error: there is no run nowhere")


def test_an_unknown_flag_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(tmp_path, "--nonsense") == 4
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_no_run_at_all_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(tmp_path) == 1
    assert "holds no run" in capsys.readouterr().err


def test_a_folder_without_a_run_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(tmp_path, str(tmp_path)) == 1
    assert "holds no run" in capsys.readouterr().err


def test_a_newer_schema_is_an_error(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((small_run / "run.json").read_text(encoding="utf-8"))
    record["schema_version"] = SCHEMA_VERSION + 1
    (small_run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert run_main(tmp_path, small_run.name) == 1
    assert "update AIPC Bench" in capsys.readouterr().err


def test_one_bad_run_does_not_cost_the_others(small_run: Path, tmp_path: Path) -> None:
    assert run_main(tmp_path, str(tmp_path), small_run.name) == 1
    assert (tmp_path / "reports" / small_run.name / "index.html").is_file()


def test_a_folder_that_cannot_be_written_is_an_error(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reports").write_text("a file", encoding="utf-8")
    assert run_main(tmp_path, small_run.name) == 1
    assert "choose another folder with --reports-dir" in capsys.readouterr().err


def test_open_shows_the_page(small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    finish_run(small_run, tmp_path / "reports", open_report=True)
    assert opened == [(tmp_path / "reports" / small_run.name / "index.html").as_uri()]


@pytest.mark.process
def test_importing_the_stage_draws_in_no_library() -> None:
    code = "import sys, bench.report; print({'matplotlib', 'pandas', 'jinja2', 'scipy', 'pyarrow'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
