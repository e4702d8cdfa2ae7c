"""A soak of the simulated backend, which takes as long as it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.soak.__main__ import main


@pytest.mark.process
def test_a_soak_ends_by_its_time_and_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--backend", "simulated", "--minutes", "0.02", "--repeats", "2", "--folder", str(tmp_path))
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "harness: " in said
    assert "findings of the run: " in said
    assert list(tmp_path.glob("reports/*/index.html"))


@pytest.mark.parametrize("wrong", [("--minutes", "0"), ("--repeats", "0"), ("--backend", "nosuch")])
def test_what_cannot_be_is_refused(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == 4
    assert "error: " in capsys.readouterr().err
