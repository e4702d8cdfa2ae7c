"""What the terminal shows while venvs are made."""

from __future__ import annotations

import io
import logging
import sys
from typing import Any

import pytest

from bench.prepare.install_lines import Lines
from tests.nox_sessions.fake import FakeSession, made


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal on which lines can be changed."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    return Terminal()


def test_in_a_file_a_venv_has_a_line_at_its_start_and_one_at_its_end() -> None:
    fake = FakeSession()
    made(fake, "ort-genai")
    announced, begun, _, ended = fake.said
    assert announced.startswith("to be installed: ort-genai; ")
    assert begun.startswith("installing ort-genai (0.2 GB, about 1 min)")
    assert ended.startswith("installed ort-genai by pip: 0.0 GB in ")


def test_what_cannot_be_installed_is_told_with_the_end_of_its_log_and_where_that_is() -> None:
    fake = FakeSession(failing="onnxruntime-genai", errors="ERROR: one\n")
    made(fake, "ort-genai")
    said = fake.said[-1].splitlines()
    assert said[0].startswith("ort-genai could not be installed; all of it is in ")
    assert said[0].endswith("install.log:")
    assert said[1:] == ["  ERROR: one"]


def test_on_a_terminal_the_line_of_a_venv_changes_in_place(terminal: Terminal) -> None:
    fake = FakeSession()
    lines = Lines(fake, terminal)
    lines.begin("conversion")
    lines.tell("conversion", "Collecting torch==2.13.0 (from -r requirements.txt)")
    lines.log("installed ort-genai")
    lines.end("conversion")
    lines.close()
    shown = terminal.getvalue().replace("\x1b[1F\x1b[J", "<")
    assert shown == "  conversion: making the venv, 0 s\n<  conversion: fetching torch, 0 s\n<"
    assert fake.said == ["installed ort-genai"]


def test_a_line_is_never_wider_than_the_terminal(terminal: Terminal) -> None:
    lines = Lines(FakeSession(), terminal)
    lines.begin("x" * 100)
    lines.close()
    assert max(map(len, terminal.getvalue().splitlines())) <= 40


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Collecting torch==2.13.0 (from -r r.txt)", "fetching torch"),
        ("Collecting lazy-importer==0.1.0 (from -r r.txt)", "fetching lazy-importer"),
        ("Processing /opt/files/numpy-2.4.6-cp311.whl", "fetching numpy"),
        (r"Processing c:\my wheels\numpy-2.4.6-cp311.whl (from -r C:\b\.nox\r.txt (line 5))", "fetching numpy"),
        ("  Downloading babel-2.19.0-py3-none-any.whl (11.0 MB)", "fetching babel"),
        ("Building wheel for llama-cpp-python (pyproject.toml): started", "compiling llama-cpp-python"),
        ("Installing collected packages: a, b, c", "unpacking 3 packages"),
        ("Resolved 35 packages in 543ms", "fetching 35 packages"),
        ("Prepared 1 package in 5.20s", "unpacking 1 package"),
        ("Installed 35 packages in 207ms", "35 packages unpacked"),
        ("WARNING: something", "making the venv"),
    ],
)
def test_what_installers_print_says_what_they_do(terminal: Terminal, line: str, step: str) -> None:
    lines = Lines(FakeSession(), terminal)
    lines.begin("x")
    lines.tell("x", line)
    assert lines._changing["x"].step == step
    lines.close()


@pytest.mark.parametrize("verbose", [True, False])
def test_what_installers_print_is_shown_if_nox_is_verbose(caplog: pytest.LogCaptureFixture, verbose: bool) -> None:
    with caplog.at_level(logging.DEBUG - 1 if verbose else logging.DEBUG, logger="nox"):
        lines = Lines(FakeSession())
        lines.begin("x")
        lines.tell("x", "Collecting torch")
        lines.close()
    assert [record.getMessage() for record in caplog.records] == (["x: Collecting torch"] if verbose else [])


def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Terminal, "isatty", lambda _: False)


def dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


def old_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("WT_SESSION", raising=False)


@pytest.mark.parametrize("where", [no_terminal, dumb, old_windows])
def test_nothing_changes_where_nothing_can(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, where: Any) -> None:
    where(monkeypatch)
    lines = Lines(FakeSession(), terminal)
    lines.begin("x")
    lines.close()
    assert (lines._live, terminal.getvalue()) == (False, "")


def test_a_character_that_the_console_lacks_ends_no_session(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = io.TextIOWrapper(io.BytesIO(), "cp1252", newline="\n")
    monkeypatch.setattr(sys, "stdout", console)
    Lines(FakeSession(), terminal).show("converting C:\\modelleri\u015f")
    assert console.buffer.getvalue() == b"converting C:\\modelleri?\n"


def test_what_others_say_goes_above(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(FakeSession(), terminal)
    lines.begin("x")
    lines.show("converting a model")
    lines.close()
    assert capsys.readouterr().out == "converting a model\n"
    assert terminal.getvalue().count("\x1b[1F\x1b[J") == 2
