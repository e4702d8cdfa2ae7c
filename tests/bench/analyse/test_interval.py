from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given, strategies as st
from scipy import stats

from bench.analyse.interval import (
    MOST_CORRELATION,
    Contrast,
    Estimate,
    RunSpread,
    against_blocks,
    against_runs,
    between_runs,
    both,
    correlation,
    correlation_over,
    over_blocks,
    paired,
)

POSITIVE = st.floats(min_value=1e-9, max_value=1e12)


def test_the_estimate_is_the_geometric_mean_of_block_medians() -> None:
    estimate = over_blocks({0: 1.0, 1: 10.0, 2: 100.0})
    assert estimate is not None
    assert estimate.value == pytest.approx(10.0)


def test_the_interval_is_students_t_on_logarithms_where_neighbours_are_not_alike() -> None:
    values = [9.0, 12.0, 10.5, 11.0]
    logs = [math.log(value) for value in values]
    expected = stats.t.interval(0.95, 3, loc=sum(logs) / 4, scale=stats.sem(logs))
    estimate = over_blocks(dict(enumerate(values)))
    assert estimate is not None
    assert (estimate.low, estimate.high) == pytest.approx(tuple(math.exp(end) for end in expected))


def test_neighbours_that_are_alike_widen_the_interval_by_what_they_are_worth_less() -> None:
    logs = [0.0, 0.1, 0.2, 0.1, 0.0, -0.1, -0.2, -0.1]
    estimate = over_blocks({block: math.exp(value) for block, value in enumerate(logs)})
    # r = 0.08 / 0.12, and (2.5 + 3 r) / 8 is added to it.
    alike = 2 / 3 + (2.5 + 3 * 2 / 3) / 8
    assert alike > MOST_CORRELATION
    cost = 1 + 2 * sum((1 - lag / 8) * MOST_CORRELATION**lag for lag in range(1, 8))
    error = math.sqrt(0.12 / (8 - cost) * cost / 8)
    freedom = 7 * (1 - MOST_CORRELATION**2) / (1 + MOST_CORRELATION**2)
    assert estimate is not None
    assert estimate.value == pytest.approx(1.0)
    assert estimate.high == pytest.approx(math.exp(stats.t.ppf(0.975, freedom) * error))


def test_blocks_are_taken_in_their_order_and_not_in_that_of_the_mapping() -> None:
    rising = {block: 1.0 + 0.01 * block for block in range(10)}
    shuffled = {block: rising[block] for block in (3, 9, 0, 6, 1, 8, 4, 7, 2, 5)}
    assert over_blocks(shuffled) == over_blocks(rising)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ([0.0, 1.0, 0.0, 1.0], 0.0),
        ([5.0, 5.0, 5.0], 0.0),
        ([1.0, 2.0], 0.0),
        # r = (-1 / 9) / (12 / 9)
        ([1.0, 0.0, 0.0, 0.0, 0.0, 1.0], -1 / 12 + (2.5 - 3 / 12) / 6),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 0.7),
    ],
)
def test_the_correlation_of_neighbours_is_corrected_for_how_few_they_are(series: list[float], expected: float) -> None:
    assert correlation(series) == pytest.approx(expected)


def test_series_count_for_the_correlation_by_their_length() -> None:
    one, other = [0.0, 1.0, 2.0, 1.0, 0.0, 1.0], [1.0, 2.0, 3.0]
    own = [
        sum((a - m) * (b - m) for a, b in itertools.pairwise(x)) / sum((a - m) ** 2 for a in x)
        for x in (one, other)
        for m in [statistics.fmean(x)]
    ]
    assert correlation(one, other) == pytest.approx((9 * own[0] + 2.5 + 6 * own[1] + 2.5) / 9)


