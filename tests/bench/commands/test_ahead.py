"""Converting while stacks are still installed: as far as that goes, and nothing is said of what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.commands import ahead
from bench.errors import MachineError, PrepareError
from tests.support.preparers import Preparer

FLAGS = ("--backend", "openvino-genai,ort-genai", "--precision", "int4", "--device", "CPU")


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How each run that held the machine was started; no machine is held, and no end of the session is waited for."""
    commands: list[str] = []
    monkeypatch.setattr(ahead, "end_with_harness", lambda: None)
    monkeypatch.setattr(ahead, "hold_machine", lambda loads, run_id, command, *_: commands.append(command))
    # The tests' own standard input is none of its business.
    monkeypatch.setattr(ahead, "end_with_harness", lambda: None)
    return commands


def prepared(monkeypatch: pytest.MonkeyPatch, *flags: str, refused: str = "nothing") -> tuple[int, list[str]]:
    """The exit status, and the formats that were made."""
    preparer = Preparer(refused)
    monkeypatch.setattr(ahead, "preparation_for", lambda options, venvs, loads, say: preparer if loads else None)
    return ahead.main(flags), preparer.made


def test_all_that_a_sweep_needs_on_the_cpu_is_made_while_the_machine_is_held(
    monkeypatch: pytest.MonkeyPatch, held: list[str]
) -> None:
    assert prepared(monkeypatch, *FLAGS) == (0, ["openvino-ir", "ort-genai"])
    assert held == ["nox -s bench -- --backend openvino-genai,ort-genai --precision int4 --device CPU"]


def test_a_conversion_that_fails_is_not_told_and_does_not_keep_the_others_from_being_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepared(monkeypatch, *FLAGS, refused="openvino-ir") == (0, ["ort-genai"])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "flags", [("-k", "int4"), ("--precision", "int5"), ("--device", "GPU", "--backend", "openvino-genai")]
)
def test_what_needs_more_than_the_command_line_to_be_known_is_left_to_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    assert prepared(monkeypatch, *flags)[1] == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [MachineError("another run measures"), PrepareError("no converter")])
def test_nothing_is_made_while_another_run_measures(monkeypatch: pytest.MonkeyPatch, error: Any) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(ahead, "hold_machine", refuse)
    assert prepared(monkeypatch, *FLAGS) == (error.exit_status, [])


def test_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ahead, "hold_machine", interrupt)
    assert prepared(monkeypatch, *FLAGS) == (130, [])


def test_a_run_that_is_carried_on_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Resumed:
        resume = tmp_path

    monkeypatch.setattr(ahead, "plan_for", lambda *_: (Resumed(), None))
    assert prepared(monkeypatch, "--resume") == (0, [])
