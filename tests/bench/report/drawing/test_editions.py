"""Charts are drawn on both axes, and the page shows the one that suits them until a reader asks for the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.plan.cells import Load
from bench.report.drawing.editions import editions
from bench.report.drawing.figures import MOST_IN_BOTH
from bench.report.render import ReportPaths, render

MakeRun = Callable[..., Any]


def drawn(values: Sequence[float], *, logarithmic: bool, both: bool = True) -> list[tuple[str, tuple[str, ...], bool]]:
    found = editions(lambda log, spare: f"{log} {spare}", values, logarithmic=logarithmic, both=both)
    return [(str(one.svg), one.scales, one.spare) for one in found]


@pytest.mark.parametrize(("logarithmic", "own", "other"), [(True, "log", "zero"), (False, "zero", "log")])
def test_the_edition_that_suits_comes_first(logarithmic: bool, own: str, other: str) -> None:
    assert drawn([1.0, 2.0], logarithmic=logarithmic) == [
        (f"{logarithmic} False", ("suited", own), False),
        (f"{not logarithmic} True", (other,), True),
    ]


def test_one_edition_is_shown_whatever_is_chosen() -> None:
    assert drawn([1.0], logarithmic=False, both=False) == [("False False", (), False)]


def test_zero_has_no_place_on_a_logarithmic_axis() -> None:
    assert len(drawn([0.0, 1.0], logarithmic=False)) == 1


def section(page: str, name: str) -> str:
    return page.partition(f'<section id="{name}">')[2].partition("</section>")[0]


@pytest.fixture(scope="module")
def page(stored_report: ReportPaths) -> str:
    return stored_report.index.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "charts", "spare"), [("charts", 7, 6), ("arrival", 3, 3), ("tradeoff", 3, 3)])
def test_every_chart_but_that_of_ratios_has_a_spare_edition(page: str, name: str, charts: int, spare: int) -> None:
    own = section(page, name)
    assert (own.count('<figure class="card"'), own.count('<figure class="card spare off"')) == (charts, spare)


def test_a_logarithmic_chart_is_called_so(page: str) -> None:
    named = re.findall('<figure class="(card[^"]*)"[^>]*><figcaption>Time to first token, ms(.*?)</fig', page)
    assert named == [("card", " (logarithmic)"), ("card spare off", "")]


def test_the_points_of_a_spare_edition_leave_their_words_to_the_other(page: str) -> None:
    both = re.findall('<figure class="card[^"]*"[^>]*><figcaption>Time per output token.*?</figure>', page, re.DOTALL)
    assert [(one.count("data-point"), one.count("<title>")) for one in both] == [(21, 21), (21, 0)]


def test_a_large_run_has_its_first_two_charts_in_both(fake_run: MakeRun, tmp_path: Path) -> None:
    loads = [Load("ort-genai", "CPU", precision) for precision in ("int4", "int8", "fp16")]
    lengths = tuple(range(1, MOST_IN_BOTH // 3 + 2))
    run = fake_run(loads=loads, prompt_tokens=lengths, new_tokens=(4,), blocks=1, repeats=1).write(tmp_path / "results")
    page = render(run, tmp_path / "reports").index.read_text(encoding="utf-8")
    assert [section(page, name).count("spare off") for name in ("charts", "arrival", "tradeoff")] == [2, 0, 0]
    assert "only the first two can be drawn both ways" in page
