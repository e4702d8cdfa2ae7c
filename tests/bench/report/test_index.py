from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.commands.compare import main as compare
from bench.commands.gate import main as gate
from bench.commands.history import main as history
from bench.commands.report import main as report
from bench.errors import MachineError
from bench.plan.cells import Load
from bench.report.index import MOST_HEADLINE, Entry, Found, index_lines, page, read_entries, update_index
from bench.report.language import speaking
from bench.report.render import finish_run
from bench.report.template import source_digest
from bench.store.files import write_files
from tests.support.markup import Tags, left_in_english, visible
from tests.support.nights import write_night
from tests.support.stored_runs import FakeRun

ABOUT: dict[str, Any] = {
    "created_at": "2026-11-22T21:17:35+00:00",
    "machine": "a CPU",
    "machine_id": "m",
    "model": "a model",
    "synthetic_model": False,
    "backends": ["ort-genai"],
    "simulated": "none",
    "cells": 3,
    "headline": "It was fast.",
    "headlines": {"tr": "Çok çabuktu."},
    "serious": [],
    "ended": True,
}
HOSTILE = "</title><script>alert(1)</script>\u202e"


def put(reports: Path, name: str, about: Any = ABOUT, file: str = "summary.json", page: str = "index.html") -> Path:
    folder = reports / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / page).write_text("<title>never read</title>", encoding="utf-8")
    (folder / file).write_text(json.dumps({"about": about}), encoding="utf-8")
    return folder / file


def only(found: Found) -> Entry:
    (entry,) = found.entries
    assert found.unreadable == ()
    return entry


def test_a_report_is_read_from_the_json_beside_it(tmp_path: Path) -> None:
    put(tmp_path, "run")
    entry = only(read_entries(tmp_path))
    assert (entry.kind, entry.href, entry.machine, entry.model) == ("run", "run/index.html", "a CPU", "a model")
    assert (entry.cells, entry.headline, entry.ended) == (3, "It was fast.", True)
    assert entry.created_at == datetime(2026, 11, 22, 21, 17, 35, tzinfo=UTC)


def test_the_newest_comes_first_and_the_undated_last(tmp_path: Path) -> None:
    dates = {"b": "2026-11-02T00:00:00+00:00", "a": "2026-11-01T00:00:00", "c": "2026-11-03T01:00:00+02:00", "d": None}
    for name, date in dates.items():
        put(tmp_path, name, {**ABOUT, "created_at": date})
    assert [one.name for one in read_entries(tmp_path).entries] == ["c", "b", "a", "d"]


def test_a_folder_can_hold_two_pages(tmp_path: Path) -> None:
    put(tmp_path, "ab")
    put(tmp_path, "ab", file="compare.json", page="compare.html")
    assert {(one.kind, one.href) for one in read_entries(tmp_path).entries} == {
        ("run", "ab/index.html"),
        ("comparison", "ab/compare.html"),
    }


def test_a_foreign_folder_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "index.html").write_text("mine", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert read_entries(tmp_path) == Found((), ())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'"text"', b"{}", b'{"about": []}', b"[" * 100_000, b"NaN"],
    ids=["empty", "cut off", "no text", "a list", "a string", "an object", "a wrong one", "deep", "a number"],
)
def test_a_broken_file_is_listed_as_unreadable(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "good")
    put(tmp_path, "bad").write_bytes(content)
    found = read_entries(tmp_path)
    assert [one.name for one in found.entries] == ["good"]
    assert [one.name for one in found.unreadable] == ["bad/summary.json"]
    assert page(found)


def test_a_file_without_its_page_is_listed_as_unreadable(tmp_path: Path) -> None:
    put(tmp_path, "run").with_name("index.html").unlink()
    assert [one.why for one in read_entries(tmp_path).unreadable] == ["index.html is not beside it"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "run")
    monkeypatch.setattr("bench.report.index._MOST_BYTES", 10)
    assert [one.name for one in read_entries(tmp_path).unreadable] == ["run/summary.json"]


@pytest.mark.parametrize("value", [None, 7, -1, True, "x" * 9999, [], [1, None, "x"], {"a": 1}, HOSTILE, 1e300])
@pytest.mark.parametrize("field", ABOUT)
def test_no_value_of_any_field_breaks_the_page(tmp_path: Path, field: str, value: Any) -> None:
    put(tmp_path, "run", {**ABOUT, field: value})
    made = page(read_entries(tmp_path))
    assert Tags(made).balanced
    assert "<script>alert" not in made
    assert len(made) < 60_000


