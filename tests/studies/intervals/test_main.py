"""``python -m studies.intervals``: the parts that were asked for, in tables, files and charts."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.intervals import simulate
from studies.intervals.__main__ import main

TINY = ("--coverage", "20", "--comparisons", "2", "--power", "2", "--jobs", "1")


@pytest.mark.slow
def test_without_a_command_it_simulates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY, "--only", "coverage"]) == 0
    assert "Coverage of the 95 % intervals" in capsys.readouterr().out


@pytest.mark.slow
def test_only_the_parts_that_were_asked_for_are_played(capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", *TINY, "--only", "usual"])

    assert "Coverage" not in capsys.readouterr().out


@pytest.mark.slow
def test_the_same_seed_draws_the_same_charts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        main([*TINY, "--only", "coverage", "--charts", str(tmp_path / name)])

    assert (tmp_path / "a" / "coverage.svg").read_bytes() == (tmp_path / "b" / "coverage.svg").read_bytes()


@pytest.mark.slow
def test_power_is_drawn_over_the_minutes_measured(tmp_path: Path) -> None:
    main([*TINY, "--only", "power", "--charts", str(tmp_path)])

    assert "minutes measured" in (tmp_path / "power.svg").read_text("utf-8")


@pytest.mark.slow
def test_a_chart_has_no_colour_that_only_the_report_knows(tmp_path: Path) -> None:
    main([*TINY, "--only", "coverage", "--charts", str(tmp_path)])

    assert "#0101" not in (tmp_path / "coverage.svg").read_text("utf-8")


@pytest.mark.slow
def test_tables_are_written_as_markdown(tmp_path: Path) -> None:
    main([*TINY, "--only", "coverage", "--write", str(tmp_path / "found.md")])

    assert "| quiet | 3 |" in (tmp_path / "found.md").read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [("--only", "luck"), ("--comparisons", "1"), ("--seed", "-1"), ("--jobs", "none"), ("--noise", "no-such-file")],
)
def test_what_cannot_be_is_refused_in_a_line(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *arguments]) == 4
    assert capsys.readouterr().err.startswith("error: ")


def test_ctrl_c_ends_it_in_a_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(setting: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate, "coverage_tables", interrupt)

    assert main([*TINY, "--only", "coverage"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("command", ["simulate", "fit", "real", "variance"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])

    assert "--write" in capsys.readouterr().out