def test_two_runs_are_compared_by_one_correlation_for_both() -> None:
    base, head = [1.0, 1.1, 1.2, 1.1, 1.0, 1.1], [1.3, 1.3, 1.2, 1.25, 1.35, 1.4]
    logs = [[math.log(value) for value in run] for run in (head, base)]
    alike = correlation(*logs)
    cost = 1 + 2 * sum((1 - lag / 6) * alike**lag for lag in range(1, 6))
    first, second = (statistics.variance(run) * 5 / (6 - cost) * cost / 6 for run in logs)
    each = 5 * (1 - alike**2) / (1 + alike**2)
    freedom = (first + second) ** 2 / (first**2 / each + second**2 / each)
    shift = statistics.fmean(logs[0]) - statistics.fmean(logs[1])
    found = between_runs(blocks(*head), blocks(*base))
    assert found is not None
    assert 0 < alike < MOST_CORRELATION
    assert found.ratio.low == pytest.approx(math.exp(shift - stats.t.ppf(0.975, freedom) * math.sqrt(first + second)))
    assert found.p_value == pytest.approx(2 * stats.t.sf(shift / math.sqrt(first + second), freedom))


def test_a_correlation_that_is_known_takes_the_place_of_that_of_the_two_runs() -> None:
    head, base = blocks(1.3, 1.2, 1.35, 1.4), blocks(1.0, 1.2, 1.1, 1.05)
    widths = [found.ratio.half_width or 0 for alike in (0.0, 0.3) if (found := between_runs(head, base, alike))]
    assert widths[0] < widths[1]
    assert correlation_over([head, base, {}, {0: 1.0}]) == correlation_over([head, base])
    assert correlation_over([{}, {0: 1.0}]) == 0


def neighbours(noise: random.Random, alike: float, count: int) -> list[float]:
    """Latencies whose logarithms are an AR(1) series."""
    logs = [noise.gauss(0, 0.05)]
    while len(logs) < count:
        logs.append(alike * logs[-1] + noise.gauss(0, 0.05) * math.sqrt(1 - alike**2))
    return [math.exp(value) for value in logs]


@pytest.mark.slow
@pytest.mark.parametrize(("alike", "least", "most"), [(0.0, 0.95, 0.985), (0.3, 0.92, 0.955), (0.5, 0.9, 0.93)])
@pytest.mark.parametrize("count", [5, 10, 20])
def test_nine_of_ten_intervals_hold_the_truth_where_neighbours_are_alike(
    count: int, alike: float, least: float, most: float
) -> None:
    noise, held = random.Random(7), 0
    for _ in range(3000):
        estimate = over_blocks(blocks(*neighbours(noise, alike, count)))
        assert estimate is not None
        held += (estimate.low or 0) <= 1 <= (estimate.high or math.inf)
    assert least <= held / 3000 <= most + 0.015 * (count == 20)


@pytest.mark.slow
def test_two_runs_of_the_same_are_told_apart_in_a_tenth_of_cases_where_neighbours_are_alike() -> None:
    noise, called = random.Random(8), 0
    for _ in range(2000):
        head, base = (blocks(*neighbours(noise, 0.5, 10)) for _ in range(2))
        found = between_runs(head, base)
        assert found is not None
        assert found.p_value is not None
        called += found.p_value < 0.05
    assert called / 2000 <= 0.105


def test_pairs_of_one_block_are_not_alike_where_their_neighbours_are() -> None:
    noise, held = random.Random(9), 0
    for _ in range(2000):
        visits = neighbours(noise, 0.7, 20)
        pairs = [noise.sample(visits[at : at + 2], 2) for at in range(0, 20, 2)]
        found = paired(blocks(*(one for one, _ in pairs)), blocks(*(other for _, other in pairs)))
        assert found is not None
        assert found.p_value is not None
        held += found.p_value >= 0.05
    assert 0.935 <= held / 2000 <= 0.965


def test_one_block_has_no_interval() -> None:
    estimate = over_blocks({4: 7.0})
    assert estimate is not None
    assert (estimate.low, estimate.high, estimate.blocks) == (None, None, 1)


def test_no_block_has_no_estimate() -> None:
    assert over_blocks({}) is None


def test_blocks_without_a_logarithm_are_left_out() -> None:
    estimate = over_blocks({0: 0.0, 1: 5.0, 2: -1.0})
    assert estimate is not None
    assert estimate.blocks == 1


def test_equal_blocks_give_an_interval_without_width() -> None:
    estimate = over_blocks({0: 3.0, 1: 3.0, 2: 3.0})
    assert estimate is not None
    assert estimate.half_width == pytest.approx(0.0)


