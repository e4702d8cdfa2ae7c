"""A comparison in Turkish: its page and its Markdown are, and what programs and the terminal get is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.analyse.results import Lost
from bench.commands.compare import main
from bench.report.compare.comparison_exports import comparison_json, lines, markdown
from bench.report.compare.comparison_page import page
from bench.report.compare.comparison_view import ComparisonView
from bench.report.language import speaking
from tests.support.analyses import made_cell
from tests.support.comparisons import SMALL, ab_run, finding, held, run, with_findings
from tests.support.markup import NO_TURKISH, left_in_english
from tests.support.stored_runs import FakeRun


def one() -> ComparisonView:
    """A head that is slower in one cell and lost blocks of another, on another machine, and still measuring."""
    head = replace(run("head", {16: 1.5}, (8, 16, 32), machine_id="other", machine={"power_mode": "saver"}), end=None)
    lost = replace(head.cells[0], lost=(Lost("crashed", "stopped", (1, 2)),))
    head = replace(head, cells=(lost, *head.cells[1:]))
    return held(run("base", 1.0, (8, 16, 64), machine={"power_mode": "fast"}), head)


def several() -> ComparisonView:
    """Heads that differ in their conditions, one of them with a finding, one much slower, one empty."""
    found = with_findings(run("slept", {16: 1.2}), finding(cell_key=made_cell([1.0], 16).cell_key), finding("warning"))
    heads = found, run("slow", 4.0, (8, 16, 32), plan={"threads": 4}), run("empty", 1.0, ())
    return held(run("base", 1.0), *heads)


def alike() -> ComparisonView:
    return held(run("base", 1.0), run("twin", 1.0), threshold=0)


def apart() -> ComparisonView:
    return held(run("base", 1.0, (8,)), run("head", 1.0, (16,)))


SIDES: dict[str, Callable[[], ComparisonView]] = {"one": one, "several": several, "alike": alike, "apart": apart}


@pytest.fixture(scope="module", params=SIDES)
def side(request: pytest.FixtureRequest) -> ComparisonView:
    return SIDES[request.param]()


def test_a_turkish_page_says_nothing_in_english(side: ComparisonView) -> None:
    with speaking("tr"):
        assert left_in_english(page(side)) == []


def test_the_english_page_would_not_pass_for_turkish(side: ComparisonView) -> None:
    assert len(left_in_english(page(side))) > 10


def test_turkish_markdown_says_nothing_in_english(side: ComparisonView) -> None:
    with speaking("tr"):
        found = markdown(side).splitlines()
    assert [line for line in found if NO_TURKISH.search(line)] == []


def test_no_number_of_a_turkish_page_has_a_decimal_point(side: ComparisonView) -> None:
    with speaking("tr"):
        body = re.sub(r"<(style|script|code)\b.*?</\1>", "", page(side), flags=re.DOTALL)
    shown = re.findall(r"<(?:title|text|small|td|i)\b[^>]*>([^<]*)<", body)
    assert [one for one in shown if re.search(r"\d\.\d|\d %", one)] == []


def test_what_is_for_programs_and_terminals_is_the_same_in_every_language(side: ComparisonView) -> None:
    english = comparison_json(side), lines(side)
    with speaking("tr"):
        assert (comparison_json(side), lines(side)) == english


def test_a_page_names_its_language(side: ComparisonView) -> None:
    with speaking("tr"):
        turkish = page(side)
    assert ('<html lang="tr">' in turkish, '<html lang="en">' in page(side)) == (True, True)


def test_a_finding_is_explained_in_turkish_and_quoted_in_english() -> None:
    with speaking("tr"):
        told = page(several())
    assert "Uykuya geçti" in told
    assert '<span lang="en">it slept for 9 s</span>' in told


@pytest.mark.slow
def test_the_command_line_chooses_the_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("base", "head"):
        FakeRun(**SMALL).write(tmp_path / "results", name)
    folders = ["--results-dir", str(tmp_path / "results"), "--reports-dir", str(tmp_path / "reports")]
    assert main(["base", "head", *folders, "--lang", "tr"]) == 0
    folder = tmp_path / "reports" / "compare-base-head"
    assert '<html lang="tr">' in (folder / "compare.html").read_text("utf-8")
    assert "ölçüt" in (folder / "compare.md").read_text("utf-8")
    assert "head compared with base" in capsys.readouterr().out


def test_two_variants_of_a_run_are_compared_in_turkish(tmp_path: Path) -> None:
    ab_run(tmp_path / "results")
    folders = ["--results-dir", str(tmp_path / "results"), "--reports-dir", str(tmp_path / "reports")]
    assert main(["ab-run", *folders, "--lang", "tr"]) == 0
    assert left_in_english((tmp_path / "reports" / "ab-run" / "compare.html").read_text("utf-8")) == []
