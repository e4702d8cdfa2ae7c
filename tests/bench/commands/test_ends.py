"""How every command ends: the same exit status and one line for the same mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bench import PROJECT_ROOT, commands
from bench.cli import command
from bench.commands import child, gate, needs, report

GOLDEN = PROJECT_ROOT / "tests" / "golden" / "runs"
NAMES = sorted(
    path.stem
    for path in Path(commands.__path__[0]).glob("*.py")
    # What the noxfile runs, what says nothing of mistakes, and what passes options of pytest or of `bench` on.
    if path.stem not in ("__init__", "__main__", "child", "stored_runs", "ahead", "fleet", "fleet_run", "needs")
)


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_is_not_there_is_refused_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_module(f"bench.commands.{name}").main(["--no-such-option", "x"]) == 4
    shown, error = capsys.readouterr()
    assert (shown, error.startswith("error: "), error.count("\n")) == ("", True, 1)


def test_an_option_of_clean_cannot_be_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    # The session looks for the whole word, to remove the venvs too.
    assert import_module("bench.commands.clean").main(["--remov"]) == 4
    assert "--remov" in capsys.readouterr().err


def test_ctrl_c_ends_a_command_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main(_: object) -> int:
        raise KeyboardInterrupt

    assert main([]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_what_a_user_may_not_look_into_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main(_: object) -> int:
        raise PermissionError(13, "Permission denied", "/home/other/model")

    assert main([]) == 1
    said = "no access to /home/other/model (Permission denied): name another place, or have its owner allow it"
    assert capsys.readouterr() == ("", f"error: {said}\n")


def test_its_path_is_private_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(Path.home() / "results"))

    monkeypatch.setattr("bench.commands.report.all_folders", refused)
    monkeypatch.setattr("bench.commands.gate.find_runs", refused)
    # Of a gate 1 would be a regression.
    assert (report.main(["--redact"]), gate.main(["--head", "x", "--redact"])) == (1, 2)
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": name")[0] for line in said] == ["error: no access to <home> (Permission denied)"] * 2


def test_a_run_that_cannot_be_carried_on_is_refused_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "results" / "of-a-newer-version"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"schema_version": 99_999}), encoding="utf-8")
    assert needs.main(["--needs", "--", "--resume", run.name]) == 1
    shown, error = capsys.readouterr()
    assert (shown, error.startswith("error: "), error.count("\n")) == ("", True, 1)


def test_a_folder_for_sboms_that_cannot_be_made_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert import_module("bench.commands.audit").main(["--sbom", str(tmp_path / "file" / "sboms")]) == 1
    shown, error = capsys.readouterr()
    assert (shown, error.startswith("error: "), error.count("\n")) == ("", True, 1)


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such error of a pipe")
def test_who_has_read_enough_sees_no_traceback(tmp_path: Path) -> None:
    asked = ["--results-dir", str(GOLDEN), "--format", "csv", "select unnest(range(999999))"]
    sql = [sys.executable, "-m", "bench.commands", "sql", *asked]
    with subprocess.Popen(
        sql, cwd=tmp_path, env=child.surroundings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == (b"", 141)