@given(st.dictionaries(st.integers(0, 30), POSITIVE, min_size=1))
def test_every_number_is_finite_and_the_interval_holds_the_value(medians: dict[int, float]) -> None:
    estimate = over_blocks(medians)
    assert estimate is not None
    ends = [end for end in (estimate.low, estimate.value, estimate.high) if end is not None]
    assert all(math.isfinite(end) for end in ends)
    assert ends == sorted(ends)


def test_an_interval_too_wide_for_a_float_is_none() -> None:
    estimate = over_blocks({0: 1e-300, 1: 1e300})
    assert estimate is not None
    assert estimate.low is None


def test_a_rate_turns_the_interval_round() -> None:
    assert Estimate(2.0, 1.0, 4.0, 3).rate(8.0) == Estimate(4.0, 2.0, 8.0, 3)


def test_a_rate_without_interval_stays_without() -> None:
    assert Estimate(2.0, None, None, 1).rate(8.0) == Estimate(4.0, None, None, 1)


def test_pairing_by_block_removes_what_both_share() -> None:
    drift = {0: 1.0, 1: 2.0, 2: 4.0}
    found = paired({block: 1.1 * value for block, value in drift.items()}, drift)
    assert found is not None
    assert (found.ratio.low, found.ratio.high) == pytest.approx((1.1, 1.1))


def test_only_shared_blocks_are_paired() -> None:
    found = paired({0: 2.0, 1: 2.0, 2: 50.0}, {0: 1.0, 1: 1.0, 3: 9.0})
    assert found is not None
    assert found.ratio.value == pytest.approx(2.0)
    assert found.ratio.blocks == 2


def test_a_ratio_of_single_blocks_has_no_interval() -> None:
    found = paired({0: 2.0}, {0: 1.0})
    assert found is not None
    assert (found.ratio.low, found.p_value) == (None, None)


def test_the_interval_covers_as_often_as_it_says() -> None:
    noise = random.Random(5)
    runs = 2000
    hits = 0
    for _ in range(runs):
        estimate = over_blocks({block: math.exp(noise.gauss(0, 0.06)) for block in range(3)})
        assert estimate is not None
        hits += (estimate.low or 0) <= 1 <= (estimate.high or 0)
    # Three blocks cannot tell that they are not alike, so they cover a little more than they claim.
    assert 0.95 <= hits / runs <= 0.98


def test_a_pair_of_variants_is_compared_block_by_block() -> None:
    found = paired({0: 2.0, 1: 20.0, 2: 220.0}, {0: 1.0, 1: 10.0, 2: 100.0, 3: 9.0})
    expected = stats.ttest_1samp([math.log(2), math.log(2), math.log(2.2)], 0)
    assert found is not None
    assert found.ratio.value == pytest.approx((2 * 2 * 2.2) ** (1 / 3))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_variants_without_a_common_block_have_no_ratio() -> None:
    assert paired({0: 1.0}, {1: 1.0}) is None


def test_a_further_run_is_held_against_a_prediction_interval() -> None:
    baselines = [10.0, 10.2, 9.9, 10.1, 10.3]
    logs = [math.log(value) for value in baselines]
    half = stats.t.ppf(0.975, 4) * stats.tstd(logs) * math.sqrt(1 + 1 / 5)
    found = against_runs(10.0, baselines)
    assert found is not None
    assert found.ratio.low == pytest.approx(10.0 / math.exp(sum(logs) / 5) * math.exp(-half))


def test_a_prediction_interval_holds_95_percent_of_further_runs() -> None:
    noise = random.Random(5)
    held = 0
    for _ in range(2000):
        found = against_runs(noise.lognormvariate(0, 0.02), [noise.lognormvariate(0, 0.02) for _ in range(5)])
        assert found is not None
        assert found.p_value is not None
        held += found.p_value >= 0.05
    assert 0.935 <= held / 2000 <= 0.965


def test_one_baseline_tells_no_spread_between_runs() -> None:
    found = against_runs(11.0, [10.0])
    assert found is not None
    assert found.ratio.value == pytest.approx(1.1)
    assert (found.ratio.low, found.p_value) == (None, None)


