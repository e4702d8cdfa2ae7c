from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.analyse.results import Ranking, RunAnalysis
from bench.plan.cells import Cell

MakeCell = Callable[..., Cell]


def ttft(analysis: RunAnalysis) -> Ranking:
    return next(ranking for ranking in analysis.rankings if ranking.metric == "ttft_ms")


def measure(tiny_run: Any, cell: Cell, medians: list[float]) -> None:
    for block, value in enumerate(medians):
        tiny_run.generation(cell, block, value, (1, 1))
        tiny_run.load(cell.load, block)


def test_the_lowest_wins(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [30, 31, 32])
    measure(tiny_run, make_cell("ort-genai"), [20, 21, 22])
    assert ttft(tiny_run.analyse()).winner.load.backend == "ort-genai"


def test_a_clear_difference_is_distinguishable(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [30, 31, 32])
    measure(tiny_run, make_cell("ort-genai"), [20, 21, 22])
    assert ttft(tiny_run.analyse()).rivals[0].distinguishable is True


def test_a_difference_within_the_noise_is_tied(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [20, 26, 23])
    measure(tiny_run, make_cell("ort-genai"), [24, 20, 22])
    assert len(ttft(tiny_run.analyse()).tied) == 1


def test_one_block_tells_nothing_apart(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [99])
    measure(tiny_run, make_cell("ort-genai"), [20])
    assert ttft(tiny_run.analyse()).rivals[0].distinguishable is None


def test_equal_cells_are_tied(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [20, 20])
    measure(tiny_run, make_cell("ort-genai"), [20, 20])
    assert ttft(tiny_run.analyse()).rivals[0].distinguishable is False


def test_few_blocks_claim_no_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell(), [20.0] * 9)
    assert not ttft(tiny_run.analyse()).verdict


def test_ten_blocks_claim_a_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell(), [20.0] * 10)
    assert ttft(tiny_run.analyse()).verdict


def test_one_cell_with_few_blocks_withholds_the_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("ort-genai"), [20.0] * 10)
    measure(tiny_run, make_cell("transformers"), [30.0] * 2)
    assert not ttft(tiny_run.analyse()).verdict


def test_simulated_cells_are_never_ranked_with_measured_ones(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("ort-genai"), [20, 21])
    measure(tiny_run, make_cell("simulated"), [1, 1])
    winners = {r.simulated: r.winner.load.backend for r in tiny_run.analyse().rankings if r.metric == "ttft_ms"}
    assert winners == {False: "ort-genai", True: "simulated"}


def test_each_prompt_length_has_its_own_ranking(tiny_run: Any, make_cell: MakeCell) -> None:
    for prompt_tokens in (10, 20):
        measure(tiny_run, make_cell(prompt_tokens=prompt_tokens), [20, 21])
    lengths = [r.prompt_tokens for r in tiny_run.analyse().rankings if r.metric == "tpot_ms"]
    assert lengths == [10, 20]


def test_an_answer_of_one_token_is_not_ranked_by_tpot(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(new_tokens=1), 0, 20)
    assert {ranking.metric for ranking in tiny_run.analyse().rankings} == {"ttft_ms", "response_ms"}


def ask_again(tiny_run: Any, cell: Cell, medians: list[float]) -> None:
    for block, value in enumerate(medians):
        tiny_run.generation(cell, block, 90, (1, 1), warmup=True, ask="first")
        tiny_run.generation(cell, block, value, (1, 1), ask="again")
        tiny_run.load(cell.load, block)


def test_a_prefix_cache_hit_never_wins_against_first_asks(tiny_run: Any, make_cell: MakeCell) -> None:
    first = make_cell("openvino-genai")
    measure(tiny_run, first, [20, 21, 22])
    ask_again(
        tiny_run, replace(first, load=replace(first.load, options={"prefix_caching": "on"}), ask="again"), [2, 2, 2]
    )
    found = [
        (one.ask, one.winner.ask, len(one.rivals)) for one in tiny_run.analyse().rankings if one.metric == "ttft_ms"
    ]
    assert found == [("first", "first", 0), ("again", "again", 0)]
