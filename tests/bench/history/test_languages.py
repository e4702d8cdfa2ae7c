"""A history in Turkish: its page and its Markdown are, and what programs and the terminal get is not."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from bench.history.__main__ import main
from tests.bench.history.conftest import write_night
from tests.bench.report.visible import NO_TURKISH, left_in_english

FILES = ("history.html", "history.md", "history.json")


def told(results: Path, reports: Path, language: str) -> dict[str, str]:
    assert main(["--results-dir", str(results), "--reports-dir", str(reports), "--lang", language]) == 0
    (folder,) = (path for path in reports.iterdir() if path.is_dir())
    return {name: (folder / name).read_text("utf-8") for name in FILES}


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Too few runs of two cells, one without an end."""
    folder = tmp_path_factory.mktemp("short")
    for night in range(3):
        write_night(folder, night, end=None if night == 2 else "finished")
    return folder


@dataclass(frozen=True, slots=True)
class Said:
    """What one call told: its files, and what it printed above the place of these."""

    files: dict[str, str]
    printed: str


@pytest.fixture(scope="module", params=["upgraded", "short"])
def histories(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """A history in each language."""
    results: Path = request.getfixturevalue(request.param)
    made = {}
    for code in ("tr", "en"):
        with redirect_stdout(StringIO()) as printed:
            files = told(results, tmp_path_factory.mktemp(code), code)
        made[code] = Said(files, printed.getvalue().split("\nreports ")[0])
    return made


def test_a_turkish_history_says_nothing_in_english(histories: dict[str, Said]) -> None:
    turkish, english = (histories[code].files for code in ("tr", "en"))
    assert '<html lang="tr">' in turkish["history.html"]
    assert left_in_english(turkish["history.html"]) == []
    assert [line for line in turkish["history.md"].splitlines() if NO_TURKISH.search(line)] == []
    assert len(left_in_english(english["history.html"])) > 10


def test_programs_and_terminals_get_the_same_in_every_language(histories: dict[str, Said]) -> None:
    turkish, english = histories["tr"], histories["en"]
    assert (turkish.files["history.json"], turkish.printed) == (english.files["history.json"], english.printed)


def test_no_number_of_a_turkish_history_has_a_decimal_point(histories: dict[str, Said]) -> None:
    page = histories["tr"].files["history.html"]
    body = re.sub(r"<(style|script|code)\b.*?</\1>", "", page, flags=re.DOTALL)
    shown = re.findall(r"<(?:title|text|small|td|b|span)\b[^>]*>([^<]*)<", body)
    assert [one for one in shown if re.search(r"\d\.\d(?!\.|\d*\.)|\d %", one) and "-&gt;" not in one] == []
