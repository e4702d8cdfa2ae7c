"""Charts are drawn on both axes, and the page shows the one that suits them until a reader asks for the other."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.plan.cells import Cell, Load
from bench.report.drawing.canvas import Drawing, editions
from bench.report.drawing.svg import Sheet
from bench.report.render import ReportPaths
from tests.support.reports import render
from tests.support.stored_runs import FakeRun

MakeRun = Callable[..., Any]
pytestmark = pytest.mark.charts


def drawn(values: Sequence[float], *, logarithmic: bool, both: bool = True) -> list[tuple[bool, tuple[str, ...], bool]]:
    """Of each edition which axis it has, its choices, and whether its points have no tooltips."""

    def draw(canvas: Drawing, log: bool) -> None:
        canvas.figure.text(0, 0, str(log), gid=[canvas.tooltip("tooltip")])

    found = editions(Sheet(), draw, "a chart", values, logarithmic=logarithmic, both=both)
    assert [f">{one.logarithmic}<" in one.svg for one in found] == [True] * len(found)
    assert ["tooltip" not in one.svg for one in found] == [one.spare for one in found]
    return [(one.logarithmic, one.scales, one.spare) for one in found]


@pytest.mark.parametrize(("logarithmic", "own", "other"), [(True, "log", "zero"), (False, "zero", "log")])
def test_the_edition_that_suits_comes_first(logarithmic: bool, own: str, other: str) -> None:
    assert drawn([1.0, 2.0], logarithmic=logarithmic) == [
        (logarithmic, ("suited", own), False),
        (not logarithmic, (other,), True),
    ]


def test_one_edition_is_shown_whatever_is_chosen() -> None:
    assert drawn([1.0], logarithmic=False, both=False) == [(False, (), False)]


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


ONE_WAY = "only the first two can be drawn both ways"


@pytest.fixture
def nine(fake_run: MakeRun, tmp_path: Path) -> Path:
    """A run of nine cells."""
    loads = [Load("ort-genai", "CPU", precision) for precision in ("int4", "int8", "fp16")]
    run: Path = fake_run(loads=loads, blocks=1, repeats=1).write(tmp_path / "results")
    return run


def spares(page: str) -> list[int]:
    return [section(page, name).count("spare off") for name in ("charts", "arrival", "tradeoff")]


@pytest.mark.slow
def test_a_very_large_run_has_its_first_two_charts_in_both_and_says_so_at_the_choice(
    nine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.drawing.run_charts.MOST_IN_BOTH", 8)
    page = render(nine, tmp_path / "reports").index.read_text(encoding="utf-8")
    choices = page.partition('<details id="view"')[2].partition("</details>")[0]
    assert spares(page) == [2, 0, 0]
    assert ONE_WAY in choices


@dataclass
class AtOnce(FakeRun):
    """A stack that hands out its tokens ``handful`` at a time, so that no time passes between these."""

    handful: int = 4

    def _latencies(self, cell: Cell, shift: float, noise: random.Random) -> tuple[int, list[int]]:
        ttft, itl = super()._latencies(cell, shift, noise)
        return ttft, [0 if place % self.handful else value for place, value in enumerate(itl, start=1)]


@pytest.mark.parametrize("handful", [4, 1000])
def test_tokens_that_come_at_once_are_drawn_from_zero(handful: int, tmp_path: Path) -> None:
    run = AtOnce(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32,), handful=handful)
    page = render(run.write(tmp_path), tmp_path / "reports").index.read_text(encoding="utf-8")
    assert 'data-quantile="p50" hidden><figcaption>Median inter-token latency, ms</figcaption>' in page
