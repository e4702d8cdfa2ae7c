from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.guard.after import judge_series
from bench.guard.findings import Code, Found


def judged(*blocks: tuple[float, ...], metric: str = "TTFT") -> list[Found]:
    places: Any = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    return list(judge_series(metric, "cell", places, np.array([value for block in blocks for value in block])))


def steady(*levels: float) -> list[tuple[float, ...]]:
    """Three generations a block, 1 % around its level."""
    return [
        (level * 0.99, level, level * 1.01) if n % 2 else (level * 1.01, level, level * 0.99)
        for n, level in enumerate(levels)
    ]


def test_a_steady_cell_has_no_findings() -> None:
    assert judged(*steady(40, 41, 40.5, 39.8, 40.2, 40.9, 40.1, 40.4)) == []


def test_a_drift_says_how_far_it_went() -> None:
    (found,) = judged(*steady(40, 41, 42, 43, 44, 45, 46, 47))
    assert (found.code, found.message[:17]) == (Code.DRIFT, "TTFT rose by 17 %")


def test_a_trend_says_which_way_it_goes() -> None:
    (found,) = judged((44, 42, 40), (45, 42.5, 41), (44, 41, 40), (45, 43, 41))
    assert (found.code, found.message[:12]) == (Code.TREND, "TTFT fell by")


def test_two_modes_are_told_with_their_blocks() -> None:
    (found,) = judged(*steady(40, 50, 40.2, 40.1, 50.3, 39.9, 50.1, 40, 49.9, 40.1), metric="TPOT")
    assert found.code is Code.BIMODAL
    assert "50.1 ms in blocks 2, 5, 7, 9, 25 % more" in found.message


def test_an_outlying_block_says_what_would_be_without_it() -> None:
    (found,) = judged(*steady(40, 40.4, 60, 40.1, 39.9, 40.2, 40.3, 39.8))
    assert (found.code, found.block) == (Code.OUTLIER_BLOCK, 2)
    assert found.message.endswith("without it TTFT would be 40.1 ms, -5 %")


def test_an_outlying_generation_is_named_within_its_block() -> None:
    (found,) = judged((40, 41, 40.5), (40, 80, 40.5), (40, 41, 40.2), (40.3, 40.9, 40))
    assert (found.code, found.weight) == (Code.OUTLIER_GENERATION, "info")
    assert (
        found.message
        == "generation 2 of block 2 is 2 times the median of its block; without it TTFT would still be 40.3 ms"
    )


@pytest.mark.parametrize("levels", [(40.0,), (40.0, 80.0), (40.0, 40.0, 40.0)])
def test_a_short_or_constant_series_says_nothing(levels: tuple[float, ...]) -> None:
    assert judged(*[(level, level, level) for level in levels]) == []