def test_a_spread_that_is_known_otherwise_takes_the_place_of_the_baselines_own() -> None:
    found = against_runs(11.0, [10.0], RunSpread(variance=0.0004, freedom=20))
    assert found is not None
    half = stats.t.ppf(0.975, 20) * math.sqrt(0.0004 * 2)
    assert found.ratio.high == pytest.approx(1.1 * math.exp(half))


def test_no_baseline_gives_no_answer() -> None:
    assert against_runs(1.0, []) is None


# -- a run's own blocks beside those of its baselines


def blocks(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def test_a_runs_own_blocks_are_moderated_by_those_of_its_baselines() -> None:
    head, bases = [10.0, 11.0, 12.0], [[9.0, 10.0, 11.0], [10.0, 10.5, 9.5]]
    found = against_blocks(blocks(*head), [blocks(*base) for base in bases])
    assert found is not None
    logs = [[math.log(value) for value in run] for run in (head, *bases)]
    own, *others = (statistics.variance(run) for run in logs)
    within = statistics.fmean(others)
    # Two degrees of freedom of its own and four that it borrows; the baselines have four.
    parts = [((2 * own + 4 * within) / 6 / 3, 6), (within / 6, 4)]
    error = math.sqrt(sum(variance for variance, _ in parts))
    freedom = error**4 / sum(variance**2 / count for variance, count in parts)
    shift = statistics.fmean(logs[0]) - statistics.fmean(map(statistics.fmean, logs[1:]))
    assert found.ratio.value == pytest.approx(math.exp(shift))
    assert found.ratio.high == pytest.approx(math.exp(shift + stats.t.ppf(0.975, freedom) * error))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(shift) / error, freedom))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3, 10])
def test_blocks_alone_hold_at_least_95_percent_of_runs_that_nothing_else_tells_apart(count: int) -> None:
    noise = random.Random(6)

    def run(of: int) -> dict[int, float]:
        return blocks(*(noise.lognormvariate(0, 0.02) for _ in range(of)))

    held = 0
    for _ in range(2000):
        found = against_blocks(run(count), [run(10) for _ in range(5)])
        assert found is not None
        assert found.p_value is not None
        held += found.p_value >= 0.05
    assert held / 2000 >= 0.935


def test_one_block_of_ten_that_was_held_up_leaves_its_run_undecided() -> None:
    steady = blocks(*(1.0 + 0.01 * (block % 3) for block in range(10)))
    found = against_blocks({**steady, 4: 3.0}, [steady] * 5)
    assert found is not None
    assert found.p_value is not None
    assert (found.ratio.value > 1.1, found.p_value > 0.2) == (True, True)


def test_single_blocks_on_both_sides_have_no_interval() -> None:
    found = against_blocks(blocks(11.0), [blocks(10.0), blocks(10.0)])
    assert found is not None
    assert found.ratio.value == pytest.approx(1.1)
    assert (found.ratio.low, found.p_value) == (None, None)


@pytest.mark.parametrize(
    ("head", "bases"), [({}, [{0: 1.0}]), ({0: 1.0}, []), ({0: 1.0}, [{}]), ({0: 0.0}, [{0: 1.0}])]
)
def test_a_side_without_a_block_gives_no_answer(head: dict[int, float], bases: list[dict[int, float]]) -> None:
    assert against_blocks(head, bases) is None


def test_a_claim_has_to_stand_by_both_intervals() -> None:
    narrow = Contrast(Estimate(1.1, 1.09, 1.11, 10), 0.04)
    wide = Contrast(Estimate(1.1, 0.9, 1.3, 10), 0.01)
    assert both(narrow, wide) == both(wide, narrow) == Contrast(wide.ratio, 0.04)


def test_an_interval_that_no_float_holds_is_the_wider_one() -> None:
    known, endless = Contrast(Estimate(1.1, 1.09, 1.11, 10), 0.001), Contrast(Estimate(1.1, None, None, 10), 0.9)
    assert both(known, endless) == endless


@pytest.mark.parametrize("told", [True, False])
def test_where_either_tells_nothing_it_is_the_first_alone(told: bool) -> None:
    known, nothing = Contrast(Estimate(1.1, 1.09, 1.11, 10), 0.001), Contrast(Estimate(1.1, None, None, 1), None)
    first, second = (known, nothing) if told else (nothing, known)
    assert both(first, second) == first
