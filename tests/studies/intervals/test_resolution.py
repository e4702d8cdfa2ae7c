"""Windows of blocks of identical variants, and the intervals that three ways make of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from bench.analyse.results import RunAnalysis
from studies.intervals.resolution import resolution

BLOCKS = 10


def runs(count: int, *, levels: float, within: float, seed: int = 1) -> list[RunAnalysis]:
    """Runs whose machine has another level in each (``levels``), which a block's two visits share."""
    drawn = np.random.default_rng(seed)

    def run() -> RunAnalysis:
        level = drawn.normal(0, levels)
        sides = {
            variant: {n: float(np.exp(level + drawn.normal(0, within))) for n in range(BLOCKS)} for variant in "ab"
        }
        cells = [
            SimpleNamespace(
                load=SimpleNamespace(variant=variant, backend="x", device_requested="CPU", precision="int4"),
                prompt_tokens=64,
                new_tokens=32,
                batch_size=1,
                ttft_ms=SimpleNamespace(by_block=medians),
                tpot_ms=None,
            )
            for variant, medians in sides.items()
        ]
        record = {"created_at": "2026-01-01T00:00:00+00:00", "plan": {"blocks": BLOCKS}}
        end = {"ended_at": "2026-01-01T00:00:30+00:00"}
        return cast("RunAnalysis", SimpleNamespace(cells=cells, record=record, end=end))

    return [run() for _ in range(count)]


def test_a_level_that_changes_from_run_to_run_deceives_only_who_compares_in_turn() -> None:
    rows = {row[3]: row for row in resolution(runs(40, levels=0.1, within=0.01)).rows if row[1] == "10"}
    outside = {way: int(row[5].split()[0]) for way, row in rows.items()}

    assert [row[5].split()[-1] for row in rows.values()] == ["40", "40", "39"]
    assert outside["paired by block (ab)"] <= 6
    assert outside["one after the other (compare)"] > 25


def test_more_blocks_take_more_time_and_make_a_narrower_interval() -> None:
    rows = [row for row in resolution(runs(40, levels=0.0, within=0.05)).rows if row[3].startswith("paired")]
    halves = [float(row[4].removesuffix(" %")) for row in rows]

    assert [row[2] for row in rows] == ["15 s", "30 s", "60 s", "120 s", "240 s"]
    assert halves == sorted(halves, reverse=True)
    # t(9) times the standard error of ten differences.
    assert halves[1] == pytest.approx(100 * 2.262 * 0.05 * (2 / 10) ** 0.5, rel=0.2)


def test_too_few_blocks_make_no_row_and_no_nan() -> None:
    assert resolution([]).rows == ()
    assert {row[1] for row in resolution(runs(1, levels=0.0, within=0.01)).rows} == {"5"}
