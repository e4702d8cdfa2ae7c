from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from bench.analyse.tradeoff import Against, Tradeoff, tradeoffs

MakeCell = Callable[..., Any]
Figures = Mapping[str, tuple[float, int | None]]


@pytest.fixture
def traded(tiny_run: Any, make_cell: MakeCell) -> Callable[[Figures], list[Tradeoff]]:
    """Precision -> (TPOT in ms, peak in bytes), measured and analysed."""

    def trade(figures: Figures) -> list[Tradeoff]:
        for precision, (tpot_ms, peak) in figures.items():
            cell = make_cell(precision=precision)
            tiny_run.generation(cell, 0, 10, [tpot_ms, tpot_ms])
            tiny_run.load(cell.load, 0, peak_memory_bytes=peak)
        return tradeoffs(tiny_run.analyse().cells)

    return trade


def best(found: list[Tradeoff]) -> list[str]:
    return [point.cell.load.precision for point in found[0].points if point.best]


def test_what_another_beats_in_both_is_not_among_the_best(traded: Any) -> None:
    assert best(traded({"int4": (5, 100), "int8": (4, 200), "fp32": (6, 300)})) == ["int4", "int8"]


def test_what_another_equals_in_one_and_beats_in_the_other_is_not_among_the_best(traded: Any) -> None:
    assert best(traded({"int4": (5, 100), "int8": (5, 200)})) == ["int4"]


def test_two_that_are_equal_in_both_are_both_among_the_best(traded: Any) -> None:
    assert sorted(best(traded({"int4": (5, 100), "int8": (5, 100)}))) == ["int4", "int8"]


def test_a_cell_whose_memory_is_not_known_is_no_point(traded: Any) -> None:
    found = traded({"int4": (5, 100), "int8": (4, 200), "fp32": (1, None)})
    assert [point.cell.load.precision for point in found[0].points] == ["int4", "int8"]


def test_one_cell_alone_has_nothing_to_be_traded_with(traded: Any) -> None:
    assert traded({"int4": (5, 100)}) == []


def test_a_simulated_cell_beats_no_measured_one(tiny_run: Any, make_cell: MakeCell) -> None:
    for backend, tpot_ms in (("ort-genai", 5), ("transformers", 6), ("simulated", 1)):
        cell = make_cell(backend)
        tiny_run.generation(cell, 0, 10, [tpot_ms, tpot_ms])
        tiny_run.load(cell.load, 0, peak_memory_bytes=100)
    (found,) = tradeoffs(tiny_run.analyse().cells)
    assert [point.cell.load.backend for point in found.points if point.best] == ["ort-genai"]


def test_points_are_of_the_blocks_that_all_of_them_have(tiny_run: Any, make_cell: MakeCell) -> None:
    # int4 is faster and ran on while the machine was slower: by its own blocks it would be beaten.
    for precision, tpot_ms, blocks, peak in (("int4", 4.0, 4, 100), ("int8", 5.0, 2, 100)):
        cell = make_cell(precision=precision)
        for block in range(blocks):
            slowed = tpot_ms * (1 if block < 2 else 2)
            tiny_run.generation(cell, block, 10, [slowed, slowed])
            tiny_run.load(cell.load, block, peak_memory_bytes=peak)
    found = tradeoffs(tiny_run.analyse().cells)
    assert best(found) == ["int4"]
    assert [point.tpot_ms for point in found[0].points] == pytest.approx([4.0, 5.0])


def test_a_cell_without_a_block_in_common_is_no_point(tiny_run: Any, make_cell: MakeCell) -> None:
    for precision, blocks in (("int4", (0, 1)), ("int8", (0, 1)), ("fp32", (2,))):
        cell = make_cell(precision=precision)
        for block in blocks:
            tiny_run.generation(cell, block, 10, [5, 5])
            tiny_run.load(cell.load, block, peak_memory_bytes=100)
    (found,) = tradeoffs(tiny_run.analyse().cells)
    assert {point.cell.load.precision for point in found.points} == {"int4", "int8"}


def test_prefix_cache_hits_are_left_out(tiny_run: Any, make_cell: MakeCell) -> None:
    for precision, ask, tpot_ms in (("int4", "first", 5), ("int8", "first", 6), ("fp32", "again", 1)):
        cell = replace(make_cell(precision=precision), ask=ask)
        tiny_run.generation(cell, 0, 10, [tpot_ms, tpot_ms], ask=ask)
        tiny_run.load(cell.load, 0, peak_memory_bytes=100)
    assert best(tradeoffs(tiny_run.analyse().cells)) == ["int4"]


def valued(
    tiny_run: Any, make_cell: MakeCell, figures: Mapping[str, tuple[float, float]], against: Against = "perplexity"
) -> list[Tradeoff]:
    """Precision -> (TPOT in ms, perplexity over the reference's), measured and analysed."""
    for precision, (tpot_ms, ratio) in figures.items():
        cell = make_cell(precision=precision)
        tiny_run.generation(cell, 0, 10, [tpot_ms, tpot_ms])
        tiny_run.load(cell.load, 0, peak_memory_bytes=100)
        columns = {"reference": "transformers fp32", "reference_log_probs": [-1.0, -2.0]}
        tiny_run.text(cell.load, "chat-1", [value - math.log(ratio) for value in (-1.0, -2.0)], **columns)
    return tradeoffs(tiny_run.analyse().cells, against)


def test_latency_is_traded_for_quality_too(tiny_run: Any, make_cell: MakeCell) -> None:
    found = valued(tiny_run, make_cell, {"fp32": (20, 1.0), "int8": (10, 1.01), "fp16": (25, 1.02), "int4": (5, 1.3)})
    assert [(point.cell.load.precision, point.best) for point in found[0].points] == [
        *(("fp32", True), ("int8", True)),
        *(("fp16", False), ("int4", True)),
    ]
    assert [point.cost for point in found[0].points] == pytest.approx([1.0, 1.01, 1.02, 1.3])


@pytest.mark.parametrize("against", ["memory", "perplexity"])
def test_a_broken_load_beats_nobody(tiny_run: Any, make_cell: MakeCell, against: Against) -> None:
    (found,) = valued(tiny_run, make_cell, {"fp32": (20, 1.0), "int8": (10, 1.01), "int4": (1, 9.0)}, against)
    bests = {point.cell.load.precision: point.best for point in found.points}
    assert (bests["int8"], bests["int4"]) == (True, False)


def test_broken_loads_alone_have_nothing_to_trade(tiny_run: Any, make_cell: MakeCell) -> None:
    assert valued(tiny_run, make_cell, {"fp32": (20, 7.0), "int4": (1, 9.0)}) == []


def test_without_quality_there_is_nothing_to_trade_for_it(tiny_run: Any, make_cell: MakeCell) -> None:
    for precision in ("int4", "int8"):
        tiny_run.generation(make_cell(precision=precision), 0, 10, [5, 5])
    assert tradeoffs(tiny_run.analyse().cells, "perplexity") == []


def test_ratios_that_are_alike_to_a_hundredth_are_equal(tiny_run: Any, make_cell: MakeCell) -> None:
    figures = {"int8": (10.0, 1.0012), "fp32": (30.0, 0.9998)}
    assert best(valued(tiny_run, make_cell, figures)) == ["int8"]
