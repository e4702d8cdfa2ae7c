"""A history in Turkish: its page and its Markdown are, and what programs and the terminal get is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.history.__main__ import main
from tests.bench.history.conftest import ask, write_night
from tests.bench.report.visible import NO_TURKISH, left_in_english

FILES = ("history.html", "history.md", "history.json")


def told(results: Path, reports: Path, language: str) -> dict[str, str]:
    assert main(["--results-dir", str(results), "--reports-dir", str(reports), "--lang", language]) == 0
    (folder,) = (path for path in reports.iterdir() if path.is_dir())
    return {name: (folder / name).read_text("utf-8") for name in FILES}


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """Too few runs of two cells, one with other prompts and one without an end."""
    for night in range(3):
        folder = write_night(tmp_path / "short", night, end=None if night == 2 else "finished")
        if night < 2:
            ask(folder, f"text {night}")
    return tmp_path / "short"


@pytest.fixture(params=["upgraded", "short"])
def results(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def test_a_turkish_history_says_nothing_in_english(results: Path, tmp_path: Path) -> None:
    turkish, english = (told(results, tmp_path / code, code) for code in ("tr", "en"))
    assert '<html lang="tr">' in turkish["history.html"]
    assert left_in_english(turkish["history.html"]) == []
    assert [line for line in turkish["history.md"].splitlines() if NO_TURKISH.search(line)] == []
    assert len(left_in_english(english["history.html"])) > 10


def test_programs_and_terminals_get_the_same_in_every_language(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed, written = [], []
    for code in ("tr", "en"):
        written.append(told(results, tmp_path / code, code)["history.json"])
        printed.append(capsys.readouterr().out.split("\nreports ")[0])
    assert (written[0], printed[0]) == (written[1], printed[1])


def test_no_number_of_a_turkish_history_has_a_decimal_point(upgraded: Path, tmp_path: Path) -> None:
    page = told(upgraded, tmp_path / "tr", "tr")["history.html"]
    body = re.sub(r"<(style|script|code)\b.*?</\1>", "", page, flags=re.DOTALL)
    shown = re.findall(r"<(?:title|text|small|td|b|span)\b[^>]*>([^<]*)<", body)
    assert [one for one in shown if re.search(r"\d\.\d(?!\.|\d*\.)|\d %", one) and "-&gt;" not in one] == []