def test_what_does_not_say_that_it_was_measured_is_shown_as_simulated(tmp_path: Path) -> None:
    put(tmp_path, "run", {name: value for name, value in ABOUT.items() if name != "simulated"})
    assert only(read_entries(tmp_path)).simulated == "all"


@pytest.mark.parametrize(
    ("headlines", "expected"),
    [
        ({"tr": "Çok çabuktu."}, ("Çok çabuktu.", "tr")),
        ({"tr": "x" * 9999}, ("x" * MOST_HEADLINE, "tr")),
        *zip([None, {}, {"tr": ""}, {"tr": 7}, {"xx": "x"}, [], "x"], [("It was fast.", "en")] * 7, strict=True),
    ],
)
def test_the_answer_is_in_the_readers_language_where_the_file_has_it(
    tmp_path: Path, headlines: Any, expected: tuple[str, str]
) -> None:
    put(tmp_path, "run", {**ABOUT, "headlines": headlines})
    with speaking("tr"):
        entry = only(read_entries(tmp_path))
    assert (entry.headline, entry.headline_language) == expected
    assert only(read_entries(tmp_path)).headline == "It was fast."


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_the_name_of_a_folder_is_no_markup_and_no_address(tmp_path: Path) -> None:
    name = 'javascript:alert(1)"><b> %2e#?'
    put(tmp_path, name)
    made = page(read_entries(tmp_path))
    (link,) = [attrs["href"] for tag, attrs in Tags(made).found if tag == "a"]
    assert link == "javascript%3Aalert%281%29%22%3E%3Cb%3E%20%252e%23%3F/index.html"
    assert "<b>" not in made


def test_an_empty_folder_says_that_no_report_is_there(tmp_path: Path) -> None:
    shown = visible(update_index(tmp_path / "reports").read_text(encoding="utf-8"))
    assert "No report is here yet. This makes one: nox -s bench" in shown


def test_the_page_shows_each_report_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    put(tmp_path, "one", {**ABOUT, "serious": ["power-changed"], "simulated": "all", "ended": False})
    shown = visible(page(read_entries(tmp_path)))
    for words in ("2026-11-22 21:17", "It was fast.", "Power changed", "simulated", "did not come to its end"):
        assert words in shown


def test_a_turkish_page_shows_each_report_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    put(tmp_path, "one", {**ABOUT, "serious": ["power-changed"], "simulated": "all", "ended": False})
    put(tmp_path, "old", {**ABOUT, "headlines": None})
    put(tmp_path, "gone").with_name("index.html").unlink()
    with speaking("tr"):
        made = page(read_entries(tmp_path))
    assert '<html lang="tr">' in made
    assert '<td class="answer" lang="en">It was fast.</td>' in made
    for words in ("2 rapor", "Çok çabuktu.", "Güç değişti", "benzetim", "Okunamayanlar"):
        assert words in visible(made)


def test_the_policy_names_its_style_and_its_script(tmp_path: Path) -> None:
    put(tmp_path, "run")
    made = page(read_entries(tmp_path))
    for tag in ("style", "script"):
        assert source_digest(made.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]) in made


def test_a_page_that_is_not_ours_is_never_written_over(tmp_path: Path) -> None:
    own = tmp_path / "index.html"
    own.write_text("<h1>my pages</h1>", encoding="utf-8")
    with pytest.raises(MachineError, match="is another page and stays"):
        update_index(tmp_path)
    assert own.read_text(encoding="utf-8") == "<h1>my pages</h1>"
    assert "is another page" in index_lines(tmp_path)[0]


def test_a_report_that_comes_while_the_page_is_written_is_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "first")
    write = write_files

    def with_another(folder: Path, contents: dict[Path, str]) -> None:
        put(tmp_path, "second")
        write(folder, contents)

    monkeypatch.setattr("bench.report.index.write_files", with_another)
    made = update_index(tmp_path).read_text(encoding="utf-8")
    assert "first/index.html" in made
    assert "second/index.html" in made


