from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

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


# -- memory


def weigh(tiny_run: Any, cell: Cell, megabytes: list[float | None]) -> None:
    """A generation and a process per block, with that peak."""
    for block, peak in enumerate(megabytes):
        tiny_run.generation(cell, block, 20, (1, 1))
        tiny_run.load(cell.load, block, peak_memory_bytes=None if peak is None else round(peak * 1e6))


def test_the_lowest_peak_leads_the_ranking_by_memory(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell("transformers"), [900, 910, 905])
    weigh(tiny_run, make_cell("ort-genai"), [500, 505, 500])
    (found,) = tiny_run.analyse().memory_rankings
    (rival,) = found.rivals
    assert (found.winner.backend, rival.load.backend, rival.distinguishable) == ("ort-genai", "transformers", True)


def test_memory_has_the_interval_of_its_blocks(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell(), [500, 510, 505])
    (found,) = tiny_run.analyse().memory_rankings
    estimate = found.winner.peak_memory.estimate
    # The geometric mean, and Student's t on the logarithms with two degrees of freedom.
    assert estimate.value == pytest.approx((500 * 510 * 505) ** (1 / 3) * 1e6)
    assert (estimate.low / 1e6, estimate.high / 1e6) == pytest.approx((492.7, 517.6), abs=0.1)


def test_a_load_whose_memory_is_not_known_is_not_ranked(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell("transformers"), [None, None])
    weigh(tiny_run, make_cell("ort-genai"), [500, 505])
    (found,) = tiny_run.analyse().memory_rankings
    assert (found.winner.backend, found.rivals) == ("ort-genai", ())


def test_a_run_without_any_known_memory_has_no_ranking_by_it(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell(), [None, None])
    assert tiny_run.analyse().memory_rankings == ()


def test_one_block_gives_memory_no_interval_and_no_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell("transformers"), [900])
    weigh(tiny_run, make_cell("ort-genai"), [500])
    (found,) = tiny_run.analyse().memory_rankings
    assert (found.verdict, found.rivals[0].distinguishable, found.winner.peak_memory.estimate.low) == (
        *(False, None),
        None,
    )


def test_a_load_that_failed_at_a_longer_prompt_is_not_ranked_with_those_that_did_not(
    tiny_run: Any, make_cell: MakeCell
) -> None:
    for prompt_tokens in (10, 20):
        weigh(tiny_run, make_cell("transformers", prompt_tokens=prompt_tokens), [900, 905])
        weigh(tiny_run, make_cell("openvino-genai", prompt_tokens=prompt_tokens), [700, 705])
    weigh(tiny_run, make_cell("ort-genai"), [500, 505])
    found = [(one.winner.backend, len(one.rivals)) for one in tiny_run.analyse().memory_rankings]
    assert found == [("openvino-genai", 1), ("ort-genai", 0)]


def test_a_process_that_was_started_again_does_not_lower_the_peak_of_its_block(
    tiny_run: Any, make_cell: MakeCell
) -> None:
    cell = make_cell()
    weigh(tiny_run, cell, [500, 500])
    tiny_run.load(cell.load, 1, load_id="again", attempt=1, peak_memory_bytes=300_000_000)
    (found,) = tiny_run.analyse().memory_rankings
    assert found.winner.peak_memory.by_block == {0: 5e8, 1: 5e8}


def test_simulated_memory_is_never_ranked_with_measured(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell("ort-genai"), [500, 505])
    weigh(tiny_run, make_cell("simulated"), [50, 50])
    found = [(one.simulated, one.winner.backend, one.rivals) for one in tiny_run.analyse().memory_rankings]
    assert found == [(False, "ort-genai", ()), (True, "simulated", ())]
