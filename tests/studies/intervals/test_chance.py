"""Shares with their binomial interval, and chance that does not depend on the order of the work."""

from __future__ import annotations

import pytest

from studies.intervals.chance import Share, generator, shared


@pytest.mark.parametrize(
    ("share", "low", "high"), [(Share(0, 20), 0, 0.1684), (Share(1, 20), 0.0013, 0.2487), (Share(20, 20), 0.8316, 1)]
)
def test_the_interval_is_that_of_clopper_and_pearson(share: Share, low: float, high: float) -> None:
    assert [share.low, share.high] == pytest.approx([low, high], abs=1e-4)


def test_each_piece_of_work_has_chance_of_its_own() -> None:
    assert generator(1, "a").random() == generator(1, "a").random() != generator(1, "b").random()


def test_results_come_in_the_order_of_the_work() -> None:
    assert shared([lambda: 1, lambda: 2], jobs=1) == [1, 2]