@pytest.mark.slow
def test_many_writers_at_once_leave_a_whole_page_with_all_reports(tmp_path: Path) -> None:
    def one(number: int) -> None:
        put(tmp_path, f"run{number}")
        update_index(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    made = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert Tags(made).balanced
    assert all(f'href="run{number}/index.html"' in made for number in range(12))
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


# -- after each kind of report


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six nights of a machine, a report of one, a comparison, a gate and a history of them."""
    folder = tmp_path_factory.mktemp("all")
    runs = [write_night(folder / "results", night, prompt_tokens=(32,)) for night in range(6)]
    folders = ["--results-dir", str(folder / "results"), "--reports-dir", str(folder / "reports")]
    assert report([str(runs[0]), *folders]) == 0
    assert compare([str(runs[0]), str(runs[1]), *folders]) == 0
    assert gate(["--baseline", *map(str, runs[:5]), "--head", str(runs[5]), *folders]) in (0, 1, 2)
    assert history(folders) == 0
    return folder


@pytest.mark.slow
def test_every_kind_of_report_is_on_the_page(home: Path) -> None:
    found = read_entries(home / "reports")
    assert found.unreadable == ()
    assert {one.kind for one in found.entries} == {"run", "comparison", "gate", "history"}
    made = (home / "reports" / "index.html").read_text(encoding="utf-8")
    links = [str(attrs["href"]) for tag, attrs in Tags(made).found if tag == "a"]
    assert len(links) == 4
    assert all((home / "reports" / link).is_file() for link in links)


def test_every_kind_tells_machine_model_stacks_and_an_answer(home: Path) -> None:
    for one in read_entries(home / "reports").entries:
        assert (one.machine, one.model) == ("Intel(R) Core(TM) Ultra 7 258V", "SmolLM2-135M-Instruct"), one.kind
        assert (set(one.backends), one.cells) == ({"openvino-genai", "ort-genai"}, 2), one.kind
        assert one.headline, one.kind
        assert one.created_at is not None, one.kind
        assert one.simulated == "none", one.kind


def test_the_index_alone_can_be_written_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = home / "reports" / "index.html"
    index.unlink()
    assert report(["--index", "--reports-dir", str(home / "reports")]) == 0
    assert capsys.readouterr().out.strip() == f"reports    {index.as_uri()}"
    assert index.is_file()


@pytest.mark.parametrize("command", ["report", "compare", "history", "index"])
def test_the_page_is_in_the_language_of_the_command_that_wrote_it(home: Path, command: str) -> None:
    folders = ["--results-dir", str(home / "results"), "--reports-dir", str(home / "reports")]
    runs = sorted(path.name for path in (home / "results").iterdir())
    commands = {
        "report": lambda language: report([runs[0], *folders, *language]),
        "compare": lambda language: compare([*runs[:2], *folders, *language]),
        "history": lambda language: history([*folders, *language]),
        "index": lambda language: report(["--index", *folders, *language]),
    }
    for language, title in ((["--lang", "tr"], "Bütün raporlar"), ([], "All reports")):
        assert commands[command](language) == 0
        assert title in (home / "reports" / "index.html").read_text(encoding="utf-8")


def test_only_the_answer_of_a_gate_is_in_english_on_a_turkish_page(home: Path) -> None:
    with speaking("tr"):
        entries = read_entries(home / "reports").entries
        made = page(Found(entries, ()))
    assert {one.kind for one in entries if one.headline_language == "en"} == {"gate"}
    assert left_in_english(made) == []


def test_the_index_alone_renders_no_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(["--index", "some-run", "--reports-dir", str(home / "reports")]) == 4
    assert "--index renders no run" in capsys.readouterr().err


def test_a_simulated_run_is_marked(tmp_path: Path) -> None:
    run = FakeRun(loads=[Load("simulated", "CPU", "int4")], prompt_tokens=(32,)).write(tmp_path / "results")
    finish_run(run, tmp_path / "reports", open_report=False)
    assert only(read_entries(tmp_path / "reports")).simulated == "all"


def test_a_report_does_not_fail_for_its_index(tmp_path: Path) -> None:
    run = FakeRun(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32,)).write(tmp_path / "results")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "index.html").write_text("mine", encoding="utf-8")
    lines = finish_run(run, tmp_path / "reports", open_report=False)
    assert any(line.startswith("the index of reports is not up to date") for line in lines)
    assert (tmp_path / "reports" / run.name / "index.html").is_file()
