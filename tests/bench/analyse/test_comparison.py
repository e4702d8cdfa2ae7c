from __future__ import annotations

import math
import random

import pytest
from scipy import stats

from bench.analyse.comparison import Difference, judge
from bench.analyse.interval import Contrast, Estimate, between_runs, holm


def blocks(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def difference(value: float, low: float | None, high: float | None, p_value: float | None) -> Difference:
    return Difference("ttft_ms", 100, 100 * value, Contrast(Estimate(value, low, high, 10), p_value), "inconclusive")


# -- the test


def test_a_ratio_and_its_p_value_are_welchs() -> None:
    head, base = (110.0, 112.0, 108.0, 111.0), (100.0, 101.0, 99.0)
    contrast = between_runs(blocks(*head), blocks(*base))
    expected = stats.ttest_ind([math.log(x) for x in head], [math.log(x) for x in base], equal_var=False)
    ends = expected.confidence_interval()
    assert contrast is not None
    assert contrast.p_value == pytest.approx(expected.pvalue)
    assert [contrast.ratio.low, contrast.ratio.high] == pytest.approx([math.exp(ends.low), math.exp(ends.high)])


def test_blocks_of_two_runs_are_not_paired() -> None:
    # The same spread in both: paired, the difference would be certain.
    contrast = between_runs(blocks(10, 20, 40), blocks(10.1, 20.2, 40.4))
    assert contrast is not None
    assert contrast.p_value is not None
    assert contrast.p_value > 0.9


def test_one_block_gives_a_ratio_without_a_claim() -> None:
    contrast = between_runs(blocks(12), blocks(10))
    assert contrast is not None
    assert (round(contrast.ratio.value, 3), contrast.ratio.low, contrast.p_value) == (1.2, None, None)


@pytest.mark.parametrize(("head", "p_value"), [(10.0, 1.0), (12.0, 0.0)])
def test_series_that_do_not_vary_divide_by_nothing(head: float, p_value: float) -> None:
    contrast = between_runs(blocks(head, head), blocks(10, 10))
    assert contrast is not None
    assert contrast.p_value == p_value


def test_nothing_measured_is_no_ratio() -> None:
    assert between_runs({}, blocks(1, 2)) is None


# -- Holm


@pytest.mark.parametrize(
    ("p_values", "fallen"),
    [
        ({"a": 0.04}, {"a"}),
        ({"a": 0.04, "b": 0.9}, set()),
        ({"a": 0.01, "b": 0.04}, {"a", "b"}),
        ({"a": 0.02, "b": 0.026, "c": 0.5}, set()),
        ({"a": 0.001, "b": 0.03, "c": 0.04}, {"a"}),
        ({"a": None, "b": 0.04}, {"b"}),
        ({}, set()),
    ],
)
def test_holm_lets_fall_what_it_may(p_values: dict[str, float | None], fallen: set[str]) -> None:
    assert holm(p_values) == fallen


def test_of_families_without_a_difference_at_most_one_in_twenty_is_called() -> None:
    noise = random.Random(1)
    called = 0
    for _ in range(2000):
        family = {str(n): noise.random() for n in range(20)}
        called += bool(holm(family))
    assert called / 2000 < 0.065


# -- verdicts


@pytest.mark.parametrize(
    ("one", "threshold", "verdict"),
    [
        (difference(1.01, 0.99, 1.02, 0.2), 0.03, "same"),
        (difference(1.01, 1.005, 1.02, 0.001), 0.03, "same"),
        (difference(1.10, 1.05, 1.15, 0.001), 0.03, "slower"),
        (difference(0.90, 0.85, 0.95, 0.001), 0.03, "faster"),
        (difference(1.10, 0.95, 1.30, 0.2), 0.03, "inconclusive"),
        (difference(1.014, 1.001, 1.04, 0.04), 0.03, "inconclusive"),
        (difference(1.10, None, None, None), 0.03, "inconclusive"),
        (difference(1.0, 1.0, 1.0, 1.0), 0.0, "same"),
        (difference(1.001, 1.0005, 1.0015, 0.001), 0.0, "slower"),
        (difference(2.0, 1.5, 3.0, 0.001), 3.0, "same"),
        (difference(9.0, 8.0, 10.0, 0.001), 3.0, "slower"),
    ],
)
def test_the_verdict_follows_in_its_order(one: Difference, threshold: float, verdict: str) -> None:
    assert judge({"cell": one}, threshold)["cell"].verdict == verdict


def test_many_cells_make_a_claim_harder() -> None:
    alone, crowd = difference(1.1, 1.01, 1.2, 0.03), difference(1.1, 0.5, 2.4, 0.8)
    family = {"a": alone, **{f"c{n}": crowd for n in range(9)}}
    assert (judge({"a": alone}, 0.03)["a"].verdict, judge(family, 0.03)["a"].verdict) == ("slower", "inconclusive")
