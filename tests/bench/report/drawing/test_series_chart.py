from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from bench.analyse.interval import over_blocks
from bench.analyse.results import Generation, Measured, Use
from bench.report.drawing.series_chart import BOTTOM, LEFT, MOST_MARKS, RIGHT, TOP, SeriesChart, of_many, series_chart

pytestmark = pytest.mark.charts


def generation(block: int, value: float | None, use: Use = "timed") -> Generation:
    return Generation(block, use, value, None)


def drawn(series: Sequence[Generation], by_block: dict[int, float]) -> SeriesChart:
    estimate = over_blocks(by_block)
    assert estimate is not None
    return series_chart(series, "ttft_ms", Measured(estimate, by_block))


def places(chart: SeriesChart, kind: str = "dots") -> list[tuple[int, int]]:
    """The vertices of a path, without the one that only makes a single place a path."""
    path = chart.paths.get(kind, "")
    begin, _, steps = path.removeprefix("M").removesuffix("h0").partition("l")
    found = [tuple(map(int, begin.split()))] if begin else []
    numbers = list(map(int, re.findall(r"-?\d+", steps)))
    for across, down in zip(numbers[::2], numbers[1::2], strict=True):
        found.append((found[-1][0] + across, found[-1][1] + down))
    return [(x, y) for x, y in found]


TWO_BLOCKS = [generation(0, 100), generation(0, 102), generation(1, 104), generation(1, 106)]


def test_every_generation_has_its_mark_from_left_to_right() -> None:
    found = places(drawn(TWO_BLOCKS, {0: 101, 1: 105}))
    assert [x for x, _ in found] == sorted({x for x, _ in found})
    assert [y for _, y in found] == sorted({y for _, y in found}, reverse=True)


def test_all_that_counts_lies_within_the_axes() -> None:
    series = [generation(block, 100 * (1 + block)) for block in range(9)]
    chart = drawn(series, {block: 100.0 * (1 + block) for block in range(9)})
    found = places(chart)
    assert len(found) == 9
    assert all(LEFT < x < RIGHT and TOP < y < BOTTOM for x, y in found)


def test_a_warm_up_has_another_mark() -> None:
    chart = drawn([generation(0, 101, "warm-up"), *TWO_BLOCKS], {0: 101, 1: 105})
    assert (len(places(chart, "warmups")), len(places(chart))) == (1, 4)


def test_a_generation_that_does_not_count_has_one_of_its_own() -> None:
    chart = drawn([generation(0, 101, "excluded"), *TWO_BLOCKS], {0: 101, 1: 105})
    assert (len(places(chart, "excluded")), places(chart, "warmups")) == (1, [])


@pytest.mark.parametrize(("value", "edge", "kind"), [(900, TOP, "above"), (9, BOTTOM, "below")])
def test_a_warm_up_far_away_stands_at_the_edge_and_flattens_nothing(value: float, edge: int, kind: str) -> None:
    usual = drawn(TWO_BLOCKS, {0: 101, 1: 105})
    chart = drawn([*TWO_BLOCKS, generation(1, value, "warm-up")], {0: 101, 1: 105})
    assert [y for _, y in places(chart, kind)] == [edge]
    assert chart.ticks == usual.ticks


def test_a_warm_up_nearby_widens_the_axis_instead() -> None:
    chart = drawn([*TWO_BLOCKS, generation(1, 112, "warm-up")], {0: 101, 1: 105})
    assert (places(chart, "above"), len(places(chart, "warmups"))) == ([], 1)


def test_a_generation_without_a_time_has_no_mark() -> None:
    chart = drawn([*TWO_BLOCKS, generation(1, None, "excluded")], {0: 101, 1: 105})
    assert not {"excluded", "above", "below"} & chart.paths.keys()


def test_a_block_that_is_missing_leaves_its_place_blank() -> None:
    chart = drawn([generation(0, 100), generation(2, 100)], {0: 100, 2: 100})
    assert [label for _, label in chart.blocks] == ["1", "2", "3"]


def test_a_small_difference_is_not_blown_up() -> None:
    heights = [y for _, y in places(drawn([generation(0, 100), generation(1, 100.1)], {0: 100, 1: 100.1}))]
    assert abs(heights[0] - heights[1]) < (BOTTOM - TOP) / 20


def test_a_series_over_more_than_a_decade_is_logarithmic() -> None:
    chart = drawn([generation(0, 1), generation(1, 10), generation(2, 100)], {0: 1, 1: 10, 2: 100})
    first, middle, last = (y for _, y in places(chart))
    assert chart.logarithmic
    assert abs((first - middle) - (middle - last)) <= 1


def test_one_block_has_no_band() -> None:
    assert drawn([generation(0, 100)], {0: 100}).band is None


def test_a_wide_interval_ends_with_the_axis() -> None:
    band = drawn(TWO_BLOCKS, {0: 100, 1: 130}).band
    assert band == (TOP, BOTTOM - TOP)


def test_many_blocks_have_few_labels() -> None:
    by_block = dict.fromkeys(range(200), 100.0)
    assert len(drawn([generation(block, 100) for block in by_block], by_block).blocks) <= 6


def test_of_many_values_the_lowest_and_the_highest_are_shown() -> None:
    values = [5.0] * MOST_MARKS + [9.0, 1.0]
    assert (of_many(values), of_many(values[:MOST_MARKS])) == ([MOST_MARKS, MOST_MARKS + 1], list(range(MOST_MARKS)))


def test_many_generations_of_a_block_are_two_marks() -> None:
    series = [generation(0, 100 + one % 7) for one in range(500)]
    assert len(places(drawn(series, {0: 103}))) == 2
