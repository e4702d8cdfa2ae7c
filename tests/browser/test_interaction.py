"""What the page's script does: narrow, sort, point, and keep the view in the address."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from bench.report.format import decimals
from tests.support.browsers import Open, Stored, address, drawn

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

ROWS = "table.results tbody tr[data-backend]:not(.off)"
MEASURED = 20


def ready(open_report: Open, fragment: str = "") -> Page:
    """The usual report, with its filters open."""
    page = open_report("usual", fragment=fragment).page
    page.evaluate("document.getElementById('view').open = true")
    return page


def exact(page: Page, column: int) -> list[list[float]]:
    """The values of a column of the main table, group by group, top to bottom."""
    value = f"Number(row.cells[{column}].querySelector('[data-exact]').dataset.exact)"
    bodies = "[...document.querySelector('table.results').tBodies]"
    found: list[list[float]] = page.evaluate(f"{bodies}.map(body => [...body.rows].slice(1).map(row => {value}))")
    return found


def head(page: Page, name: str) -> Locator:
    return page.locator("table.results thead").get_by_role("button", name=name)


def test_a_click_leaves_out_a_stack(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("checkbox", name="ort-genai").uncheck()
    assert "ort-genai" not in page.inner_text("table.results")


def test_the_number_of_rows_left_is_told(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("checkbox", name="ort-genai").uncheck()
    assert page.get_by_role("status").inner_text() == "11 of 20 results shown"


def test_a_filter_is_set_by_keyboard_alone(open_report: Open) -> None:
    page = open_report("usual").page
    page.locator("#view summary").focus()
    for key in ("Enter", "Tab", "Tab", "Space"):
        page.keyboard.press(key)
    assert "openvino-genai" not in page.inner_text("table.results")


@pytest.mark.parametrize("axis", ["backend", "precision"])
def test_a_filter_reaches_every_part_that_shows_configurations(open_report: Open, axis: str) -> None:
    page = ready(open_report)
    box = page.locator(f"#view input[data-axis={axis}]").first
    value = box.get_attribute("value")
    box.uncheck()
    left = f"[...document.querySelectorAll('[data-{axis}]')].filter(one => one.dataset.{axis} === {value!r})"
    assert page.evaluate(f"{left}.filter(one => one.checkVisibility()).length") == 0


def test_a_filter_takes_the_lines_out_of_the_charts(open_report: Open) -> None:
    page = ready(open_report)
    visible = "[...document.querySelectorAll('#charts .card:not(.off) g[data-prompt]')].filter(g => !g.closest('.off'))"
    before = page.evaluate(f"{visible}.length")
    page.get_by_role("checkbox", name="int4").uncheck()
    # Two of seven lines are int4, with three points each; five charts are shown.
    assert (before, page.evaluate(f"{visible}.length")) == (5 * MEASURED, 5 * (MEASURED - 6))


def test_a_chart_of_which_nothing_is_left_goes(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("checkbox", name="128", exact=True).uncheck()
    titles = page.locator("#arrival figcaption:visible").all_text_contents()
    assert [title.partition(" ")[0] for title in titles] == ["32", "512"]


def test_a_prompt_length_takes_its_group_and_its_answer_along(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("checkbox", name="128", exact=True).uncheck()
    titles = page.get_by_text(re.compile("^128 prompt tokens, 64 new$"))
    assert [titles.nth(n).is_visible() for n in (0, 1)] == [False, False]


def test_a_quantile_is_chosen_for_chart_and_column(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("radio", name="p95").check()
    shown = [one.get_attribute("data-quantile") for one in page.locator("[data-quantile]:visible").all()]
    assert set(shown) == {"p95"}
    assert len(shown) == MEASURED + 1


@pytest.mark.parametrize(("name", "column"), [("TTFT", 2), ("TPOT", 3), ("whole answer", 4), ("ITL", 6)])
def test_a_click_on_a_head_sorts_each_group(open_report: Open, name: str, column: int) -> None:
    page = ready(open_report)
    head(page, name).click()
    values = exact(page, column)
    assert values == [sorted(group) for group in values]


def test_a_second_press_of_enter_turns_the_order_round(open_report: Open) -> None:
    page = ready(open_report)
    head(page, "TTFT").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    values = exact(page, 2)
    assert values == [sorted(group, reverse=True) for group in values]


def test_the_order_is_told_to_who_does_not_see_it(open_report: Open) -> None:
    page = ready(open_report)
    told = []
    for name in ("TTFT", "TTFT", "TPOT"):
        head(page, name).click()
        sorts = page.locator("table.results [aria-sort]")
        told.append([(one.inner_text().split()[0], one.get_attribute("aria-sort")) for one in sorts.all()])
    assert told == [[("TTFT", "ascending")], [("TTFT", "descending")], [("TPOT", "ascending")]]


def test_names_sort_as_words(open_report: Open) -> None:
    page = ready(open_report)
    head(page, "configuration").click()
    names = page.locator("table.results tbody").first.locator(".line").all_inner_texts()
    assert names == sorted(names)


@pytest.mark.parametrize("table", ["results", "spread", "loads", "arrival"])
def test_every_table_sorts_by_its_last_column(open_report: Open, table: str) -> None:
    page = open_report("usual").page
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.locator(f"#table-{table} thead button").last.click()
    last = "Number(row.cells[row.cells.length - 1].textContent.replaceAll(',', '').match(/[\\d.]+/)[0])"
    bodies = f"[...document.getElementById('table-{table}').tBodies]"
    values = page.evaluate(f"{bodies}.map(body => [...body.rows].filter(row => row.cells[1]).map(row => {last}))")
    assert values == [sorted(group) for group in values]


def test_the_address_restores_filters_order_and_quantile(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("checkbox", name="fp32").uncheck()
    page.get_by_role("checkbox", name="512", exact=True).uncheck()
    page.get_by_role("radio", name="p99").check()
    head(page, "TPOT").click()
    head(page, "TPOT").click()
    again = open_report("usual", fragment=address(page)).page
    assert again.locator(ROWS).all_inner_texts() == page.locator(ROWS).all_inner_texts()


def test_a_link_to_a_section_keeps_the_view(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("checkbox", name="fp32").uncheck()
    page.get_by_role("navigation").get_by_role("link", name="All results").click()
    page.wait_for_function("location.hash === '#results&precision=int4,int8'")
    assert page.locator(ROWS).count() == 12


@pytest.mark.parametrize(
    "fragment", ["#%E0%A4%A&backend=%", "#results&sort=nowhere.9.up", "#&sort=results.99.ascending", "#<script>&x=1"]
)
def test_an_address_that_makes_no_sense_shows_everything(open_report: Open, fragment: str) -> None:
    opened = open_report("usual", fragment=fragment)
    assert (opened.page.locator(ROWS).count(), opened.problems) == (MEASURED, [])


def test_a_stack_that_the_run_lacks_is_no_filter(open_report: Open) -> None:
    assert ready(open_report, "#&backend=another").locator(ROWS).count() == MEASURED


def test_show_everything_takes_all_back(open_report: Open) -> None:
    page = ready(open_report)
    before = page.locator(ROWS).all_inner_texts()
    page.get_by_role("checkbox", name="fp32").uncheck()
    head(page, "TTFT").click()
    page.get_by_role("button", name="Show everything").click()
    assert page.locator(ROWS).all_inner_texts() == before


def test_names_with_markup_are_filters_like_others(open_report: Open) -> None:
    opened = open_report("hostile")
    opened.page.evaluate("document.getElementById('view').open = true")
    opened.page.get_by_role("checkbox", name="<b>evil</b>").uncheck()
    again = open_report("hostile", fragment=address(opened.page))
    assert again.page.locator(ROWS).count() == opened.page.locator(ROWS).count()
    assert (opened.problems, again.problems) == ([], [])


def expected(stored: Stored, metric: str) -> set[str]:
    """What the points of a metric have to say, from the parquet alone."""
    rows: list[dict[str, Any]] = []
    for path in (stored.run / "generations").glob("*.parquet"):
        rows += pq.read_table(path).to_pylist()
    cells: dict[tuple[str, int], dict[int, list[float]]] = {}
    for row in rows:
        if row["status"] == "ok" and not row["warmup"]:
            load = row["load_id"].partition("-")[2].replace("-CPU-", " CPU ")
            blocks = cells.setdefault((load, row["prompt_tokens"]), {})
            value = row["ttft_ns"] if metric == "time to first token" else statistics.fmean(row["itl_ns"])
            blocks.setdefault(row["block"], []).append(value / 1e6)
    return {f"{name}, prompt {prompt:,}: {metric} {figures(blocks)}" for (name, prompt), blocks in cells.items()}


def figures(blocks: dict[int, list[float]]) -> str:
    """The estimate and its interval by the formula of docs/metrics.md, written once more."""
    logs = np.array([math.log(statistics.median(blocks[block])) for block in sorted(blocks)])
    count, off = len(logs), logs - logs.mean()
    lag_one = (off[1:] * off[:-1]).sum() / (off**2).sum()
    phi = min(0.7, max(0.0, lag_one + (2.5 + 3 * lag_one) / count))
    worth = 1 + 2 * sum((1 - lag / count) * phi**lag for lag in range(1, count))
    freedom = max(2.0, (count - 1) * (1 - phi**2) / (1 + phi**2))
    half = stats.t.ppf(0.975, freedom) * logs.std(ddof=1) * math.sqrt(worth / count * (count - 1) / (count - worth))
    value, low, high = (math.exp(end) for end in (logs.mean(), logs.mean() - half, logs.mean() + half))
    places, dash = decimals(value), "\N{EN DASH}"
    timed = sum(len(values) for values in blocks.values())
    return f"{value:,.{places}f} ms ({low:,.{places}f}{dash}{high:,.{places}f}), n = {timed}"


@pytest.mark.parametrize(
    ("chart", "metric"),
    [("Time to first token, ms", "time to first token"), ("Time per output token, ms", "time per output token")],
)
def test_each_focused_point_tells_what_the_parquet_holds(
    open_report: Open, stored: Callable[[str], Stored], chart: str, metric: str
) -> None:
    page = ready(open_report)
    card = page.locator("figure:not(.spare)", has=page.locator("figcaption", has_text=chart))
    told = set()
    for point in card.locator("g[data-prompt]").all():
        point.focus()
        told.add(page.locator("#tip").text_content())
    assert told == expected(stored("usual"), metric)


def point_at(page: Page, point: Locator) -> None:
    """Have the mouse beside a point."""
    point.scroll_into_view_if_needed()
    # What is told of a point goes when the page is scrolled.
    drawn(page)
    box = point.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + box["height"] / 2)
    page.locator("#tip").wait_for()


def test_a_mouse_over_a_point_shows_its_figures(open_report: Open) -> None:
    page = ready(open_report)
    # The slowest line lies apart from the others.
    point = page.locator("figure:not(.spare)", has_text="Time per output token, ms").locator("g[data-prompt]").last
    point_at(page, point)
    assert page.locator("#tip").inner_text() == point.get_attribute("aria-label")


def test_arrow_keys_lead_from_point_to_point_and_escape_ends_it(open_report: Open) -> None:
    page = ready(open_report)
    page.locator("#charts g[data-prompt][tabindex='0']").first.focus()
    page.keyboard.press("ArrowRight")
    told = page.locator("#tip").inner_text()
    page.keyboard.press("Escape")
    assert told.startswith("openvino-genai CPU int4, prompt 128: time to first token")
    assert not page.locator("#tip").is_visible()


def test_a_chart_is_one_stop_of_the_tab_key(open_report: Open) -> None:
    page = ready(open_report)
    stops = page.locator("#charts .card:visible").evaluate_all(
        "cards => cards.map(card => card.querySelectorAll('[tabindex=\"0\"]').length)"
    )
    assert stops == [1] * 5


def test_without_javascript_nothing_is_hidden_but_the_filters(open_report: Open) -> None:
    page = open_report("usual", java_script_enabled=False).page
    assert not page.locator("#view").is_visible()
    assert page.locator("#charts figure:visible").count() == 7
    assert page.locator(".quantile:visible").count() == 3 * MEASURED


def test_without_javascript_a_point_has_its_figures_as_title(open_report: Open) -> None:
    page = open_report("usual", java_script_enabled=False).page
    title = page.locator("#charts g[data-prompt] title").first.text_content()
    assert title
    assert title.startswith("openvino-genai CPU int4, prompt 32: time to first token")


# -- what matters to the reader

METRICS = {
    "everything": {"Responsiveness", "Speed", "Time for the whole answer", "Memory"},
    "responsiveness (TTFT)": {"Responsiveness"},
    "speed (TPOT)": {"Speed"},
    "whole answer": {"Time for the whole answer"},
    "memory": {"Memory"},
}


def answered(page: Page) -> set[str]:
    """The metrics that the answer speaks of."""
    heads = page.locator("#answer h4:visible").all_inner_texts()
    return {head.partition(":")[0] for head in heads}


@pytest.mark.parametrize("choice", METRICS)
def test_a_weight_leaves_its_answers(open_report: Open, choice: str) -> None:
    page = ready(open_report)
    page.get_by_role("radio", name=choice).check()
    assert answered(page) == METRICS[choice]


def test_a_weight_leaves_its_sentence(open_report: Open) -> None:
    page = ready(open_report)
    before = page.locator(".lead:visible").all_inner_texts()
    page.get_by_role("radio", name="memory").check()
    assert page.locator(".lead:visible").all_inner_texts() == before[-1:]


def test_a_weight_leaves_no_empty_card(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("radio", name="memory").check()
    # One configuration failed at the longest prompt, so it is not ranked with those that did not.
    assert page.locator("#answer .card:visible h3").all_inner_texts() == [
        "32, 128 and 512 prompt tokens, 64 new",
        "32 and 128 prompt tokens, 64 new",
    ]


def test_a_weight_and_a_prompt_length_narrow_together(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("radio", name="speed (TPOT)").check()
    page.get_by_role("checkbox", name="128", exact=True).uncheck()
    titles = page.locator("#answer .card:visible h3").all_inner_texts()
    assert ([title.partition(" ")[0] for title in titles], answered(page)) == (["32", "512"], {"Speed"})


def test_a_weight_is_chosen_by_keyboard_alone(open_report: Open) -> None:
    page = open_report("usual").page
    page.locator("#view summary").focus()
    for key in ("Enter", "Tab", "ArrowDown"):
        page.keyboard.press(key)
    assert (answered(page), address(page)) == ({"Responsiveness"}, "#&weight=ttft")


def test_the_address_restores_a_weight(open_report: Open) -> None:
    page = open_report("usual", fragment="#answer&weight=memory").page
    assert (answered(page), page.get_by_role("radio", name="memory").is_checked()) == ({"Memory"}, True)


def test_a_weight_that_there_is_not_leaves_everything(open_report: Open) -> None:
    assert answered(open_report("usual", fragment="#answer&weight=beauty").page) == METRICS["everything"]


def test_without_javascript_every_answer_is_there(open_report: Open) -> None:
    assert answered(open_report("usual", java_script_enabled=False).page) == METRICS["everything"]


# -- the axes of the charts


def axes(page: Page) -> dict[str, list[bool]]:
    """Section -> of each chart in sight that has two editions, whether it is the spare one."""
    found: dict[str, list[bool]] = {}
    for name in ("charts", "arrival", "tradeoff"):
        shown = page.locator(f"#{name} figure[data-scale]:visible")
        found[name] = shown.evaluate_all("all => all.map(one => one.classList.contains('spare'))")
    return found


@pytest.mark.parametrize("choice", ["as suits each chart", "from zero", "logarithmic"])
def test_each_chart_is_shown_once_whatever_its_axis(open_report: Open, choice: str) -> None:
    page = ready(open_report)
    page.get_by_role("radio", name=choice).check()
    titles = page.locator("#charts figure:visible figcaption").all_text_contents()
    assert [title.removesuffix(" (logarithmic)") for title in titles] == [
        "Time to first token, ms",
        "Time per output token, ms",
        "Time for the whole answer, ms",
        "Time to first token, times the lowest at that length",
        "Median inter-token latency, ms",
    ]


def test_from_zero_is_from_zero_in_every_chart(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("radio", name="from zero").check()
    titles = page.locator("#charts figure:visible figcaption").all_text_contents()
    assert not [title for title in titles if title.endswith("(logarithmic)")]


def test_logarithmic_is_so_in_every_chart_of_milliseconds(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("radio", name="logarithmic").check()
    titles = page.locator("#charts figure[data-scale]:visible figcaption").all_text_contents()
    assert [title.endswith("(logarithmic)") for title in titles] == [True] * 4


def test_axes_are_chosen_by_keyboard_alone(open_report: Open) -> None:
    page = ready(open_report)
    before = axes(page)
    page.get_by_role("radio", name="as suits each chart").focus()
    page.keyboard.press("ArrowRight")
    assert before["arrival"] == [False] * 3
    assert address(page) == "#&scale=zero"
    assert axes(page)["charts"][0] is True


def test_the_address_restores_the_axes(open_report: Open) -> None:
    page = open_report("usual", fragment="#charts&scale=log").page
    assert axes(page)["arrival"] == [True] * 3


def test_without_javascript_each_chart_is_on_the_axis_that_suits_it(open_report: Open) -> None:
    page = open_report("usual", java_script_enabled=False).page
    assert axes(page)["arrival"] == [False] * 3
    assert page.locator(".spare:visible").count() == 0


def test_a_filter_reaches_the_other_edition_too(open_report: Open) -> None:
    page = ready(open_report)
    page.get_by_role("checkbox", name="int4").uncheck()
    page.get_by_role("radio", name="from zero").check()
    shown = "[...document.querySelectorAll('#charts .spare:not(.off) g[data-point]')].filter(g => !g.closest('.off'))"
    assert page.evaluate(f"{shown}.length") == MEASURED - 6


def test_a_point_tells_the_same_on_either_axis(open_report: Open) -> None:
    page = ready(open_report)
    told = []
    for choice in ("as suits each chart", "from zero"):
        page.get_by_role("radio", name=choice).check()
        card = page.locator("#charts figure:visible", has_text="Time to first token, ms")
        points = card.locator("g[data-point]")
        points.first.focus()
        told.append([point.get_attribute("aria-label") for point in points.all()])
    assert told[0] == told[1]
    assert len(set(told[0])) == MEASURED


def test_a_mouse_over_a_point_of_the_other_edition_shows_its_figures(open_report: Open) -> None:
    page = open_report("usual", fragment="#charts&scale=log").page
    point = page.locator("figure.spare", has_text="Time per output token, ms").locator("g[data-prompt]").last
    point_at(page, point)
    assert page.locator("#tip").inner_text().startswith("transformers CPU fp32, prompt 128: time per output token")


# -- first asks and prefix-cache hits


def asks(page: Page) -> set[str]:
    """How the configurations in sight were asked, in any part of the page."""
    shown = "[...document.querySelectorAll('[data-ask]')].filter(one => one.checkVisibility())"
    return set(page.evaluate(f"{shown}.map(one => one.dataset.ask)"))


@pytest.mark.parametrize(("left_out", "left"), [("prefix-cache hit", "first"), ("first ask", "again")])
def test_first_asks_and_hits_are_narrowed_like_stacks(open_report: Open, left_out: str, left: str) -> None:
    page = open_report("asked twice").page
    page.evaluate("document.getElementById('view').open = true")
    before = asks(page)
    page.get_by_role("checkbox", name=left_out).uncheck()
    assert (before, asks(page)) == ({"first", "again"}, {left})


def test_the_address_restores_how_was_asked(open_report: Open) -> None:
    page = open_report("asked twice", fragment="#results&ask=again").page
    names = page.locator(ROWS).locator("th .line").all_inner_texts()
    assert [name.strip() for name in names] == ["openvino-genai CPU int4, prefix-cache hit"] * 2


def test_lines_of_hits_leave_the_charts(open_report: Open) -> None:
    page = open_report("asked twice", fragment="#charts&ask=first").page
    card = page.locator("#charts figure:visible", has_text="Time per output token, ms")
    assert card.locator("g[data-point]:not(.off)").count() == 4


def test_a_run_without_hits_has_no_such_choice(open_report: Open) -> None:
    assert ready(open_report).locator("#view input[data-axis=ask]").count() == 0


def test_show_everything_takes_every_choice_back(open_report: Open) -> None:
    page = open_report("usual", fragment="#answer&weight=memory&scale=log&quantile=p95").page
    page.get_by_role("button", name="Show everything").click()
    assert (answered(page), axes(page)["arrival"], address(page)) == (
        METRICS["everything"],
        [False] * 3,
        "#answer",
    )


def test_a_restored_order_is_that_of_the_restored_quantile(open_report: Open) -> None:
    page = open_report("usual", fragment="#results&quantile=p95&sort=results.6.descending").page
    shown = "row.cells[6].querySelector('.quantile:not(.off) [data-exact]').dataset.exact"
    bodies = "[...document.querySelector('table.results').tBodies]"
    values = page.evaluate(f"{bodies}.map(body => [...body.rows].slice(1).map(row => Number({shown})))")
    assert values == [sorted(group, reverse=True) for group in values]
