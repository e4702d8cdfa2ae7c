from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.plan.cells import Load
from bench.report.drawing.run_charts import MOST_SHAPES, chosen
from bench.report.render import ReportPaths
from tests.support.reports import render

pytestmark = pytest.mark.charts

MakeRun = Callable[..., Any]


def section(page: str, name: str) -> str:
    return page.partition(f'<section id="{name}">')[2].partition("</section>")[0]


def visible(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


@pytest.fixture(scope="module")
def page(stored_report: ReportPaths) -> str:
    """Seven configurations at three prompt lengths."""
    return stored_report.index.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["arrival", "tradeoff"])
def test_each_shape_has_a_drawing(page: str, name: str) -> None:
    assert re.findall('class="card"[^>]*><figcaption>(.*?)</figcaption>', section(page, name)) == [
        f"{prompt} prompt tokens, 64 new" for prompt in (32, 128, 512)
    ]


@pytest.mark.parametrize("name", ["arrival", "tradeoff"])
def test_the_table_has_a_row_for_every_cell(page: str, name: str) -> None:
    assert section(page, name).count('<th scope="row">') == 21


def test_the_table_tells_the_time_to_the_first_to_the_last_and_to_some_tokens_between(page: str) -> None:
    heads = re.findall(r"<th scope=.col. class=.n.>(.*?)<", section(page, "arrival"))
    assert heads == ["prompt tokens", "batch size", "token 1", "token 8", "token 32", "last token", "after"]


def test_a_point_tells_both_of_its_figures(page: str) -> None:
    assert re.search(
        r"<title>ort-genai CPU int4: [\d.]+ ms per token, \d+ MB; no other needs less of both</title>",
        section(page, "tradeoff"),
    )


def test_the_best_are_marked_in_the_table_too(page: str) -> None:
    assert section(page, "tradeoff").count("<td>best</td>") == 3


@pytest.mark.slow
def test_answers_of_one_token_have_neither_chart(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4")], new_tokens=(1,))
    page = render(run.write(tmp_path), tmp_path / "reports").index.read_text(encoding="utf-8")
    assert [section(page, name) for name in ("arrival", "tradeoff")] == ["", ""]


def test_simulated_shapes_say_so(simulated_report: ReportPaths) -> None:
    page = simulated_report.index.read_text(encoding="utf-8")
    assert "32 prompt tokens, 64 new (simulated)" in visible(section(page, "tradeoff"))


def test_of_many_shapes_some_are_chosen_the_first_and_the_last_among_them() -> None:
    found = chosen(range(30))
    assert (len(set(found)), found[0], found[-1]) == (MOST_SHAPES, 0, 29)


def test_all_of_a_few_shapes_are_chosen_and_nothing_is_said(page: str) -> None:
    assert chosen(range(3)) == [0, 1, 2]
    assert "request shapes, from the smallest" not in page


@pytest.mark.charts("history_page")
def test_what_is_not_drawn_is_said(fake_run: MakeRun, tmp_path: Path) -> None:
    loads = [Load("ort-genai", "CPU", precision) for precision in ("int4", "int8")]
    run = fake_run(loads=loads, prompt_tokens=range(8, 38), new_tokens=(2,), blocks=1)
    page = render(run.write(tmp_path), tmp_path / "reports").index.read_text(encoding="utf-8")
    assert [section(page, name).count("Drawn are 8 of 30 request shapes") for name in ("arrival", "tradeoff")] == [1, 1]
