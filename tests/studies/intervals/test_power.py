"""The smallest slowdown found: it is where power crosses 95 %, and more blocks find less."""

from __future__ import annotations

import pytest

from backends.noise import Noise
from studies.intervals.chance import generator
from studies.intervals.power import WAYS, Way, point, power, power_tables, promise, smallest, trials
from studies.intervals.settings import QUIET, RESTLESS, Counts, Setting
from studies.intervals.ways import COMPARE_THRESHOLD

pytestmark = pytest.mark.slow

FEW = Setting(Counts(comparisons=40, power=20))


@pytest.mark.parametrize("way", ["compare", "ab"])
def test_five_percent_are_found_on_a_quiet_machine_by_ten_blocks(way: Way) -> None:
    assert promise(way, 0.05, 10, "tpot_ms", FEW).found.value >= 0.9


def test_the_smallest_slowdown_is_found_in_95_of_100() -> None:
    tried = list(trials("compare", QUIET, 5, 20, generator(1), "tpot_ms", 200))
    found = smallest(tried, "one", COMPARE_THRESHOLD)

    assert found is not None
    assert power(tried, found, "one", COMPARE_THRESHOLD) >= 0.95 > power(tried, found - 0.001, "one", COMPARE_THRESHOLD)


def test_without_noise_all_that_is_beyond_the_threshold_is_found() -> None:
    tried = list(trials("compare", Noise(spread=1e-6), 5, 3, generator(1), "tpot_ms", 200))

    assert smallest(tried, "all", COMPARE_THRESHOLD) == pytest.approx(COMPARE_THRESHOLD, abs=0.001)


def test_what_not_even_a_doubling_shows_has_no_smallest_slowdown() -> None:
    noise = Noise(process_spread=2.0)

    assert point("compare", "wild", noise, "one", 3, FEW).slowdown is None


def test_more_blocks_find_a_smaller_slowdown() -> None:
    few, many = (point("ab", "restless", RESTLESS, "one", blocks, FEW).slowdown for blocks in (8, 20))

    assert few is not None
    assert many is not None
    assert many < few


@pytest.mark.parametrize(("way", "minutes"), [("compare", 20), ("ab", 20), ("gate", 10)])
def test_the_time_is_that_of_all_that_is_measured(way: Way, minutes: float) -> None:
    setting = Setting(Counts(power=2), block_s=60)

    assert point(way, "quiet", QUIET, "one", 10, setting).minutes == minutes


def test_the_tables_have_each_way() -> None:
    tables, points = power_tables(Setting(Counts(comparisons=2, power=2)))

    assert ({one.way for one in points}, len(tables[0].rows)) == (set(WAYS), 12)
