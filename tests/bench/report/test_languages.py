"""The report in another language: no English left on its page, and its own way to write numbers."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.analyse.interval import Estimate
from bench.analyse.run import analyse_run
from bench.commands.report import main
from bench.plan.cells import Load
from bench.report import format as fmt, metric_words
from bench.report.drawing.canvas import tick_label
from bench.report.language import chosen, speaking
from bench.report.render import ReportPaths
from bench.report.run_table import run_table
from bench.report.run_view import view_run
from bench.store.reader import open_run
from tests.support.catalogs import messages, strings
from tests.support.charts import real_charts
from tests.support.markup import NO_TURKISH, Visible, left_in_english
from tests.support.reports import render
from tests.support.stored_runs import FakeRun


def test_the_language_is_that_of_the_moment() -> None:
    before = metric_words.short("prefill_tokens_per_s")
    with speaking("tr"):
        within = metric_words.short("prefill_tokens_per_s")
    assert (before, within, metric_words.short("prefill_tokens_per_s")) == ("prefill", "ön dolum", "prefill")


def test_a_language_ends_where_rendering_fails() -> None:
    with pytest.raises(ZeroDivisionError), speaking("tr"):
        raise ZeroDivisionError
    assert chosen().code == "en"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (lambda: fmt.number(1234.5, 1), "1\u202f234,5"),
        (lambda: fmt.number(0.1234), "0,123"),
        (lambda: fmt.number(None), ""),
        (lambda: fmt.interval(Estimate(9.9, 8.75, 11.123, 3)), "8,75–11,12"),  # noqa: RUF001
        (lambda: fmt.percent(0.125, 1), "%12,5"),
        (lambda: fmt.percent(0.05, None), "%5"),
        (lambda: fmt.factor(1.5), "1,50×"),  # noqa: RUF001
        (lambda: fmt.shares({"int8": 0.005, "int4": 0.995}), "%100 int4, < %1 int8"),
        (lambda: fmt.gibibytes(3 * 2**29), "1,5 GiB"),
        (lambda: fmt.seconds(12.34), "12,3"),
        (lambda: fmt.megabytes(1.5e9), "1\u202f500"),
        (lambda: tick_label(2500), "2\u202f500"),
        (lambda: tick_label(0.25), "0,25"),
        (lambda: fmt.parameters(3_821_079_552), "3,8 milyar"),
        (lambda: fmt.plural(1234, "{count} block", "{count} blocks"), "1\u202f234 blok"),
    ],
)
def test_turkish_numbers_have_a_decimal_comma_and_no_sign_that_is_taken_for_one(
    written: Callable[[], str], expected: str
) -> None:
    with speaking("tr"):
        assert written() == expected


def a_run() -> FakeRun:
    """Every kind of thing that a page tells."""
    run = FakeRun(loads=[*FakeRun().loads, Load("openvino-genai", "NPU", "int4"), Load("simulated", "CPU", "int4")])
    run.loads = [*run.loads, Load("openvino-genai", "CPU", "int4", {"prefix_caching": "on"})]
    run.more = {"compile_cache": "cold", "weight_bits": [("int8", 0.21), ("int4", 0.79)]}
    run.executed = {"openvino-genai-NPU-int4": "CPU"}
    run.verdicts = {"openvino-genai-NPU-int4": "fallback"}
    run.end = "interrupted"
    run.break_cells("transformers-CPU-fp32-p512", "timeout", "1800 s")
    run.break_cells("ort-genai-CPU-fp32", "crashed", "9")
    return run


SMALLEST = "one cell"
RUNS: dict[str, Callable[[], FakeRun]] = {
    "all": a_run,
    "verdict": lambda: FakeRun(loads=FakeRun().loads[:3], blocks=10, repeats=1),
    SMALLEST: lambda: FakeRun(
        loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(8,), new_tokens=(1,), blocks=1, repeats=1
    ),
    "batches": lambda: FakeRun(loads=FakeRun().loads[:2], new_tokens=(8, 16), prompt_tokens=(32, 2048)),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow) for name in RUNS if name != SMALLEST] + [SMALLEST],
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RUNS[request.param]().write(tmp_path_factory.mktemp("language") / "results")


@pytest.fixture(scope="module")
def reports(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ReportPaths]:
    """The report of a run in each language, English first and last."""
    folder = tmp_path_factory.mktemp("reports")
    made = {}
    with real_charts():
        for name, code in (("en", "en"), ("tr", "tr"), ("en again", "en")):
            with speaking(code):
                made[name] = render(run, folder / name)
    return made


def page(paths: ReportPaths) -> str:
    return paths.index.read_text("utf-8")


@pytest.mark.slow
def test_a_turkish_page_says_nothing_in_english(reports: dict[str, ReportPaths]) -> None:
    assert left_in_english(page(reports["tr"])) == []


def test_a_turkish_page_has_no_sentence_of_the_english_text(reports: dict[str, ReportPaths]) -> None:
    said = "\n".join(Visible(page(reports["tr"])).said)
    english = {one for message in messages("tr") for one in strings(message.id)}
    sentences = {part.strip() for one in english for part, *_ in string.Formatter().parse(one)}
    assert [sentence for sentence in sentences if len(sentence) > 12 and sentence in said] == []


def test_the_english_page_would_not_pass_for_turkish(reports: dict[str, ReportPaths]) -> None:
    assert len(left_in_english(page(reports["en"]))) > 50


def test_a_turkish_summary_says_nothing_in_english(reports: dict[str, ReportPaths]) -> None:
    lines = reports["tr"].summary_md.read_text("utf-8").splitlines()
    assert [line for line in lines if NO_TURKISH.search(re.sub(r"`.*?`|\(index.*?\)", "", line))] == []


def test_a_page_names_its_language(reports: dict[str, ReportPaths]) -> None:
    assert ['<html lang="tr">' in page(reports["tr"]), '<html lang="en">' in page(reports["en"])] == [True, True]


def test_what_programs_read_is_the_same_in_every_language(reports: dict[str, ReportPaths]) -> None:
    english, turkish = (reports[name] for name in ("en", "tr"))
    assert turkish.summary_csv.read_bytes() == english.summary_csv.read_bytes()
    assert turkish.summary_xlsx.read_bytes() == english.summary_xlsx.read_bytes()
    assert turkish.summary_json.read_bytes() == english.summary_json.read_bytes()


def test_one_language_leaves_nothing_behind_for_the_next(reports: dict[str, ReportPaths]) -> None:
    assert page(reports["en again"]) == page(reports["en"])


def test_no_number_of_a_turkish_page_has_a_decimal_point(reports: dict[str, ReportPaths]) -> None:
    body = re.sub(r"<(style|script|code)\b.*?</\1>", "", page(reports["tr"]), flags=re.DOTALL)
    cells = re.findall(r'<td[^>]* class="n"[^>]*>(.*?)</td>', body, flags=re.DOTALL)
    shown = [re.sub(r"<[^>]+>", " ", cell) for cell in cells] + re.findall(r"<(?:title|text)\b[^>]*>([^<]*)<", body)
    assert len(shown) > 20
    assert [one for one in shown if re.search(r"\d[.,]?\d*\.\d|\d,\d{3}\b\.", one) and "2026" not in one] == []


@pytest.mark.parametrize("name", ["en", "tr"])
def test_every_figure_of_a_table_has_its_exact_value(reports: dict[str, ReportPaths], name: str) -> None:
    tables = re.findall(r'<table[^>]* id="table-.*?</table>', page(reports[name]), flags=re.DOTALL)
    cells = re.findall(r'<td[^>]* class="n"[^>]*>.*?</td>', "".join(tables), flags=re.DOTALL)
    figures = [cell for cell in cells if re.search(r"\d", re.sub(r"<[^>]+>", "", cell))]
    assert [cell for cell in figures if "data-exact=" not in cell] == []


def test_the_terminal_speaks_english(run: Path) -> None:
    view = view_run(analyse_run(open_run(run)))
    with speaking("tr"):
        within = run_table(view)
    assert within == run_table(view)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    FakeRun(loads=[Load("ort-genai", "CPU", "int4")], blocks=2, prompt_tokens=(32,)).write(tmp_path / "results")
    return tmp_path


def test_the_command_line_chooses_the_language(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--results-dir", str(results / "results"), "--reports-dir", str(results / "reports")]
    assert main([*folders, "--lang", "tr"]) == 0
    (index,) = (results / "reports").glob("*/index.html")
    assert '<html lang="tr">' in index.read_text("utf-8")
    assert "prompt" in capsys.readouterr().out


def test_a_language_that_there_is_not_is_a_usage_error(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--results-dir", str(results / "results"), "--lang", "xx"]) == 4
    assert "--lang" in capsys.readouterr().err
