from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.analyse.comparison import Comparison, compare
from bench.analyse.interval import Estimate
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.compare.comparison_page import MOST_MARKS, WIDTH, axis, page
from bench.report.compare.comparison_view import comparison_view
from bench.report.compare.comparison_words import answer
from bench.report.language import speaking
from bench.report.template import source_digest
from bench.store.reader import open_run
from tests.support.analyses import made_cell, made_run
from tests.support.comparisons import difference
from tests.support.markup import Tags, visible
from tests.support.stored_runs import FakeRun

LOADS = [Load("ort-genai", "CPU", precision) for precision in ("int4", "int8")]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("compared")
    venvs = [{"ort-genai": {"packages": {"onnxruntime-genai": version}}} for version in ("0.17.0", "0.18.0")]
    runs = [
        FakeRun(loads=loads, blocks=5, prompt_tokens=(32, 128), venvs=venv).write(folder, name)
        for name, loads, venv in zip(("base", "head"), (LOADS, LOADS[:1]), venvs, strict=True)
    ]
    there, here = (analyse_run(open_run(run)) for run in runs)
    return compare(there, [here], 0.03)


@pytest.fixture(scope="module")
def made(comparison: Comparison) -> str:
    return page(comparison_view(comparison))


@pytest.mark.slow
def test_the_page_is_well_formed(made: str) -> None:
    tags = Tags(made)
    assert (tags.balanced, tags.open) == (True, [])


@pytest.mark.slow
def test_it_asks_for_nothing_from_outside(made: str) -> None:
    tags = Tags(made).found
    addresses = {attrs[name] for _, attrs in tags for name in ("src", "href") if attrs.get(name)}
    assert {address for address in addresses if not str(address).startswith("#")} == {"data:,"}


@pytest.mark.parametrize("element", ["style", "script"])
def test_the_policy_allows_the_one_style_and_the_one_script_that_there_are(made: str, element: str) -> None:
    source = made.partition(f"<{element}>")[2].partition(f"</{element}>")[0]
    assert source
    assert f"{element}-src '{source_digest(source)}'" in made.replace("&#43;", "+")
    assert made.count(f"<{element}") == 1


def test_no_element_carries_a_style_or_a_script(made: str) -> None:
    found = [name for _, attrs in Tags(made).found for name in attrs]
    assert not [name for name in found if name == "style" or name.startswith("on")]


def test_links_within_the_page_lead_somewhere(made: str) -> None:
    tags = Tags(made).found
    links = {str(attrs["href"])[1:] for _, attrs in tags if str(attrs.get("href")).startswith("#")}
    assert links <= {attrs.get("id") for _, attrs in tags}


def test_the_answer_comes_before_every_figure(made: str, comparison: Comparison) -> None:
    shown = visible(made)
    said = " ".join(answer(comparison_view(comparison)).split())
    assert 0 < shown.index(said) < shown.index("TTFT: time to first token")


def test_what_changed_and_what_one_run_alone_has_is_listed(made: str) -> None:
    shown = visible(made)
    assert (
        "onnxruntime-genai (ort-genai) 0.17.0 0.18.0" in shown,
        "Measured in the base, and not in the head: 2 cells" in shown,
    ) == (
        True,
        True,
    )


@pytest.mark.slow
def test_foreign_names_stay_text(tmp_path: Path) -> None:
    loads = [Load("<script>alert(1)</script>", "CPU", "int4")]
    there, here = (
        analyse_run(open_run(FakeRun(loads=loads, prompt_tokens=(8,)).write(tmp_path, name)))
        for name in ("base", "head")
    )
    assert "<script>alert" not in page(comparison_view(compare(there, [here], 0.03)))


def test_a_comparison_without_a_common_cell_has_a_page() -> None:
    there, here = (made_run(name, [made_cell([1.0, 2.0], prompt)]) for name, prompt in (("base", 1), ("head", 2)))
    assert "Nothing can be compared" in visible(page(comparison_view(compare(there, [here], 0.03))))


@pytest.mark.slow
def test_a_page_of_thousands_of_cells_shows_so_many_and_says_so() -> None:
    there, here = (made_run(name, [made_cell([1.0, 1.1], n) for n in range(1, 1001)]) for name in ("base", "head"))
    made = page(comparison_view(compare(there, [here], 0.03)))
    assert (made.count("<title>"), f"{1000 - MOST_MARKS} more cells" in visible(made)) == (MOST_MARKS + 1, True)


# -- the axis


def test_one_stands_in_the_middle() -> None:
    assert axis([difference(1.5, 1.4, 1.6)], 0.03).place(1.0) == WIDTH / 2


@pytest.mark.parametrize("values", [[1.0], [1e-6, 1e6], [1.0001], [40.0], [0.5, 2.0]])
@pytest.mark.parametrize("threshold", [0.0, 0.03, 3.0, 100.0])
def test_every_place_is_on_the_axis(values: Sequence[float], threshold: float) -> None:
    found = axis([difference(value, value / 1e3, value * 1e3) for value in values], threshold)
    marks = [found.mark(Estimate(value, value / 1e3, value * 1e3, 3)) for value in values]
    places = [x for mark in marks for x in (mark.place, mark.low, mark.high)] + [x for x, _ in found.ticks]
    assert all(x is not None and math.isfinite(x) and 0 <= x <= WIDTH for x in places)


def test_one_wide_interval_does_not_flatten_the_others() -> None:
    narrow = [difference(1.02, 1.0, 1.04) for _ in range(30)]
    found = axis([*narrow, difference(1.0, 0.01, 100.0)], 0.03)
    assert (found.high < 1, found.mark(Estimate(1.0, 0.01, 100.0, 5)).open_high) == (True, True)


def test_a_ratio_without_interval_is_a_mark_alone() -> None:
    assert axis([difference(1.2)], 0.03).mark(Estimate(1.2, None, None, 1)).low is None


@pytest.mark.parametrize("ratio", [1.01, 1.03, 1.1, 1.2, 1.4, 1.6, 2.0, 3.0, 8.0, 30.0])
@pytest.mark.parametrize("language", ["en", "tr"])
def test_an_axis_has_a_tick_on_either_side_and_room_for_its_label(ratio: float, language: str) -> None:
    with speaking(language):
        ticks = axis([difference(ratio, 0.9 * ratio, 1.1 * ratio)], 0.003).ticks
    assert len(ticks) >= 3
    # Letters of 11.5 units are at most 7 wide.
    assert all(3.5 * len(label) <= min(x, WIDTH - x) + 7 for x, label in ticks)


def test_ticks_keep_apart() -> None:
    places = [x for x, _ in axis([difference(1.1, 1.0, 1.2)], 0.03).ticks]
    assert min(right - left for left, right in itertools.pairwise(places)) > 30
