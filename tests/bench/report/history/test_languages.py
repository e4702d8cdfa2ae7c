"""A history in Turkish: its page and its Markdown are, and what programs and the terminal get is not."""

# ruff: noqa: RUF001 - letters of the Turkish alphabet are meant

from __future__ import annotations

import re
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from bench.commands.history import main
from bench.plan.cells import Load
from bench.report.template import in_markdown as escape
from tests.support.charts import real_charts
from tests.support.markup import NO_TURKISH, Visible, left_in_english
from tests.support.nights import ask, run_id, write_night

FILES = ("history.html", "history.md", "history.json")


def told(results: Path, reports: Path, language: str) -> dict[str, str]:
    assert main(["--results-dir", str(results), "--reports-dir", str(reports), "--lang", language]) == 0
    (folder,) = (path for path in reports.iterdir() if path.is_dir())
    return {name: (folder / name).read_text("utf-8") for name in FILES}


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Too few runs of two cells, one with other prompts and lost blocks, and one without an end."""
    results = tmp_path_factory.mktemp("short")
    for night in range(3):
        lost: dict[str, Any] = {"broken": {"ort-genai": ("crashed", "stopped", [1])}} if night == 1 else {}
        folder = write_night(results, night, end=None if night == 2 else "finished", **lost)
        if night < 2:
            ask(folder, f"text {night}")
    return results


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configurations whose names have words; what differs at the turn has names; runs that are no part of it."""
    loads = [Load("transformers", "CPU", "fp32"), Load("ort-genai", "CPU", "int4", {"prefix_caching": "on"})]
    results = tmp_path_factory.mktemp("doubtful")
    for night in range(9):
        new = night > 4
        machine = {"cpu": None, "os": "2" if new else "1", "gpus": [{"name": "Arc", "driver": "2" if new else "1"}]}
        record = {"machine": {**machine, "power_source": "battery" if new else "mains"}}
        slower = {"transformers": 1.5 if new else 1.0}
        more = {"inference_precision": "bf16"}
        write_night(results, night, slower, record=record, loads=loads, prompt_tokens=(32,), more=more)
    shutil.copytree(results / run_id(0), results / "copy")
    write_night(results, 9, record={**record, "created_at": "never", "run_id": "undated"}, loads=loads[:1])
    write_night(results, -1, record={"machine_id": "another"}, loads=loads[:1])
    (results / "broken").mkdir()
    (results / "broken" / "run.json").write_text("{", "utf-8")
    return results


@dataclass(frozen=True, slots=True)
class Said:
    """What one call told of these results: its files, and what it printed above the place of these."""

    results: Path
    files: dict[str, str]
    printed: str


@pytest.fixture(scope="module", params=["upgraded", "short", "doubtful"])
def histories(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """A history in each language."""
    results: Path = request.getfixturevalue(request.param)
    made = {}
    for code in ("tr", "en"):
        with real_charts(), redirect_stdout(StringIO()) as printed:
            files = told(results, tmp_path_factory.mktemp(code), code)
        made[code] = Said(results, files, printed.getvalue().split("\nreports ")[0])
    return made


@pytest.mark.slow
def test_a_turkish_history_says_nothing_in_english(histories: dict[str, Said]) -> None:
    turkish, english = (histories[code].files for code in ("tr", "en"))
    results = histories["tr"].results
    assert '<html lang="tr">' in turkish["history.html"]
    # Folders have names of their own, and what an error says is English.
    page = turkish["history.html"].replace(str(results), "")
    text = turkish["history.md"].replace(escape(str(results)), "")
    assert left_in_english(page) == []
    assert [line for line in text.splitlines() if NO_TURKISH.search(line.partition(": cannot read")[0])] == []
    assert len(left_in_english(english["history.html"])) > 10


@pytest.mark.slow
def test_what_is_left_out_and_what_changed_is_told_in_turkish(doubtful: Path, tmp_path: Path) -> None:
    page = told(doubtful, tmp_path / "tr", "tr")["history.html"]
    said = "\n".join(Visible(page).said)
    assert page.count('<span lang="en">cannot read') == 1
    changed = ("sürücü, Arc 1 -> 2", "sistem 1 -> 2", "güç kaynağı şebeke -> pil")
    left_out = ("şununla aynı koşudur", "ne zaman ölçüldüğünü söylemiyor", "başka makinelerden 1 koşu")
    names = ("bilinmeyen makine", "fp32 (hesap: bf16)", "önek önbelleği isabeti")
    assert [one for one in (*changed, *left_out, *names) if one not in said] == []


@pytest.mark.slow
def test_programs_and_terminals_get_the_same_in_every_language(histories: dict[str, Said]) -> None:
    turkish, english = histories["tr"], histories["en"]
    assert (turkish.files["history.json"], turkish.printed) == (english.files["history.json"], english.printed)


@pytest.mark.slow
def test_no_number_of_a_turkish_history_has_a_decimal_point(histories: dict[str, Said]) -> None:
    page = histories["tr"].files["history.html"]
    body = re.sub(r"<(style|script|code)\b.*?</\1>", "", page, flags=re.DOTALL)
    shown = re.findall(r"<(?:title|text|small|td|b|span)\b[^>]*>([^<]*)<", body)
    assert [one for one in shown if re.search(r"\d\.\d(?!\.|\d*\.)|\d %", one) and "-&gt;" not in one] == []
