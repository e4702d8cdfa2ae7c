"""Which module has a command of ``fleet``."""

from __future__ import annotations

import runpy
import signal
import sys
from types import SimpleNamespace

import pytest

from bench.commands import fleet


def test_a_command_gets_what_stands_behind_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        asked.append(arguments)
        return 7

    monkeypatch.setitem(sys.modules, "bench.commands.fleet_report", SimpleNamespace(main=main))
    assert fleet.main(["report", "dataset", "--help"]) == 7
    assert asked == [["dataset", "--help"]]


def test_the_help_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in fleet.COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "said"), [(["wroker"], "fleet knows no 'wroker'"), ([], "fleet needs a command")]
)
def test_another_command_is_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet.main(arguments) == 4
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}: name one of certs, report, run, scheduler, worker")
    assert error.count("\n") == 1


def test_ctrl_break_of_windows_ends_a_command_as_ctrl_c_does(monkeypatch: pytest.MonkeyPatch) -> None:
    number = signal.SIGTERM
    before = signal.getsignal(number)
    monkeypatch.setattr(signal, "SIGBREAK", number, raising=False)
    monkeypatch.setattr(sys, "argv", ["bench.commands", "fleet", "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("bench.commands", run_name="__main__", alter_sys=True)
    after = signal.signal(number, before)
    assert after is signal.default_int_handler
